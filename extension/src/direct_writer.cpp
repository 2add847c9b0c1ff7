// The direct path: an UPDATE of one row by its primary key with the executor's
// own pieces, and without parser, planner and plan tree. It mirrors
// ExecUpdate() in nodeModifyTable.c.

#include "current_row.hpp"
#include "executor.hpp"
#include "own_write.hpp"
#include "settings.hpp"
#include "version.hpp"
#include "writer.hpp"

namespace interlock {

// What the executor must know to check the permissions of an update of one set
// of columns.
struct DirectStatement {
    DirectStatement* next;
    bool compares;
    RangeTable range_table;
};

namespace {

// One attempt: the executor's state around one row.
struct Execution {
    const Update& update;
    EState* estate;
    ResultRelInfo* result;
    TupleTableSlot* old_row;
    TupleTableSlot* new_row;
};

// The row was written or judged; it changed while we waited for it; only the
// planner path can tell.
enum class Attempt { done, again, planner };

Bitmapset* add_column(Bitmapset* columns, AttrNumber attno) {
    return bms_add_member(columns, attno - FirstLowInvalidHeapAttributeNumber);
}

// The columns that the planner path's UPDATE names, too.
DirectStatement* add_statement(const Update& update, bool compares) {
    Table& table = update.table;
    ColumnSet& set = *update.changes.columns;
    MemoryContext previous = MemoryContextSwitchTo(table.context);
    Bitmapset* updated = nullptr;
    Bitmapset* selected = add_column(nullptr, table.versioning.column);
    for (int i = 0; i < table.key.count; i++)
        selected = add_column(selected, table.key.columns[i].attno);
    for (int i = 0; i < set.count; i++) {
        updated = add_column(updated, set.attnos[i]);
        if (compares) selected = add_column(selected, set.attnos[i]);
    }
    auto* statement = allocate<DirectStatement>();
    *statement = {set.direct_statements, compares,
                  make_range_table(update.relation, ACL_SELECT | ACL_UPDATE, selected, updated)};
    MemoryContextSwitchTo(previous);
    return set.direct_statements = statement;
}

const RangeTable& range_table(const Update& update, bool compares) {
    for (auto* statement = update.changes.columns->direct_statements; statement;
         statement = statement->next)
        if (statement->compares == compares) return statement->range_table;
    return add_statement(update, compares)->range_table;
}

// A statement of its own, as SPI would run it: it sees what came before and
// what was committed by now.
void begin_statement() {
    CommandCounterIncrement();
    PushActiveSnapshot(GetTransactionSnapshot());
}

Execution begin_execution(const Update& update, const RangeTable& range_table) {
    Execution execution = {update, CreateExecutorState(), nullptr, nullptr, nullptr};
    EState* estate = execution.estate;
    MemoryContextSwitchTo(estate->es_query_cxt);
    estate->es_snapshot = GetActiveSnapshot();
    estate->es_output_cid = GetCurrentCommandId(true);
    init_range_table(estate, range_table);
    execution.result = makeNode(ResultRelInfo);
    InitResultRelInfo(execution.result, update.relation, 1, nullptr, 0);
    estate->es_opened_result_relations = lappend(NIL, execution.result);
    execution.old_row = table_slot_create(update.relation, &estate->es_tupleTable);
    return execution;
}

void end_execution(const Execution& execution, MemoryContext memory) {
    ExecCloseResultRelations(execution.estate);
    ExecResetTupleTable(execution.estate->es_tupleTable, false);
    MemoryContextSwitchTo(memory);
    FreeExecutorState(execution.estate);
}

// The row that the snapshot shows.
bool find_row(const Execution& execution) {
    const Update& update = execution.update;
    Key& key = update.table.key;
    ScanKeyData conditions[INDEX_MAX_KEYS];
    for (int i = 0; i < key.count; i++) {
        conditions[i] = key.columns[i].condition;
        conditions[i].sk_argument = update.key.values[i];
    }
    Relation index = index_open(key.index, AccessShareLock);
    IndexScanDesc scan =
        begin_index_scan(update.relation, index, execution.estate->es_snapshot, key.count);
    index_rescan(scan, conditions, key.count, nullptr, 0);
    bool found = index_getnext_slot(scan, ForwardScanDirection, execution.old_row);
    index_endscan(scan);
    index_close(index, AccessShareLock);
    return found;
}

std::optional<int64> version_of(const Execution& execution, TupleTableSlot* row) {
    const Versioning& versioning = execution.update.table.versioning;
    bool is_null;
    Datum value = slot_getattr(row, versioning.column, &is_null);
    if (is_null) return {};
    return version_number(versioning.kind, value);
}

// Does the row hold another value than the wanted one in column number i of the
// changes?
bool differs(const Execution& execution, int i) {
    const Changes& changes = execution.update.changes;
    const Column& column = execution.update.table.column(changes.columns->attnos[i]);
    bool is_null;
    Datum value = slot_getattr(execution.old_row, column.attno, &is_null);
    return !same_value(column, value, is_null, changes.values[i], changes.nulls[i]);
}

bool already_holds(const Execution& execution) {
    for (int i = 0; i < execution.update.changes.columns->count; i++)
        if (differs(execution, i)) return false;
    return true;
}

// Would the row trigger make a new version?
bool makes_version(const Execution& execution, bool compares) {
    const ColumnSet& set = *execution.update.changes.columns;
    for (int i = 0; i < set.count; i++)
        if (!bms_is_member(set.attnos[i], execution.update.table.versioning.except) &&
            (!compares || differs(execution, i)))
            return true;
    return false;
}

void set_value(TupleTableSlot* row, AttrNumber attno, Datum value, bool is_null) {
    row->tts_values[attno - 1] = value;
    row->tts_isnull[attno - 1] = is_null;
}

void form_new_row(Execution& execution) {
    const Changes& changes = execution.update.changes;
    TupleTableSlot* old_row = execution.old_row;
    TupleTableSlot* row = execution.new_row =
        table_slot_create(execution.update.relation, &execution.estate->es_tupleTable);
    slot_getallattrs(old_row);
    int columns = old_row->tts_tupleDescriptor->natts;
    memcpy(row->tts_values, old_row->tts_values, sizeof(Datum) * columns);
    memcpy(row->tts_isnull, old_row->tts_isnull, sizeof(bool) * columns);
    for (int i = 0; i < changes.columns->count; i++)
        set_value(row, changes.columns->attnos[i], changes.values[i], changes.nulls[i]);
    ExecStoreVirtualTuple(row);
}

// Where the row trigger is the only one, its work is done here, and the row
// need not be locked first.
void bump_version(const Execution& execution, bool compares) {
    const Update& update = execution.update;
    int64 next = makes_version(execution, compares) ? update.expected + 1 : update.expected;
    set_value(execution.new_row, update.table.versioning.column,
              version_datum(update.table.versioning.kind, next), false);
}

// ExecBRUpdateTriggers() would follow an update chain by re-checking a plan:
// give it a row that is locked.
TM_Result lock_row(const Execution& execution) {
    EState* estate = execution.estate;
    TM_FailureData failure;
    TupleTableSlot* locked = table_slot_create(execution.update.relation, &estate->es_tupleTable);
    ItemPointerData tid = execution.old_row->tts_tid;
    return table_tuple_lock(execution.update.relation, &tid, estate->es_snapshot, locked,
                            estate->es_output_cid, ExecUpdateLockMode(estate, execution.result),
                            LockWaitBlock, 0, &failure);
}

bool fire_triggers(const Execution& execution) {
    EPQState recheck;
    init_recheck(&recheck, execution.estate);
    bool proceed;
    const Update& update = execution.update;
    OwnWrite mine = own_write(update.table, update.changes, update.expected);
    mine.match = Match::differs;
    begin_own_write(mine);
    with_cleanup(
        [&] {
            proceed = fire_before_update(execution.estate, &recheck, execution.result,
                                         &execution.old_row->tts_tid, execution.new_row);
        },
        [&] { end_own_write(mine); });
    EvalPlanQualEnd(&recheck);
    return proceed;
}

// ExecUpdatePrepareSlot(), and the checks of ExecUpdateAct().
void check_new_row(const Execution& execution) {
    Relation relation = execution.update.relation;
    TupleConstr* constraints = RelationGetDescr(relation)->constr;
    execution.new_row->tts_tableOid = RelationGetRelid(relation);
    if (constraints && constraints->has_generated_stored)
        ExecComputeStoredGenerated(execution.result, execution.estate, execution.new_row,
                                   CMD_UPDATE);
    if (relation->rd_rel->relispartition)
        ExecPartitionCheck(execution.result, execution.new_row, execution.estate, true);
    if (constraints) ExecConstraints(execution.result, execution.new_row, execution.estate);
}

[[noreturn]] void raise_concurrent_change(TM_Result result) {
    ereport(ERROR,
            (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
             result == TM_Deleted ? errmsg("could not serialize access due to concurrent delete")
                                  : errmsg("could not serialize access due to concurrent update")));
    pg_unreachable();
}

[[noreturn]] void raise_self_modified() {
    ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
                    errmsg("tuple to be updated was already modified by an operation triggered by "
                           "the current command"),
                    errhint("Consider using an AFTER trigger instead of a BEFORE trigger to "
                            "propagate changes to other rows.")));
    pg_unreachable();
}

