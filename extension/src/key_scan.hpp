// What the direct paths share: a statement's snapshot, and the row with a key, found by the key's
// index in the heap that it is in.
#pragma once

#include "current_row.hpp"

#include <optional>

namespace interlock {

// Where the row is: in the relation that was named, or in a partition of it.
struct Place {
    Relation relation;
    Table& table;
    const AttrNumber* columns;  // by attribute number of the named relation; null: the same
    bool routed;

    AttrNumber column(AttrNumber attno) const { return columns ? columns[attno - 1] : attno; }
};

// A scan of the key's index, for one row after the other.
struct KeyScan {
    Relation index;
    IndexScanDesc scan;
    // Of find_next_row():
    int64 found;            // rows
    BlockNumber block;      // of the last row
    int64 near;             // of the last rows, how many were there
    IndexScanDesc reading;  // for several keys: the scan, or that of ranges
    int64 ahead;            // keys that it reads for, and that were not asked for yet
    ArrayType* array;       // what it reads for
    IndexScanDesc range;    // begun where it is needed
};

// Is a statement on the relation nothing but what it does to its rows? Not under row-level
// security, and not where interlock.direct_writes is off or an extension works on statements.
bool is_direct_now(const KeyedRow& row);

// A statement of its own, as SPI would run it: it sees what came before and what was committed by
// now. It ends with PopActiveSnapshot().
void begin_statement();

// The heap's index is locked in this mode until the transaction ends.
KeyScan begin_key_scan(const Place& place, Snapshot snapshot, LOCKMODE lock);
void end_key_scan(const KeyScan& scan);

// The row that the snapshot shows. What it allocates lasts as long as the scan.
bool find_row(const KeyScan& scan, const Key& key, const Datum* values, TupleTableSlot* row);

// The same for the first of `count` keys, which are asked for one after the other: they are in the
// order of the index, each once, and where there are several, the key has one column. After a key
// without a row the scan is of no more use, unless that was its first.
bool find_next_row(KeyScan& scan, Table& table, const Datum* values, int64 count,
                   TupleTableSlot* row);

// A slot for a row of the heap.
TupleTableSlot* make_row(const Place& place);

// What the heap has there, for as long as the slot has the row.
inline HeapTuple stored_tuple(TupleTableSlot* row) {
    return reinterpret_cast<HeapTupleTableSlot*>(row)->tuple;
}

// The row as one of the relation that was named, in these columns.
RowValues named_row(const Place& place, const Table& named, const Bitmapset* columns,
                    TupleTableSlot* row);

// The partition that the key of a row leads to, opened and locked in this mode; nothing where it
// leads to none, or to one that is no ordinary heap.
std::optional<Place> open_partition(const KeyedRow& row, LOCKMODE lock);

}  // namespace interlock
