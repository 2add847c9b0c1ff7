#pragma once

// "Only one of us leads", on any number of machines, for as long as each of them lives:
//
//     interlock::leader(connect, "cluster", "scheduler", "machine 7", 30s,
//                       [&](std::stop_token stop, interlock::lease& lease) {
//                           while (!stop.stop_requested())
//                               transact(db, [&](pqxx::dbtransaction& tx) {
//                                   lease.guard(tx);        // nobody else leads until it commits
//                                   schedule_what_is_due(tx);
//                               });
//                       });
//
// Unlike singleton, which needs a session that lasts, it survives lost connections and restarts of
// the server, and can stop a leader that is late: guard() in every transaction that only the leader
// may commit. Who leads until he is told to stop, and then stands again:
//
//     while (!shutting_down.stop_requested()) {
//         try {
//             (void)leader(connect, "cluster", "scheduler", "machine 7", 30s, body,
//                          {.wait = lock_wait::unbounded(), .stop = shutting_down});
//         } catch (const lease_lost&) {
//             // Somebody else may lead by now: back to the end of the line.
//         }
//     }

#include <concepts>
#include <functional>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include "interlock/body_result.hpp"
#include "interlock/leases.hpp"

namespace interlock {

/// What leader can run: anything callable with a std::stop_token, or with that and the lease.
template <class Body>
concept leader_body =
    std::invocable<Body&, std::stop_token> || std::invocable<Body&, std::stop_token, lease&>;

namespace detail {

template <leader_body Body>
decltype(auto) run_leading(Body& body, lease& lease) {
    if constexpr (std::invocable<Body&, std::stop_token, interlock::lease&>)
        return std::invoke(body, lease.stop_token(), lease);
    else
        return std::invoke(body, lease.stop_token());
}

template <class Body>
using leader_body_result = decltype(run_leading(std::declval<Body&>(), std::declval<lease&>()));

}  // namespace detail

/// true or the body's result if it ran, false or nothing if somebody else led all the time.
template <class Body>
using leader_result = typename detail::body_result<detail::leader_body_result<Body>>::type;

/// Waits until the lease is to be had, runs the body while it is renewed, and gives it back.
///
/// @param connect, lock_namespace, key, holder, ttl as of interlock::lease.
/// @param body run once, or not at all. It should return soon after its stop_token was told.
/// @param options as of interlock::lease; by default it waits until it leads. options.stop ends the
///     wait, not the body.
/// @returns for a body without a result: whether it ran; else its result, if it ran.
/// @throws what acquiring can, but for lease_held (then the body did not run); what the body throws
///     (the lease is given back, or lost: that is not told); lease_lost if the body ran to its end
///     and the lease was lost before that: its result is lost too, and only what it did under
///     guard() is known to have been done by the leader.
template <leader_body Body>
[[nodiscard]] leader_result<Body> leader(connection_factory connect,
                                         std::string_view lock_namespace, const key& key,
                                         std::string_view holder, std::chrono::nanoseconds ttl,
                                         Body&& body,
                                         lease_options options = {.wait = lock_wait::unbounded()}) {
    static_assert(!std::is_reference_v<detail::leader_body_result<Body>>,
                  "the body must return a value: what it refers to may be gone");
    auto lease =
        try_lease(std::move(connect), lock_namespace, key, holder, ttl, std::move(options));
    if (!lease) return {};
    if constexpr (std::is_void_v<detail::leader_body_result<Body>>) {
        detail::run_leading(body, *lease);
        lease->release();
        return true;
    } else {
        leader_result<Body> result{detail::run_leading(body, *lease)};
        lease->release();
        return result;
    }
}

}  // namespace interlock
