// The direct path: an UPDATE, DELETE or SELECT FOR SHARE of one row by its primary key with the
// executor's own pieces, and without parser, planner and plan tree. It mirrors ExecUpdate(),
// ExecDelete() (nodeModifyTable.c) and ExecLockRows() (nodeLockRows.c).

#include "executor.hpp"
#include "key_scan.hpp"
#include "own_write.hpp"
#include "version.hpp"

#include <new>

namespace interlock {

// What the executor must know to check the permissions of a write.
struct DirectStatement {
    DirectStatement* next;
    Operation operation;
    const ColumnSet* expected;
    const Bitmapset* ruled;
    bool compares;
    AttrNumber touched;
    RangeTable range_table;
};

// A statement that is being executed: the executor's state around one row, or one row of a batch
// after the other.
struct Execution {
    const Write* write;  // of the row at hand
    Place place;
    Operation operation;
    const ColumnSet* columns;
    const Bitmapset* ruled;
    bool compares;
    int rows;  // written so far
    EState* estate;
    ResultRelInfo* result;
    KeyScan scan;
    TupleTableSlot* old_row;
    TupleTableSlot* new_row;
};

namespace {

// The row was written or judged; it changed while we waited for it; only the planner path can tell.
enum class Attempt { done, again, planner };

bool stores_row(const Write& write) {
    return write.operation == Operation::update || write.operation == Operation::touch;
}

LOCKMODE table_lock(const Write& write) {
    return is_check(write) ? RowShareLock : RowExclusiveLock;
}

Bitmapset* add_columns(Bitmapset* columns, const ColumnSet& set) {
    for (int i = 0; i < set.count; i++)
        columns = bms_add_member(columns, set.attnos[i]);
    return columns;
}

const Bitmapset* ruled_columns(const Write& write) {
    return write.rule ? write.rule->columns : nullptr;
}

// The columns that the planner path's statement reads, too.
Bitmapset* selected_columns(const Write& write, bool compares, AttrNumber touched) {
    Bitmapset* columns = nullptr;
    if (touched) columns = bms_add_member(columns, touched);
    if (write.expected) columns = bms_add_member(columns, write.table.versioning.column);
    if (write.expected_values) columns = add_columns(columns, *write.expected_values->columns);
    for (int i = 0; i < write.key.key->count; i++)
        columns = bms_add_member(columns, write.key.key->columns[i].attno);
    columns = bms_add_members(columns, ruled_columns(write));
    return compares ? add_columns(columns, *write.changes.columns) : columns;
}

AclMode required_privileges(const Write& write) {
    return ACL_SELECT | (write.operation == Operation::erase ? ACL_DELETE : ACL_UPDATE);
}

// Without updated columns, ACL_UPDATE is asked for on any column, as SELECT FOR SHARE does.
DirectStatement* add_statement(const Write& write, bool compares, AttrNumber touched) {
    ColumnSet& set = *write.changes.columns;
    MemoryContext previous = MemoryContextSwitchTo(write.table.context);
    Bitmapset* updated = add_columns(nullptr, set);
    if (touched) updated = bms_add_member(updated, touched);
    auto* statement = allocate<DirectStatement>();
    *statement = {set.direct_statements,
                  write.operation,
                  write.expected_values ? write.expected_values->columns : nullptr,
                  ruled_columns(write),
                  compares,
                  touched,
                  make_range_table(write.relation, table_lock(write), required_privileges(write),
                                   selected_columns(write, compares, touched), updated)};
    MemoryContextSwitchTo(previous);
    return set.direct_statements = statement;
}

const RangeTable& range_table(const Write& write, bool compares) {
    AttrNumber touched =
        write.operation == Operation::touch ? touched_column(write.table) : AttrNumber{0};
    const ColumnSet* expected = write.expected_values ? write.expected_values->columns : nullptr;
    for (auto* statement = write.changes.columns->direct_statements; statement;
         statement = statement->next)
        if (statement->operation == write.operation && statement->expected == expected &&
            statement->ruled == ruled_columns(write) && statement->compares == compares &&
            statement->touched == touched)
            return statement->range_table;
    return add_statement(write, compares, touched)->range_table;
}

// Raises 42501, and runs ExecutorCheckPerms_hook. True where the caller may read what it changes,
// so that both can be compared.
bool check_permissions(const Write& write) {
    bool updates = write.operation == Operation::update && write.rule == nullptr;
    if (updates && has_permissions(range_table(write, true))) return true;
    bool compares = updates && may_compare(write);
    require_permissions(range_table(write, compares));
    return compares;
}

// Is our row trigger the only one, and would it count up? Then its work is done here, and the row
// need not be locked first. Nor is there a guard of checkouts, which would have to judge.
bool bumps_here(const Table& table) {
    return table.versioning.only_before_update &&
           table.versioning.kind != VersionKind::timestamptz && !table.checkout_guard.triggered;
}

// Would a trigger see the row, before or after it is written?
bool fires_triggers(const Execution& execution) {
    const TriggerDesc* triggers = execution.place.relation->trigdesc;
    if (triggers == nullptr || is_check(*execution.write)) return false;
    if (execution.write->operation == Operation::erase)
        return triggers->trig_delete_before_row || triggers->trig_delete_after_row;
    return !bumps_here(execution.place.table) || triggers->trig_update_after_row;
}

ResultRelInfo* init_result(const Execution& execution) {
    const Place& place = execution.place;
    ResultRelInfo* root = nullptr;
    if (place.routed) root = result_without_triggers(execution.write->relation, 1, nullptr);
    int number = place.routed ? 0 : 1;
    if (!fires_triggers(execution)) return result_without_triggers(place.relation, number, root);
    ResultRelInfo* result = makeNode(ResultRelInfo);
    InitResultRelInfo(result, place.relation, number, root, 0);
    return result;
}

Execution* begin_execution(const Write& write, const Place& place, bool compares,
                           MemoryContext outer) {
    begin_statement();
    AfterTriggerBeginQuery();
    MemoryContext memory = MemoryContextSwitchTo(outer);
    EState* estate = CreateExecutorState();
    MemoryContextSwitchTo(estate->es_query_cxt);
    auto* execution = new (palloc(sizeof(Execution))) Execution{&write,
                                                                place,
                                                                write.operation,
                                                                write.changes.columns,
                                                                ruled_columns(write),
                                                                compares,
                                                                0,
                                                                estate,
                                                                nullptr,
                                                                {},
                                                                nullptr,
                                                                nullptr};
    if (place.routed)
        execution->place.relation = table_open(RelationGetRelid(place.relation), NoLock);
    estate->es_snapshot = GetActiveSnapshot();
    estate->es_output_cid = GetCurrentCommandId(!is_check(write));
    init_range_table(estate, range_table(write, compares));
    execution->result = init_result(*execution);
    if (fires_triggers(*execution))
        estate->es_opened_result_relations = list_make1(execution->result);
    execution->old_row = make_row(place);
    execution->scan = begin_key_scan(place, estate->es_snapshot, table_lock(write));
    MemoryContextSwitchTo(memory);
    return execution;
}

void end_execution(Execution* execution) {
    EState* estate = execution->estate;
    Place place = execution->place;
    end_key_scan(execution->scan);
    AfterTriggerEndQuery(estate);
    ExecCloseResultRelations(estate);
    ExecClearTuple(execution->old_row);
    if (execution->new_row) ExecClearTuple(execution->new_row);
    ExecResetTupleTable(estate->es_tupleTable, false);
    FreeExecutorState(estate);
    if (place.routed) table_close(place.relation, NoLock);
    PopActiveSnapshot();
}

// What lasts as long as the statement is made in its memory, not in that of one row.
template <typename Body>
auto in_statement_memory(const Execution& execution, Body body) {
    MemoryContext memory = MemoryContextSwitchTo(execution.estate->es_query_cxt);
    auto result = body();
    MemoryContextSwitchTo(memory);
    return result;
}

// The row that the snapshot shows.
bool find_row(const Execution& execution) {
    return in_statement_memory(execution, [&] {
        return find_row(execution.scan, execution.place.table.key, execution.write->key.values,
                        execution.old_row);
    });
}

const Versioning& versioning_of(const Execution& execution) {
    return execution.place.table.versioning;
}

bool is_counted(const Versioning& versioning) {
    return versioning.column != 0 && versioning.kind != VersionKind::timestamptz;
}

std::optional<int64> version_of(const Execution& execution, TupleTableSlot* row) {
    const Versioning& versioning = versioning_of(execution);
    if (!is_counted(versioning)) return {};
    bool is_null;
    Datum value = slot_getattr(row, versioning.column, &is_null);
    if (is_null) return {};
    return version_number(versioning.kind, value);
}

RowValues reported_row(const Execution& execution) {
    const Write& write = *execution.write;
    const Bitmapset* columns = write.rule ? write.rule->columns : reported_columns(write);
    return named_row(execution.place, write.table, columns, execution.old_row);
}

bool is_as_expected(const Execution& execution) {
    const Write& write = *execution.write;
    if (write.expected) return version_of(execution, execution.old_row) == write.expected;
    if (write.rule) return write.rule->judge(*write.rule, reported_row(execution), write.changes);
    return is_expected(write, reported_row(execution));
}

// Does the row hold another value than the wanted one in column number i of the changes?
bool differs(const Execution& execution, int i) {
    const ColumnValues& changes = execution.write->changes;
    const Column& column = execution.write->table.column(changes.columns->attnos[i]);
    bool is_null;
    Datum value = slot_getattr(execution.old_row, execution.place.column(column.attno), &is_null);
    return !same_value(column, value, is_null, changes.values[i], changes.nulls[i]);
}

// What the changes would do to the row: nothing; something that makes no version; a new version.
enum class Effect { none, written, new_version };

Effect effect_of(const Execution& execution) {
    if (execution.write->operation == Operation::touch) return Effect::new_version;
    const ColumnSet& set = *execution.write->changes.columns;
    Effect effect = execution.compares ? Effect::none : Effect::written;
    for (int i = 0; i < set.count; i++) {
        if (execution.compares && !differs(execution, i)) continue;
        effect = Effect::written;
        if (!bms_is_member(set.attnos[i], execution.write->table.versioning.except))
            return Effect::new_version;
    }
    return effect;
}

void set_value(TupleTableSlot* row, AttrNumber attno, Datum value, bool is_null) {
    row->tts_values[attno - 1] = value;
    row->tts_isnull[attno - 1] = is_null;
}

TupleTableSlot* empty_new_row(Execution& execution) {
    if (execution.new_row) return ExecClearTuple(execution.new_row);
    return execution.new_row =
               in_statement_memory(execution, [&] { return make_row(execution.place); });
}

void form_new_row(Execution& execution) {
    const ColumnValues& changes = execution.write->changes;
    const Place& place = execution.place;
    TupleTableSlot* old_row = execution.old_row;
    TupleTableSlot* row = empty_new_row(execution);
    slot_getallattrs(old_row);
    int columns = old_row->tts_tupleDescriptor->natts;
    memcpy(row->tts_values, old_row->tts_values, sizeof(Datum) * columns);
    memcpy(row->tts_isnull, old_row->tts_isnull, sizeof(bool) * columns);
    for (int i = 0; i < changes.columns->count; i++)
        set_value(row, place.column(changes.columns->attnos[i]), changes.values[i],
                  changes.nulls[i]);
    ExecStoreVirtualTuple(row);
}

// False for a row without a version, and at the last one: the trigger knows what to do.
bool bump_version(const Execution& execution, std::optional<int64>& version) {
    const Versioning& versioning = versioning_of(execution);
    if (!version || *version >= largest_version(versioning.kind)) return false;
    set_value(execution.new_row, versioning.column, version_datum(versioning.kind, ++*version),
              false);
    return true;
}

LockTupleMode row_lock(const Execution& execution) {
    switch (execution.write->operation) {
        case Operation::check_share:
            return LockTupleShare;
        case Operation::check_no_key_update:
            return LockTupleNoKeyExclusive;
        case Operation::erase:
            return LockTupleExclusive;
        default:
            return ExecUpdateLockMode(execution.estate, execution.result);
    }
}

// Before triggers: ExecBRUpdateTriggers() would follow an update chain by re-checking a plan; give
// it a row that is locked.
TM_Result lock_row(const Execution& execution, LockWaitPolicy policy = LockWaitBlock) {
    EState* estate = execution.estate;
    TM_FailureData failure;
    TupleTableSlot* locked = make_row(execution.place);
    ItemPointerData tid = execution.old_row->tts_tid;
    TM_Result result =
        table_tuple_lock(execution.place.relation, &tid, estate->es_snapshot, locked,
                         estate->es_output_cid, row_lock(execution), policy, 0, &failure);
    ExecDropSingleTupleTableSlot(locked);
    return result;
}

bool call_triggers(const Execution& execution, EPQState* recheck) {
    ItemPointer tid = &execution.old_row->tts_tid;
    if (execution.write->operation == Operation::erase)
        return fire_before_delete(execution.estate, recheck, execution.result, tid);
    return fire_before_update(execution.estate, recheck, execution.result, tid, execution.new_row);
}

bool fire_triggers(const Execution& execution) {
    EPQState recheck;
    init_recheck(&recheck, execution.estate);
    bool proceed;
    OwnWrite mine = own_write(*execution.write, execution.compares);
    mine.match = Match::differs;
    begin_own_write(mine);
    with_cleanup([&] { proceed = call_triggers(execution, &recheck); },
                 [&] { end_own_write(mine); });
    EvalPlanQualEnd(&recheck);
    return proceed;
}

// ExecLockRows() has one message for both.
[[noreturn]] void raise_concurrent_change(const Write& write, TM_Result result) {
    bool deleted = result == TM_Deleted && !is_check(write);
    ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                    deleted ? errmsg("could not serialize access due to concurrent delete")
                            : errmsg("could not serialize access due to concurrent update")));
    pg_unreachable();
}

