#pragma once

// What can go wrong, one type per condition:
//
//     try {
//         interlock::versioned_update(tx, "accounts", 7, 3, R"({"name": "Ann"})");
//     } catch (const interlock::stale_version& e) {
//         show(e.table(), e.key(), e.current_version(), e.current(), e.conflicts());
//     } catch (const interlock::row_missing&) {
//         say("the account is gone");
//     } catch (const interlock::error& e) {
//         log(e.sqlstate(), e.what());
//     }
//
// | type                  | SQLSTATE     | transact reruns it                |
// |-----------------------|--------------|-----------------------------------|
// | stale_version         | IL001        | if the policy says rerun_stale    |
// | row_missing           | IL002        | no                                |
// | merge_conflict        | IL003        | no                                |
// | write_rejected        | IL004        | no                                |
// | version_required      | IL005        | no                                |
// | row_exists            | IL006        | no                                |
// | batch_refused         | IL001, 2, 4  | as the type of its code           |
// | lease_held            | IL010        | no                                |
// | lease_lost            | IL011        | no                                |
// | claim_lost            | IL020        | no                                |
// | serialization_failure | 40001        | yes                               |
// | deadlock_detected     | 40P01        | yes                               |
// | lock_not_available    | 55P03        | within the policy's lock_budget   |
// | lock_lost             | 08…, or none | no: stop working                  |
// | session_locks_off     | 0A000        | no                                |
// | query_canceled        | 57014        | no: somebody wished it            |
// | read_only_transaction | 25006        | no                                |
// | connection_lost       | 08…, 57P0x   | no: it needs another connection   |
// | in_doubt              | 08007, 40003 | never                             |
// | retries_exhausted     | of the last  | it is what transact gives up with |
//
// A failure that has no type here stays the exception that libpqxx threw (pqxx::unique_violation,
// pqxx::undefined_table, …); sqlstate_of() reads the code of either kind, the same on every
// libpqxx. All exceptions here copy without throwing. Their texts and references live as long as
// the exception object.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "interlock/export.hpp"

namespace interlock {

/// Base of everything this library throws on behalf of the server.
class INTERLOCK_EXPORT error : public std::runtime_error {
  public:
    /// sqlstate: five characters, or empty where the failure has none.
    error(std::string_view sqlstate, const std::string& message);
    ~error() override;

    /// Five characters, or empty.
    [[nodiscard]] std::string_view sqlstate() const noexcept;

  private:
    std::array<char, 6> sqlstate_{};
};

/// What is known about a refused write. Where the server raised the error itself (a plain UPDATE
/// that a versioning trigger refused) it is what the error's DETAIL says: the table's bare name,
/// the key as a JSON object, the versions; nothing where the connection's verbosity leaves DETAIL
/// out.
struct write_details {
    std::string table{};                     // as the caller named it
    std::string key{};                       // as text; a JSON object for a composite key
    std::optional<std::int64_t> expected{};  // the version the caller had read
    std::optional<std::int64_t> current_version{};
    std::optional<std::string> current{};    // JSON: the row now, as far as the caller may see it
    std::optional<std::string> conflicts{};  // JSON: per contested column {"mine":…, "theirs":…}
};

/// The names of the contested columns: the members of a conflicts report, in its order. What is no
/// JSON object has none. Strong guarantee; may throw std::bad_alloc.
[[nodiscard]] INTERLOCK_EXPORT std::vector<std::string> contested_columns(
    const std::optional<std::string>& conflicts);

/// A write that did not happen, because of the row it met.
///
/// Thrown by versioned_update and its siblings, which ask the server's try_ form: the transaction
/// is still good, nothing was written, and the caller may go on in it. Only when the *server*
/// raised it (plain SQL against a versioned table) is the transaction aborted.
class INTERLOCK_EXPORT write_error : public error {
  public:
    write_error(std::string_view sqlstate, const std::string& message, write_details details);
    ~write_error() override;

    [[nodiscard]] const std::string& table() const noexcept { return details_->table; }
    [[nodiscard]] const std::string& key() const noexcept { return details_->key; }
    [[nodiscard]] const std::optional<std::int64_t>& expected() const noexcept {
        return details_->expected;
    }
    [[nodiscard]] const std::optional<std::int64_t>& current_version() const noexcept {
        return details_->current_version;
    }
    /// JSON text.
    [[nodiscard]] const std::optional<std::string>& current() const noexcept {
        return details_->current;
    }
    /// JSON text.
    [[nodiscard]] const std::optional<std::string>& conflicts() const noexcept {
        return details_->conflicts;
    }
    /// The columns that conflicts() is about, by name.
    [[nodiscard]] std::vector<std::string> columns() const {
        return contested_columns(details_->conflicts);
    }

