#pragma once

// Advisory locks: may only one of us do this, whatever "this" is? A lock is a key in a namespace,
// which interlock.create_lock_namespace() has registered with the type of its keys and the roles
// that may use it: no collisions, and a mistyped name is an error.
//
//     interlock::transact(db, [&](pqxx::dbtransaction& tx) {
//         interlock::advisory_xact_lock lock{tx, "billing", 42};   // held until the transaction
//         ends …
//     });
//
//     interlock::advisory_session_lock lock{db, "imports", "suppliers.csv",
//     lock_wait::at_most(5s)}; …                                                    // any number
//     of transactions on db lock.release();                                      // throws if it
//     was lost meanwhile
//
// | held until                | raises                  | tells                       |
// |---------------------------|-------------------------|-----------------------------|
// | the transaction ends      | advisory_xact_lock      | try_advisory_xact_lock      |
// | the same, many keys       | advisory_xact_lock_many | try_advisory_xact_lock_many |
// | the same, one of N slots  | advisory_xact_slot      | try_advisory_xact_slot      |
// | released, or session ends | advisory_session_lock   | try_advisory_session_lock   |
//
// Common to all of them:
//  - `lock_namespace` is a name as it was registered, to the byte; `key` what the namespace's key
//    type reads: 42, "42", a uuid as text. Both are parameters, never part of the SQL, and meet
//    whoever takes the same lock by typed SQL. A key of several columns is std::invalid_argument.
//  - The raising forms wait without a bound unless told otherwise, the telling ones not at all.
//    Both send the server's try_ form: where a lock is not to be had the server sees no error, and
//    the transaction is still good. The raising form asks then, in a second statement, who is in
//    the way: lock_not_available has namespace, key and blocking pids.
//  - A lock that its holder takes again is held; a shared lock that others hold too is not raised
//    to an exclusive one without waiting for them, and two who try that deadlock.
//  - "Lock, then read": at REPEATABLE READ and above, what is read after a wait is from before it.
//    Lock at READ COMMITTED, and read in later statements.
//  - Besides what each one lists they throw: deadlock_detected, query_canceled, connection_lost;
//    and, as libpqxx's own types, 42704 no such namespace (with the nearest names in the message),
//    42501 not a member of its roles, 22023 or 22P02 no key of its type, 53400 more locks than one
//    session may hold of the namespace; std::invalid_argument for a zero byte in an argument. The
//    server's errors abort the transaction.
//  - Strong guarantee: after an exception the lock is not held, or as before. Nothing is kept of
//    the arguments but copies and the connection.

#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "interlock/bridge.hpp"
#include "interlock/error.hpp"
#include "interlock/export.hpp"
#include "interlock/key.hpp"
#include "interlock/lock_wait.hpp"

namespace interlock {

/// With whom an advisory lock can be held.
enum class lock_mode {
    exclusive,  // with nobody
    shared,     // with others who share it
};

/// The lock of a key, held by a transaction. There is nothing to release: it is held until the
/// transaction ends (or a savepoint from before it is rolled back to), whether this object lives or
/// not. The object says which lock it is, and by being an argument that it was taken:
///
///     void post(pqxx::dbtransaction& tx, const advisory_xact_lock& of_account, …);
class INTERLOCK_EXPORT advisory_xact_lock {
  public:
    /// Takes the lock.
    ///
    /// @param tx a real transaction: in a pqxx::nontransaction the lock would be gone at once.
    /// @throws lock_not_available when the wait is over (the transaction is still good);
    ///     std::invalid_argument for a pqxx::nontransaction.
    advisory_xact_lock(pqxx::transaction_base& tx, std::string_view lock_namespace,
                       const interlock::key& key, lock_wait wait = lock_wait::unbounded(),
                       lock_mode mode = lock_mode::exclusive);

    [[nodiscard]] const std::string& lock_namespace() const noexcept { return lock_namespace_; }
    [[nodiscard]] const interlock::key& key() const noexcept { return key_; }
    [[nodiscard]] lock_mode mode() const noexcept { return mode_; }

  private:
    struct taken {};
    advisory_xact_lock(taken, std::string_view lock_namespace, const interlock::key& key,
                       lock_mode mode);
    friend INTERLOCK_EXPORT std::optional<advisory_xact_lock> try_advisory_xact_lock(
        pqxx::transaction_base& tx, std::string_view lock_namespace, const interlock::key& key,
        lock_wait wait, lock_mode mode);