[[noreturn]] void raise_self_modified(const Write& write) {
    ereport(ERROR, (errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
                    errmsg("tuple to be %s was already modified by an operation triggered by "
                           "the current command",
                           write.operation == Operation::erase ? "deleted" : "updated"),
                    errhint("Consider using an AFTER trigger instead of a BEFORE trigger to "
                            "propagate changes to other rows.")));
    pg_unreachable();
}

// True for the row as it was found; false where another transaction changed it first.
bool is_still_ours(const Write& write, TM_Result result) {
    if (result == TM_Ok) return true;
    if (result == TM_SelfModified) raise_self_modified(write);
    if (IsolationUsesXactSnapshot()) raise_concurrent_change(write, result);
    return false;
}

bool store_new_row(Execution& execution) {
    check_updated_row(execution.result, execution.estate, execution.new_row,
                      execution.place.routed);
    EState* estate = execution.estate;
    ItemPointerData tid = execution.old_row->tts_tid;
    TM_FailureData failure;
    IndexUpdate indexes;
    TM_Result result =
        update_tuple(execution.place.relation, &tid, execution.new_row, estate, &failure, &indexes);
    if (!is_still_ours(*execution.write, result)) return false;
    List* recheck = insert_index_tuples(execution.result, execution.new_row, estate, indexes);
    ExecARUpdateTriggers(estate, execution.result, nullptr, nullptr, &tid, nullptr,
                         execution.new_row, recheck, nullptr, false);
    return true;
}