  private:
    std::shared_ptr<const write_details> details_;  // shared, so that copying cannot throw
};

/// IL001: the row is there, at another version; from compare_and_update: with other values than the
/// expected ones, and columns() names them.
class INTERLOCK_EXPORT stale_version : public write_error {
  public:
    explicit stale_version(const std::string& message, write_details details = {});
    ~stale_version() override;
};

/// IL002: no such row for this caller: deleted, never there, or hidden.
class INTERLOCK_EXPORT row_missing : public write_error {
  public:
    explicit row_missing(const std::string& message, write_details details = {});
    ~row_missing() override;
};

/// IL003: both sides changed the same columns; conflicts() holds base, mine and theirs of each.
/// Never run again by transact, whatever the policy says: a person decides.
class INTERLOCK_EXPORT merge_conflict : public write_error {
  public:
    explicit merge_conflict(const std::string& message, write_details details = {});
    ~merge_conflict() override;
};

/// IL004: a trigger or policy swallowed the write.
class INTERLOCK_EXPORT write_rejected : public write_error {
  public:
    explicit write_rejected(const std::string& message, write_details details = {});
    ~write_rejected() override;
};

/// IL005: a table that requires a version was updated without one.
class INTERLOCK_EXPORT version_required : public write_error {
  public:
    explicit version_required(const std::string& message, write_details details = {});
    ~version_required() override;
};

/// IL006: an insert-if-absent found the row.
class INTERLOCK_EXPORT row_exists : public write_error {
  public:
    explicit row_exists(const std::string& message, write_details details = {});
    ~row_exists() override;
};

/// What became of a batch of which nothing was written. IL001 if any row is stale, else IL002 if
/// any is missing, else IL004. table() is set; key(), versions, row and conflicts are each row's
/// own.
class INTERLOCK_EXPORT batch_refused : public write_error {
  public:
    /// The rows that were in the way, each list in the order of the keys, keys as JSON objects.
    struct failures {
        std::vector<write_details> stale{};
        std::vector<write_details> missing{};
        std::vector<write_details> rejected{};
    };

    /// rows: how many the batch had in all.
    batch_refused(const std::string& table, std::size_t rows, failures failed);
    ~batch_refused() override;

    [[nodiscard]] const std::vector<write_details>& stale() const noexcept {
        return failures_->stale;
    }
    [[nodiscard]] const std::vector<write_details>& missing() const noexcept {
        return failures_->missing;
    }
    [[nodiscard]] const std::vector<write_details>& rejected() const noexcept {
        return failures_->rejected;
    }
    /// How many rows the batch had in all.
    [[nodiscard]] std::size_t rows() const noexcept { return rows_; }

  private:
    std::shared_ptr<const failures> failures_;
    std::size_t rows_;
};

/// What is known about a lease or checkout that was not to be had, or is lost; empty what does not
/// apply, or is not known.
struct lease_details {
    std::string lock_namespace{};  // of a lease
    std::string table{};           // of a checkout
    std::string key{};             // as text; a JSON object of a row that the server named
    std::string holder{};
    std::optional<std::chrono::system_clock::time_point> expires_at{};  // by the server's clock
    std::optional<int> blocking_pid{};  // whose open transaction keeps it from being taken over
    std::optional<std::int64_t> token{};
    std::optional<std::string> note{};  // of a checkout
};

/// IL010: somebody else holds the lease, or has the row checked out: also out of any write to such
/// a row, versioned_update and plain SQL alike.
///
/// It says who, and until when; nobody, if it is only just being taken. What the server raised is
/// read from the error's DETAIL, if the connection's verbosity shows that.
class INTERLOCK_EXPORT lease_held : public error {
  public:
    explicit lease_held(const std::string& message, lease_details details = {});
    ~lease_held() override;

    [[nodiscard]] const std::string& lock_namespace() const noexcept {
        return details_->lock_namespace;
    }
    [[nodiscard]] const std::string& table() const noexcept { return details_->table; }
    [[nodiscard]] const std::string& key() const noexcept { return details_->key; }
    [[nodiscard]] const std::string& holder() const noexcept { return details_->holder; }
    [[nodiscard]] const std::optional<std::string>& note() const noexcept { return details_->note; }
    [[nodiscard]] const std::optional<std::chrono::system_clock::time_point>& expires_at()
        const noexcept {
        return details_->expires_at;
    }
    [[nodiscard]] const std::optional<int>& blocking_pid() const noexcept {
        return details_->blocking_pid;
    }

