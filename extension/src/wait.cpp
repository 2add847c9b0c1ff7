#include "wait.hpp"

#include "duration.hpp"

extern "C" {
#include <storage/proc.h>
#include <utils/timeout.h>
}

#include <csignal>

namespace interlock {
namespace {

Alarm current;

volatile std::sig_atomic_t cancelled;
struct sigaction server_action;  // of SIGINT
bool statement_is_timed;

// The server's own timers signal their own process.
void note_signal(int number, siginfo_t* info, void* context) {
    if (info->si_pid != MyProcPid) cancelled = true;
    if (server_action.sa_flags & SA_SIGINFO)
        server_action.sa_sigaction(number, info, context);
    else
        server_action.sa_handler(number);
}

bool is_handled(const struct sigaction& action) {
    return (action.sa_flags & SA_SIGINFO) ||
           (action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL);
}

// Timers count milliseconds in an int.
constexpr int64 longest_wait = int64{INT_MAX} * 1000;

[[noreturn]] void raise_unfit_wait(const char* what) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"wait\" cannot be %s", what),
                    errhint("NULL waits without a bound of its own, zero does not wait.")));
    pg_unreachable();
}

void arm(const Alarm& alarm) {
    current = alarm;
    if (alarm.set) enable_timeout_at(LOCK_TIMEOUT, alarm.deadline);
}

}  // namespace

Wait wait_for(int64 microseconds) {
    TimestampTz now = GetCurrentTimestamp();
    return {WaitKind::until, now + Min(microseconds, longest_wait)};
}

Wait within_lock_timeout(const Wait& wait) {
    return wait.kind == WaitKind::unbounded && LockTimeout > 0 ? wait_for(int64{LockTimeout} * 1000)
                                                               : wait;
}

Wait read_wait(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) return {WaitKind::unbounded, 0};
    const Interval& interval = *PG_GETARG_INTERVAL_P(number);
    if (is_infinite(interval)) raise_unfit_wait("infinite");
    int64 time = microseconds_of(interval);
    if (time < 0) raise_unfit_wait("negative");
    if (time == 0) return {WaitKind::never, 0};
    return wait_for(time);
}

// ProcSleep() arms and disarms the timer itself where lock_timeout is set, anew for each lock;
// so for our deadline lock_timeout is off, and the timer runs on from one wait to the next. It is
// the same timer, so that PostgreSQL itself raises 55P03.
Alarm set_alarm(const Wait& wait) {
    Alarm outer = current;
    Alarm alarm = {true, wait.deadline, LockTimeout};
    if (LockTimeout > 0)
        alarm.deadline =
            Min(alarm.deadline, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LockTimeout));
    if (outer.set) alarm.deadline = Min(alarm.deadline, outer.deadline);
    LockTimeout = 0;
    arm(alarm);
    return outer;
}

void end_alarm(const Alarm& outer) {
    disable_timeout(LOCK_TIMEOUT, true);
    if (get_timeout_indicator(LOCK_TIMEOUT, false)) CHECK_FOR_INTERRUPTS();
    LockTimeout = current.lock_timeout;
    arm(outer);
}

void silence_alarm(const Alarm& outer) {
    disable_timeout(LOCK_TIMEOUT, true);
    // It went off, and the error came first: nobody is to hear of it later.
    if (get_timeout_indicator(LOCK_TIMEOUT, true)) QueryCancelPending = false;
    LockTimeout = current.lock_timeout;
    arm(outer);
}

void note_cancellations() {
    cancelled = false;
    statement_is_timed = get_timeout_active(STATEMENT_TIMEOUT);
    sigaction(SIGINT, nullptr, &server_action);
    if (!is_handled(server_action)) return;
    struct sigaction action = server_action;
    action.sa_flags |= SA_SIGINFO;
    action.sa_sigaction = note_signal;
    sigaction(SIGINT, &action, nullptr);
}

void stop_noting_cancellations() {
    sigaction(SIGINT, &server_action, nullptr);
}

void heed_cancellation() {
    if (!cancelled && !(statement_is_timed && !get_timeout_active(STATEMENT_TIMEOUT))) return;
    InterruptPending = true;
    QueryCancelPending = true;
    CHECK_FOR_INTERRUPTS();
}

}  // namespace interlock
