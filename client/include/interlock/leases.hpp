#pragma once

// Leases: may I hold this for minutes, whatever becomes of my connection, and can a late me be
// stopped? A lease is the right to a key in a lock namespace, until a time by the server's clock.
//
//     interlock::lease lease{connect, "cron", "nightly", "machine 7", 30s};   // or lease_held
//     while (auto batch = next_batch()) {
//         if (!lease.held()) break;                        // no round trip
//         transact(db, [&](pqxx::dbtransaction& tx) {
//             lease.guard(tx);                             // lease_lost, and nothing is written
//             write(tx, *batch);
//         });
//     }
//     lease.release();                                     // throws if it was lost meanwhile
//
// A lease alone excludes nobody: a process that was paused wakes up in the belief that it still has
// it. What makes it safe is its token, a number larger than any before it of the same key, which
// the server checks within the transaction that writes: guard(), or check_lease.
//
// | what                              | raises        | tells             |
// |-----------------------------------|---------------|-------------------|
// | take it, once                     | acquire_lease | try_acquire_lease |
// | have it expire later              | renew_lease   | try_renew_lease   |
// | act under it, in a transaction    | check_lease   | try_check_lease   |
// | give it back                      |               | release_lease     |
// | take it away from whoever has it  |               | break_lease       |
// | remove what is left of old ones   |               | prune_leases      |
// | all of that, renewed by itself    | lease         | try_lease         |
//
// Common to all of them:
//  - `lock_namespace` and `key` as in advisory_locks.hpp, whose locks have nothing to do with
//    leases of the same name. `holder` is who people are told has it: 1 to 200 characters. A lease
//    is not re-entrant: the same holder is refused like anybody.
//  - `ttl` is how long it lasts if it is not renewed, from when the server reads its clock; counted
//    in whole microseconds, at most 366 days.
//  - Times are the server's, whatever the clock of this machine says. What is left of a lease comes
//    as a duration too (`remaining`), for those who want to wait: add it to a steady clock, not to
//    a wall clock.
//  - But for check_lease they send the server's try_ form: after lease_held and lease_lost the
//    transaction is still good.
//  - Besides what each one lists they throw what advisory locks throw; 22023 for a ttl, a holder or
//    a key that is none, and read_only_transaction. The server's errors abort the transaction.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <stop_token>
#include <string>
#include <string_view>

#include "interlock/bridge.hpp"
#include "interlock/error.hpp"
#include "interlock/export.hpp"
#include "interlock/key.hpp"
#include "interlock/lock_wait.hpp"

