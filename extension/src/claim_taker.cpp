// The direct path mirrors ExecUpdate() (nodeModifyTable.c) of a row that is claimed, and
// ExecLockRows() (nodeLockRows.c) in passing over those that others have.

#include "claim_taker.hpp"

#include "key_scan.hpp"
#include "version.hpp"
#include "writer.hpp"

namespace interlock {
namespace {

constexpr ClaimColumn claimed_columns[] = {ClaimColumn::attempts, ClaimColumn::claimed_by,
                                           ClaimColumn::claim_token, ClaimColumn::claimed_until};

// Those of a row that dies of its last attempt.
constexpr ClaimColumn buried_columns[] = {ClaimColumn::claimed_until, ClaimColumn::last_error,
                                          ClaimColumn::dead_at};

RangeTable* make_update(const ClaimCall& call, bool buries) {
    Bitmapset* updated = nullptr;
    for (ClaimColumn role : claimed_columns)
        updated = bms_add_member(updated, call.claiming().column(role));
    for (ClaimColumn role : buried_columns)
        if (buries) updated = bms_add_member(updated, call.claiming().column(role));
    auto* update = allocate<RangeTable>();
    *update = make_range_table(call.relation, RowExclusiveLock, ACL_SELECT | ACL_UPDATE,
                               call.table.live_columns, updated);
    return update;
}

// Kept with the table, once it is made.
RangeTable& update_of(const ClaimCall& call, RangeTable*& kept, bool buries) {
    if (kept) return *kept;
    MemoryContext previous = MemoryContextSwitchTo(call.table.context);
    kept = make_update(call, buries);
    MemoryContextSwitchTo(previous);
    return *kept;
}

// A claim makes no version, so our row trigger, where it is the only one, has nothing to do.
bool has_usable_trigger(const Versioning& versioning) {
    if (!versioning.triggered) return true;
    return versioning.column != 0 && !versioning.unknown_setting && row_trigger_fires(versioning);
}

bool is_direct(const ClaimCall& call) {
    const Table& table = call.table;
    return table.direct.heap && table.direct.updates && has_usable_trigger(table.versioning) &&
           !has_virtual_columns(call.relation) && is_direct_now({call.relation, call.table, {}});
}

bool fires_before(const ClaimCall& call) {
    const TriggerDesc* triggers = call.relation->trigdesc;
    return triggers && triggers->trig_update_before_row &&
           !call.table.versioning.only_before_update;
}

bool fires_after(const ClaimCall& call) {
    const TriggerDesc* triggers = call.relation->trigdesc;
    return triggers && triggers->trig_update_after_row;
}

// Triggers of the columns that make a row dead are not those of a claim. (Generated columns are all
// computed: our marker is a trigger that could change any column.)
bool fires_others(const ClaimTaker& taker, const ClaimState& state) {
    return (taker.fires_before || taker.fires_after) && is_last_attempt(taker.call, state);
}

// The first version of a row that has none is the row trigger's to give.
bool lacks_version(const ClaimCall& call, TupleTableSlot* row) {
    const Versioning& versioning = call.table.versioning;
    return versioning.triggered && slot_attisnull(row, versioning.column);
}

// Somebody updates or deletes the row, or has: seen without a lock on its page, as a hint.
bool is_being_changed(TupleTableSlot* row) {
    HeapTupleHeader header = reinterpret_cast<BufferHeapTupleTableSlot*>(row)->base.tuple->t_data;
    uint16 info = header->t_infomask;
    if (info & (HEAP_XMAX_INVALID | HEAP_XMAX_IS_MULTI) || HEAP_XMAX_IS_LOCKED_ONLY(info))
        return false;
    TransactionId changer = HeapTupleHeaderGetRawXmax(header);
    return TransactionIdIsInProgress(changer) || TransactionIdDidCommit(changer);
}

void form_new_row(ClaimTaker& taker, TupleTableSlot* found, const ClaimChange& change) {
    TupleTableSlot* row = ExecClearTuple(taker.row);
    const Table& table = taker.call.table;
    slot_getallattrs(found);
    memcpy(row->tts_values, found->tts_values, sizeof(Datum) * table.column_count);
    memcpy(row->tts_isnull, found->tts_isnull, sizeof(bool) * table.column_count);
    for (int i = 0; i < table.column_count; i++)
        if (table.columns[i].dropped) row->tts_isnull[i] = true;
    for (int role = 0; role < own_claim_column_count; role++) {
        if (!change.set[role]) continue;
        int i = table.claiming.columns[role] - 1;
        row->tts_values[i] = change.values[role];
        row->tts_isnull[i] = change.nulls[role];
    }
    ExecStoreVirtualTuple(row);
}

bool lock_row(const ClaimTaker& taker, TupleTableSlot* found) {
    EState* estate = taker.estate;
    TM_FailureData failure;
    TupleTableSlot* locked = make_slot(taker.call);
    ItemPointerData tid = found->tts_tid;
    TM_Result result = table_tuple_lock(
        taker.call.relation, &tid, estate->es_snapshot, locked, estate->es_output_cid,
        ExecUpdateLockMode(estate, taker.result), LockWaitSkip, 0, &failure);
    ExecDropSingleTupleTableSlot(locked);
    return result == TM_Ok;
}

bool fire_before(const ClaimTaker& taker, TupleTableSlot* found) {
    EPQState recheck;
    init_recheck(&recheck, taker.estate);
    bool proceeds =
        fire_before_update(taker.estate, &recheck, taker.result, &found->tts_tid, taker.row);
    EvalPlanQualEnd(&recheck);
    return proceeds;
}

// Each row is a statement of its own for them, as on the planner path.
void fire_after(const ClaimTaker& taker) {
    AfterTriggerEndQuery(taker.estate);
    AfterTriggerBeginQuery();
}

TM_Result update(const ClaimTaker& taker, TupleTableSlot* found, bool locked,
                 IndexUpdate* indexes) {
    ItemPointerData tid = found->tts_tid;
    TM_FailureData failure;
    return update_tuple(taker.call.relation, &tid, taker.row, taker.estate, &failure, indexes,
                        locked);
}

// A row that somebody has a lock on which is no conflict has to be locked first, too.
bool store_row(const ClaimTaker& taker, TupleTableSlot* found, bool locked) {
    ItemPointerData tid = found->tts_tid;
    IndexUpdate indexes;
    TM_Result result = update(taker, found, locked, &indexes);
    if (result == TM_BeingModified && !locked && lock_row(taker, found))
        result = update(taker, found, true, &indexes);
    if (result != TM_Ok) return false;
    List* recheck = insert_index_tuples(taker.result, taker.row, taker.estate, indexes);
    ExecARUpdateTriggers(taker.estate, taker.result, nullptr, nullptr, &tid, nullptr, taker.row,
                         recheck, nullptr, false);
    return true;
}

bool take_directly(ClaimTaker& taker, TupleTableSlot* found, const ClaimChange& change) {
    if (is_being_changed(found)) return false;
    form_new_row(taker, found, change);
    bool locked = taker.fires_before || !can_update_without_waiting();
    if (locked && !lock_row(taker, found)) return false;
    if (taker.fires_before && !fire_before(taker, found)) return false;
    check_updated_row(taker.result, taker.estate, taker.row, false);
    return store_row(taker, found, locked);
}

ResultRelInfo* make_result(const ClaimTaker& taker) {
    Relation relation = taker.call.relation;
    if (!taker.fires_before && !taker.fires_after)
        return result_without_triggers(relation, 1, nullptr);
    ResultRelInfo* result = makeNode(ResultRelInfo);
    InitResultRelInfo(result, relation, 1, nullptr, 0);
    return result;
}

}  // namespace

TupleTableSlot* make_slot(const ClaimCall& call) {
    if (call.table.direct.row == nullptr) return table_slot_create(call.relation, nullptr);
    return MakeTupleTableSlot(call.table.direct.row, table_slot_callbacks(call.relation));
}

void require_claim_privileges(const ClaimCall& call) {
    require_permissions(update_of(call, call.access().privileges, true));
}

ClaimTaker* begin_taking(ClaimCall& call) {
    auto* taker = new (palloc0(sizeof(ClaimTaker))) ClaimTaker{
        call, is_direct(call), fires_before(call), fires_after(call), nullptr, nullptr, nullptr};
    if (!taker->direct) return taker;
    CheckCmdReplicaIdentity(call.relation, CMD_UPDATE);
    AfterTriggerBeginQuery();
    EState* estate = taker->estate = CreateExecutorState();
    MemoryContext previous = MemoryContextSwitchTo(estate->es_query_cxt);
    estate->es_snapshot = GetActiveSnapshot();
    estate->es_output_cid = GetCurrentCommandId(true);
    init_range_table(estate, update_of(call, call.access().update, false));
    taker->result = make_result(*taker);
    if (taker->fires_before || taker->fires_after)
        estate->es_opened_result_relations = list_make1(taker->result);
    taker->row = make_slot(call);
    MemoryContextSwitchTo(previous);
    return taker;
}

void end_taking(ClaimTaker* taker) {
    if (!taker->direct) return;
    AfterTriggerEndQuery(taker->estate);
    ExecCloseResultRelations(taker->estate);
    ExecClearTuple(taker->row);
    ExecResetTupleTable(taker->estate->es_tupleTable, false);
    FreeExecutorState(taker->estate);
}

bool take_row(ClaimTaker& taker, TupleTableSlot* found, const ClaimState& state) {
    ClaimCall& call = taker.call;
    bool direct = taker.direct && !lacks_version(call, found) && !fires_others(taker, state);
    count_path(direct);
    if (!direct) return take_by_statement(call, found);
    ResetPerTupleExprContext(taker.estate);
    MemoryContext previous = MemoryContextSwitchTo(GetPerTupleMemoryContext(taker.estate));
    bool taken = take_directly(taker, found, change_for(call, state));
    if (taken && !is_last_attempt(call, state)) {
        tuplestore_puttupleslot(call.rows, taker.row);
        call.claimed++;
    }
    MemoryContextSwitchTo(previous);
    if (taken && taker.fires_after) fire_after(taker);
    return taken;
}

}  // namespace interlock