    std::string lock_namespace_;
    interlock::key key_;
    lock_mode mode_;
};

/// The same, telling: nothing where the lock is not to be had in time, by default at once.
/// @throws as the constructor, but for lock_not_available.
[[nodiscard]] INTERLOCK_EXPORT std::optional<advisory_xact_lock> try_advisory_xact_lock(
    pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key,
    lock_wait wait = lock_wait::none(), lock_mode mode = lock_mode::exclusive);

/// Takes the locks of many keys for the transaction, in one statement and in the same order
/// whatever theirs: two such calls never wait for each other. A key that comes twice is taken once.
///
/// @param wait one deadline for all of them.
/// @throws lock_not_available when the wait is over: none is held that was not before. It names
///     one of the keys that somebody is found to hold. std::invalid_argument for a
///     pqxx::nontransaction.
INTERLOCK_EXPORT void advisory_xact_lock_many(pqxx::transaction_base& tx,
                                              std::string_view lock_namespace,
                                              const std::vector<key>& keys,
                                              lock_wait wait = lock_wait::unbounded(),
                                              lock_mode mode = lock_mode::exclusive);

/// The same, telling: true if it has all of them, else none.
[[nodiscard]] INTERLOCK_EXPORT bool try_advisory_xact_lock_many(
    pqxx::transaction_base& tx, std::string_view lock_namespace, const std::vector<key>& keys,
    lock_wait wait = lock_wait::none(), lock_mode mode = lock_mode::exclusive);

/// Takes one of so many slots of a key for the transaction: at most `slots` of us at a time, served
/// in order. Apart from the key's lock; who has one gets the same again.
///
/// @param slots 1 to 1000, the same for everybody; else 22023.
/// @returns the number of the slot, from 1.
/// @throws lock_not_available when the wait is over, with the pids of all who have one;
///     std::invalid_argument for a pqxx::nontransaction.
INTERLOCK_EXPORT int advisory_xact_slot(pqxx::transaction_base& tx, std::string_view lock_namespace,
                                        const key& key, int slots,
                                        lock_wait wait = lock_wait::unbounded());

/// The same, telling: nothing where no slot becomes free in time, by default at once.
[[nodiscard]] INTERLOCK_EXPORT std::optional<int> try_advisory_xact_slot(
    pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key, int slots,
    lock_wait wait = lock_wait::none());

/// The lock of a key, held by a session: across transactions, whether they commit or not, until it
/// is released or the session ends.
///
/// Not for connections through a pooler that hands sessions on from one transaction to the next:
/// there the lock would stay behind in somebody else's session. Such databases should have
/// interlock.session_locks = off, and then this throws session_locks_off: take the lock for a
/// transaction, or a lease.
///
/// A lock that can be lost is to be asked for: held() and ensure_held() ask the server, for nobody
/// else knows. When the connection is lost, so is the lock (as soon as the server notices, which
/// behind a dead network may take its TCP timeouts). What the session itself does in transactions
/// on the same connection cannot outlive the lock; what others do for it can.
///
/// Movable, not copyable; a moved-from object holds nothing. Must not outlive the connection, which
/// must not be moved meanwhile, and is used by one thread at a time, the connection's. No
/// transaction may be open on the connection when it is made, released or destroyed: libpqxx has no
/// second one beside it. If one is open all the same, the destructor cannot release the lock, which
/// then stays until the session ends.
class INTERLOCK_EXPORT advisory_session_lock {
  public:
    /// Takes the lock. On libpqxx 6 the connection's silent reconnecting is switched off for good.
    ///
    /// @throws lock_not_available when the wait is over; session_locks_off; connection_lost (the
    ///     lock is not held then: it went with the session); pqxx::usage_error while a transaction
    ///     is open on the connection.
    [[nodiscard]] advisory_session_lock(connection_type& connection,
                                        std::string_view lock_namespace, const interlock::key& key,
                                        lock_wait wait = lock_wait::unbounded(),
                                        lock_mode mode = lock_mode::exclusive);
    /// Releases the lock if it is still this session's. Never throws, and so cannot say whether it
    /// was: release() does.
    ~advisory_session_lock();
    advisory_session_lock(advisory_session_lock&& other) noexcept;
    /// Releases what it holds, as the destructor does, and takes over the other's.
    advisory_session_lock& operator=(advisory_session_lock&& other) noexcept;

    /// Asks the server whether this session still holds the lock: false if it does not, or is gone,
    /// or another one has its place. Throws what else can happen to a statement.
    [[nodiscard]] bool held();
    /// Within a transaction that is open on the same connection (std::invalid_argument if it is on
    /// another one).
    [[nodiscard]] bool held(pqxx::transaction_base& tx);

    /// The same as an exception.
    /// @throws lock_lost, with the reason; std::logic_error if it was released or moved from.
    void ensure_held();
    void ensure_held(pqxx::transaction_base& tx);

    /// Releases the lock and reports if it was lost before.
    /// @throws lock_lost, with the reason; std::logic_error if it was released or moved from. After
    ///     any other exception (query_canceled) it is still held, and may be released again.
    void release();

    [[nodiscard]] const std::string& lock_namespace() const noexcept { return lock_namespace_; }
    [[nodiscard]] const interlock::key& key() const noexcept { return key_; }
    [[nodiscard]] lock_mode mode() const noexcept { return mode_; }

  private:
    struct empty {};
    advisory_session_lock(empty, std::string_view lock_namespace, const interlock::key& key,
                          lock_mode mode);
    friend INTERLOCK_EXPORT std::optional<advisory_session_lock> try_advisory_session_lock(
        connection_type& connection, std::string_view lock_namespace, const interlock::key& key,
        lock_wait wait, lock_mode mode);

    void holds_on(connection_type& connection) noexcept;
    void check_not_empty() const;
    void judge(const pqxx::result& answer);
    [[noreturn]] void lose(lock_loss reason, std::string_view sqlstate, const std::string& why);
    void release_quietly() noexcept;

    connection_type* connection_ = nullptr;  // null: released, or moved from
    std::string lock_namespace_;
    interlock::key key_;
    lock_mode mode_;
    int pid_ = 0;
    std::optional<lock_loss> lost_;
};

/// The same, telling: nothing where the lock is not to be had in time, by default at once.
/// @throws as the constructor, but for lock_not_available.
[[nodiscard]] INTERLOCK_EXPORT std::optional<advisory_session_lock> try_advisory_session_lock(
    connection_type& connection, std::string_view lock_namespace, const key& key,
    lock_wait wait = lock_wait::none(), lock_mode mode = lock_mode::exclusive);

}  // namespace interlock