namespace interlock {

class kept_lease;

/// A time by the server's clock, to the microsecond.
using server_time = std::chrono::system_clock::time_point;

/// A lease that was acquired.
struct granted_lease {
    std::int64_t token = 0;
    std::string holder{};
    server_time acquired_at{};
    server_time expires_at{};
    std::chrono::nanoseconds remaining{};  // until then, when the server answered
};

/// Whether a lease was granted, or who has it. Nobody is named, and there are no times, where
/// another session is only just taking it.
struct lease_result {
    bool granted = false;
    std::optional<std::int64_t> token{};  // of a lease that was granted: another one's is its own
    std::string holder{};
    std::optional<server_time> acquired_at{};
    std::optional<server_time> expires_at{};
    /// Until it expires, when the server answered; not positive for one that has expired, and which
    /// an open transaction keeps from being taken over.
    std::optional<std::chrono::nanoseconds> remaining{};
    std::optional<int> blocking_pid{};  // of the session with that transaction
};

/// Takes the lease. Never waits. The token counts once the transaction has committed, and until
/// then nobody else gets the lease: commit at once. (A pqxx::nontransaction does.)
///
/// @param payload JSON, for people and for the view interlock.leases.
/// @throws lease_held, with holder, expiry, and the session in the way if there is one.
INTERLOCK_EXPORT granted_lease acquire_lease(pqxx::transaction_base& tx,
                                             std::string_view lock_namespace, const key& key,
                                             std::string_view holder, std::chrono::nanoseconds ttl,
                                             const std::optional<std::string>& payload = {});

/// The same, telling.
[[nodiscard]] INTERLOCK_EXPORT lease_result
try_acquire_lease(pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key,
                  std::string_view holder, std::chrono::nanoseconds ttl,
                  const std::optional<std::string>& payload = {});

/// Has the lease expire ttl from now; also one that has expired, if nobody has taken it since.
/// Waits for a takeover or release that has not committed, never for a transaction that checked it.
///
/// @returns when it expires.
/// @throws lease_lost if the token is no longer the current one.
INTERLOCK_EXPORT server_time renew_lease(pqxx::transaction_base& tx,
                                         std::string_view lock_namespace, const key& key,
                                         std::int64_t token, std::chrono::nanoseconds ttl);

/// The same, telling: nothing if the token is no longer the current one.
[[nodiscard]] INTERLOCK_EXPORT std::optional<server_time> try_renew_lease(
    pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key, std::int64_t token,
    std::chrono::nanoseconds ttl);

/// The fence: the token is the current one, and nobody can take the lease over before this
/// transaction has ended. At any isolation level, and for a lease that has expired, too, as long as
/// nobody has taken it.
///
/// @param tx a real transaction: in a pqxx::nontransaction nothing would be held.
/// @throws lease_lost if it is not. This one is the server's own error: the transaction is aborted,
///     and cannot commit what it wrote even if the exception is swallowed. std::invalid_argument
///     for a pqxx::nontransaction.
INTERLOCK_EXPORT void check_lease(pqxx::transaction_base& tx, std::string_view lock_namespace,
                                  const key& key, std::int64_t token);

/// The same, telling: false if it is not, and then nothing is held, and the transaction is still
/// good. What it writes is up to the caller.
[[nodiscard]] INTERLOCK_EXPORT bool try_check_lease(pqxx::transaction_base& tx,
                                                    std::string_view lock_namespace, const key& key,
                                                    std::int64_t token);

/// Gives the lease back and wakes those who wait for it, once the transaction commits. Waits for
/// transactions that checked it: not for ever, if lock_timeout is set (lock_not_available).
///
/// @returns false if the token is no longer the current one.
INTERLOCK_EXPORT bool release_lease(pqxx::transaction_base& tx, std::string_view lock_namespace,
                                    const key& key, std::int64_t token);

/// Takes the lease away from whoever has it: the token fails from then on. Waits as release_lease
/// does, and wakes those who wait.
///
/// @returns false if nobody has it.
INTERLOCK_EXPORT bool break_lease(pqxx::transaction_base& tx, std::string_view lock_namespace,
                                  const key& key);

/// Removes the stored rows of leases that ended longer ago than `older`, in the namespaces that the
/// current role may use; those that a transaction is using are left for the next time. Tokens go
/// on from the clock, not from one. Reads all rows: for a job now and then, not for every release.
///
/// @param older from zero to 100 years; counted in whole microseconds, rounded up. With zero, a
///     holder that is late loses its lease even if nobody else wants it.
/// @returns how many.
INTERLOCK_EXPORT std::int64_t prune_leases(pqxx::transaction_base& tx,
                                           std::chrono::nanoseconds older);

struct lease_options {
    /// How long to wait for a lease that somebody has; by default not at all. The wait is here, not
    /// in the server's lock manager: a session without a transaction listens for the release, and
    /// tries again when the lease expires, at least every minute, and never more often than once a
    /// second but when it is told of a release. Where the namespace does not notify it tries each
    /// second. A lost connection does not end it. Who comes first
    /// is first: there is no queue.
    lock_wait wait = lock_wait::none();
    /// Ends the wait early: the lease is not had then.
    std::stop_token stop{};
    /// JSON, for people and for the view interlock.leases.
    std::optional<std::string> payload{};
    /// How long before the expiry a lease that could not be renewed counts as lost: the time that
    /// is left to stop working. Less than two thirds of the ttl; by default a fifth.
    std::optional<std::chrono::nanoseconds> margin{};
    /// Called when the lease is lost, once at most, from a thread of the lease's own, after the
    /// stop_token was told. It must not release, move or destroy the lease. What it throws is
    /// swallowed.
    std::function<void(lease_loss)> on_loss{};
};

/// A lease that is renewed, by a thread with a connection of its own, until it is released.
///
/// It is renewed each third of its ttl. A renewal that fails (connection lost, server restarting or
/// short of something, timeout, refused) is tried again, on another connection if need be, until
/// the margin before the expiry; then the lease is lost. If the server says that the token is no
/// longer the current one, it is lost at once. A loss is final, and always told before the lease
/// can be somebody else's, unless it was broken, or this process or machine stood still meanwhile.
/// That is what guard() is for. The expiry is counted from before the renewal was sent, by a clock
/// that nobody sets and that goes on while the machine is suspended.
///
/// held(), token(), stop_token(), guard() (each with a transaction of its own) may be called from
/// several threads; release(), moving and destroying not meanwhile. Movable, not copyable; a
/// moved-from object holds nothing.
///
/// No statement of its own takes longer than a sixth of the ttl, or five seconds, whichever is
/// less (statement_timeout and lock_timeout, set for each transaction, so that poolers in
/// transaction mode will do; for waiting they will not, because of LISTEN). Where the network is
/// dead, so that the server's answer does not come, its connection is cut after half as long again.
/// What cannot be bounded: the factory, so set connect_timeout where it connects, and do not have
/// it wait for a pool for long; and the first request for the lease, which is the caller's own
/// statement (tcp_user_timeout, keepalives).
class INTERLOCK_EXPORT lease {
  public:
    /// Acquires the lease, on the connection that is the heartbeat's afterwards.
    ///
    /// @param connect is kept, and called again whenever the connection was lost, from other
    ///     threads: what it refers to must outlive the lease.
    /// @throws lease_held if somebody has it when the wait is over; what `connect` throws;
    ///     in_doubt if the connection was lost meanwhile: it may be held then, until its expiry.
    ///     (Who waits goes on waiting, if need be for that.) std::invalid_argument for a ttl that
    ///     is not positive, or a margin that is too long.
    [[nodiscard]] lease(connection_factory connect, std::string_view lock_namespace,
                        const interlock::key& key, std::string_view holder,
                        std::chrono::nanoseconds ttl, lease_options options = {});
    /// Stops renewing and gives the lease back if it is not lost, waiting for a second at most if
    /// a transaction that checked it is still open, and a few if the network is dead: what cannot
    /// be given back expires. Never throws, and so cannot say whether it was lost: release() does.
    ~lease();
    lease(lease&& other) noexcept;
    /// Gives back what it has, as the destructor does, and takes over the other's.
    lease& operator=(lease&& other) noexcept;

