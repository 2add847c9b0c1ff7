#include "own_table.hpp"

extern "C" {
#include <access/tableam.h>
#include <catalog/indexing.h>
#include <executor/tuptable.h>
}

namespace interlock {
namespace {

Oid primary_key_of(Relation relation) {
    list_free(RelationGetIndexList(relation));
    if (!OidIsValid(relation->rd_pkindex))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("table \"%s\" has no primary key", RelationGetRelationName(relation)),
                 errtable(relation)));
    return relation->rd_pkindex;
}

HeapTuple new_tuple(const OwnTable& table, const Datum* values, const bool* nulls) {
    return heap_form_tuple(RelationGetDescr(table.relation), const_cast<Datum*>(values),
                           const_cast<bool*>(nulls));
}

}  // namespace

Oid own_table(const char* name) {
    Oid relid = get_relname_relid(name, get_namespace_oid("interlock", false));
    if (!OidIsValid(relid))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("relation \"interlock.%s\" does not exist", name)));
    return relid;
}

OwnTable open_own_table(const char* name, LOCKMODE lockmode) {
    Relation relation = table_open(own_table(name), lockmode);
    return {relation, primary_key_of(relation), nullptr};
}

void close_own_table(const OwnTable& table) {
    table_close(table.relation, NoLock);
}

// What this transaction wrote before is seen, too, in the same statement as well.
bool find_own_row(OwnTable& table, std::span<ScanKeyData> conditions) {
    CommandCounterIncrement();
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(table.relation, table.index, true, snapshot,
                                          static_cast<int>(conditions.size()), conditions.data());
    HeapTuple tuple = systable_getnext(scan);
    table.found = HeapTupleIsValid(tuple) ? heap_copytuple(tuple) : nullptr;
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    return table.found != nullptr;
}

// A version that is being updated in a way that does not conflict has a newer one: that is locked,
// too.
bool lock_own_row(OwnTable& table, LockTupleMode mode, LockWaitPolicy policy, bool* unavailable) {
    TupleTableSlot* slot = table_slot_create(table.relation, nullptr);
    TM_FailureData failure;
    ItemPointerData tid = table.found->t_self;
    TM_Result result =
        table_tuple_lock(table.relation, &tid, InvalidSnapshot, slot, GetCurrentCommandId(true),
                         mode, policy, TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS, &failure);
    ExecDropSingleTupleTableSlot(slot);
    *unavailable = result == TM_WouldBlock;
    return result == TM_Ok;
}

void read_own_row(const OwnTable& table, Datum* values, bool* nulls) {
    heap_deform_tuple(table.found, RelationGetDescr(table.relation), values, nulls);
}

void update_own_row(OwnTable& table, const Datum* values, const bool* nulls) {
    CatalogTupleUpdate(table.relation, &table.found->t_self, new_tuple(table, values, nulls));
}

void delete_own_row(OwnTable& table) {
    CatalogTupleDelete(table.relation, &table.found->t_self);
}

void insert_own_row(OwnTable& table, const Datum* values, const bool* nulls) {
    CatalogTupleInsert(table.relation, new_tuple(table, values, nulls));
}

}  // namespace interlock
