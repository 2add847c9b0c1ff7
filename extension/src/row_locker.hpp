// Locks rows by their keys, and returns each as it is under its lock: SELECT … FOR UPDATE, and its
// three weaker forms.
#pragma once

#include "current_row.hpp"
#include "wait.hpp"

namespace interlock {

// In the order of the SQL type interlock.lock_status.
enum class LockStatus { locked, stale, missing, unavailable };

// A row to lock.
struct RowLock : KeyedRow {
    LockTupleMode mode;
    Wait wait;
    bool tells;                     // 55P03 is an outcome, after which the transaction goes on
    std::optional<int64> expected;  // the version that the row must have, or else it is not locked
    const Bitmapset* columns;  // of the table's that the row is shown with: all of it or the key
};

// The row, where it is locked or stale, lives until the next one is locked, and no longer than the
// memory that it was locked in.
struct LockOutcome {
    LockStatus status;
    RowValues row;
    TupleTableSlot* whole;  // instead of its values, where the slot has a row of the named relation
                            // as it is stored, with all of its columns
};

RowValues values_of(const LockOutcome& outcome);

struct LockScan;  // direct_locker.cpp

// What the rows of a call share, in memory that outlives them all.
struct SharedScan {
    MemoryContext memory;
    LockScan* scan;      // null at first
    const Datum* ahead;  // the values of the key and of those to come, in the order of the key
    int64 keys_ahead;    // with it
};

// 42501 without SELECT on all columns, or on the key's, and UPDATE on one; ExecutorCheckPerms_hook
// runs.
void require_lock_privileges(Relation relation, Table& table);
void require_key_lock_privileges(Relation relation, const Table& table);

// Locks the row on the direct path where that is exactly equivalent, else on the planner path. A
// lock that was not to be had is told, or raised by PostgreSQL in its words. Rows of one call are
// locked in the order in which it asks; at READ COMMITTED each is the newest committed one.
LockOutcome lock_row(const RowLock& lock, SharedScan& shared);

// After the last row of a call.
void end_scan(SharedScan& shared);

// The planner path, an SPI plan: works wherever SELECT … FOR UPDATE works.
LockOutcome planner_lock(const RowLock& lock);

// The direct path, PostgreSQL's own pieces: false where it is not equivalent, and then nothing was
// done.
bool direct_lock(const RowLock& lock, SharedScan& shared, LockOutcome& outcome);

// Without time to wait: told not to, or the deadline has passed.
inline bool must_not_wait(const Wait& wait) {
    return wait.kind == WaitKind::never || expired(wait);
}

}  // namespace interlock
