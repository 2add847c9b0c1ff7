// How long a call may wait for its locks, and what becomes of it then. A bound is one deadline for
// the whole call, however many locks it takes; no setting is left behind on any way out.
#pragma once

#include "subtransaction.hpp"

namespace interlock {

enum class WaitKind : char {
    unbounded,  // within lock_timeout, as any statement
    never,      // as NOWAIT
    until,
};

struct Wait {
    WaitKind kind;
    TimestampTz deadline;
};

// Reads an argument `wait interval`: NULL is no bound, zero is none at all. 22023 where it is
// negative or infinite.
Wait read_wait(FunctionCallInfo fcinfo, int number);

// A bound that many microseconds from now; longer than the server can wait is as long as it can.
Wait wait_for(int64 microseconds);

// The same wait, with lock_timeout as its bound where it has none: for a call that waits several
// times, or that must not end with a lock_timeout which is due but not raised yet.
Wait within_lock_timeout(const Wait& wait);

inline bool expired(const Wait& wait) {
    return wait.kind == WaitKind::until && GetCurrentTimestamp() >= wait.deadline;
}

// The deadline that is in force, and the caller's lock_timeout under it.
struct Alarm {
    bool set;
    TimestampTz deadline;
    int lock_timeout;
};
Alarm set_alarm(const Wait& wait);
void end_alarm(const Alarm& outer);      // raises the 55P03 that is due
void silence_alarm(const Alarm& outer);  // after another error

// Runs `body`, in which every wait for a lock ends at the deadline with 55P03, as by lock_timeout
// (a shorter lock_timeout is the deadline). The body itself must not wait where `wait` is never.
template <typename Body>
void until_deadline(const Wait& wait, Body body) {
    if (wait.kind != WaitKind::until) return body();
    Alarm outer = set_alarm(wait);
    PG_TRY();
    {
        body();
        end_alarm(outer);
    }
    PG_CATCH();
    {
        silence_alarm(outer);
        PG_RE_THROW();
    }
    PG_END_TRY();
}

// The same in a subtransaction: false, and the transaction as it was, where the wait was too long.
template <typename Body>
bool obtained_in_time(const Wait& wait, Body body) {
    return in_subtransaction(
        [&] {
            until_deadline(wait, body);
            return SubtransactionEnd::commit;
        },
        [](const ErrorData& error) { return error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE; });
}

// Runs `body`; where it fails with 55P03, `report` raises that error in its own words, with the
// lock manager as it was at the failure. `report` may read, and must raise.
template <typename Body, typename Report>
void or_report_unavailable(Body body, Report report) {
    MemoryContext memory = CurrentMemoryContext;
    PG_TRY();
    { body(); }
    PG_CATCH();
    {
        if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE) PG_RE_THROW();
        MemoryContextSwitchTo(memory);
        FlushErrorState();
        report();
        pg_unreachable();
    }
    PG_END_TRY();
}

}  // namespace interlock