bool delete_row(Execution& execution) {
    ItemPointerData tid = execution.old_row->tts_tid;
    TM_FailureData failure;
    TM_Result result = delete_tuple(execution.place.relation, &tid, execution.estate, &failure);
    if (!is_still_ours(*execution.write, result)) return false;
    ExecARDeleteTriggers(execution.estate, execution.result, &tid, nullptr, nullptr, false);
    return true;
}

// Locks the row and runs the BEFORE triggers; nothing where the write may go on.
std::optional<Attempt> run_before_triggers(const Execution& execution, WriteOutcome& outcome) {
    if (!is_still_ours(*execution.write, lock_row(execution))) return Attempt::again;
    if (fire_triggers(execution)) return {};
    outcome = {WriteStatus::rejected, version_of(execution, execution.old_row), nullptr, nullptr};
    return Attempt::done;
}

Attempt update_row(Execution& execution, Effect effect, WriteOutcome& outcome) {
    form_new_row(execution);
    const Versioning& versioning = versioning_of(execution);
    bool bumps = bumps_here(execution.place.table);
    std::optional<int64> version = version_of(execution, execution.old_row);
    if (!bumps) {
        if (std::optional<Attempt> ended = run_before_triggers(execution, outcome)) return *ended;
    } else if (versioning.triggered && effect == Effect::new_version) {
        if (!bump_version(execution, version)) return Attempt::planner;
    }
    if (!store_new_row(execution)) return Attempt::again;
    if (!bumps) version = version_of(execution, execution.new_row);
    outcome = {WriteStatus::written, version, nullptr, nullptr};
    return Attempt::done;
}

