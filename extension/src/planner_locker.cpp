// The planner path of row locks: one SELECT … FOR UPDATE through SPI.

#include "row_locker.hpp"
#include "statement.hpp"

namespace interlock {

// A plan that locks the row with a given key, for one role.
struct LockStatement {
    LockStatement* next;
    Oid role;
    const Key* key;
    LockTupleMode mode;
    bool nowait;
    SPIPlanPtr plan;
};

namespace {

const char* strength(LockTupleMode mode) {
    constexpr const char* names[] = {"KEY SHARE", "SHARE", "NO KEY UPDATE", "UPDATE"};
    return names[mode];
}

SPIPlanPtr prepare_lock(const RowLock& lock, bool nowait) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "SELECT ");
    append_columns(&sql, lock.table, lock.table.live_columns);
    appendStringInfoString(&sql, " FROM ");
    append_table(&sql, lock.relation);
    appendStringInfoString(&sql, " WHERE ");
    append_key_condition(&sql, lock.table, *lock.key.key);
    appendStringInfo(&sql, " FOR %s OF t%s", strength(lock.mode), nowait ? " NOWAIT" : "");
    return prepare_plan(lock.table, sql.data, Parameters(*lock.key.key, 0));
}

LockStatement* add_statement(const RowLock& lock, bool nowait) {
    SPIPlanPtr plan = prepare_lock(lock, nowait);
    auto* statement = allocate_in<LockStatement>(lock.table.context);
    *statement = {lock.table.lock_statements, GetUserId(), lock.key.key, lock.mode, nowait, plan};
    return lock.table.lock_statements = statement;
}

SPIPlanPtr lock_plan(const RowLock& lock, bool nowait) {
    for (LockStatement* statement = lock.table.lock_statements; statement;
         statement = statement->next)
        if (statement->role == GetUserId() && statement->key == lock.key.key &&
            statement->mode == lock.mode && statement->nowait == nowait)
            return statement->plan;
    return add_statement(lock, nowait)->plan;
}

RowValues copy_row(const RowLock& lock, const RowValues& row, MemoryContext memory) {
    MemoryContext previous = MemoryContextSwitchTo(memory);
    for (int i = 0; i < lock.table.column_count; i++)
        if (lock.table.columns[i].dropped) row.nulls[i] = true;
    HeapTuple tuple = heap_form_tuple(RelationGetDescr(lock.relation), row.values, row.nulls);
    RowValues copy = deform_row(lock.relation, row.columns, tuple);
    MemoryContextSwitchTo(previous);
    return copy;
}

bool is_stale(const RowLock& lock, const RowValues& row) {
    return lock.expected && version_in(lock.table, row) != lock.expected;
}

// One run of the statement.
struct Run {
    Snapshot snapshot;
    bool moved;
    LockOutcome outcome;
};

void run_statement(const RowLock& lock, Run& run, MemoryContext memory) {
    bool nowait = must_not_wait(lock.wait);
    SPIPlanPtr plan = lock_plan(lock, nowait);
    Wait wait = nowait ? Wait{WaitKind::never, 0} : lock.wait;
    until_deadline(wait, [&] { execute_plan(plan, lock.key, {}, run.snapshot, true); });
    if (SPI_processed > 1) raise_several_rows(lock);
    if (SPI_processed == 0) return;
    run.outcome.row = copy_row(lock, fetch_values(lock.table, lock.table.live_columns), memory);
    run.outcome.status = is_stale(lock, run.outcome.row) ? LockStatus::stale : LockStatus::locked;
}

// Where a lock was taken in vain, or an error is no end.
bool needs_subtransaction(const RowLock& lock) {
    return lock.tells || lock.expected || (lock.table.moves_rows && !IsolationUsesXactSnapshot());
}

bool absorbs(const RowLock& lock, Run& run, const ErrorData& error) {
    if (lock.tells && error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE) {
        run.outcome.status = LockStatus::unavailable;
        return true;
    }
    return run.moved = !IsolationUsesXactSnapshot() && is_moved_row(error);
}

void run_and_keep(const RowLock& lock, Run& run, MemoryContext memory) {
    if (!needs_subtransaction(lock)) return run_statement(lock, run, memory);
    in_subtransaction(
        [&] {
            run_statement(lock, run, memory);
            bool locked = run.outcome.status == LockStatus::locked;
            return locked ? SubtransactionEnd::commit : SubtransactionEnd::roll_back;
        },
        [&](const ErrorData& error) { return absorbs(lock, run, error); });
}

// The row was not found by the snapshot, or was gone when its lock was had. At READ COMMITTED there
// may be another now: put in its place, or in another partition.
bool must_look_again(const RowLock& lock, const Run& run) {
    if (run.outcome.status != LockStatus::missing || IsolationUsesXactSnapshot()) return false;
    return run.moved || changed_since(lock, run.snapshot);
}

bool attempt(const RowLock& lock, Run& run, MemoryContext memory) {
    CommandCounterIncrement();
    run = {RegisterSnapshot(GetTransactionSnapshot()), false, {LockStatus::missing, {}}};
    run_and_keep(lock, run, memory);
    bool again = must_look_again(lock, run);
    UnregisterSnapshot(run.snapshot);
    return !again;
}

// Where everyone who sees the row may lock it, one that is stale is not waited for.
bool judges_first(const RowLock& lock) {
    bool is_table =
        lock.table.relkind == RELKIND_RELATION || lock.table.relkind == RELKIND_PARTITIONED_TABLE;
    return lock.expected && is_table &&
           check_enable_rls(lock.table.relid, InvalidOid, true) != RLS_ENABLED;
}

bool is_found_stale(const RowLock& lock, LockOutcome& outcome, MemoryContext memory) {
    RowValues row;
    if (!read_row(lock, lock.table.live_columns, row) || !is_stale(lock, row)) return false;
    require_newest_row(lock);
    outcome = {LockStatus::stale, copy_row(lock, row, memory)};
    return true;
}

LockOutcome lock_newest(const RowLock& lock, MemoryContext memory) {
    LockOutcome stale;
    if (judges_first(lock) && is_found_stale(lock, stale, memory)) return stale;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        Run run;
        if (attempt(lock, run, memory)) return run.outcome;
    }
}

}  // namespace

LockOutcome planner_lock(const RowLock& lock) {
    MemoryContext memory = CurrentMemoryContext;
    SPI_connect();
    LockOutcome outcome = lock_newest(lock, memory);
    SPI_finish();
    return outcome;
}

}  // namespace interlock
