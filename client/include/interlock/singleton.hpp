#pragma once

// "Only one instance runs this", on any number of machines:
//
//     pqxx::connection guard;                        // for the lock, as long as the body runs
//     bool ran = interlock::singleton(guard, "jobs", "nightly report", interlock::when_busy::skip,
//                                     [&] { write_report(other_connection); });
//
// The lock is an advisory_session_lock on the connection that is given: the body runs any
// transactions it likes, on other connections or (between them) on this one. It must be a session
// of one's own, not one of a pooler in transaction mode: where interlock.session_locks is off it
// throws session_locks_off. The alternative there, and for bodies that are a single transaction
// anyway, needs no helper:
//
//     transact(db, [&](pqxx::dbtransaction& tx) {
//         if (!try_advisory_xact_lock(tx, "jobs", "nightly report")) return;
//         …
//     });
//
// A lock cannot stop a body whose lock is lost. If the session that holds it ends while the body
// runs (restart, failover, network), another instance may start: singleton throws lock_lost when
// the body is done. A body of many steps asks in between:
//
//     singleton(guard, "jobs", "import", when_busy::skip, [&](advisory_session_lock& lock) {
//         for (auto& file : files) { lock.ensure_held(); import(file); }
//     });

#include <chrono>
#include <concepts>
#include <functional>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "interlock/advisory_locks.hpp"
#include "interlock/body_result.hpp"

namespace interlock {

/// What singleton does when another instance is at it. There is no default.
class when_busy {
  public:
    static const when_busy skip;  // returns, the body was not run
    static const when_busy wait;  // waits until the other one is done, and runs the body then
    /// Waits at most so long, then skips. @throws std::invalid_argument if it is negative.
    [[nodiscard]] static constexpr when_busy wait_at_most(std::chrono::nanoseconds bound) {
        return when_busy{lock_wait::at_most(bound)};
    }

    [[nodiscard]] constexpr lock_wait bound() const noexcept { return bound_; }

  private:
    explicit constexpr when_busy(lock_wait bound) : bound_{bound} {}

    lock_wait bound_;
};

inline constexpr when_busy when_busy::skip{lock_wait::none()};
inline constexpr when_busy when_busy::wait{lock_wait::unbounded()};

/// What singleton can run: anything callable without arguments, or with the lock.
template <class Body>
concept singleton_body = std::invocable<Body&> || std::invocable<Body&, advisory_session_lock&>;

namespace detail {

template <singleton_body Body>
decltype(auto) run_holding(Body& body, advisory_session_lock& lock) {
    if constexpr (std::invocable<Body&, advisory_session_lock&>)
        return std::invoke(body, lock);
    else
        return std::invoke(body);
}

template <class Body>
using singleton_body_result =
    decltype(run_holding(std::declval<Body&>(), std::declval<advisory_session_lock&>()));

}  // namespace detail

/// true or the body's result if it ran, false or nothing if it was skipped.
template <class Body>
using singleton_result = typename detail::body_result<detail::singleton_body_result<Body>>::type;

/// Runs the body if nobody else runs one under the same key, and holds the lock meanwhile.
///
/// @param connection for the lock; open, without a transaction, and not to be closed by the body.
/// @param lock_namespace, key which lock, see advisory_locks.hpp.
/// @param busy when_busy::skip, when_busy::wait or when_busy::wait_at_most(5s).
/// @param body run once, or not at all; no transaction may be left open on the connection after it.
/// @returns for a body without a result: whether it ran; else its result, if it ran.
/// @throws what taking the lock can (then the body did not run); what the body throws (the lock is
///     released, or lost: that is not told); lock_lost if the body ran to its end and the lock was
///     lost before that: its result is lost too, and what it did may have been done twice.
template <singleton_body Body>
[[nodiscard]] singleton_result<Body> singleton(connection_type& connection,
                                               std::string_view lock_namespace, const key& key,
                                               when_busy busy, Body&& body) {
    static_assert(!std::is_reference_v<detail::singleton_body_result<Body>>,
                  "the body must return a value: what it refers to may be gone");
    auto lock = try_advisory_session_lock(connection, lock_namespace, key, busy.bound());
    if (!lock) return {};
    if constexpr (std::is_void_v<detail::singleton_body_result<Body>>) {
        detail::run_holding(body, *lock);
        lock->release();
        return true;
    } else {
        singleton_result<Body> result{detail::run_holding(body, *lock)};
        lock->release();
        return result;
    }
}

}  // namespace interlock