Attempt erase_row(Execution& execution, WriteOutcome& outcome) {
    const TriggerDesc* triggers = execution.place.relation->trigdesc;
    if (triggers && triggers->trig_delete_before_row)
        if (std::optional<Attempt> ended = run_before_triggers(execution, outcome)) return *ended;
    if (!delete_row(execution)) return Attempt::again;
    outcome = {WriteStatus::written, {}, nullptr, nullptr};
    return Attempt::done;
}

// What is not written: at REPEATABLE READ only the planner path can tell whether the row is the
// newest.
Attempt report(const WriteOutcome& reported, WriteOutcome& outcome) {
    outcome = reported;
    return IsolationUsesXactSnapshot() ? Attempt::planner : Attempt::done;
}

Attempt report_stale(const Execution& execution, MemoryContext memory, WriteOutcome& outcome) {
    const Write& write = *execution.write;
    if (IsolationUsesXactSnapshot()) return Attempt::planner;
    if (write.report != Report::version && has_virtual_columns(execution.place.relation))
        return Attempt::planner;
    outcome = describe(WriteStatus::stale, write, reported_row(execution), memory);
    return Attempt::done;
}

Attempt check_row(const Execution& execution, WriteOutcome& outcome) {
    if (!is_still_ours(*execution.write, lock_row(execution))) return Attempt::again;
    outcome = {WriteStatus::unchanged, execution.write->expected, nullptr, nullptr};
    return Attempt::done;
}

