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

constexpr int64 few = 4;

// How many keys to look for at once. Each row makes it more likely that the next ones are there and
// stay as they are; after one that is not, the others are looked for again.
int64 count_at_once(const KeyScan& scan, int64 count) {
    constexpr int64 most = 256;
    return Min(Min(count, scan.found * few), most);
}

// How many of them are integers, each greater by one than that before it.
int64 count_consecutive(const KeyColumn& key, const Column& column, const Datum* values,
                        int64 count) {
    if (!is_integer_order(key) || !column.by_value) return 0;
    int64 i = 1;
    while (i < count && values[i] - values[i - 1] == 1)
        i++;
    return i;
}

struct RangeFunctions {
    RegProcedure at_least;
    RegProcedure at_most;
};

RangeFunctions range_functions(Oid type) {
    if (type == INT2OID) return {F_INT2GE, F_INT2LE};
    if (type == INT4OID) return {F_INT4GE, F_INT4LE};
    return {F_INT8GE, F_INT8LE};
}

// Between two integers there is no row but those of the integers between them.
void read_range(KeyScan& scan, const KeyColumn& key, Datum first, Datum last) {
    if (scan.range == nullptr)
        scan.range =
            begin_index_scan(scan.scan->heapRelation, scan.index, scan.scan->xs_snapshot, 2);
    RangeFunctions functions = range_functions(key.operator_type);
    ScanKeyData conditions[2];
    ScanKeyInit(&conditions[0], 1, BTGreaterEqualStrategyNumber, functions.at_least, first);
    ScanKeyInit(&conditions[1], 1, BTLessEqualStrategyNumber, functions.at_most, last);
    index_rescan(scan.range, conditions, 2, nullptr, 0);
    scan.reading = scan.range;
}

// An array of long keys takes only so many.
int64 count_that_fit(const Column& column, const Datum* values, int64 count) {
    constexpr Size most_bytes = 8192;
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

// As for `= ANY`.
void read_array(KeyScan& scan, const KeyColumn& key, const Datum* values, int64 count) {
    ArrayType* previous = scan.array;
    scan.array = make_array(key.type, values, count);
    ScanKeyData condition = key.condition;
    condition.sk_flags |= SK_SEARCHARRAY;
    condition.sk_argument = PointerGetDatum(scan.array);
    index_rescan(scan.scan, &condition, 1, nullptr, 0);
    if (previous) pfree(previous);
    scan.reading = scan.scan;
}

// Reads the index for several keys, where a page that some of them share, of the index or of the
// heap, is then gone to once. Returns how many they are; 0 where one alone is better.
int64 look_ahead(KeyScan& scan, Table& table, const Datum* values, int64 count) {
    count = count_at_once(scan, count);
    if (count < few) return 0;
    const KeyColumn& key = table.key.columns[0];
    const Column& column = table.column(key.attno);
    int64 consecutive = count_consecutive(key, column, values, count);
    if (consecutive >= few) {
        read_range(scan, key, values[0], values[consecutive - 1]);
        return consecutive;
    }
    if (!array_scan_stays && scan.near < few) return 0;
    count = count_that_fit(column, values, count);
    if (count < few) return 0;
    read_array(scan, key, values, count);
    return count;
}

bool has_key(Table& table, TupleTableSlot* row, Datum value) {
    AttrNumber attno = table.key.columns[0].attno;
    bool is_null;
    Datum found = heap_getattr(stored_tuple(row), attno, row->tts_tupleDescriptor, &is_null);
    if (table.column(attno).by_value && found == value) return true;
    return compare_keys(table, table.key, &found, &value) == 0;
}

// A row of a later key says that this one has none.
bool find_ahead(KeyScan& scan, Table& table, Datum value, TupleTableSlot* row) {
    scan.ahead--;
    return index_getnext_slot(scan.reading, ForwardScanDirection, row) &&
           has_key(table, row, value);
}

void note_row(KeyScan& scan, const TupleTableSlot* row) {
    BlockNumber block = ItemPointerGetBlockNumber(&row->tts_tid);
    scan.near = block == scan.block ? scan.near + 1 : 0;
    scan.block = block;
    scan.found++;
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
    if (scan.range) index_endscan(scan.range);
    if (scan.array) pfree(scan.array);
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
