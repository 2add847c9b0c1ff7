// The executor's functions that the direct path calls, the same on every
// server: the seam of boundary.md.
#pragma once

#include "postgres.hpp"

extern "C" {
#include <access/heapam.h>
#include <access/tableam.h>
#include <executor/nodeModifyTable.h>
#if PG_VERSION_NUM >= 160000
#include <parser/parse_relation.h>
#endif
}

namespace interlock {

// A range table of one relation, with the permissions that a statement needs of
// it.
struct RangeTable {
    List* entries;
    List* permissions;
};

// Attribute numbers as permissions have them.
inline Bitmapset* offset_columns(const Bitmapset* columns) {
    Bitmapset* offset = nullptr;
    for (int attno = -1; (attno = bms_next_member(columns, attno)) >= 0;)
        offset = bms_add_member(offset, attno - FirstLowInvalidHeapAttributeNumber);
    return offset;
}

inline RangeTable make_range_table(Relation relation, LOCKMODE lockmode, AclMode required,
                                   const Bitmapset* selected, const Bitmapset* updated) {
    RangeTblEntry* entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RELATION;
    entry->relid = RelationGetRelid(relation);
    entry->relkind = relation->rd_rel->relkind;
    entry->rellockmode = lockmode;
    RangeTable table = {list_make1(entry), NIL};
#if PG_VERSION_NUM >= 160000
    RTEPermissionInfo* permission = addRTEPermissionInfo(&table.permissions, entry);
    permission->requiredPerms = required;
    permission->selectedCols = offset_columns(selected);
    permission->updatedCols = offset_columns(updated);
#else
    entry->requiredPerms = required;
    entry->selectedCols = offset_columns(selected);
    entry->updatedCols = offset_columns(updated);
#endif
    return table;
}

// Runs ExecutorCheckPerms_hook.
inline bool has_permissions(const RangeTable& table, bool raise = false) {
#if PG_VERSION_NUM >= 160000
    return ExecCheckPermissions(table.entries, table.permissions, raise);
#else
    return ExecCheckRTPerms(table.entries, raise);
#endif
}

// The same, and raises 42501.
inline void require_permissions(const RangeTable& table) {
    has_permissions(table, true);
}

inline void init_range_table(EState* estate, const RangeTable& table) {
#if PG_VERSION_NUM >= 180000
    ExecInitRangeTable(estate, table.entries, table.permissions, bms_make_singleton(1));
#elif PG_VERSION_NUM >= 160000
    ExecInitRangeTable(estate, table.entries, table.permissions);
#else
    ExecInitRangeTable(estate, table.entries);
#endif
}

inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot,
                                      int key_count) {
#if PG_VERSION_NUM >= 180000
    return index_beginscan(table, index, snapshot, nullptr, key_count, 0);
#else
    return index_beginscan(table, index, snapshot, key_count, 0);
#endif
}

// Does a scan for an array of keys stay on a page of the index for all of them that are there? Else
// it descends for each.
#if PG_VERSION_NUM >= 170000
constexpr bool array_scan_stays = true;
#else
constexpr bool array_scan_stays = false;
#endif

// Columns that are computed when they are read (PostgreSQL 18): a row from the table itself shows
// them as NULL.
inline bool has_virtual_columns([[maybe_unused]] Relation relation) {
#if PG_VERSION_NUM >= 180000
    TupleConstr* constraints = RelationGetDescr(relation)->constr;
    return constraints && constraints->has_generated_virtual;
#else
    return false;
#endif
}

// heap_update() that is not to wait asserts that nobody is in its way, although it is made to say
// that somebody is: a server with assertions is given only rows that were locked before.
inline bool can_update_without_waiting() {
    static int asserts = -1;
    if (asserts < 0) {
        const char* setting = GetConfigOption("debug_assertions", true, false);
        asserts = setting && strcmp(setting, "on") == 0;
    }
    return !asserts;
}

// Updates a row of a heap as a statement would, or without waiting for who is at it.
inline TM_Result update_heap_tuple(Relation heap, ItemPointer tid, HeapTuple tuple, bool wait) {
    TM_FailureData failure;
    LockTupleMode lock_mode;
    CommandId command = GetCurrentCommandId(true);
#if PG_VERSION_NUM >= 160000
    TU_UpdateIndexes indexes;
    return heap_update(heap, tid, tuple, command, InvalidSnapshot, wait, &failure, &lock_mode,
                       &indexes);
#else
    return heap_update(heap, tid, tuple, command, InvalidSnapshot, wait, &failure, &lock_mode);
#endif
}

// Which indexes the new tuple needs: all, none (HOT), or from PostgreSQL 16 on
// the summarizing ones only.
#if PG_VERSION_NUM >= 160000
using IndexUpdate = TU_UpdateIndexes;
#else
using IndexUpdate = bool;
#endif

