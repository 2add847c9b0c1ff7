// What we know of a table: its columns, key, version column and settings; cached by relation and
// dropped by invalidation.
#pragma once

#include "json.hpp"
#include "postgres.hpp"

namespace interlock {

struct ColumnSet;      // columns.hpp
struct ReadStatement;  // current_row.cpp
struct RootKey;        // root_triggers.cpp

enum class VersionKind : char { int2, int4, int8, timestamptz };
enum class Accept : char { either, echo, increment };

// A column, with what is needed to read a value for it; the conversions are looked up at first use.
struct Column {
    AttrNumber attno;
    const char* name;
    Oid type;
    int32 typmod;
    int16 length;
    bool by_value;
    bool dropped;
    bool generated;
    bool always;  // generated, or an identity that cannot be given a value
    bool input_ready;
    bool json_ready;
    FmgrInfo input;
    Oid io_parameter;
    JsonConverter json;
};

// How an argument of one type becomes a key column's value (key.cpp).
struct KeyConversion {
    Oid source;
    uint64 generation;  // of the casts it was made from
    CoercionPathType path;
    FmgrInfo cast;
    FmgrInfo cast_back;
    CoercionPathType path_back;
    FmgrInfo equal;
};

struct KeyColumn {
    AttrNumber attno;
    Oid type;           // the column's, below any domain
    Oid operator_type;  // what the index compares it as
    Oid equal_operator;
    ScanKeyData condition;     // of the key's index, without its argument
    KeyConversion conversion;  // of the type that was seen last
};

struct Key {
    int count;  // 0: the table has no primary key that we can use
    Oid index;
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
    bool starts_at_clock;         // new rows start at the time in microseconds, not at 1
    const char* unknown_setting;  // of a trigger made by hand
    bool only_before_update;      // no other trigger can change the new row before
                                  // ours sees it
    Bitmapset* except;            // attribute numbers
};

struct Table {
    Oid relid;
    const char* name;
    bool valid;
    char relkind;
    bool temporary;
    bool direct;  // rows may be written on the direct path (direct_writer.cpp)
    MemoryContext context;
    int column_count;  // dropped ones included
    Column* columns;
    Versioning versioning;
    Key key;
    ColumnSet* column_sets;
    int column_set_count;
    ReadStatement* read_statements;
    RootKey* root_keys;  // by which foreign keys refer to the table
    List* plans;         // saved SPI plans to free with the table

    Column& column(AttrNumber attno) { return columns[attno - 1]; }
    bool is_key_column(AttrNumber attno) const;
    bool partitioned() const { return relkind == RELKIND_PARTITIONED_TABLE; }
};

// Is a write through the executor's pieces all that an UPDATE of this table
// would be? (direct_writer.cpp)
bool is_direct_table(Relation relation, Relation key_index);

// Changes whenever a cast or a function does.
uint64 cast_generation();

void initialize_table_cache();

// The cached knowledge of an open, locked relation. It lives until the end of the transaction.
Table& table_of(Relation relation);

// The columns of a unique btree index as a key.
void read_key_index(Key& key, Relation relation, Relation index);

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

// 22023 for a trigger made by hand with settings that we do not know.
void require_known_settings(Relation relation, const Versioning& versioning);

// Would our row trigger fire in this session? (As TriggerEnabled() in trigger.c decides.)
bool row_trigger_fires(const Versioning& versioning);

// Has the current role the privilege to SELECT this column?
bool may_select(Oid relid, AttrNumber attno);

// The same, or through an ancestor of a partition.
bool may_select_through(Oid relid, AttrNumber attno);

// May an error show the current role this column of whichever row it is about? Not under row-level
// security; for a partition, the privileges on an ancestor count too.
bool may_report(Oid relid, AttrNumber attno);

// Our trigger functions, by which our triggers are recognized.
enum class TriggerFunction { row_version, version_column, except_columns, root_version };

// Looked up all at once, before a relation's triggers are read: a look-up can take in an
// invalidation, which frees them.
struct TriggerFunctions {
    Oid oids[4];

    bool is(const Trigger& trigger, TriggerFunction function) const {
        return trigger.tgfoid == oids[static_cast<int>(function)];
    }
    bool versions(const Trigger& trigger) const {
        return is(trigger, TriggerFunction::row_version) ||
               is(trigger, TriggerFunction::version_column) ||
               is(trigger, TriggerFunction::except_columns);
    }
};
TriggerFunctions trigger_functions();
const char* trigger_function_name(TriggerFunction function);

}  // namespace interlock
