// Any key argument to the values of a table's primary key, and those to text for messages.
#pragma once

#include "columns.hpp"

namespace interlock {

// The values of a key in the order of its columns; never NULL.
struct KeyValues {
    Key* key;
    Datum values[INDEX_MAX_KEYS];
};

// Reads an `anycompatible` argument. Text (the form of every untyped parameter) goes through the
// key column's input function; other types convert only without loss; a composite key is a row in
// the key's column order or a JSON object by column name. A relation without a primary key, a view
// or a foreign table, takes a JSON object of any columns. 22004 for NULL, 22023 for a wrong number
// of columns or a lossy value, 42804 where there is no conversion.
KeyValues read_key(FunctionCallInfo fcinfo, int number, Relation relation, Table& table);

// The same of one value of that type, such as an element of an array.
KeyValues read_key(Relation relation, Table& table, Oid type, NullableDatum value);

// 22023: a key without its column number i. 22004: it is null.
[[noreturn]] void raise_no_key_column(Relation relation, Table& table, int i);
[[noreturn]] void raise_null_key_column(Relation relation, Table& table, int i);

// The primary key of a row; false where a column of it is null, or there is none.
bool read_key(Table& table, TupleTableSlot* row, KeyValues& key);

// A row's key as a JSON object of any of its columns, as a relation without a primary key takes it.
KeyValues read_named_key(Relation relation, Table& table, Jsonb* json);

// Negative, zero or positive, as btree compares: in the order of the key's index.
int compare_keys(Table& table, const KeyValues& left, const KeyValues& right);
int compare_keys(Table& table, Key& key, const Datum* left, const Datum* right);

// Is the order that of integers, which are their own Datums? Then it needs no call.
bool is_integer_order(const KeyColumn& column);

// (id)=(1), as PostgreSQL's own messages show keys
char* key_text(Table& table, const KeyValues& key);

// {"id": 1}
Jsonb* key_object(Table& table, const KeyValues& key);

// Its text; null where it is too long for a message.
char* key_json(Table& table, const KeyValues& key);

}  // namespace interlock
