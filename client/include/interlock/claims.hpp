#pragma once

// Claims: work in a table of your own, one worker a row, at least once and never lost:
//
//     using job = std::tuple<std::int64_t, std::string>;           // id, payload, … as in the
//     table auto jobs = transact(db, [](pqxx::dbtransaction& tx) {
//         return interlock::claim_rows<job>(tx, "jobs", "worker 7", {.n = 10, .ttl = 1min});
//     });
//     for (const auto& claimed : jobs) {
//         work_on(claimed.row);
//         transact(db, [&](pqxx::dbtransaction& tx) {
//             interlock::finish_claim(tx, "jobs", claimed.key, claimed.token);   // or claim_lost
//         });
//     }
//
// worker.hpp has the loop around that: threads, renewals, retries, a graceful end.
//
// What is written in the transaction that finishes a claim is written exactly once: a worker that
// is late, because its claim expired and went to another, is refused, and writes nothing.
//
// | what                                 | raises        | tells             | tells of many  |
// |--------------------------------------|---------------|-------------------|----------------|
// | have rows that are ready             |               | claim_rows        |                |
// | the work is done                     | finish_claim  | try_finish_claim  | finish_claims  |
// | it takes longer                      | renew_claim   | try_renew_claim   | renew_claims   |
// | it failed, or is given back          | release_claim | try_release_claim | release_claims |
// | a dead row begins anew               | revive_claim  | try_revive_claim  |                |
// | a worker is known to be dead         |               | release_worker    |                |
//
// Common to all of them:
//  - `table` and `key` as in versioning.hpp; the table is set up by SQL's interlock.enable_claims.
//  - `token` is that of the claim, as claim_rows returned it: a number larger than any before it of
//    the same row. A claim counts until somebody else has the row, also when it has expired.
//  - Times are the server's; durations are counted in whole microseconds, at most 366 days.
//  - The raising forms send the server's raising ones: their errors abort the transaction, so that
//    a late worker cannot commit, even if the exception is swallowed. After the telling ones the
//    transaction is still good.
//  - Besides what each one lists they throw: serialization_failure, deadlock_detected,
//    lock_not_available (lock_timeout), query_canceled, read_only_transaction, connection_lost;
//    in_doubt if the session is lost in a pqxx::nontransaction; write_rejected where a trigger or
//    policy keeps the row from being written; std::invalid_argument for a zero byte in an argument;
//    and, as libpqxx's own types, what the server says of wrong arguments: 42P01 no such table,
//    55000 not set up, 22023 or 22P02 a number, duration, worker or key that is none, 22004 a queue
//    that is missing, 42501 no privilege.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "interlock/error.hpp"
#include "interlock/export.hpp"
#include "interlock/key.hpp"
#include "interlock/leases.hpp"
#include "interlock/row_locks.hpp"

namespace interlock {

/// What is needed to end or renew a claim.
struct claim {
    interlock::key key;
    std::int64_t token = 0;
};

/// A row that was claimed, as it was then.
template <class T>
struct claimed {
    interlock::key key;  // as a JSON object where it has several columns
    std::int64_t token;
    int attempts;  // how often it was delivered, this time included
    server_time claimed_until;
    T row;
};

/// How rows are claimed.
struct claim_options {
    int n = 1;  // at most so many: 1 to 10,000
    std::chrono::nanoseconds ttl = std::chrono::seconds{30};
    std::optional<std::string>
        queue{};  // needed where the table has a queue column, and only there
};

/// interlock.claim_result: what became of the end or the renewal of a claim.
enum class claim_result {
    done,
    lost,     // the token is no longer the current one
    missing,  // there is no such row: as a rule because it is finished
    busy,     // of renewals: a transaction has locked the row; the claim goes on as it is
};

/// "done", "lost", …: the name in SQL. Never throws.
[[nodiscard]] INTERLOCK_EXPORT std::string_view to_string(claim_result result) noexcept;

/// What became of one of many.
struct keyed_claim_result {
    interlock::key key;  // as a JSON object, whichever way it was given
    claim_result result;
};

/// How a row is given back.
struct release_options {
    /// What went wrong; of it 10,000 bytes are kept in last_error. The row is ready again after the
    /// table's backoff, and dead after its max_attempts. Without: at once, and the attempt does not
    /// count.
    std::optional<std::string> error{};
    /// When it is ready again, instead.
    std::optional<std::chrono::nanoseconds> retry_in{};
};

/// A work table as claim_rows needs to know it: its key, and what its claim columns are called. A
/// value, good for any connection to the same database and search_path, until the table's columns
/// or settings change. For those who claim often: asked by name, claim_rows looks it up each time.
class INTERLOCK_EXPORT work_table {
  public:
    /// Looks it up.
    /// @throws error 55000 if the table is not set up for claims; 42P01 if there is none.
    work_table(pqxx::transaction_base& tx, std::string_view table);

