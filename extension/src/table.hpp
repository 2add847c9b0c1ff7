// What we know of a table: its columns, key, version column and settings; cached by relation and
// dropped by invalidation.
#pragma once

#include "json.hpp"
#include "postgres.hpp"

namespace interlock {

struct ColumnSet;      // columns.hpp
struct ReadStatement;  // current_row.cpp

enum class VersionKind : char { int2, int4, int8, timestamptz };
enum class Accept : char { either, echo, increment };

// A column, with what is needed to read a value for it; the conversions are looked up at first use.
struct Column {
    AttrNumber attno;
    const char* name;
    Oid type;
    int32 typmod;
    Oid collation;
    int16 length;
    bool by_value;
    bool dropped;
    bool generated;
    bool input_ready;
    bool json_ready;
    FmgrInfo input;
    Oid io_parameter;
    JsonConverter json;
    FmgrInfo* populate;  // reads JSON arrays and objects (columns.cpp)
};

// How an argument of one type becomes a key column's value (key.cpp).
struct KeyConversion {
    Oid source;
    CoercionPathType path;
    FmgrInfo cast;
    FmgrInfo cast_back;
    CoercionPathType path_back;
    FmgrInfo equal;
};

struct KeyColumn {
    AttrNumber attno;
    Oid type;  // the column's, below any domain
    Oid equal_operator;
    KeyConversion conversion;  // of the type that was seen last
};

struct Key {
    int count;  // 0: the table has no primary key that we can use
    KeyColumn columns[INDEX_MAX_KEYS];
};

// The settings of the row trigger, read from the triggers themselves (design: no side table).
struct Versioning {
    bool triggered;     // the row trigger is there
    char fires;         // its tgenabled
    AttrNumber column;  // 0: the marker trigger is gone
    VersionKind kind;
    Accept accept;
    bool require_version;
    bool observe;
    bool only_before_update;  // no other trigger can change the new row before ours sees it
    Bitmapset* except;        // attribute numbers
};

struct Table {
    Oid relid;
    const char* name;
    bool valid;
    char relkind;
    bool temporary;
    MemoryContext context;
    int column_count;  // dropped ones included
    Column* columns;
    Versioning versioning;
    Key key;
    ColumnSet* column_sets;
    int column_set_count;
    ReadStatement* read_statements;
    List* plans;  // saved SPI plans to free with the table

    Column& column(AttrNumber attno) { return columns[attno - 1]; }
    bool is_key_column(AttrNumber attno) const;
};

void initialize_table_cache();

// The cached knowledge of an open, locked relation. It lives until the end of the transaction.
Table& table_of(Relation relation);

// Has the table read anew at its next use.
void forget(Table& table);

// Opens a relation that a user named: 42P01 where there is none, 42809 where it is no table,
// 42501 for a system catalog.
Relation open_table(Oid relid, LOCKMODE lockmode);

// The same for a table whose rows are written by version: 55000 where it is not versioned or has no
// key.
Relation open_versioned_table(Oid relid, LOCKMODE lockmode);

// The column of that name, or null. Dropped and system columns have no name here.
Column* find_column(Table& table, std::string_view name);

// Would our row trigger fire in this session? (As TriggerEnabled() in trigger.c decides.)
bool row_trigger_fires(const Versioning& versioning);

// Has the current role the privilege to SELECT this column?
bool may_select(Oid relid, AttrNumber attno);

// May an error show the current role this column of whichever row it is about? Not under row-level
// security; for a partition, the privileges on an ancestor count too.
bool may_report(Oid relid, AttrNumber attno);

// Our trigger functions, by which our triggers are recognized.
enum class TriggerFunction { row_version, version_column, except_columns };
Oid trigger_function(TriggerFunction function);
const char* trigger_function_name(TriggerFunction function);

}  // namespace interlock
