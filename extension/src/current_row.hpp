// The row as it is now, as far as the caller may see it, and what of it is contested.
#pragma once

#include "writer.hpp"

namespace interlock {

// A row's values by attribute number of the relation that the caller named, in the columns that
// were read.
struct RowValues {
    const Bitmapset* columns;
    Datum* values;
    bool* nulls;

    bool has(AttrNumber attno) const { return bms_is_member(attno, columns); }
    Datum value(AttrNumber attno) const { return values[attno - 1]; }
    bool is_null(AttrNumber attno) const { return nulls[attno - 1]; }
};

// The row that the last statement of the SPI connection returned, in these columns.
RowValues fetch_values(Table& table, const Bitmapset* columns);

// Reads these columns of the row with a new snapshot at READ COMMITTED and with the transaction's
// above; false where there is none. Needs an SPI connection; the values live as long as it.
bool read_row(const KeyedRow& row, const Bitmapset* columns, RowValues& values);

// The same with a connection of its own, as a tuple of the relation; null where there is no row.
// Columns that were not asked for are NULL in it.
HeapTuple fetch_row(const KeyedRow& row, const Bitmapset* columns);
RowValues deform_row(Relation relation, const Bitmapset* columns, HeapTuple tuple);

// The columns that the caller may SELECT.
const Bitmapset* readable_columns(Table& table);

// Those that the report of a write needs and the caller may SELECT.
const Bitmapset* reported_columns(const Write& write);

std::optional<int64> version_in(const Table& table, const RowValues& row);

// The same values in arrays of their own.
ColumnValues copy_of(const ColumnValues& values);

// Is the row as the write expects it?
bool is_expected(const Write& write, const RowValues& row);

// The row, and its differences from what the write wanted, allocated in `memory`.
WriteOutcome describe(WriteStatus status, const Write& write, const RowValues& row,
                      MemoryContext memory);
Jsonb* show_row(Table& table, const RowValues& row);

// What the caller's base says of a column: nothing, or what it held.
JsonbValue* base_member(Jsonb* base, const Column& column);

// {"base", "mine", "theirs"}; a null member is left out, and SQL NULL shown as JSON null.
struct Conflict {
    JsonbValue* base;
    bool has_mine;
    Datum mine;
    bool mine_null;
    Datum theirs;
    bool theirs_null;
};
Jsonb* show_conflict(const KeyedRow& row, Column& column, const Conflict& conflict);

// 21000: the key is not unique there.
[[noreturn]] void raise_several_rows(const KeyedRow& row);

// Is the row with the key another one now than the snapshot shows: changed, moved, gone or new?
bool changed_since(const KeyedRow& row, Snapshot snapshot);

// Where a row is, if it was found.
struct RowIdentity {
    bool found;
    Oid relid;
    ItemPointerData tid;
};

// Where the newest committed version of the row is, whether or not the caller may see it; for a
// view the row below it, if that can be told. Needs an SPI connection.
RowIdentity newest_identity(const KeyedRow& row);

// At REPEATABLE READ and above: 40001 where the row that the snapshot shows is no longer the
// newest. Needs an SPI connection.
void require_newest_row(const KeyedRow& row);

}  // namespace interlock