    /// As it was given.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// As it is in the catalogs, and in notifications.
    [[nodiscard]] const std::string& schema() const noexcept { return schema_; }
    [[nodiscard]] const std::string& relation() const noexcept { return relation_; }
    /// Whether those who listen to interlock_claims are told of inserted rows.
    [[nodiscard]] bool notify() const noexcept { return notify_; }

    /// The statement of claim_rows; its parameters are worker, n, ttl, queue.
    [[nodiscard]] const std::string& claiming() const noexcept { return claiming_; }

  private:
    std::string name_, schema_, relation_, claiming_;
    bool notify_ = false;
};

namespace detail {

INTERLOCK_EXPORT pqxx::result claim_rows(pqxx::transaction_base& tx, const work_table& table,
                                         std::string_view worker, const claim_options& options);

// The columns that come before the table's own.
inline constexpr int claim_columns = 4;
INTERLOCK_EXPORT claimed<std::monostate> read_claim(const pqxx::result& r, int row);

template <class T, class Reader>
claimed<T> read_claimed(const pqxx::result& r, int row, Reader& reader) {
    auto claim = read_claim(r, row);
    return {std::move(claim.key), claim.token, claim.attempts, claim.claimed_until,
            std::invoke(reader, locked_row{r, row, claim_columns})};
}

}  // namespace detail

/// Claims up to options.n rows that are ready, for a worker (1 to 200 characters): run_at has come,
/// and nobody has them, or no longer. Never waits for a locked row: it is left out, as is, at
/// REPEATABLE READ and above, a row changed since the snapshot. The claims count once the
/// transaction has committed.
///
/// @param reader, T as of row_locks.hpp: what becomes of a row, here as it is once claimed. What a
///     reader throws passes through; the rows are claimed then, if the transaction commits.
/// @returns the rows in the order in which they were claimed; none if none is ready.
template <row_reading Reader>
[[nodiscard]] std::vector<claimed<row_read<Reader>>> claim_rows(pqxx::transaction_base& tx,
                                                                const work_table& table,
                                                                std::string_view worker,
                                                                Reader&& reader,
                                                                const claim_options& options = {}) {
    auto r = detail::claim_rows(tx, table, worker, options);
    std::vector<claimed<row_read<Reader>>> rows;
    rows.reserve(static_cast<std::size_t>(r.size()));
    for (int i = 0; i < static_cast<int>(r.size()); ++i)
        rows.push_back(detail::read_claimed<row_read<Reader>>(r, i, reader));
    return rows;
}

/// The same for a type that is its own reader.
template <readable_row T>
[[nodiscard]] std::vector<claimed<T>> claim_rows(pqxx::transaction_base& tx,
                                                 const work_table& table, std::string_view worker,
                                                 const claim_options& options = {}) {
    return claim_rows(tx, table, worker, row_reader<T>::read, options);
}

/// The same for a table that is looked up, in one more round trip.
template <row_reading Reader>
[[nodiscard]] std::vector<claimed<row_read<Reader>>> claim_rows(pqxx::transaction_base& tx,
                                                                std::string_view table,
                                                                std::string_view worker,
                                                                Reader&& reader,
                                                                const claim_options& options = {}) {
    return claim_rows(tx, work_table{tx, table}, worker, reader, options);
}

template <readable_row T>
[[nodiscard]] std::vector<claimed<T>> claim_rows(pqxx::transaction_base& tx, std::string_view table,
                                                 std::string_view worker,
                                                 const claim_options& options = {}) {
    return claim_rows(tx, table, worker, row_reader<T>::read, options);
}

/// The work is done: deletes the row, or sets finished_at, as the table was set up. Waits for who
/// has locked the row.
///
/// @throws claim_lost if the token is no longer the current one, or the row is gone.
INTERLOCK_EXPORT void finish_claim(pqxx::transaction_base& tx, std::string_view table,
                                   const key& key, std::int64_t token);

/// The same, telling: false if the claim is lost.
[[nodiscard]] INTERLOCK_EXPORT bool try_finish_claim(pqxx::transaction_base& tx,
                                                     std::string_view table, const key& key,
                                                     std::int64_t token);

/// The same for many, telling, in one statement: two such calls never deadlock.
///
/// @returns one result for each claim, in their order: done, lost or missing.
/// @throws std::invalid_argument if some keys have columns and others do not.
INTERLOCK_EXPORT std::vector<keyed_claim_result> finish_claims(pqxx::transaction_base& tx,
                                                               std::string_view table,
                                                               const std::vector<claim>& claims);

/// Has the claim expire ttl from now; also one that has expired, if nobody has the row. Never
/// waits: the claim of a row that is locked, as by the transaction that works on it, goes on as it
/// is.
///
/// @returns until when it lasts.
/// @throws claim_lost as finish_claim.
INTERLOCK_EXPORT server_time renew_claim(pqxx::transaction_base& tx, std::string_view table,
                                         const key& key, std::int64_t token,
                                         std::chrono::nanoseconds ttl = std::chrono::seconds{30});

/// The same, telling: nothing if the claim is lost.
[[nodiscard]] INTERLOCK_EXPORT std::optional<server_time> try_renew_claim(
    pqxx::transaction_base& tx, std::string_view table, const key& key, std::int64_t token,
    std::chrono::nanoseconds ttl = std::chrono::seconds{30});

/// The same for many, telling, in one statement.
///
/// @returns one result for each claim, in their order: done, lost, missing or busy.
/// @throws as finish_claims.
INTERLOCK_EXPORT std::vector<keyed_claim_result> renew_claims(
    pqxx::transaction_base& tx, std::string_view table, const std::vector<claim>& claims,
    std::chrono::nanoseconds ttl = std::chrono::seconds{30});

/// Gives the row back: after a failure, or as it was.
/// @throws claim_lost as finish_claim.
INTERLOCK_EXPORT void release_claim(pqxx::transaction_base& tx, std::string_view table,
                                    const key& key, std::int64_t token,
                                    const release_options& options = {});

/// The same, telling: false if the claim is lost.
[[nodiscard]] INTERLOCK_EXPORT bool try_release_claim(pqxx::transaction_base& tx,
                                                      std::string_view table, const key& key,
                                                      std::int64_t token,
                                                      const release_options& options = {});

/// The same for many, telling, in one statement, with the same options for all; of a backoff each
/// row has a random share of its own.
///
/// @returns one result for each claim, in their order: done, lost or missing.
/// @throws as finish_claims.
INTERLOCK_EXPORT std::vector<keyed_claim_result> release_claims(
    pqxx::transaction_base& tx, std::string_view table, const std::vector<claim>& claims,
    const release_options& options = {});

/// Has a dead row begin anew, ready now and with no attempts.
/// @throws row_missing if there is no such row; error 55000 of libpqxx's if it is not dead.
INTERLOCK_EXPORT void revive_claim(pqxx::transaction_base& tx, std::string_view table,
                                   const key& key);

/// The same, telling: false where there is no dead row.
[[nodiscard]] INTERLOCK_EXPORT bool try_revive_claim(pqxx::transaction_base& tx,
                                                     std::string_view table, const key& key);

/// Gives back every claim of a worker that is known to be dead: its rows need not wait for their
/// expiry. Their attempts stay counted. Not those that somebody has locked.
///
/// @returns how many there were.
INTERLOCK_EXPORT std::int64_t release_worker(pqxx::transaction_base& tx, std::string_view table,
                                             std::string_view worker);

}  // namespace interlock