// A row that is locked is left alone. The lock is weaker than a foreign key's on it, which
// table_tuple_update() would not tell apart without waiting.
std::optional<Attempt> lock_without_waiting(const Execution& execution, WriteOutcome& outcome) {
    TM_Result result = lock_row(execution, LockWaitSkip);
    if (result == TM_WouldBlock) {
        outcome = {WriteStatus::busy, {}, nullptr, nullptr};
        return Attempt::done;
    }
    if (!is_still_ours(*execution.write, result)) return Attempt::again;
    return {};
}

Attempt execute(Execution& execution, MemoryContext memory, WriteOutcome& outcome) {
    if (!find_row(execution)) return report({WriteStatus::missing, {}, nullptr, nullptr}, outcome);
    if (!is_as_expected(execution)) return report_stale(execution, memory, outcome);
    if (is_check(*execution.write)) return check_row(execution, outcome);
    if (!execution.write->waits)
        if (std::optional<Attempt> ended = lock_without_waiting(execution, outcome)) return *ended;
    if (execution.write->operation == Operation::erase) return erase_row(execution, outcome);
    Effect effect = effect_of(execution);
    if (effect == Effect::none)
        return report(
            {WriteStatus::unchanged, version_of(execution, execution.old_row), nullptr, nullptr},
            outcome);
    return update_row(execution, effect, outcome);
}

