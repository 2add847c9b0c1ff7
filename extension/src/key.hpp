// Any key argument to the values of a table's primary key, and those to text for messages.
#pragma once

#include "columns.hpp"

namespace interlock {

// The values of the primary key in the order of its index columns; never NULL.
struct KeyValues {
    Datum values[INDEX_MAX_KEYS];
};

// Reads an `anycompatible` argument. Text (the form of every untyped parameter) goes through the
// key column's input function; other types convert only without loss; a composite key is a row in
// the key's column order or a JSON object by column name. 22004 for NULL, 22023 for a wrong number
// of columns or a lossy value, 42804 where there is no conversion.
KeyValues read_key(FunctionCallInfo fcinfo, int number, Relation relation, Table& table);

char* key_text(Table& table,
               const KeyValues& key);  // (id)=(1), as PostgreSQL's own messages show keys
char* key_json(Table& table, const KeyValues& key);  // {"id": 1}

}  // namespace interlock