// True for the row as it was found; false where another transaction changed it
// first.
bool is_still_ours(TM_Result result) {
    if (result == TM_Ok) return true;
    if (result == TM_SelfModified) raise_self_modified();
    if (IsolationUsesXactSnapshot()) raise_concurrent_change(result);
    return false;
}

Attempt store_new_row(Execution& execution, WriteOutcome& outcome) {
    check_new_row(execution);
    EState* estate = execution.estate;
    ItemPointerData tid = execution.old_row->tts_tid;
    TM_FailureData failure;
    IndexUpdate indexes;
    TM_Result result = update_tuple(execution.update.relation, &tid, execution.new_row, estate,
                                    &failure, &indexes);
    if (!is_still_ours(result)) return Attempt::again;
    List* recheck = insert_index_tuples(execution.result, execution.new_row, estate, indexes);
    ExecARUpdateTriggers(estate, execution.result, nullptr, nullptr, &tid, nullptr,
                         execution.new_row, recheck, nullptr, false);
    outcome = {WriteStatus::written, version_of(execution, execution.new_row), nullptr, nullptr};
    return Attempt::done;
}

Attempt write_row(Execution& execution, bool compares, WriteOutcome& outcome) {
    form_new_row(execution);
    if (execution.update.table.versioning.only_before_update) {
        bump_version(execution, compares);
    } else {
        if (!is_still_ours(lock_row(execution))) return Attempt::again;
        if (!fire_triggers(execution)) {
            outcome = {WriteStatus::rejected, execution.update.expected, nullptr, nullptr};
            return Attempt::done;
        }
    }
    return store_new_row(execution, outcome);
}

