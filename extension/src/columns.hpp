// JSON to column values and back, and the sets of columns that callers change.
#pragma once

#include "table.hpp"

namespace interlock {

struct DirectStatement;  // direct_writer.cpp
struct UpdateStatement;  // planner_writer.cpp

// A set of columns that some caller changed, with the statements prepared for it.
struct ColumnSet {
    ColumnSet* next;
    uint32 hash;
    int count;
    AttrNumber* attnos;
    UpdateStatement* statements;
    DirectStatement* direct_statements;
};

// The values a caller wants in those columns, in the set's order.
struct Changes {
    ColumnSet* columns;
    Datum* values;
    bool* nulls;
};

// Reads the JSON object that a caller named `argument`. 22023 for anything but an object and for
// key and version columns, 42703 for unknown columns, 428C9 for generated ones; a value that does
// not convert keeps its type's own SQLSTATE, in a message that names the column and the value.
Changes read_changes(Relation relation, Table& table, Jsonb* json, const char* argument);

// Checks the row that a caller read before: an object that names only columns of the table. Its
// values are read where they are needed.
Jsonb* read_base(Relation relation, Table& table, Jsonb* json);

// Reads one JSON value as one of the column's type, with the same naming of column and value.
Datum read_value(Relation relation, Table& table, Column& column, JsonbValue& value, bool* is_null);

// The same for a key, from text and from JSON: not rounded or cut to the column's length and scale,
// so that a value which no row can have finds none.
Datum read_key_value(Relation relation, Table& table, Column& column, JsonbValue& value);
Datum read_key_text(Relation relation, Table& table, Column& column, char* text);

// Shows a value of the column as JSON, as to_jsonb() does.
Jsonb* show_value(Table& table, Column& column, Datum value);

// The same bytes, once both are detoasted? (The rule by which PostgreSQL's record_image_eq
// compares.)
bool same_value(const Column& column, Datum left, bool left_null, Datum right, bool right_null);

[[noreturn]] void raise_unknown_column(Relation relation, std::string_view name);

}  // namespace interlock
