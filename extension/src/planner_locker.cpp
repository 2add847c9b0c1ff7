// The planner path of row locks: one SELECT … FOR UPDATE through SPI.

#include "row_locker.hpp"
#include "statement.hpp"

namespace interlock {

// A plan that locks the row with a given key, for one role.
struct LockStatement {
    LockStatement* next;
    Oid role;
    const Key* key;
    const Bitmapset* columns;
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
    append_columns(&sql, lock.table, lock.columns);
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
    *statement = {lock.table.lock_statements,
                  GetUserId(),
                  lock.key.key,
                  lock.columns,
                  lock.mode,
                  nowait,
                  plan};
    return lock.table.lock_statements = statement;
}

SPIPlanPtr lock_plan(const RowLock& lock, bool nowait) {
    for (LockStatement* statement = lock.table.lock_statements; statement;
         statement = statement->next)
        if (statement->role == GetUserId() && statement->key == lock.key.key &&
            statement->columns == lock.columns && statement->mode == lock.mode &&
            statement->nowait == nowait)
            return statement->plan;
    return add_statement(lock, nowait)->plan;
}

RowValues copy_row(const RowLock& lock, const RowValues& row, MemoryContext memory) {
    MemoryContext previous = MemoryContextSwitchTo(memory);
    for (int i = 0; i < lock.table.column_count; i++)
        if (!row.has(static_cast<AttrNumber>(i + 1))) row.nulls[i] = true;
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

// The deadline ends the statement wherever it is, so it must have time to get to the lock.
bool has_no_time(const Wait& wait) {
    constexpr int64 shortest_wait = 1000;  // microseconds
    return wait.kind == WaitKind::never ||
           (wait.kind == WaitKind::until && GetCurrentTimestamp() + shortest_wait > wait.deadline);
}

void run_statement(const RowLock& lock, Run& run, MemoryContext memory) {
    bool nowait = has_no_time(lock.wait);
    SPIPlanPtr plan = lock_plan(lock, nowait);
    Wait wait = nowait ? Wait{WaitKind::never, 0} : lock.wait;
    until_deadline(wait, [&] { execute_plan(plan, lock.key, {}, run.snapshot, true); });
    if (SPI_processed > 1) raise_several_rows(lock);
    if (SPI_processed == 0) return;
    run.outcome.row = copy_row(lock, fetch_values(lock.table, lock.columns), memory);
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
    run = {RegisterSnapshot(GetTransactionSnapshot()), false, {LockStatus::missing, {}, nullptr}};
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
    if (!read_row(lock, lock.columns, row) || !is_stale(lock, row)) return false;
    require_newest_row(lock);
    outcome = {LockStatus::stale, copy_row(lock, row, memory), nullptr};
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
