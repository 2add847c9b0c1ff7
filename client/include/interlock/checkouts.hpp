#pragma once

// Checkouts: may I have this row for as long as I edit it, over my lunch break if need be? It is
// held by the server's clock, not by a session; nobody else can write the row meanwhile, whatever
// he writes with, and he is told who has it.
//
//     // One request opens the form,
//     auto mine = transact(db, [&](pqxx::dbtransaction& tx) {
//         return interlock::checkout{tx, "documents", 7, "Ann", 15min, "the last draft"};
//     });                                                  // or lease_held: who, until when, why
//     form.hidden("token", std::to_string(mine.token()));
//
//     // another one, in another process, saves it.
//     interlock::checkout mine{"documents", 7, std::stoll(form["token"])};
//     transact(db, [&](pqxx::dbtransaction& tx) {
//         mine.use(tx);                                    // lease_lost, and nothing is written
//         versioned_update(tx, "documents", 7, version_as_read, changes);
//         mine.checkin(tx);
//     });
//
// | what                                | raises         | tells                    |
// |-------------------------------------|----------------|--------------------------|
// | check a row out                     | checkout       | try_checkout             |
// | have it expire later                | renew_checkout | try_renew_checkout       |
// | write as who has it                 | use_checkout   | try_use_checkout         |
// | give it back                        |                | checkin                  |
// | take it away from whoever has it    |                | break_checkout           |
// | renewed by itself, while a window   | kept_checkout  | try_kept_checkout        |
// | is open                             |                |                          |
//
// Who does not know of checkouts meets them, too: any UPDATE or DELETE of the row, versioned_update
// and plain SQL alike, is lease_held until it is given back or has expired.
//
// Common to all of them:
//  - `table` and `key` as in versioning.hpp: parameters, never part of the SQL. The table is set up
//    by SQL's interlock.enable_checkout. A partition's row is its parent's.
//  - `holder` is who people are told has it: 1 to 200 characters, the name of a person. Unlike a
//    lease a checkout is re-entrant: the same holder gets the same token, renewed, so that a form
//    can be loaded again, and a request whose answer was lost repeated.
//  - `ttl` is how long it lasts if it is not renewed, from when the server reads its clock; counted
//    in whole microseconds, at most 366 days. Expiry alone frees the row: who has the token goes on
//    until somebody else checks the row out or writes it.
//  - The raising forms send the server's raising ones: their errors abort the transaction, and a
//    late save cannot commit, even if the exception is swallowed. After the telling ones the
//    transaction is still good.
//  - The caller needs the rights to lock the row: SELECT on its key, UPDATE of any column.
//  - Besides what each one lists they throw: serialization_failure, deadlock_detected,
//    lock_not_available (lock_timeout), query_canceled, read_only_transaction, connection_lost;
//    in_doubt if the session is lost in a pqxx::nontransaction; std::invalid_argument for a zero
//    byte in an argument; and, as libpqxx's own types, what the server says of wrong arguments:
//    42P01 no such table, 55000 not set up, 22023 or 22P02 a ttl, holder or key that is none, 42501
//    no privilege. The server's errors abort the transaction, whichever form was called.

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
#include "interlock/leases.hpp"

namespace interlock {

/// A row that is checked out: table, key and token, nothing else is needed. A value; it sends
/// nothing by itself, and does not give the row back when it goes. What outlives the process is
/// its token, a number: put it into the form, and make another checkout of it. The token of a form
/// is no proof of who sends it.
class INTERLOCK_EXPORT checkout {
  public:
    /// Checks the row out. Where somebody else has it that is told at once; where nobody has, it
    /// waits for transactions that are writing the row (lock_timeout bounds that), and locks it
    /// until this transaction ends: commit soon. The token counts once it has committed. A commit
    /// whose answer was lost is not success: ask again, as the same holder.
    ///
    /// @param note for the people who are told that the row is taken, and for the view
    ///     interlock.checkouts. Without one, that of a checkout that is renewed stays.
    /// @throws lease_held, with holder, note and expiry, and the session in the way if there is one
    ///     (a transaction that uses a checkout which has expired); row_missing IL002;
    ///     serialization_failure if the row has changed since the snapshot of a REPEATABLE READ
    ///     transaction: what it read is not the row that it would hold.
    checkout(pqxx::transaction_base& tx, std::string_view table, const interlock::key& key,
             std::string_view holder, std::chrono::nanoseconds ttl,
             const std::optional<std::string>& note = {});

