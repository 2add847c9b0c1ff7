// What enable_claims settled about a work table. It is read from the table's own marker trigger and
// indexes, and so dumped, renamed and dropped with them.
#pragma once

#include "postgres.hpp"

namespace interlock {

struct Key;               // table.hpp
struct Table;             // table.hpp
struct TriggerFunctions;  // table.hpp

// The columns that claims use, by role. The first eight are claims' own; the others the user's.
enum class ClaimColumn : int {
    run_at,
    attempts,
    claimed_by,
    claim_token,
    claimed_until,
    last_error,
    finished_at,
    dead_at,
    order_by,
    queue,
    group
};
constexpr int claim_column_count = 11;
constexpr int own_claim_column_count = 8;

// As users name them, and the marker trigger's first argument; for the first eight, what the column
// is called unless it was mapped.
const char* claim_column_name(ClaimColumn role);

// The type that claims' own columns have, one of the first eight.
Oid claim_column_type(ClaimColumn role);

// Must the column be NOT NULL?
bool needs_not_null(ClaimColumn role);

// Are there an order and a 64-bit hash of the type, so that it tells groups apart?
bool is_group_type(Oid type);

// The name of the column that has the role, for a statement.
const char* quoted_name(Table& table, ClaimColumn role);

struct Claiming {
    bool enabled;                            // the marker trigger is there
    bool keeps;                              // rows that are finished; else it deletes them
    bool notifies;                           // the notifying trigger is there
    AttrNumber columns[claim_column_count];  // by role; 0: the table has none
    Bitmapset* own;                          // the first eight of them
    int32 max_attempts;
    int64 backoff;         // microseconds
    int64 max_backoff;     // microseconds
    Oid index;             // the claim index; invalid: it is gone
    Oid group_index;       // the same for group_by
    const char* problem;   // with a marker that was made by hand
    const char* nullable;  // a column that has lost its NOT NULL

    AttrNumber column(ClaimColumn role) const { return columns[static_cast<int>(role)]; }
    bool has(ClaimColumn role) const { return column(role) != 0; }
};

// The settings that the relation's triggers hold, without the indexes.
void read_claim_triggers(Claiming& claiming, Relation relation, const TriggerFunctions& ours);

// The indexes, found by what they index. Needs the primary key.
void read_claim_indexes(Claiming& claiming, Relation relation, const Key& key);

// The columns of the claim index, queue, order_by, run_at and key, or of the one for groups, group,
// order_by, run_at and key; each once, all ascending.
struct ClaimIndexColumns {
    int count;
    AttrNumber attnos[INDEX_MAX_KEYS];
};
ClaimIndexColumns claim_index_columns(const Claiming& claiming, const Key& key, bool grouped);

// The unique indexes over rows that are not finished, of whichever columns, but of no expressions.
List* unfinished_unique_indexes(Relation relation, const Claiming& claiming);

// What keeps the table's rows from being claimed, as the end of a sentence; null: nothing. Needs
// claims to be enabled.
const char* claim_problem(const Table& table);

// Opens a table that claims are enabled on, with the checks of open_keyed_table(): 55000 where they
// are not, or, for who walks them, where a claim index is gone.
Relation open_claim_table(Oid relid, LOCKMODE lockmode, bool walks = true);

}  // namespace interlock