// As the executor does, whether or not it finds a row.
void require_replica_identity(const Write& write, const Place& place) {
    if (is_check(write)) return;
    bool erases = write.operation == Operation::erase;
    CheckCmdReplicaIdentity(place.relation, erases ? CMD_DELETE : CMD_UPDATE);
}

// In the memory of the statement, unless that goes on for a whole batch.
Attempt attempt(Execution& execution, const Write& write, bool batched, WriteOutcome& outcome) {
    MemoryContext memory = CurrentMemoryContext;
    execution.write = &write;
    if (!batched) MemoryContextSwitchTo(execution.estate->es_query_cxt);
    ResetPerTupleExprContext(execution.estate);
    Attempt result = execute(execution, memory, outcome);
    MemoryContextSwitchTo(memory);
    if (result == Attempt::done && outcome.status == WriteStatus::written) execution.rows++;
    return result;
}

bool has_update_triggers(const TriggerDesc* triggers) {
    return triggers &&
           (triggers->trig_update_before_statement || triggers->trig_update_after_statement ||
            triggers->trig_update_new_table || triggers->trig_update_old_table);
}

bool has_delete_triggers(const TriggerDesc* triggers) {
    return triggers && (triggers->trig_delete_before_statement ||
                        triggers->trig_delete_after_statement || triggers->trig_delete_old_table);
}

bool is_named_directly(const Write& write) {
    if (write.operation == Operation::erase) return write.table.direct.deletes;
    return is_check(write) || write.table.direct.updates;
}

// The trigger must be in force as in a statement, and have nothing to complain about.
bool has_usable_trigger(const Write& write, const Versioning& versioning) {
    if (!versioning.triggered || is_check(write) || write.operation == Operation::erase)
        return true;
    if (versioning.column == 0 || versioning.unknown_setting || !row_trigger_fires(versioning))
        return false;
    return !write.expected || *write.expected < largest_version(versioning.kind);
}

// A trigger could send a row that was routed to its partition to another one.
bool is_direct_place(const Write& write, const Place& place) {
    if (!place.table.direct.heap || !has_usable_trigger(write, place.table.versioning))
        return false;
    if (write.expected_values && has_virtual_columns(place.relation)) return false;
    return !place.routed || !stores_row(write) || place.table.versioning.only_before_update;
}

// Were those of this statement checked for the row before?
bool shares_permissions(const Write& write, const Sharing* sharing) {
    return sharing && sharing->execution && sharing->execution->operation == write.operation &&
           sharing->execution->columns == write.changes.columns &&
           sharing->execution->ruled == ruled_columns(write) && write.expected_values == nullptr;
}

// Can the statement that wrote the row before write this one as well?
bool continues(const Execution& execution, const Write& write, const Place& place, bool compares) {
    return RelationGetRelid(execution.place.relation) == RelationGetRelid(place.relation) &&
           &execution.place.table == &place.table && execution.operation == write.operation &&
           execution.columns == write.changes.columns && execution.compares == compares &&
           execution.ruled == ruled_columns(write) && write.expected_values == nullptr;
}

