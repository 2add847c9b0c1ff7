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
    KeyScan scan;
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