    /// Whether the lease is this object's as far as is known here, without asking the server.
    [[nodiscard]] bool held() const noexcept;

    /// Told to stop when the lease is lost; not when it is released. Callbacks run on a thread of
    /// the lease's own, under the rules of lease_options::on_loss.
    [[nodiscard]] std::stop_token stop_token() const;

    /// check_lease in a transaction of the application's, on any connection to the same database:
    /// what the transaction writes is written under this lease, or not at all. Asks the server
    /// whatever held() says, for that is what counts. Costs one round trip.
    ///
    /// @throws lease_lost, the transaction is aborted then; std::logic_error if the lease was
    ///     released or moved from.
    void guard(pqxx::transaction_base& tx) const;

    /// Gives the lease back, and reports if it was lost before.
    /// @throws lease_lost, with the reason; std::logic_error if it was released or moved from, or
    ///     from a callback. After any other exception (lock_not_available: a transaction that
    ///     checked it is still open) it is not renewed any more, expires in time, and may be
    ///     released again.
    void release();

    /// The fencing token, for resources that are no tables of this database. Zero once released or
    /// moved from.
    [[nodiscard]] std::int64_t token() const noexcept;
    [[nodiscard]] const std::string& lock_namespace() const noexcept { return lock_namespace_; }
    [[nodiscard]] const interlock::key& key() const noexcept { return key_; }
    [[nodiscard]] const std::string& holder() const noexcept { return holder_; }

  private:
    lease(std::string_view lock_namespace, const interlock::key& key, std::string_view holder);
    friend INTERLOCK_EXPORT std::optional<lease> try_lease(
        connection_factory connect, std::string_view lock_namespace, const interlock::key& key,
        std::string_view holder, std::chrono::nanoseconds ttl, lease_options options);

    lease_result acquire(connection_factory connect, std::chrono::nanoseconds ttl,
                         lease_options options);
    kept_lease& not_empty() const;

    std::unique_ptr<kept_lease> kept_;  // null: released, or moved from
    std::int64_t token_ = 0;
    std::string lock_namespace_;
    interlock::key key_;
    std::string holder_;
};

/// The same, telling: nothing where the lease is not to be had in time, by default at once.
/// @throws as the constructor, but for lease_held.
[[nodiscard]] INTERLOCK_EXPORT std::optional<lease> try_lease(
    connection_factory connect, std::string_view lock_namespace, const key& key,
    std::string_view holder, std::chrono::nanoseconds ttl, lease_options options = {});

}  // namespace interlock