    /// One that was taken before: sends nothing, and so cannot know whether it still counts.
    checkout(std::string_view table, const interlock::key& key, std::int64_t token);

    /// use_checkout, and so on.
    void use(pqxx::transaction_base& tx) const;
    [[nodiscard]] bool try_use(pqxx::transaction_base& tx) const;
    server_time renew(pqxx::transaction_base& tx, std::chrono::nanoseconds ttl) const;
    [[nodiscard]] std::optional<server_time> try_renew(pqxx::transaction_base& tx,
                                                       std::chrono::nanoseconds ttl) const;
    bool checkin(pqxx::transaction_base& tx) const;

    [[nodiscard]] const std::string& table() const noexcept { return table_; }
    [[nodiscard]] const interlock::key& key() const noexcept { return key_; }
    [[nodiscard]] std::int64_t token() const noexcept { return token_; }
    /// Holder and times, as they were when this object took it; nothing of one taken before.
    [[nodiscard]] const std::optional<granted_lease>& granted() const noexcept { return granted_; }

  private:
    std::string table_;
    interlock::key key_;
    std::int64_t token_;
    std::optional<granted_lease> granted_;
};

/// The same, telling: granted, with the token to make a checkout of; or who has the row, and until
/// when.
/// @throws row_missing: that is an error here, too.
[[nodiscard]] INTERLOCK_EXPORT lease_result try_checkout(
    pqxx::transaction_base& tx, std::string_view table, const key& key, std::string_view holder,
    std::chrono::nanoseconds ttl, const std::optional<std::string>& note = {});

/// Has the checkout expire ttl from now; also one that has expired, if nobody has checked the row
/// out or written it since. Never waits for a transaction that uses it.
///
/// @returns when it expires.
/// @throws lease_lost if the token is no longer the current one.
INTERLOCK_EXPORT server_time renew_checkout(pqxx::transaction_base& tx, std::string_view table,
                                            const key& key, std::int64_t token,
                                            std::chrono::nanoseconds ttl);

/// The same, telling: nothing if the token is no longer the current one.
[[nodiscard]] INTERLOCK_EXPORT std::optional<server_time> try_renew_checkout(
    pqxx::transaction_base& tx, std::string_view table, const key& key, std::int64_t token,
    std::chrono::nanoseconds ttl);

/// The fence: from here on this transaction writes the row as who has it checked out, and nobody
/// takes it over before the transaction has ended. A rollback to a savepoint from before takes it
/// back. The transaction that checks a row out, or renews it, need not.
///
/// @param tx a real transaction: in a pqxx::nontransaction nothing would be held.
/// @throws lease_lost if the token is no longer the current one: the checkout expired, and somebody
///     else checked the row out or wrote it; or it was broken, or given back.
///     std::invalid_argument for a pqxx::nontransaction.
INTERLOCK_EXPORT void use_checkout(pqxx::transaction_base& tx, std::string_view table,
                                   const key& key, std::int64_t token);

/// The same, telling: false if the token is no longer the current one; the row is guarded then.
[[nodiscard]] INTERLOCK_EXPORT bool try_use_checkout(pqxx::transaction_base& tx,
                                                     std::string_view table, const key& key,
                                                     std::int64_t token);

/// Gives the row back, once the transaction commits. Waits for other transactions that use the
/// checkout: not for ever, if lock_timeout is set (lock_not_available).
///
/// @returns false if the token is no longer the current one.
INTERLOCK_EXPORT bool checkin(pqxx::transaction_base& tx, std::string_view table, const key& key,
                              std::int64_t token);

/// Takes the row away from whoever has it: the token fails from then on. For the table's owner and
/// members of its bypass roles (42501). Waits as checkin does.
///
/// @returns false if nobody has it.
INTERLOCK_EXPORT bool break_checkout(pqxx::transaction_base& tx, std::string_view table,
                                     const key& key);

struct kept_checkout_options {
    /// As of checkout.
    std::optional<std::string> note{};
    /// As of lease_options: how long before the expiry a checkout that could not be renewed counts
    /// as lost. Less than two thirds of the ttl; by default a fifth.
    std::optional<std::chrono::nanoseconds> margin{};
    /// As of lease_options: called when it is lost, once at most, from a thread of its own. It must
    /// not check in, move or destroy the object. What it throws is swallowed.
    std::function<void(lease_loss)> on_loss{};
};

/// A checkout that is renewed while a window is open, by a thread with a connection of its own, as
/// a lease is: see interlock::lease for when it is renewed, how it is lost, and what is bounded. So
/// its ttl can be short, and a row whose editor has crashed is free again in half a minute. A
/// process that was paused finds out at use(). Two windows of the same holder have one checkout,
/// and the first that is closed gives it back: let `holder` say which window, where that can
/// happen.
///
/// held(), stop_token(), token(), use() (each with a transaction of its own) may be called from
/// several threads; checkin(), leave(), moving and destroying not meanwhile. Movable, not copyable;
/// a moved-from object holds nothing.
class INTERLOCK_EXPORT kept_checkout {
  public:
    /// Checks the row out, on the connection that is the heartbeat's afterwards.
    ///
    /// @param connect is kept, and called again whenever the connection was lost, from other
    ///     threads: what it refers to must outlive the object. Its sessions must find the table by
    ///     the same name.
    /// @throws as checkout; in_doubt where the connection is lost meanwhile (ask again, as the same
    ///     holder); what connect throws; std::invalid_argument for a ttl or margin that makes no
    ///     sense.
    kept_checkout(connection_factory connect, std::string_view table, const interlock::key& key,
                  std::string_view holder, std::chrono::nanoseconds ttl,
                  kept_checkout_options options = {});
    /// Gives the row back if it can, and is soon done. Never throws: what cannot be given back
    /// expires. Its threads end with it.
    ~kept_checkout();
    kept_checkout(kept_checkout&& other) noexcept;
    /// Gives back what it holds, as the destructor does, and takes over the other's.
    kept_checkout& operator=(kept_checkout&& other) noexcept;

