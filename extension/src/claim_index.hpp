// The claim index, entry by entry in its order, from any place in it. Dead entries are shown, too:
// what they hold says where one is.
#pragma once

#include "table.hpp"

namespace interlock {

// How the index orders its rows: by queue, order_by, run_at and key, as far as the table has them.
// The columns from run_at on are `rest`.
struct ClaimOrder {
    bool has_queue;
    bool ordered;      // by order_by, before run_at
    AttrNumber order;  // the index's column of order_by
    AttrNumber run_at;
    AttrNumber rest;
    AttrNumber count;
    ScanKeyData queue_equal;
    ScanKeyData order_equal;
    ScanKeyData order_greater;
    ScanKeyData order_less;
    ScanKeyData order_not_null;
    ScanKeyData rest_greater;           // where the rest is one column
    ScanKeyData after[INDEX_MAX_KEYS];  // by index column: of a row comparison, with the function
                                        // that compares two values
};

// A copy of an entry's columns; null: no place.
struct ClaimEntry {
    IndexTuple tuple;
    Size room;
};

void keep_entry(ClaimEntry& entry, IndexTuple tuple, MemoryContext memory);
inline void forget_entry(ClaimEntry& entry) {
    if (entry.tuple) pfree(entry.tuple);
    entry = {};
}

struct ClaimIndex {
    Relation table;
    Relation index;
    const ClaimOrder& order;
    Snapshot snapshot;
    Datum queue;
    MemoryContext memory;  // of the statement
    IndexScanDesc scan;
    ClaimEntry bounds[2];  // of the scan
    ScanKeyData row[INDEX_MAX_KEYS];
    IndexTuple entry;            // at hand
    bool remembered;             // it is of an earlier statement, and says where its row was
    IndexFetchTableData* fetch;  // of rows of such
    BlockNumber blocks;          // of the table, where there is such a fetch
};

// What the table's index is like, read once.
ClaimOrder read_claim_order(const Claiming& claiming, Relation index);

// What to walk next: the run of entries that have the priority of this one, or that come after this
// one in it (without order_by, the queue is one run); the runs between those of two entries, where
// null is no bound.
void seek_run(ClaimIndex& index, IndexTuple run);
void seek_after(ClaimIndex& index, IndexTuple place);
void seek_between(ClaimIndex& index, IndexTuple lower, IndexTuple upper);

// Goes to the next entry; false after the last one.
bool next_entry(ClaimIndex& index);
// Puts an entry of an earlier statement at hand.
void show_remembered(ClaimIndex& index, IndexTuple entry);
// The row that the snapshot shows of the entry at hand, if any.
bool fetch_entry(ClaimIndex& index, TupleTableSlot* row);
void end_claim_index(ClaimIndex& index);

TimestampTz entry_run_at(const ClaimIndex& index);
bool same_order(const ClaimIndex& index, IndexTuple left, IndexTuple right);
int compare_order(const ClaimIndex& index, IndexTuple left, IndexTuple right);
// Of two entries of one queue.
int compare_entries(const ClaimIndex& index, IndexTuple left, IndexTuple right);

}  // namespace interlock
