// The direct path of row locks: the row by its key's index, and a lock on it, as ExecLockRows()
// (nodeLockRows.c) takes it, without parser, planner and plan tree.

#include "executor.hpp"
#include "key_scan.hpp"
#include "row_locker.hpp"
#include "version.hpp"

#include <new>

namespace interlock {

// A statement that locks one row after the other.
struct LockScan {
    MemoryContext memory;
    Place place;
    KeyScan scan;
    Snapshot snapshot;
    CommandId command;
    bool has_all_columns;   // of the named relation, which has none that were dropped
    int rows;               // looked for so far
    TupleTableSlot* found;  // by the snapshot
    TupleTableSlot* locked;
};

namespace {

// The row was locked or judged; it changed before we had it; only the planner path can tell.
enum class Attempt { done, again, planner };

bool is_direct(const RowLock& lock) {
    if (!lock.table.partitioned() && !lock.table.direct.heap) return false;
    return !has_virtual_columns(lock.relation) && is_direct_now(lock);
}

bool has_all_columns(const Table& named, const Place& place) {
    return place.columns == nullptr && bms_num_members(named.live_columns) == named.column_count;
}

LockScan* begin_scan(const RowLock& lock, const Place& place, MemoryContext memory) {
    begin_statement();
    MemoryContext previous = MemoryContextSwitchTo(memory);
    auto* scan = new (palloc(sizeof(LockScan))) LockScan{memory,
                                                         place,
                                                         {},
                                                         GetActiveSnapshot(),
                                                         GetCurrentCommandId(false),
                                                         has_all_columns(lock.table, place),
                                                         0,
                                                         nullptr,
                                                         nullptr};
    if (place.routed) scan->place.relation = table_open(RelationGetRelid(place.relation), NoLock);
    scan->scan = begin_key_scan(scan->place, scan->snapshot, RowShareLock);
    scan->found = make_row(place);
    scan->locked = make_row(place);
    MemoryContextSwitchTo(previous);
    return scan;
}

void end_scan(LockScan* scan) {
    ExecDropSingleTupleTableSlot(scan->found);
    ExecDropSingleTupleTableSlot(scan->locked);
    end_key_scan(scan->scan);
    if (scan->place.routed) table_close(scan->place.relation, NoLock);
    PopActiveSnapshot();
    pfree(scan);
}

// FOR KEY SHARE does not mind a change that keeps the key, but what such a change makes of the row
// is to be locked, too.
uint8 lock_flags(const RowLock& lock) {
    return lock.mode == LockTupleKeyShare ? TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS : 0;
}

TM_Result lock_tuple(const RowLock& lock, LockScan& scan, LockWaitPolicy policy) {
    TM_FailureData failure;
    ItemPointerData tid = scan.found->tts_tid;
    TM_Result result =
        table_tuple_lock(scan.place.relation, &tid, scan.snapshot, scan.locked, scan.command,
                         lock.mode, policy, lock_flags(lock), &failure);
    if (result != TM_Ok) ExecClearTuple(scan.locked);
    return result;
}

// The row's page is not pinned beyond the subtransaction.
TM_Result wait_and_tell(const RowLock& lock, LockScan& scan) {
    TM_Result result = TM_WouldBlock;
    bool obtained = obtained_in_time(lock.wait, [&] {
        result = lock_tuple(lock, scan, LockWaitBlock);
        if (result == TM_Ok) ExecMaterializeSlot(scan.locked);
    });
    return obtained ? result : TM_WouldBlock;
}

// Without an error frame and a timer where nobody is in the way.
TM_Result obtain(const RowLock& lock, LockScan& scan) {
    if (lock.wait.kind == WaitKind::unbounded && !lock.tells)
        return lock_tuple(lock, scan, LockWaitBlock);
    TM_Result result = lock_tuple(lock, scan, LockWaitSkip);
    if (result != TM_WouldBlock || must_not_wait(lock.wait)) return result;
    if (lock.tells) return wait_and_tell(lock, scan);
    until_deadline(lock.wait, [&] { result = lock_tuple(lock, scan, LockWaitBlock); });
    return result;
}

// ExecLockRows() has one message for both.
void require_unchanged(TM_Result result) {
    if (result == TM_Invisible) elog(ERROR, "attempted to lock invisible tuple");
    if (IsolationUsesXactSnapshot() && (result == TM_Updated || result == TM_Deleted))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not serialize access due to concurrent update")));
}

// A row that is older than a column of its table, or one that was dropped, is not stored as it is
// shown.
bool is_whole(const RowLock& lock, const LockScan& scan, TupleTableSlot* row) {
    return scan.has_all_columns &&
           HeapTupleHeaderGetNatts(stored_tuple(row)->t_data) == lock.table.column_count;
}

// The row as one of the relation that the caller named; nothing of columns that were dropped.
LockOutcome show(LockStatus status, const RowLock& lock, const LockScan& scan,
                 TupleTableSlot* row) {
    Table& table = lock.table;
    if (is_whole(lock, scan, row)) return {status, {table.live_columns, nullptr, nullptr}, row};
    RowValues values = named_row(scan.place, table, table.live_columns, row);
    for (int i = 0; i < table.column_count; i++)
        if (!bms_is_member(i + 1, table.live_columns)) values.nulls[i] = true;
    return {status, values, nullptr};
}

bool is_stale(const RowLock& lock, const LockScan& scan) {
    if (!lock.expected) return false;
    const Versioning& versioning = lock.table.versioning;
    bool is_null;
    Datum version = slot_getattr(scan.found, scan.place.column(versioning.column), &is_null);
    return is_null || version_number(versioning.kind, version) != *lock.expected;
}

Attempt lock_found(const RowLock& lock, LockScan& scan, LockOutcome& outcome) {
    TM_Result result = obtain(lock, scan);
    require_unchanged(result);
    switch (result) {
        case TM_Ok:
            outcome = show(LockStatus::locked, lock, scan, scan.locked);
            return Attempt::done;
        case TM_WouldBlock:
            outcome = {LockStatus::unavailable, {}, nullptr};
            return Attempt::done;
        default:
            return Attempt::again;
    }
}

// Partitions and keys of several columns are looked up one by one.
bool find(const SharedScan& shared) {
    LockScan& scan = *shared.scan;
    bool alone = scan.place.routed || scan.place.table.key.count > 1;
    MemoryContext memory = MemoryContextSwitchTo(scan.memory);
    bool found = find_next_row(scan.scan, scan.place.table, shared.ahead,
                               alone ? 1 : shared.keys_ahead, scan.found);
    MemoryContextSwitchTo(memory);
    return found;
}

// At REPEATABLE READ only the planner path can tell whether a stale row is the newest. A page is
// not pruned while we hold a row of it.
Attempt attempt(const RowLock& lock, const SharedScan& shared, LockOutcome& outcome) {
    LockScan& scan = *shared.scan;
    ExecClearTuple(scan.locked);
    outcome = {LockStatus::missing, {}, nullptr};
    if (!find(shared)) return Attempt::done;
    if (!is_stale(lock, scan)) return lock_found(lock, scan, outcome);
    outcome = show(LockStatus::stale, lock, scan, scan.found);
    return IsolationUsesXactSnapshot() ? Attempt::planner : Attempt::done;
}

// FOR KEY SHARE returns the row that the snapshot shows, so that must be a new one for each.
bool continues(const LockScan& scan, const RowLock& lock, const Place& place) {
    return RelationGetRelid(scan.place.relation) == RelationGetRelid(place.relation) &&
           &scan.place.table == &place.table && lock.mode != LockTupleKeyShare;
}

// A row that was not there for an older snapshot is looked for with a new one.
Attempt lock_once(const RowLock& lock, const Place& place, SharedScan& shared,
                  LockOutcome& outcome) {
    if (shared.scan && !continues(*shared.scan, lock, place)) end_scan(shared);
    if (shared.scan == nullptr) shared.scan = begin_scan(lock, place, shared.memory);
    bool first = shared.scan->rows++ == 0;
    Attempt result = attempt(lock, shared, outcome);
    if (!first && outcome.status == LockStatus::missing) result = Attempt::again;
    if (result != Attempt::done) end_scan(shared);
    return result;
}

bool lock_at(const RowLock& lock, const Place& place, SharedScan& shared, LockOutcome& outcome) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        Attempt result = lock_once(lock, place, shared, outcome);
        if (result != Attempt::again) return result == Attempt::done;
    }
}

bool lock_in_partition(const RowLock& lock, SharedScan& shared, LockOutcome& outcome) {
    std::optional<Place> place = open_partition(lock, RowShareLock);
    if (!place) return false;
    bool done = !has_virtual_columns(place->relation) && lock_at(lock, *place, shared, outcome);
    table_close(place->relation, NoLock);
    return done;
}

}  // namespace

bool direct_lock(const RowLock& lock, SharedScan& shared, LockOutcome& outcome) {
    if (!is_direct(lock)) return false;
    if (lock.table.partitioned()) return lock_in_partition(lock, shared, outcome);
    return lock_at(lock, {lock.relation, lock.table, nullptr, false}, shared, outcome);
}

void end_scan(SharedScan& shared) {
    if (shared.scan) end_scan(shared.scan);
    shared.scan = nullptr;
}

}  // namespace interlock
