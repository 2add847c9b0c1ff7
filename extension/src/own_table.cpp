#include "own_table.hpp"

#include "executor.hpp"

extern "C" {
#include <access/multixact.h>
#include <access/relscan.h>
#include <catalog/index.h>
#include <catalog/indexing.h>
#include <catalog/pg_am.h>
#include <executor/tuptable.h>
}

namespace interlock {
namespace {

[[noreturn]] void raise_altered(Relation relation) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("table \"%s\" is not as interlock made it", RelationGetRelationName(relation)),
             errhint("Undo what was altered, or drop the extension and create it again."),
             errtable(relation)));
    pg_unreachable();
}

// The only index, because entries of another might have to be computed.
Oid primary_key_of(Relation relation) {
    List* indexes = RelationGetIndexList(relation);
    if (list_length(indexes) != 1 || !OidIsValid(relation->rd_pkindex)) raise_altered(relation);
    list_free(indexes);
    return relation->rd_pkindex;
}

bool has_columns(TupleDesc desc, std::span<const Oid> types) {
    if (desc->natts != static_cast<int>(types.size())) return false;
    for (int i = 0; i < desc->natts; i++)
        if (TupleDescAttr(desc, i)->atttypid != types[static_cast<std::size_t>(i)]) return false;
    return true;
}

TM_Result lock(OwnTable& table, LockTupleMode mode, LockWaitPolicy policy, bool follow_update) {
    TM_FailureData failure;
    HeapTupleData tuple = {};
    tuple.t_self = table.found->t_self;
    Buffer buffer;
    TM_Result result = heap_lock_tuple(table.relation, &tuple, GetCurrentCommandId(true), mode,
                                       policy, follow_update, &buffer, &failure);
    ReleaseBuffer(buffer);
    return result;
}

bool is_own_member(const HeapTupleHeader header) {
    MultiXactMember* members;
    int count = GetMultiXactIdMembers(HeapTupleHeaderGetRawXmax(header), &members,
                                      HEAP_LOCKED_UPGRADED(header->t_infomask), true);
    for (int i = 0; i < count; i++)
        if (TransactionIdIsCurrentTransactionId(members[i].xid)) return true;
    return false;
}

// An update in flight, of a transaction that shares the row with us, stands in xmax, too.
bool is_own_lock(const HeapTupleHeader header) {
    if (header->t_infomask & HEAP_XMAX_INVALID) return false;
    if (header->t_infomask & HEAP_XMAX_IS_MULTI) return is_own_member(header);
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmax(header));
}

HeapTuple new_tuple(const OwnTable& table, const Datum* values, const bool* nulls) {
    return heap_form_tuple(RelationGetDescr(table.relation), const_cast<Datum*>(values),
                           const_cast<bool*>(nulls));
}

// The columns of the index are the first ones of the table.
void insert_into_index(const OwnTable& table, const Datum* values, const bool* nulls,
                       HeapTuple tuple) {
    Relation index = index_open(table.index, RowExclusiveLock);
    index_insert(index, const_cast<Datum*>(values), const_cast<bool*>(nulls), &tuple->t_self,
                 table.relation, UNIQUE_CHECK_YES, false, BuildIndexInfo(index));
    index_close(index, NoLock);
}

// As CatalogTupleUpdate() does, without looking at indexes that need nothing.
TM_Result update(OwnTable& table, const Datum* values, const bool* nulls, bool wait) {
    HeapTuple tuple = new_tuple(table, values, nulls);
    TM_Result result = update_heap_tuple(table.relation, &table.found->t_self, tuple, wait);
    if (result == TM_Ok && !HeapTupleIsHeapOnly(tuple))
        insert_into_index(table, values, nulls, tuple);
    return result;
}

}  // namespace

Oid own_table(const char* name) {
    Oid relid = get_relname_relid(name, get_namespace_oid("interlock", false));
    if (!OidIsValid(relid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("relation \"interlock.%s\" does not exist", name)));
    return relid;
}

void require_columns(Relation relation, std::span<const Oid> types) {
    if (relation->rd_rel->relam != HEAP_TABLE_AM_OID ||
        !has_columns(RelationGetDescr(relation), types))
        raise_altered(relation);
}

OwnTable open_own_table(const char* name, LOCKMODE lockmode, std::span<const Oid> types) {
    Relation relation = table_open(own_table(name), lockmode);
    require_columns(relation, types);
    return {relation, primary_key_of(relation), nullptr};
}

void close_own_table(const OwnTable& table) {
    table_close(table.relation, NoLock);
}

// What this transaction wrote before is seen, too, in the same statement as well. A serializable
// transaction looks at every version, because a scan by its snapshot would leave predicate locks,
// on neighbours, too: what is locked needs none, and would fail with 40001 for nothing.
bool find_own_row(OwnTable& table, std::span<ScanKeyData> conditions) {
    CommandCounterIncrement();
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    bool serializable = IsolationIsSerializable();
    SysScanDesc scan =
        systable_beginscan(table.relation, table.index, true, serializable ? SnapshotAny : snapshot,
                           static_cast<int>(conditions.size()), conditions.data());
    HeapTuple tuple;
    do
        tuple = systable_getnext(scan);
    while (serializable && HeapTupleIsValid(tuple) &&
           !table_tuple_satisfies_snapshot(table.relation, scan->slot, snapshot));
    table.found = HeapTupleIsValid(tuple) ? heap_copytuple(tuple) : nullptr;
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    return table.found != nullptr;
}

// A key share lock does not conflict with an update in flight that leaves the key alone, and has to
// be on what that makes of the row, too. Following the update after a wait for it would lock the
// newest version whatever is in it, so that is never done: who waited finds the row again.
bool lock_own_row(OwnTable& table, LockTupleMode mode, LockWaitPolicy policy, bool* unavailable) {
    *unavailable = false;
    TM_Result result;
    if (mode == LockTupleKeyShare) {
        result = lock(table, mode, LockWaitSkip, true);
        if (result == TM_WouldBlock && policy == LockWaitBlock) {
            lock(table, mode, policy, false);
            return false;
        }
    } else {
        result = lock(table, mode, policy, false);
    }
    *unavailable = result == TM_WouldBlock;
    return result == TM_Ok;
}

bool is_own(const OwnTable& table) {
    const HeapTupleHeader header = table.found->t_data;
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header)) ||
           is_own_lock(header);
}

void read_own_row(const OwnTable& table, Datum* values, bool* nulls) {
    heap_deform_tuple(table.found, RelationGetDescr(table.relation), values, nulls);
}

void update_own_row(OwnTable& table, const Datum* values, const bool* nulls) {
    if (update(table, values, nulls, true) != TM_Ok) elog(ERROR, "row was changed while locked");
}

bool replace_own_row(OwnTable& table, const Datum* values, const bool* nulls, bool* unavailable) {
    *unavailable = !can_update_without_waiting();
    if (*unavailable) return false;
    TM_Result result = update(table, values, nulls, false);
    *unavailable = result == TM_BeingModified;
    return result == TM_Ok;
}

void delete_own_row(OwnTable& table) {
    CatalogTupleDelete(table.relation, &table.found->t_self);
}

void insert_own_row(OwnTable& table, const Datum* values, const bool* nulls) {
    CatalogTupleInsert(table.relation, new_tuple(table, values, nulls));
}

}  // namespace interlock