  private:
    std::shared_ptr<const lease_details> details_;  // shared, so that copying cannot throw
};

/// How a lease came to be lost.
enum class lease_loss {
    superseded,   // the server says so: taken over, broken, or released by somebody with the token
    not_renewed,  // no renewal got through until shortly before the expiry
};

/// IL011: the token is no longer the current one, or must be taken not to be: stop working.
class INTERLOCK_EXPORT lease_lost : public error {
  public:
    explicit lease_lost(const std::string& message, lease_details details = {},
                        lease_loss reason = lease_loss::superseded);
    ~lease_lost() override;

    [[nodiscard]] lease_loss reason() const noexcept { return reason_; }
    [[nodiscard]] const std::string& lock_namespace() const noexcept {
        return details_->lock_namespace;
    }
    [[nodiscard]] const std::string& table() const noexcept { return details_->table; }
    [[nodiscard]] const std::string& key() const noexcept { return details_->key; }
    [[nodiscard]] const std::optional<std::int64_t>& token() const noexcept {
        return details_->token;
    }

  private:
    lease_loss reason_;
    std::shared_ptr<const lease_details> details_;
};

/// What is known about a claim that is lost; empty what does not apply, or what the role may not
/// see.
struct claim_details {
    std::string table{};
    std::string key{};  // as text; a JSON object of a row that the server named
    std::optional<std::int64_t> token{};
    std::string worker{};  // whose claim it is now, or was last
    std::optional<std::chrono::system_clock::time_point> claimed_until{};  // by the server's clock
    std::optional<std::chrono::system_clock::time_point> finished_at{};
    std::optional<std::chrono::system_clock::time_point> dead_at{};
    bool missing = false;  // there is no such row (any more)
};

/// IL020: the claim expired and went to another worker, or the row is done with: stop working.
///
/// It says whose the row is now. What the server raised is read from the error's DETAIL, if the
/// connection's verbosity shows that.
class INTERLOCK_EXPORT claim_lost : public error {
  public:
    explicit claim_lost(const std::string& message, claim_details details = {});
    ~claim_lost() override;

    [[nodiscard]] const std::string& table() const noexcept { return details_->table; }
    [[nodiscard]] const std::string& key() const noexcept { return details_->key; }
    [[nodiscard]] const std::optional<std::int64_t>& token() const noexcept {
        return details_->token;
    }
    [[nodiscard]] const std::string& worker() const noexcept { return details_->worker; }
    [[nodiscard]] const std::optional<std::chrono::system_clock::time_point>& claimed_until()
        const noexcept {
        return details_->claimed_until;
    }
    /// Since when the row is finished, in a table that keeps such rows.
    [[nodiscard]] const std::optional<std::chrono::system_clock::time_point>& finished_at()
        const noexcept {
        return details_->finished_at;
    }
    /// Since when it is dead: out of attempts.
    [[nodiscard]] const std::optional<std::chrono::system_clock::time_point>& dead_at()
        const noexcept {
        return details_->dead_at;
    }
    [[nodiscard]] bool missing() const noexcept { return details_->missing; }

  private:
    std::shared_ptr<const claim_details> details_;  // shared, so that copying cannot throw
};

/// 40001: this transaction cannot be put in order with the others; run it again.
class INTERLOCK_EXPORT serialization_failure : public error {
  public:
    explicit serialization_failure(const std::string& message);
    ~serialization_failure() override;
};

/// 40P01: the server broke a deadlock, at this transaction's cost; run it again.
class INTERLOCK_EXPORT deadlock_detected : public error {
  public:
    explicit deadlock_detected(const std::string& message);
    ~deadlock_detected() override;
};

/// What is known about a lock that was not to be had; empty what does not apply, or is not known.
struct lock_details {
    std::string lock_namespace{};      // of an advisory lock
    std::string table{};               // of a row lock
    std::string key{};                 // as text; a JSON object of a row that the server named
    std::vector<int> blocking_pids{};  // in ascending order; 0 is a prepared transaction
};

/// 55P03: the bound of the wait or lock_timeout passed, or there was to be no wait.
///
/// Of our functions it says which lock and who held it when the wait was over (nobody, if it became
/// free just then). Also where SQL of the application's own called them: there it is read from the
/// error's DETAIL, if the connection's verbosity shows that. Of PostgreSQL's own NOWAIT and
/// lock_timeout only the message is known.
class INTERLOCK_EXPORT lock_not_available : public error {
  public:
    explicit lock_not_available(const std::string& message, lock_details details = {});
    ~lock_not_available() override;

    [[nodiscard]] const std::string& lock_namespace() const noexcept {
        return details_->lock_namespace;
    }
    [[nodiscard]] const std::string& table() const noexcept { return details_->table; }
    [[nodiscard]] const std::string& key() const noexcept { return details_->key; }
    [[nodiscard]] const std::vector<int>& blocking_pids() const noexcept {
        return details_->blocking_pids;
    }

