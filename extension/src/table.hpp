// What we know of a table: its columns, key, version column and settings; cached by relation and
// dropped by invalidation.
#pragma once

#include "checkout_guard.hpp"
#include "claim_settings.hpp"
#include "json.hpp"
#include "postgres.hpp"

namespace interlock {

struct ClaimAccess;    // claim_call.hpp
struct ColumnSet;      // columns.hpp
struct LockStatement;  // planner_locker.cpp
struct RangeTable;     // executor.hpp
struct ReadStatement;  // current_row.cpp
struct RootKey;        // root_triggers.cpp

enum class VersionKind : char { int2, int4, int8, timestamptz };
enum class Accept : char { either, echo, increment };

// Where a write through the executor's pieces is all that a statement would be.
struct DirectTable {
    bool heap;      // the rows are in one heap, and the key's index finds them
    bool updates;   // named in an UPDATE, it has no rules, statement triggers and transition tables
    bool deletes;   // the same for DELETE
    TupleDesc row;  // of such a heap: a copy, which slots need not pin
};

// A column, with what is needed to read a value for it; the conversions are looked up at first use.
struct Column {
    AttrNumber attno;
    const char* name;
    Oid type;
    Oid base_type;  // below any domain; looked up at first use
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
    Oid compare_function;
    Oid collation;
    bool descending;
    FmgrInfo compare;          // looked up at first use
    ScanKeyData condition;     // of the key's index, without its argument
    KeyConversion conversion;  // of the type that was seen last
};

struct Key {
    Key* next;  // of a relation that has no key of its own: those that callers named
    int count;  // 0: the table has no primary key that we can use
    Oid index;
    bool unique;  // no two rows have it
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

// How a view's rows come from one relation below it; that one may be a view again.
struct Base {
    Oid relid;            // invalid: none, or more than one
    AttrNumber* columns;  // by attribute number of the view: the one below, or 0
};

// A lock on a relation, kept until the transaction ends: while it is held, it need not be taken
// again.
struct HeldLock {
    uint64 generation;
    LOCKMODE mode;
};

// Where a partition keeps the columns of the ancestor that was named last.
struct AncestorColumns {
    uint64 serial;        // the ancestor's
    AttrNumber* columns;  // by attribute number of the ancestor; null: as there
};

struct Table {
    Oid relid;
    uint64 serial;  // of this reading: no other has it
    const char* name;
    bool valid;
    char relkind;
    bool temporary;
    bool moves_rows;  // partitioned, a partition, or a view of one
    Oid written;      // the relation whose row trigger sees a write: below a view, its base
    DirectTable direct;
    HeldLock lock;
    HeldLock index_lock;  // of the primary key's
    Base base;
    AncestorColumns ancestor;
    MemoryContext context;
    int column_count;  // dropped ones included
    Column* columns;
    Bitmapset* live_columns;  // attribute numbers of those that were not dropped
    Versioning versioning;
    CheckoutGuard checkout_guard;
    Claiming claiming;
    ClaimAccess* claim_access;  // null until rows are claimed
    Key key;                    // the primary key
    Bitmapset* key_columns;     // its attribute numbers
    Key* json_keys;             // without one: the sets of columns that callers named as key
    int json_key_count;
    ColumnSet* column_sets;
    ColumnSet* last_column_set[4];  // by purpose
    ColumnSet* no_columns;          // the set of none
    int column_set_count;
    ReadStatement* read_statements;
    LockStatement* lock_statements;
    RangeTable* lock_privileges;  // what locking a row takes (row_locker.cpp)
    RootKey* root_keys;           // by which foreign keys refer to the table
    List* plans;                  // saved SPI plans to free with the table

    Column& column(AttrNumber attno) { return columns[attno - 1]; }
    int key_position(AttrNumber attno) const;  // in the primary key; -1 where it is none of it
    bool is_key_column(AttrNumber attno) const { return key_position(attno) >= 0; }
    bool partitioned() const { return relkind == RELKIND_PARTITIONED_TABLE; }
};

// What the direct path needs to know (direct_writer.cpp).
DirectTable direct_table(Relation relation, Relation key_index);

// Does the transaction hold it in this mode, for sure? And: it has it now.
bool is_held(const HeldLock& lock, LOCKMODE mode);
void set_held(HeldLock& lock, LOCKMODE mode);

// Changes whenever a cast or a function does.
uint64 cast_generation();

void initialize_table_cache();

// The cached knowledge of an open, locked relation. It lives until the end of the transaction.
Table& table_of(Relation relation);

// The columns of a unique btree index as a key.
void read_key_index(Key& key, Relation relation, Relation index);

// Has the table read anew at its next use.
void forget(Table& table);

// The relation that has this row type: 42804 where none has. `argument` is of that type.
Oid relation_of_type(Oid type, const char* argument);

// Opens a relation that a user named: 42P01 where there is none, 42809 where it is no table,
// 42501 for a system catalog.
Relation open_table(Oid relid, LOCKMODE lockmode);

// The same for a relation whose rows are written by key, a view included: 42501 without USAGE of
// its schema, 55000 for a table that has no key.
Relation open_keyed_table(Oid relid, LOCKMODE lockmode);

// The same for one whose rows are written by version: 55000 where it is not versioned.
Relation open_versioned_table(Oid relid, LOCKMODE lockmode);

// 55000 for a relation without a primary key.
void require_primary_key(Relation relation);

// The column of that name, or null. Dropped and system columns have no name here.
Column* find_column(Table& table, std::string_view name);

// 22023 for a trigger made by hand with settings that we do not know.
void require_known_settings(Relation relation, const Versioning& versioning);

// Would our row trigger fire in this session?
bool row_trigger_fires(const Versioning& versioning);

// Does a trigger fire in this session, by its tgenabled? (As TriggerEnabled() in trigger.c
// decides.)
bool fires_now(char enabled);

// Has the current role the privilege to SELECT, or UPDATE, this column?
bool may_select(Oid relid, AttrNumber attno);
bool may_update(Oid relid, AttrNumber attno);
bool may_update_any(Oid relid);  // of its columns

// The same, or through an ancestor of a partition.
bool may_select_through(Oid relid, AttrNumber attno);

// May an error show the current role this column of whichever row it is about? Not under row-level
// security; for a partition, the privileges on an ancestor count too.
bool may_report(Oid relid, AttrNumber attno);

// Our trigger functions, by which our triggers are recognized.
enum class TriggerFunction {
    row_version,
    version_column,
    except_columns,
    root_version,
    row_checkout,
    checkout_except_columns,
    claim_columns,
    claim_notify
};
constexpr int trigger_function_count = 8;

// Looked up all at once, before a relation's triggers are read: a look-up can take in an
// invalidation, which frees them.
struct TriggerFunctions {
    Oid oids[trigger_function_count];

    bool is(const Trigger& trigger, TriggerFunction function) const {
        return trigger.tgfoid == oids[static_cast<int>(function)];
    }
    bool versions(const Trigger& trigger) const {
        return is(trigger, TriggerFunction::row_version) ||
               is(trigger, TriggerFunction::version_column) ||
               is(trigger, TriggerFunction::except_columns);
    }
    bool checks_out(const Trigger& trigger) const {
        return is(trigger, TriggerFunction::row_checkout) ||
               is(trigger, TriggerFunction::checkout_except_columns);
    }
    bool claims(const Trigger& trigger) const {
        return is(trigger, TriggerFunction::claim_columns) ||
               is(trigger, TriggerFunction::claim_notify);
    }
};
TriggerFunctions trigger_functions();
const char* trigger_function_name(TriggerFunction function);

}  // namespace interlock