inline TM_Result update_tuple(Relation relation, ItemPointer tid, TupleTableSlot* slot,
                              EState* estate, TM_FailureData* failure, IndexUpdate* indexes,
                              bool waits = true) {
    LockTupleMode lock_mode;
    return table_tuple_update(relation, tid, slot, estate->es_output_cid, estate->es_snapshot,
                              InvalidSnapshot, waits, failure, &lock_mode, indexes);
}

// Opened once for all rows that a statement writes; ExecCloseResultRelations() closes them.
inline void open_indexes(ResultRelInfo* result, EState* estate) {
    if (result->ri_IndexRelationDescs) return;
    MemoryContext memory = MemoryContextSwitchTo(estate->es_query_cxt);
    ExecOpenIndices(result, false);
    if (estate->es_opened_result_relations == NIL)
        estate->es_opened_result_relations = list_make1(result);
    MemoryContextSwitchTo(memory);
}

inline List* insert_index_tuples(ResultRelInfo* result, TupleTableSlot* slot, EState* estate,
                                 IndexUpdate indexes) {
#if PG_VERSION_NUM >= 160000
    if (indexes == TU_None) return NIL;
    open_indexes(result, estate);
    return ExecInsertIndexTuples(result, slot, estate, true, false, nullptr, NIL,
                                 indexes == TU_Summarizing);
#else
    if (!indexes) return NIL;
    open_indexes(result, estate);
    return ExecInsertIndexTuples(result, slot, estate, true, false, nullptr, NIL);
#endif
}

// False where a trigger returned NULL.
inline bool fire_before_update(EState* estate, EPQState* recheck, ResultRelInfo* result,
                               ItemPointer tid, TupleTableSlot* slot) {
    TM_FailureData failure;
#if PG_VERSION_NUM >= 180000
    return ExecBRUpdateTriggers(estate, recheck, result, tid, nullptr, slot, nullptr, &failure,
                                false);
#elif PG_VERSION_NUM >= 160000
    return ExecBRUpdateTriggers(estate, recheck, result, tid, nullptr, slot, nullptr, &failure);
#else
    return ExecBRUpdateTriggers(estate, recheck, result, tid, nullptr, slot, &failure);
#endif
}

// The same for DELETE.
inline bool fire_before_delete(EState* estate, EPQState* recheck, ResultRelInfo* result,
                               ItemPointer tid) {
#if PG_VERSION_NUM >= 180000
    return ExecBRDeleteTriggers(estate, recheck, result, tid, nullptr, nullptr, nullptr, nullptr,
                                false);
#elif PG_VERSION_NUM >= 160000
    return ExecBRDeleteTriggers(estate, recheck, result, tid, nullptr, nullptr, nullptr, nullptr);
#else
    return ExecBRDeleteTriggers(estate, recheck, result, tid, nullptr, nullptr);
#endif
}

// ExecUpdatePrepareSlot(), and the checks of ExecUpdateAct(). A row that was routed to its
// partition by a key that does not change is in the right one.
inline void check_updated_row(ResultRelInfo* result, EState* estate, TupleTableSlot* row,
                              bool routed) {
    Relation relation = result->ri_RelationDesc;
    TupleConstr* constraints = RelationGetDescr(relation)->constr;
    row->tts_tableOid = RelationGetRelid(relation);
    if (constraints && constraints->has_generated_stored)
        ExecComputeStoredGenerated(result, estate, row, CMD_UPDATE);
    if (relation->rd_rel->relispartition && !routed) ExecPartitionCheck(result, row, estate, true);
    if (constraints) ExecConstraints(result, row, estate);
}

inline TM_Result delete_tuple(Relation relation, ItemPointer tid, EState* estate,
                              TM_FailureData* failure) {
    return table_tuple_delete(relation, tid, estate->es_output_cid, estate->es_snapshot,
                              InvalidSnapshot, true, failure, false);
}

// A result relation without triggers: InitResultRelInfo() would copy their descriptions, which is
// dear, and none of them would fire. Its other members are as makeNode() leaves them.
inline ResultRelInfo* result_without_triggers(Relation relation, int number, ResultRelInfo* root) {
    ResultRelInfo* result = makeNode(ResultRelInfo);
    result->ri_RangeTableIndex = number;
    result->ri_RelationDesc = relation;
    result->ri_RootResultRelInfo = root;
    return result;
}

inline void init_recheck(EPQState* recheck, EState* estate) {
#if PG_VERSION_NUM >= 160000
    EvalPlanQualInit(recheck, estate, nullptr, NIL, -1, NIL);
#else
    EvalPlanQualInit(recheck, estate, nullptr, NIL, -1);
#endif
}

}  // namespace interlock
