#include "claim_index.hpp"

#include "executor.hpp"

namespace interlock {
namespace {

AttrNumber find_column(Relation index, AttrNumber attno) {
    for (int i = 0; i < index->rd_index->indnkeyatts; i++)
        if (attno != 0 && index->rd_index->indkey.values[i] == attno)
            return static_cast<AttrNumber>(i + 1);
    return 0;
}

void make_condition(ScanKey condition, Relation index, AttrNumber column, StrategyNumber strategy) {
    int i = column - 1;
    Oid type = index->rd_opcintype[i];
    Oid op = get_opfamily_member(index->rd_opfamily[i], type, type, strategy);
    ScanKeyEntryInitialize(condition, 0, column, strategy, InvalidOid, index->rd_indcollation[i],
                           get_opcode(op), 0);
}

// As ExecIndexBuildScanKeys() makes a member of a row comparison.
void make_member(ScanKey member, Relation index, AttrNumber column) {
    int i = column - 1;
    Oid type = index->rd_opcintype[i];
    Oid compare = get_opfamily_proc(index->rd_opfamily[i], type, type, BTORDER_PROC);
    ScanKeyEntryInitialize(member, SK_ROW_MEMBER, column, BTGreaterStrategyNumber, InvalidOid,
                           index->rd_indcollation[i], compare, 0);
}

Datum value_of(const ClaimIndex& index, IndexTuple entry, AttrNumber column) {
    bool is_null;
    return index_getattr(entry, column, RelationGetDescr(index.index), &is_null);
}

int compare_values(const ClaimIndex& index, AttrNumber column, Datum left, Datum right) {
    const ScanKeyData& member = index.order.after[column - 1];
    return DatumGetInt32(FunctionCall2Coll(const_cast<FmgrInfo*>(&member.sk_func),
                                           member.sk_collation, left, right));
}

int compare_column(const ClaimIndex& index, AttrNumber column, IndexTuple left, IndexTuple right) {
    return compare_values(index, column, value_of(index, left, column),
                          value_of(index, right, column));
}

Datum order_of(const ClaimIndex& index, IndexTuple entry) {
    return value_of(index, entry, index.order.order);
}

// The scan's own copy of a bound: entries at hand, and remembered places, change under it.
IndexTuple hold(ClaimIndex& index, int number, IndexTuple bound) {
    keep_entry(index.bounds[number], bound, index.memory);
    return index.bounds[number].tuple;
}

// The conditions of a scan, in the order of the index's columns.
struct Conditions {
    ScanKeyData keys[4];
    int count;