// Where triggers fire, each row is a statement of its own, as on the planner path.
bool may_continue(const Execution& execution, const WriteOutcome& outcome) {
    return outcome.status == WriteStatus::written && !fires_triggers(execution);
}

Execution* take_shared(Sharing* sharing) {
    if (sharing == nullptr) return nullptr;
    Execution* execution = sharing->execution;
    sharing->execution = nullptr;
    return execution;
}

// A row that is not written is judged by a snapshot of its own.
Attempt write_once(const Write& write, const Place& place, bool compares, Sharing* sharing,
                   WriteOutcome& outcome) {
    Execution* execution = take_shared(sharing);
    if (execution && !continues(*execution, write, place, compares)) {
        end_execution(execution);
        execution = nullptr;
    }
    if (execution == nullptr) {
        require_replica_identity(write, place);
        execution = begin_execution(write, place, compares,
                                    sharing ? sharing->memory : CurrentMemoryContext);
    }
    bool first = execution->rows == 0;
    Attempt result = attempt(*execution, write, sharing != nullptr, outcome);
    bool written = result == Attempt::done && outcome.status == WriteStatus::written;
    if (sharing && written && may_continue(*execution, outcome)) {
        ExecClearTuple(execution->old_row);  // a page is not pruned while we hold a row of it
        sharing->execution = execution;
    } else {
        end_execution(execution);
    }
    return first || written ? result : Attempt::again;
}

std::optional<WriteOutcome> write_at(const Write& write, const Place& place, bool compares,
                                     Sharing* sharing) {
    if (!is_direct_place(write, place)) return {};
    WriteOutcome outcome;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        switch (write_once(write, place, compares, sharing, outcome)) {
            case Attempt::done:
                return outcome;
            case Attempt::planner:
                return {};
            case Attempt::again:
                break;
        }
    }
}

// The key leads to the partition, and does not change.
std::optional<WriteOutcome> write_partition(const Write& write, bool compares, Sharing* sharing) {
    std::optional<Place> place = open_partition(write, table_lock(write));
    if (!place) return {};
    std::optional<WriteOutcome> outcome = write_at(write, *place, compares, sharing);
    table_close(place->relation, NoLock);
    return outcome;
}

bool is_direct(const Write& write) {
    if (!write.table.partitioned() && !write.table.direct.heap) return false;
    if (write.operation == Operation::update && write.changes.columns->count == 0) return false;
    return is_named_directly(write) && has_usable_trigger(write, write.table.versioning) &&
           is_direct_now(write);
}

}  // namespace

// Everything that makes a statement more than a write of this one row of this one heap.
DirectTable direct_table(Relation relation, Relation key_index) {
    Form_pg_class form = relation->rd_rel;
    bool has_rules = relation->rd_rules != nullptr;
    bool heap = form->relkind == RELKIND_RELATION && form->relam == HEAP_TABLE_AM_OID &&
                !form->relhassubclass && key_index->rd_index->indisvalid &&
                key_index->rd_index->indimmediate;
    return {heap, !has_rules && !has_update_triggers(relation->trigdesc),
            !has_rules && !has_delete_triggers(relation->trigdesc),
            heap ? CreateTupleDescCopyConstr(RelationGetDescr(relation)) : nullptr};
}

std::optional<WriteOutcome> direct_write(const Write& write, Sharing* sharing) {
    std::optional<WriteOutcome> outcome;
    if (is_direct(write)) {
        bool compares = shares_permissions(write, sharing) ? sharing->execution->compares
                                                           : check_permissions(write);
        if (write.table.partitioned())
            outcome = write_partition(write, compares, sharing);
        else
            outcome =
                write_at(write, {write.relation, write.table, nullptr, false}, compares, sharing);
    }
    if (!outcome) end_sharing(sharing);
    return outcome;
}

void end_sharing(Sharing* sharing) {
    if (Execution* execution = take_shared(sharing)) end_execution(execution);
}

}  // namespace interlock
