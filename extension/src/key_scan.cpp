#include "key_scan.hpp"

#include "executor.hpp"
#include "partition.hpp"
#include "settings.hpp"

namespace interlock {
namespace {

// Extensions that distribute a table's rows work on statements. Looked for again when a function
// was created, as each of them does.
bool needs_statements() {
    static bool found;
    static uint64 generation = PG_UINT64_MAX;
    if (generation != cast_generation()) {
        generation = cast_generation();
        found = OidIsValid(get_extension_oid("citus", true)) ||
                OidIsValid(get_extension_oid("timescaledb", true));
    }
    return found;
}

// How many keys to look for at once. Each row makes it more likely that the next ones are there and
// stay as they are; after one that is not, the others are looked for again.
int64 count_at_once(const KeyScan& scan, const Column& column, const Datum* values, int64 count) {
    constexpr int64 least_streak = 4;
    constexpr int64 most = 64;
    constexpr Size most_bytes = 8192;
    if (scan.streak < least_streak) return 1;
    count = Min(Min(count, scan.streak * 4), most);
    Size bytes = 0;
    for (int64 i = 0; i < count; i++)
        if ((bytes += datumGetSize(values[i], column.by_value, column.length)) > most_bytes)
            return i;
    return count;
}

ArrayType* make_array(Oid type, const Datum* values, int64 count) {
    int16 length;
    bool by_value;
    char align;
    get_typlenbyvalalign(type, &length, &by_value, &align);
    return construct_array(const_cast<Datum*>(values), static_cast<int>(count), type, length,
                           by_value, align);
}

// The index is read for all of them as for `= ANY`: a page that several of them are on, of the heap
// and maybe of the index, is gone to once. Returns how many they are; 0 where one alone is better.
int64 look_ahead(KeyScan& scan, Table& table, const Datum* values, int64 count) {
    const KeyColumn& key = table.key.columns[0];
    count = count_at_once(scan, table.column(key.attno), values, count);
    if (count < 2) return 0;
    ArrayType* previous = scan.array;
    scan.array = make_array(key.type, values, count);
    ScanKeyData condition = key.condition;
    condition.sk_flags |= SK_SEARCHARRAY;
    condition.sk_argument = PointerGetDatum(scan.array);
    index_rescan(scan.scan, &condition, 1, nullptr, 0);
    if (previous) pfree(previous);
    return count;
}

// A row of a later key says that this one has none.
bool find_ahead(KeyScan& scan, Table& table, Datum value, TupleTableSlot* row) {
    scan.ahead--;
    if (!index_getnext_slot(scan.scan, ForwardScanDirection, row)) return false;
    bool is_null;
    Datum found = heap_getattr(stored_tuple(row), table.key.columns[0].attno,
                               row->tts_tupleDescriptor, &is_null);
    return compare_keys(table, table.key, &found, &value) == 0;
}

void note_row(KeyScan& scan, const TupleTableSlot* row) {
    BlockNumber block = ItemPointerGetBlockNumber(&row->tts_tid);
    scan.streak = array_scan_stays || block == scan.block ? scan.streak + 1 : 0;
    scan.block = block;
}

}  // namespace

bool is_direct_now(const KeyedRow& row) {
    if (!direct_writes_enabled() || needs_statements()) return false;
    return !row.relation->rd_rel->relrowsecurity ||
           check_enable_rls(row.table.relid, InvalidOid, true) != RLS_ENABLED;
}

void begin_statement() {
    CommandCounterIncrement();
    PushActiveSnapshot(GetTransactionSnapshot());
}

KeyScan begin_key_scan(const Place& place, Snapshot snapshot, LOCKMODE lock) {
    Table& table = place.table;
    KeyScan scan = {};
    scan.block = InvalidBlockNumber;
    scan.index = index_open(table.key.index, is_held(table.index_lock, lock) ? NoLock : lock);
    set_held(table.index_lock, lock);
    scan.scan = begin_index_scan(place.relation, scan.index, snapshot, table.key.count);
    return scan;
}

// The lock on the index stays until the transaction ends, as after ExecEndIndexScan().
void end_key_scan(const KeyScan& scan) {
    index_endscan(scan.scan);
    index_close(scan.index, NoLock);
}

bool find_row(const KeyScan& scan, const Key& key, const Datum* values, TupleTableSlot* row) {
    ScanKeyData conditions[INDEX_MAX_KEYS];
    for (int i = 0; i < key.count; i++) {
        conditions[i] = key.columns[i].condition;
        conditions[i].sk_argument = values[i];
    }
    index_rescan(scan.scan, conditions, key.count, nullptr, 0);
    return index_getnext_slot(scan.scan, ForwardScanDirection, row);
}

bool find_next_row(KeyScan& scan, Table& table, const Datum* values, int64 count,
                   TupleTableSlot* row) {
    if (scan.ahead == 0) scan.ahead = look_ahead(scan, table, values, count);
    bool found = scan.ahead == 0 ? find_row(scan, table.key, values, row)
                                 : find_ahead(scan, table, *values, row);
    if (found) note_row(scan, row);
    return found;
}

TupleTableSlot* make_row(const Place& place) {
    return MakeTupleTableSlot(place.table.direct.row, table_slot_callbacks(place.relation));
}

RowValues named_row(const Place& place, const Table& named, const Bitmapset* columns,
                    TupleTableSlot* row) {
    slot_getallattrs(row);
    if (place.columns == nullptr) return {columns, row->tts_values, row->tts_isnull};
    RowValues values = {columns, allocate<Datum>(named.column_count),
                        allocate<bool>(named.column_count)};
    for (int attno = -1; (attno = bms_next_member(columns, attno)) >= 0;) {
        int there = place.columns[attno - 1] - 1;
        values.values[attno - 1] = row->tts_values[there];
        values.nulls[attno - 1] = row->tts_isnull[there];
    }
    return values;
}

std::optional<Place> open_partition(const KeyedRow& row, LOCKMODE lock) {
    Oid leaf = leaf_partition(row.relation, row.table, row.key, lock);
    if (!OidIsValid(leaf)) return {};
    Relation relation = table_open(leaf, lock);
    Table& table = table_of(relation);
    if (table.direct.heap)
        return Place{relation, table, columns_in_partition(row.table, table), true};
    table_close(relation, NoLock);
    return {};
}

}  // namespace interlock
