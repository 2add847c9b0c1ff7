#pragma once

// When to run a failed transaction again, and when to stop:
//
//     interlock::retry_policy policy;
//     policy.attempts = 5;
//     policy.deadline = std::chrono::seconds{2};
//     policy.rerun_stale = true;   // only if the body reads the version it writes with
//     policy.observer = [](const interlock::failed_attempt& f) { log(f.sqlstate, f.wait); };
//     interlock::transact(connection, policy, body);
//
// Three separate things: which errors are worth it (classify), how long to wait in between
// (backoff), and how long to go on at all (attempts, deadline, lock_budget). Clock, sleeper and
// random source can be replaced, so that tests neither wait nor guess.

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

#include "interlock/export.hpp"

namespace interlock {

/// Exponential backoff with full jitter: the n-th wait is drawn evenly from
/// [0, min(cap, first × factorⁿ⁻¹)). Full jitter spreads the rivals for one row best.
///
/// The defaults are for conflicts that last milliseconds: an unlucky writer is soon at the cap, so
/// the cap is what the slowest of a hundred wait. Raise it where transactions are long.
struct backoff {
    std::chrono::nanoseconds first = std::chrono::milliseconds{2};
    std::chrono::nanoseconds cap = std::chrono::milliseconds{50};
    double factor = 2.0;

    /// The longest possible wait after so many failures (1 after the first).
    [[nodiscard]] INTERLOCK_EXPORT std::chrono::nanoseconds bound(int failures) const noexcept;
};

/// What an observer is told after each failed attempt that could be run again.
/// Valid only during the call.
struct failed_attempt {
    int attempt;  // 1 for the first
    std::string_view sqlstate;
    std::exception_ptr error;
    std::chrono::nanoseconds elapsed;  // since the first attempt began
    bool rerun;                        // false: transact gives up now
    std::chrono::nanoseconds wait;     // before the next attempt, if rerun
};

/// A plain value: copy it, keep it as a constant, share it between threads as long as the functions
/// in it may be called from several at once (the defaults may).
struct retry_policy {
    static constexpr std::chrono::nanoseconds no_deadline = std::chrono::nanoseconds::max();

    /// How often the body may run, the first time included; at least 1.
    int attempts = 10;
    /// No attempt starts later than this after the first one. It does not interrupt a running
    /// statement: that is what statement_timeout is for.
    std::chrono::nanoseconds deadline = std::chrono::seconds{30};
    /// Time that attempts which ended in 55P03, and the waits after them, may take together; zero
    /// never reruns a 55P03. With lock_timeout = 1 s, five seconds are about five attempts.
    std::chrono::nanoseconds lock_budget = std::chrono::seconds{5};
    /// Run again after IL001 too. Only for bodies that read the version they write with: one that
    /// has it from a form would fail for ever (and does so at most `attempts` times).
    bool rerun_stale = false;

    interlock::backoff backoff{};
    /// The wait after class 53 (connections, memory or disk are short) is drawn from [0, this):
    /// longer than after a conflict, because coming back soon makes it worse.
    std::chrono::nanoseconds shortage_wait = std::chrono::milliseconds{500};

    /// Called after each failed attempt that is of a kind to be run again. An exception from it
    /// ends transact.
    std::function<void(const failed_attempt&)> observer{};

    // Replaceable for tests; empty means the real thing.
    std::function<std::chrono::steady_clock::time_point()> clock{};
    std::function<void(std::chrono::nanoseconds)> sleeper{};
    std::function<double()> random{};  // evenly from [0, 1)
};

/// What a SQLSTATE means for the transaction that met it.
enum class verdict {
    give_up,      // run again, it would fail again; or nobody knows whether it failed
    rerun,        // a conflict with somebody: again, soon
    rerun_lock,   // a lock was not to be had: again, within the lock budget
    rerun_later,  // the server is short of something (53…, but not 53400): after shortage_wait
};

/// Which errors are worth another attempt under this policy. Never throws.
[[nodiscard]] INTERLOCK_EXPORT verdict classify(std::string_view sqlstate,
                                                const retry_policy& policy) noexcept;

/// The loop's memory: counts attempts, keeps the time, decides. transact uses it; so can a loop of
/// your own:
///
///     for (interlock::retry_loop loop{policy};;) {
///         try { return attempt(); }
///         catch (const std::exception& e) { loop.failed(std::current_exception()); }
///     }
class INTERLOCK_EXPORT retry_loop {
  public:
    /// Keeps a reference to the policy, which must outlive it. The first attempt begins now.
    /// @throws std::invalid_argument if the policy makes no sense (attempts < 1, negative times).
    explicit retry_loop(const retry_policy& policy);

    /// Returns, after the wait, if another attempt may begin. Otherwise throws: the error itself if
    /// it is of no kind to be run again, else retries_exhausted, which holds it.
    /// `error` must not be null.
    void failed(std::exception_ptr error);

    [[nodiscard]] int attempts() const noexcept { return attempt_; }
    [[nodiscard]] std::chrono::nanoseconds elapsed() const;

  private:
    bool may_go_on(verdict kind, std::chrono::nanoseconds wait) const;

    const retry_policy& policy_;
    std::chrono::steady_clock::time_point start_;
    std::chrono::steady_clock::time_point attempt_start_;
    std::chrono::nanoseconds lock_time_{0};
    int attempt_ = 1;
};

}  // namespace interlock