    void add(const ScanKeyData& condition, Datum value) {
        keys[count] = condition;
        keys[count++].sk_argument = value;
    }
};

Conditions in_queue(const ClaimIndex& index) {
    Conditions conditions = {};
    if (index.order.has_queue) conditions.add(index.order.queue_equal, index.queue);
    return conditions;
}

// (run_at, key …) > (the place's). A row comparison has two members at least: without them nbtree
// reads past the end.
void add_after(ClaimIndex& index, Conditions& conditions, IndexTuple place) {
    const ClaimOrder& order = index.order;
    if (order.rest == order.count)
        return conditions.add(order.rest_greater, value_of(index, place, order.rest));
    int members = 0;
    for (AttrNumber column = order.rest; column <= order.count; column++) {
        index.row[members] = order.after[column - 1];
        index.row[members++].sk_argument = value_of(index, place, column);
    }
    index.row[members - 1].sk_flags |= SK_ROW_END;
    ScanKey header = &conditions.keys[conditions.count++];
    *header = {};
    header->sk_flags = SK_ROW_HEADER;
    header->sk_attno = order.rest;
    header->sk_strategy = BTGreaterStrategyNumber;
    header->sk_argument = PointerGetDatum(index.row);
}

void end_scan(ClaimIndex& index) {
    if (index.scan) index_endscan(index.scan);
    index.scan = nullptr;
}

void begin(ClaimIndex& index, const Conditions& conditions) {
    end_scan(index);
    index.scan = begin_index_scan(index.table, index.index, index.snapshot, conditions.count);
    index.scan->xs_want_itup = true;
    index_rescan(index.scan, const_cast<ScanKey>(conditions.keys), conditions.count, nullptr, 0);
}

// Would the row have this entry? Where its row was, there can be another one by now.
bool has_entry(const ClaimIndex& index, TupleTableSlot* row) {
    for (AttrNumber column = 1; column <= index.order.count; column++) {
        bool is_null;
        Datum value = slot_getattr(row, index.index->rd_index->indkey.values[column - 1], &is_null);
        if (is_null || compare_values(index, column, value_of(index, index.entry, column), value))
            return false;
    }
    return true;
}

// Vacuum may have cut pages off the table's end.
bool is_within_table(ClaimIndex& index) {
    if (index.fetch == nullptr) {
        index.fetch = table_index_fetch_begin(index.table);
        index.blocks = RelationGetNumberOfBlocks(index.table);
    }
    return ItemPointerGetBlockNumber(&index.entry->t_tid) < index.blocks;
}

bool fetch_remembered(ClaimIndex& index, TupleTableSlot* row) {
    if (!is_within_table(index)) return false;
    ItemPointerData place = index.entry->t_tid;
    bool more = false;
    return table_index_fetch_tuple(index.fetch, &place, index.snapshot, row, &more, nullptr) &&
           has_entry(index, row);
}

}  // namespace

void keep_entry(ClaimEntry& entry, IndexTuple tuple, MemoryContext memory) {
    Size size = IndexTupleSize(tuple);
    if (size > entry.room) {
        auto* grown = static_cast<IndexTuple>(MemoryContextAlloc(memory, size));
        forget_entry(entry);
        entry = {grown, size};
    }
    memcpy(entry.tuple, tuple, size);
}

ClaimOrder read_claim_order(const Claiming& claiming, Relation index) {
    ClaimOrder order = {};
    AttrNumber queue = find_column(index, claiming.column(ClaimColumn::queue));
    order.order = find_column(index, claiming.column(ClaimColumn::order_by));
    order.run_at = find_column(index, claiming.column(ClaimColumn::run_at));
    order.has_queue = queue != 0;
    order.ordered = order.order != 0 && order.order != queue && order.order != order.run_at;
    order.rest = static_cast<AttrNumber>(1 + order.has_queue + order.ordered);
    order.count = index->rd_index->indnkeyatts;
    if (order.has_queue) make_condition(&order.queue_equal, index, queue, BTEqualStrategyNumber);
    if (order.ordered) {
        make_condition(&order.order_equal, index, order.order, BTEqualStrategyNumber);
        make_condition(&order.order_greater, index, order.order, BTGreaterStrategyNumber);
        make_condition(&order.order_less, index, order.order, BTLessStrategyNumber);
        ScanKeyEntryInitialize(&order.order_not_null, SK_ISNULL | SK_SEARCHNOTNULL, order.order,
                               InvalidStrategy, InvalidOid, InvalidOid, InvalidOid, 0);
    }
    make_condition(&order.rest_greater, index, order.rest, BTGreaterStrategyNumber);
    for (AttrNumber column = 1; column <= order.count; column++)
        make_member(&order.after[column - 1], index, column);
    return order;
}

void seek_run(ClaimIndex& index, IndexTuple run) {
    Conditions conditions = in_queue(index);
    if (index.order.ordered)
        conditions.add(index.order.order_equal, order_of(index, hold(index, 0, run)));
    begin(index, conditions);
}

void seek_after(ClaimIndex& index, IndexTuple place) {
    Conditions conditions = in_queue(index);
    place = hold(index, 0, place);
    if (index.order.ordered) conditions.add(index.order.order_equal, order_of(index, place));
    add_after(index, conditions, place);
    begin(index, conditions);
}

void seek_between(ClaimIndex& index, IndexTuple lower, IndexTuple upper) {
    Conditions conditions = in_queue(index);
    if (lower) conditions.add(index.order.order_greater, order_of(index, hold(index, 0, lower)));
    if (upper) conditions.add(index.order.order_less, order_of(index, hold(index, 1, upper)));
    // Without a bound a scan shows NULL, which a column may hold that has lost its NOT NULL.
    if (index.order.ordered && !lower && !upper) conditions.add(index.order.order_not_null, 0);
    begin(index, conditions);
}

bool next_entry(ClaimIndex& index) {
    if (index_getnext_tid(index.scan, ForwardScanDirection) == nullptr) return false;
    index.entry = index.scan->xs_itup;
    index.remembered = false;
    return true;
}

void show_remembered(ClaimIndex& index, IndexTuple entry) {
    index.entry = entry;
    index.remembered = true;
}

bool fetch_entry(ClaimIndex& index, TupleTableSlot* row) {
    return index.remembered ? fetch_remembered(index, row) : index_fetch_heap(index.scan, row);
}

void end_claim_index(ClaimIndex& index) {
    end_scan(index);
    if (index.fetch) table_index_fetch_end(index.fetch);
    index.fetch = nullptr;
}

TimestampTz entry_run_at(const ClaimIndex& index) {
    return DatumGetTimestampTz(value_of(index, index.entry, index.order.run_at));
}

int compare_order(const ClaimIndex& index, IndexTuple left, IndexTuple right) {
    return compare_column(index, index.order.order, left, right);
}

bool same_order(const ClaimIndex& index, IndexTuple left, IndexTuple right) {
    return !index.order.ordered || compare_order(index, left, right) == 0;
}

int compare_entries(const ClaimIndex& index, IndexTuple left, IndexTuple right) {
    AttrNumber first = index.order.ordered ? index.order.order : index.order.rest;
    for (AttrNumber column = first; column <= index.order.count; column++)
        if (int result = compare_column(index, column, left, right)) return result;
    return 0;
}

}  // namespace interlock
