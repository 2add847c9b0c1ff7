#pragma once

// A whole transaction, run again when it lost against somebody else:
//
//     pqxx::connection db;
//     auto balance = interlock::transact(db, policy, [&](pqxx::dbtransaction& tx) {
//         auto r = tx.exec("SELECT balance, version FROM accounts WHERE id = 7");
//         …
//         interlock::versioned_update(tx, "accounts", 7, version, changes);
//         return new_balance;
//     });
//
// The body is run from BEGIN to COMMIT, and again from BEGIN: it must do nothing that a rollback
// does not undo, and must read again whatever it decides by. It gets a pqxx::dbtransaction (also
// as pqxx::transaction_base or auto), may open subtransactions in it, and must not commit or abort
// it. What it returns is handed back once COMMIT has been answered; an exception of its own rolls
// the transaction back and passes through untouched.
//
// | what happens                          | what transact does                                    |
// |---------------------------------------|-------------------------------------------------------|
// | 40001, 40P01, 53… but for 53400, also | waits (backoff) and runs the body again               |
// | at COMMIT                             |                                                       |
// | 55P03                                 | the same, within the policy's lock_budget             |
// | IL001                                 | the same, if the policy says rerun_stale              |
// | any other error                       | rolls back and throws it, typed as error.hpp says     |
// | out of attempts, time or budget       | throws retries_exhausted, which holds the last error  |
// | session lost before COMMIT was sent   | throws connection_lost: nothing was committed         |
// | session lost after COMMIT was sent    | asks on a new connection, if options.reconnect is     |
// |                                       | set; else, or if nobody can tell, throws in_doubt     |
// | the body swallowed an error of the    | throws error 25P02, where plain libpqxx would report  |
// | server                                | success for what the server turned into a ROLLBACK    |

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <type_traits>
#include <utility>

#include "interlock/bridge.hpp"
#include "interlock/error.hpp"
#include "interlock/export.hpp"
#include "interlock/retry.hpp"

namespace interlock {

enum class isolation {
    session_default,  // what default_transaction_isolation says; READ COMMITTED unless changed
    read_committed,
    repeatable_read,
    serializable,
};

struct transaction_options {
    interlock::isolation isolation = interlock::isolation::session_default;
    bool read_only = false;
    bool deferrable = false;  // SERIALIZABLE READ ONLY DEFERRABLE: waits for a safe snapshot

    /// How to ask what became of a COMMIT whose answer was lost. Costs one more round trip before
    /// each COMMIT of a transaction that may write (its id is asked for). One that has written
    /// nothing is simply lost (a NOTIFY that was all it did may have been sent). The answer is
    /// believed only where it must be true: "committed" after a crash of the server, and anything
    /// after a failover to another timeline, stays in_doubt, because the id may have been given to
    /// another transaction.
    connection_factory reconnect{};
    /// How long to go on asking (the server may be restarting, the old session still committing).
    std::chrono::nanoseconds resolve_within = std::chrono::seconds{10};
};

template <class Body>
using body_result = std::invoke_result_t<Body&, pqxx::dbtransaction&>;

/// What transact can run: anything callable with a pqxx::dbtransaction&, any number of times…
template <class Body>
concept transaction_body = std::invocable<Body&, pqxx::dbtransaction&>;

/// … without a result …
template <class Body>
concept void_body = transaction_body<Body> && std::is_void_v<body_result<Body>>;

/// … or with one.
template <class Body>
concept value_body = transaction_body<Body> && !std::is_void_v<body_result<Body>>;

namespace detail {

/// A reference to the body, so that the loop itself is compiled once, in the library.
struct body_ref {
    void* body;
    void (*call)(void*, pqxx::dbtransaction&);
};

template <class Body>
body_ref refer_to(Body& body) {
    auto call = [](void* f, pqxx::dbtransaction& tx) { std::invoke(*static_cast<Body*>(f), tx); };
    return {const_cast<void*>(static_cast<const void*>(std::addressof(body))), call};
}

INTERLOCK_EXPORT void run(connection_type& connection, const retry_policy& policy,
                          const transaction_options& options, body_ref body);

}  // namespace detail

/// Runs the body in a transaction, again where the policy says so, and commits.
///
/// @param connection the application's own; must be open and not in a transaction. On libpqxx 6 its
///     silent reconnecting is switched off from here on.
/// @param policy when to run again, see retry.hpp.
/// @param options isolation and access mode, and how to reconnect.
/// @param body called once per attempt.
/// @returns what the last run of the body returned; a value, never a reference.
/// @throws the types of error.hpp; what the body throws; pqxx exceptions without a type of ours;
///     std::invalid_argument for a policy that makes no sense.
/// Strong guarantee as far as the database goes: after an exception nothing was committed, in_doubt
/// excepted. Blocks the calling thread, waits included; different connections may be used from
/// different threads at once.
template <value_body Body>
[[nodiscard]] body_result<Body> transact(connection_type& connection, const retry_policy& policy,
                                         const transaction_options& options, Body&& body) {
    static_assert(!std::is_reference_v<body_result<Body>>,
                  "the body must return a value: what it refers to may be gone after COMMIT");
    std::optional<body_result<Body>> result;
    auto keep = [&](pqxx::dbtransaction& tx) {
        result.reset();
        result.emplace(std::invoke(body, tx));
    };
    detail::run(connection, policy, options, detail::refer_to(keep));
    return std::move(*result);
}

/// The same for a body that returns nothing.
template <void_body Body>
void transact(connection_type& connection, const retry_policy& policy,
              const transaction_options& options, Body&& body) {
    detail::run(connection, policy, options, detail::refer_to(body));
}

/// With the session's own isolation level.
template <value_body Body>
[[nodiscard]] body_result<Body> transact(connection_type& connection, const retry_policy& policy,
                                         Body&& body) {
    return transact(connection, policy, transaction_options{}, std::forward<Body>(body));
}

template <void_body Body>
void transact(connection_type& connection, const retry_policy& policy, Body&& body) {
    transact(connection, policy, transaction_options{}, std::forward<Body>(body));
}

/// With the default policy too: ten attempts, thirty seconds, never a stale write.
template <value_body Body>
[[nodiscard]] body_result<Body> transact(connection_type& connection, Body&& body) {
    return transact(connection, retry_policy{}, std::forward<Body>(body));
}

template <void_body Body>
void transact(connection_type& connection, Body&& body) {
    transact(connection, retry_policy{}, std::forward<Body>(body));
}

}  // namespace interlock