  private:
    std::shared_ptr<const lock_details> details_;  // shared, so that copying cannot throw
};

/// How a session lock came to be lost.
enum class lock_loss {
    session_ended,     // the connection broke, or the server ended the session
    session_replaced,  // the connection has another session now: a reconnect, or a pooler
    unlocked,  // the session is there, but not the lock: DISCARD ALL, pg_advisory_unlock_all
};

/// A session lock that should be held, and is not: whatever it protected, somebody else may be at
/// it. sqlstate() is that of the lost connection (as connection_lost has it), else empty.
class INTERLOCK_EXPORT lock_lost : public error {
  public:
    lock_lost(std::string_view sqlstate, const std::string& message, lock_loss reason,
              lock_details details);
    ~lock_lost() override;

    [[nodiscard]] lock_loss reason() const noexcept { return reason_; }
    [[nodiscard]] const std::string& lock_namespace() const noexcept {
        return details_->lock_namespace;
    }
    [[nodiscard]] const std::string& key() const noexcept { return details_->key; }

  private:
    lock_loss reason_;
    std::shared_ptr<const lock_details> details_;
};

/// 0A000: interlock.session_locks is off, because a pooler hands sessions from one client to the
/// next. Take the lock for a transaction.
class INTERLOCK_EXPORT session_locks_off : public error {
  public:
    explicit session_locks_off(const std::string& message);
    ~session_locks_off() override;
};

/// 57014: the statement was cancelled, by statement_timeout or by somebody.
class INTERLOCK_EXPORT query_canceled : public error {
  public:
    explicit query_canceled(const std::string& message);
    ~query_canceled() override;
};

/// 25006: a write in a read-only transaction or on a standby.
class INTERLOCK_EXPORT read_only_transaction : public error {
  public:
    explicit read_only_transaction(const std::string& message);
    ~read_only_transaction() override;
};

/// The session is gone: network, restart, pg_terminate_backend, an idle timeout. sqlstate() is the
/// server's last word (57P01, 25P03, …) where it had one and libpqxx hands it on; 6.4 does so only
/// at the beginning of a transaction. Otherwise it is 08006.
///
/// From transact it also says: *nothing was committed*; the work may be run again on another
/// connection. The connection it happened on stays lost; on libpqxx 6 it does not reconnect by
/// itself any more (see bridge.hpp).
class INTERLOCK_EXPORT connection_lost : public error {
  public:
    connection_lost(std::string_view sqlstate, const std::string& message);
    ~connection_lost() override;
};

/// The session was lost after COMMIT had been sent and before the answer came: the transaction
/// may have happened. Never run it again blindly.
class INTERLOCK_EXPORT in_doubt : public error {
  public:
    in_doubt(std::string_view sqlstate, const std::string& message,
             std::optional<std::uint64_t> transaction_id = {});
    ~in_doubt() override;

    /// For `SELECT pg_xact_status($1::xid8)`, where transact was given a way to reconnect and so
    /// asked for the id before COMMIT.
    [[nodiscard]] std::optional<std::uint64_t> transaction_id() const noexcept {
        return transaction_id_;
    }

  private:
    std::optional<std::uint64_t> transaction_id_;
};

/// transact gave up: out of attempts, time or lock budget. sqlstate() is the last error's.
class INTERLOCK_EXPORT retries_exhausted : public error {
  public:
    retries_exhausted(std::string_view sqlstate, const std::string& message,
                      std::exception_ptr last_error, int attempts,
                      std::chrono::nanoseconds elapsed);
    ~retries_exhausted() override;

    /// What the last attempt failed with; never null. `std::rethrow_exception(e.last_error())`.
    [[nodiscard]] const std::exception_ptr& last_error() const noexcept { return last_error_; }
    /// How often the body ran.
    [[nodiscard]] int attempts() const noexcept { return attempts_; }
    /// Time from the first attempt to the decision, waits included, by the policy's clock.
    [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept { return elapsed_; }

  private:
    std::exception_ptr last_error_;
    int attempts_;
    std::chrono::nanoseconds elapsed_;
};

/// The SQLSTATE of one of our exceptions or one of libpqxx's, the same on every libpqxx; empty if
/// it has none. Strong guarantee; may throw std::bad_alloc.
[[nodiscard]] INTERLOCK_EXPORT std::string sqlstate_of(const std::exception& failure);

/// The type above that fits a libpqxx exception; the very same pointer if none does, or if it is
/// not libpqxx's. A null pointer stays null. Throws nothing but std::bad_alloc.
[[nodiscard]] INTERLOCK_EXPORT std::exception_ptr translate(std::exception_ptr failure);

}  // namespace interlock