// What is not written: at REPEATABLE READ only the planner path can tell
// whether the row is the newest.
Attempt report(const WriteOutcome& reported, WriteOutcome& outcome) {
    outcome = reported;
    return IsolationUsesXactSnapshot() ? Attempt::planner : Attempt::done;
}

Attempt execute(Execution& execution, bool compares, MemoryContext memory, WriteOutcome& outcome) {
    const Update& update = execution.update;
    if (!find_row(execution)) return report({WriteStatus::missing, {}, nullptr, nullptr}, outcome);
    if (version_of(execution, execution.old_row) != update.expected) {
        if (update.report != Report::version && has_virtual_columns(update.relation))
            return Attempt::planner;
        return report(stale_outcome(update, execution.old_row, memory), outcome);
    }
    if (compares && already_holds(execution))
        return report({WriteStatus::unchanged, update.expected, nullptr, nullptr}, outcome);
    return write_row(execution, compares, outcome);
}

Attempt attempt(const Update& update, bool compares, WriteOutcome& outcome) {
    MemoryContext memory = CurrentMemoryContext;
    // as UPDATE does, whether or not it finds a row
    CheckCmdReplicaIdentity(update.relation, CMD_UPDATE);
    begin_statement();
    AfterTriggerBeginQuery();
    Execution execution = begin_execution(update, range_table(update, compares));
    Attempt result = execute(execution, compares, memory, outcome);
    AfterTriggerEndQuery(execution.estate);
    end_execution(execution, memory);
    PopActiveSnapshot();
    return result;
}

bool has_statement_triggers(const TriggerDesc* triggers) {
    return triggers &&
           (triggers->trig_update_before_statement || triggers->trig_update_after_statement ||
            triggers->trig_update_new_table || triggers->trig_update_old_table);
}

// What may change without an invalidation of the relation: role, session, and
// the last version.
bool is_direct_now(const Update& update) {
    return direct_writes_enabled() && row_trigger_fires(update.table.versioning) &&
           check_enable_rls(update.table.relid, InvalidOid, true) != RLS_ENABLED &&
           update.expected < largest_version(update.table.versioning.kind);
}

}  // namespace

// Everything that makes the planner path's UPDATE more than an update of this
// one row of this one heap.
bool is_direct_table(Relation relation, Relation key_index) {
    Form_pg_class form = relation->rd_rel;
    return form->relkind == RELKIND_RELATION && form->relam == HEAP_TABLE_AM_OID &&
           !form->relhassubclass && relation->rd_rules == nullptr &&
           !has_statement_triggers(relation->trigdesc) && key_index->rd_index->indisvalid &&
           key_index->rd_index->indimmediate && !OidIsValid(get_extension_oid("citus", true)) &&
           !OidIsValid(get_extension_oid("timescaledb", true));
}

std::optional<WriteOutcome> direct_update(const Update& update) {
    if (!update.table.direct || update.changes.columns->count == 0 || !is_direct_now(update))
        return {};
    bool compares = may_compare(update);
    check_permissions(range_table(update, compares));
    WriteOutcome outcome;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        switch (attempt(update, compares, outcome)) {
            case Attempt::done:
                return outcome;
            case Attempt::planner:
                return {};
            case Attempt::again:
                break;
        }
    }
}

}  // namespace interlock
