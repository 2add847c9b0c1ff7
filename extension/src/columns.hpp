// JSON to column values and back, and the sets of columns that callers change.
#pragma once

#include "table.hpp"

namespace interlock {

struct DirectStatement;  // direct_writer.cpp
struct InsertStatement;  // insert_writer.cpp
struct RowShape;
struct Statement;  // planner_writer.cpp

// What a caller names columns for: to change them; to say what they should hold; as a row with its
// key and version, to update or to insert it.
enum class Purpose : char { changes, expected, row, insert };

// A set of columns that some caller named, with the statements prepared for it.
struct ColumnSet {
    ColumnSet* next;
    Purpose purpose;
    uint32 hash;
    int count;
    AttrNumber* attnos;
    Statement* statements;
    DirectStatement* direct_statements;
    InsertStatement* insert_statements;
    RowShape* shape;  // of a row with its key and version

    int position(AttrNumber attno) const;  // -1 where the column is none of them
};

// Where a set of columns that is a whole row has what; -1 where it has it not.
struct RowShape {
    int version;
    int key[INDEX_MAX_KEYS];  // in the order of the primary key
    ColumnSet* others;        // beside key and version
    int* positions;           // of those
};

// Values for those columns, in the set's order.
struct ColumnValues {
    ColumnSet* columns;
    Datum* values;
    bool* nulls;
    Jsonb* json;  // what they were read from, or null
};

// The set of these columns, kept with the table.
ColumnSet& column_set(Table& table, Purpose purpose, const AttrNumber* attnos, int count);

// Reads the JSON object that a caller named `argument`. 22023 for anything but an object and for
// key and version columns, 42703 for unknown columns, 428C9 for generated ones; a value that does
// not convert keeps its type's own SQLSTATE, in a message that names the column and the value.
ColumnValues read_changes(Relation relation, Table& table, Jsonb* json, const char* argument);

// Reads the values that columns should still hold: any columns.
ColumnValues read_expected(Relation relation, Table& table, Jsonb* json);

// Reads a row with its key and version among the columns: to update it (22023 to 428C9 as for
// changes), or to insert it (428C9 for generated columns). The key of a row to update is not
// rounded.
ColumnValues read_row_values(Relation relation, Table& table, Jsonb* row, Purpose purpose,
                             const char* argument);

// No columns at all.
ColumnValues no_values(Table& table);

// 22023 for key and version columns, 42703 for unknown ones, 428C9 for generated ones.
const Column& changeable_column(Relation relation, Table& table, std::string_view name,
                                const char* argument);

// 22023 for anything but a JSON object.
void require_object(Jsonb* json, const char* argument);

// Checks the row that a caller read before: an object that names only columns of the table. Its
// values are read where they are needed.
Jsonb* read_base(Relation relation, Table& table, Jsonb* json);

// Reads one JSON value as one of the column's type, with the same naming of column and value.
Datum read_value(Relation relation, Table& table, Column& column, JsonbValue& value, bool* is_null);

// The same for a key, from text and from JSON: not rounded or cut to the column's length and scale,
// so that a value which no row can have finds none.
Datum read_key_value(Relation relation, Table& table, Column& column, JsonbValue& value);
Datum read_key_text(Relation relation, Table& table, Column& column, char* text);

// Shows a value of the column as JSON, as to_jsonb() does; SQL NULL as JSON null.
JsonbValue show_value(Table& table, Column& column, Datum value);
JsonbValue show_or_null(Table& table, Column& column, Datum value, bool is_null);

// The same bytes, once both are detoasted? (The rule by which PostgreSQL's record_image_eq
// compares.)
bool same_value(const Column& column, Datum left, bool left_null, Datum right, bool right_null);

// Does the column hold what the caller's JSON says: the same bytes, or a value that to_jsonb()
// shows the same, which is all that the caller can have read?
bool holds(Table& table, Column& column, Datum value, bool is_null, Datum wanted, bool wanted_null,
           JsonbValue& json);

[[noreturn]] void raise_unknown_column(Relation relation, std::string_view name);

}  // namespace interlock