    /// False once it was lost, given back, left or moved from; no round trip. True may be wrong
    /// after a pause of the process: use() is what counts.
    [[nodiscard]] bool held() const noexcept;
    /// Told when it is lost. @throws std::logic_error if it was given back, left or moved from.
    [[nodiscard]] std::stop_token stop_token() const;

    /// use_checkout in a transaction of the application's, on any connection to the same database.
    /// @throws as use_checkout; std::logic_error if it was given back, left or moved from.
    void use(pqxx::transaction_base& tx) const;

    /// Gives the row back, and reports if it was lost before. To give it back in the transaction
    /// that saves, leave() it first.
    /// @throws lease_lost, with the reason; std::logic_error if it was given back, left or moved
    ///     from, or from a callback. After any other exception (lock_not_available: a transaction
    ///     that uses it is still open) it is not renewed any more, expires in time, and may be
    ///     checked in again.
    void checkin();

    /// Renews it no more, and hands it over; it expires in at most the ttl.
    /// @throws as checkin, but sends nothing.
    [[nodiscard]] checkout leave();

    /// Zero once it was given back, left or moved from.
    [[nodiscard]] std::int64_t token() const noexcept;
    [[nodiscard]] const std::string& table() const noexcept { return taken_.table(); }
    [[nodiscard]] const interlock::key& key() const noexcept { return taken_.key(); }

  private:
    kept_checkout(std::string_view table, const interlock::key& key);
    friend INTERLOCK_EXPORT std::optional<kept_checkout> try_kept_checkout(
        connection_factory connect, std::string_view table, const interlock::key& key,
        std::string_view holder, std::chrono::nanoseconds ttl, kept_checkout_options options);
    template <class Ask>
    bool take(connection_factory connect, std::chrono::nanoseconds ttl,
              kept_checkout_options options, Ask ask);
    kept_lease& not_empty() const;

    checkout taken_;
    std::unique_ptr<kept_lease> kept_;  // null: given back, left, or moved from
};

/// The same, telling: nothing where somebody else has the row.
/// @throws as the constructor, but for lease_held.
[[nodiscard]] INTERLOCK_EXPORT std::optional<kept_checkout> try_kept_checkout(
    connection_factory connect, std::string_view table, const key& key, std::string_view holder,
    std::chrono::nanoseconds ttl, kept_checkout_options options = {});

}  // namespace interlock
