#pragma once

// Optimistic writes: has this row changed since I read it?
//
//     // read, think (no lock is held meanwhile), save:
//     auto r = interlock::try_versioned_update(tx, "accounts", 7, version_as_read,
//                                              R"({"name": "Ann"})");
//     switch (r.status) {
//         case interlock::write_status::written:   return show_saved(*r.version);
//         case interlock::write_status::unchanged: return show_saved(*r.version);
//         case interlock::write_status::stale:     return offer_merge(*r.current, *r.conflicts);
//         case interlock::write_status::missing:   return show_gone();
//         default:                                 return show_refused(r.status);
//     }
//
// Each write comes twice, as in SQL: `try_…` tells what happened, the other raises it. Both send
// one statement, the try_ form, because libpqxx hands on an error's code and message but not its
// details. So a conflict is not an error to the server, and after a write_error (error.hpp) was
// thrown nothing is written and the transaction is still good.
//
// | the caller has                           | and calls             | which tells |
// |------------------------------------------|-----------------------|------------------------------|
// | the version, and changed columns         | versioned_update      | written unchanged | | | |
// stale missing rejected       | | the version                              | versioned_delete |
// written                      | |                                          | versioned_touch |
// stale missing rejected       | | the version of a row it only relies on   | versioned_check |
// unchanged                    | |                                          | | stale missing
// rejected       | | a whole row, new or with its version     | versioned_upsert      | written
// unchanged exists     | |                                          |                       | stale
// missing rejected       | | the row as read, and changed columns     | versioned_merge       |
// written unchanged merged     | |                                          | | conflict missing
// rejected    | | what some columns must still hold        | compare_and_update    | written
// unchanged            | |                                          |                       | stale
// missing rejected       | | many rows, each with version and changes | versioned_update_many | one
// of these for each row,   | |                                          |                       |
// or held_back                 |
//
// SQL's versioned_save is not among them: it takes and returns a value of the table's row type,
// which C++ does not have. versioned_upsert is the same for a row in JSON.
//
// Common to all of them:
//  - `tx` is any transaction; in a pqxx::nontransaction each call commits by itself.
//  - `table` is the table's name as in SQL: "accounts", "sales.orders", "\"Mixed Case\"" (quoting
//    and search_path as usual; `tx.quote_name` helps). It is a parameter, never part of the SQL.
//  - `expected`, a number, is the version as it was read.
//  - `changes`, `base` and the like are JSON objects by column name, as text; any JSON library will
//    do. null is SQL NULL. Text columns must be UTF-8, or what client_encoding says.
//  - At READ COMMITTED a write waits for a rival and then judges the newest committed row. At
//    REPEATABLE READ and SERIALIZABLE a row changed since the snapshot is serialization_failure.
//  - Besides what each one lists they throw: serialization_failure, deadlock_detected,
//    lock_not_available, query_canceled, read_only_transaction, connection_lost; in_doubt if the
//    session is lost in a pqxx::nontransaction, where each statement commits by itself;
//    std::invalid_argument for a zero byte in an argument, before anything is sent; and, as
//    libpqxx's own types, what the server says of wrong arguments: 42P01 no such table, 55000 not a
//    versioned table or without a primary key, 42703 no such column, 428C9 a generated one, 22023
//    or 22P02 a value or key that does not convert or does not belong there, 0A000 a timestamp
//    version where a number is expected, 42501 no privilege, and whatever constraints and triggers
//    of the table raise. The server's errors abort the transaction.
//  - Strong guarantee. Nothing is kept of the arguments; results own their texts.

#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "interlock/error.hpp"
#include "interlock/export.hpp"
#include "interlock/key.hpp"

namespace interlock {

/// interlock.write_status: what became of a write.
enum class write_status {
    written,
    unchanged,  // the version was right and the changes altered nothing: no write, same version
    merged,     // written, after a merge with somebody else's changes
    stale,      // the row is at another version
    missing,    // no such row for this caller
    conflict,   // both sides changed the same columns
    exists,     // an insert-if-absent found the row
    rejected,   // a trigger or policy swallowed the write
    held_back,  // fine itself, not written because others of its batch were not
};

/// "written", "stale", …: the name in SQL. Never throws.
[[nodiscard]] INTERLOCK_EXPORT std::string_view to_string(write_status status) noexcept;

/// True for written, unchanged and merged: the row is now as the caller wanted it.
[[nodiscard]] INTERLOCK_EXPORT bool succeeded(write_status status) noexcept;

/// interlock.write_result: what became of a write and, where it was refused, the row as it is now,
/// as far as the caller may see it.
struct write_result {
    write_status status;
    std::optional<std::int64_t> version;  // new if it succeeded, else the row's own
    std::optional<std::string> current;   // JSON object, by column name
    std::optional<std::string> conflicts;  // JSON: {"column": {"mine":…, "theirs":…[, "base":…]}}

    [[nodiscard]] bool ok() const noexcept { return succeeded(status); }
    /// The names of the columns that conflicts is about.
    [[nodiscard]] std::vector<std::string> columns() const { return contested_columns(conflicts); }
};

/// Writes the changes if the row is at the expected version.
///
/// @param changes the columns to set, without key, version and generated columns.
/// @param base the row as it was read, or the part of it the user saw; with it the conflicts
///     report holds only what is truly contested, with its base.
/// @returns written, unchanged, stale, missing or rejected.
[[nodiscard]] INTERLOCK_EXPORT write_result try_versioned_update(
    pqxx::transaction_base& tx, std::string_view table, const key& key, std::int64_t expected,
    std::string_view changes, std::optional<std::string_view> base = std::nullopt);

/// The same, raising: returns the new version (the old one if nothing was to change).
/// @throws stale_version IL001, row_missing IL002, write_rejected IL004, with table, key, expected,
///     current version, row and conflicts in them.
INTERLOCK_EXPORT std::int64_t versioned_update(pqxx::transaction_base& tx, std::string_view table,
                                               const key& key, std::int64_t expected,
                                               std::string_view changes,
                                               std::optional<std::string_view> base = std::nullopt);

/// Deletes the row if it is at the expected version.
///
/// @returns written (without a version), stale, missing or rejected.
[[nodiscard]] INTERLOCK_EXPORT write_result try_versioned_delete(pqxx::transaction_base& tx,
                                                                 std::string_view table,
                                                                 const key& key,
                                                                 std::int64_t expected);

/// The same, raising.
/// @throws stale_version IL001, row_missing IL002, write_rejected IL004.
INTERLOCK_EXPORT void versioned_delete(pqxx::transaction_base& tx, std::string_view table,
                                       const key& key, std::int64_t expected);

/// Gives the row a new version and changes nothing else, if it is at the expected one: for a row
/// that stands for others (an order, when one of its lines changes).
///
/// @returns written, stale, missing or rejected.
[[nodiscard]] INTERLOCK_EXPORT write_result try_versioned_touch(pqxx::transaction_base& tx,
                                                                std::string_view table,
                                                                const key& key,
                                                                std::int64_t expected);

/// The same, raising: returns the new version.
/// @throws stale_version IL001, row_missing IL002, write_rejected IL004.
INTERLOCK_EXPORT std::int64_t versioned_touch(pqxx::transaction_base& tx, std::string_view table,
                                              const key& key, std::int64_t expected);

/// How versioned_check holds on to the row until the transaction ends.
enum class check_lock {
    share,          // others may check it too; nobody may write it
    no_key_update,  // nobody else may check or write it: for those who will write it next, because
                    // two who share it and then write it deadlock
};

/// Makes sure that the row is at the expected version and stays so until the transaction ends: for
/// a row that a decision rests on and that is not written itself. In a pqxx::nontransaction it
/// tells, but holds nothing.
///
/// @returns unchanged (and locked), stale, missing or rejected (and not locked).
[[nodiscard]] INTERLOCK_EXPORT write_result
try_versioned_check(pqxx::transaction_base& tx, std::string_view table, const key& key,
                    std::int64_t expected, check_lock lock = check_lock::share);

/// The same, raising.
/// @throws stale_version IL001, row_missing IL002, write_rejected IL004 (a policy keeps the row
/// from
///     being locked).
INTERLOCK_EXPORT void versioned_check(pqxx::transaction_base& tx, std::string_view table,
                                      const key& key, std::int64_t expected,
                                      check_lock lock = check_lock::share);

/// Inserts a row that must not be there yet, or updates it at the expected version.
///
/// @param new_row the row, its primary key included (unless that has a default and the row is new).
///     Columns that are left out take their defaults, or stay as they are. It may hold the version,
///     if that is null or the expected one. Generated columns must be left out.
/// @param expected the version as it was read; std::nullopt: the row is new.
/// @returns new: written, exists or rejected; else written, unchanged, stale, missing or rejected.
///     Of a new row that violates another unique constraint than the primary key the server says
///     23505.
[[nodiscard]] INTERLOCK_EXPORT write_result
try_versioned_upsert(pqxx::transaction_base& tx, std::string_view table, std::string_view new_row,
                     std::optional<std::int64_t> expected);

/// The same, raising: returns the version.
/// @throws row_exists IL006, stale_version IL001, row_missing IL002, write_rejected IL004, with the
///     key as a JSON object (what it is, is asked of the server in one more round trip).
INTERLOCK_EXPORT std::int64_t versioned_upsert(pqxx::transaction_base& tx, std::string_view table,
                                               std::string_view new_row,
                                               std::optional<std::int64_t> expected);

/// Writes the changes into the row as it is now, whatever its version, unless somebody else has
/// meanwhile changed one of the same columns to another value.
///
/// @param base the row as it was read, or a part of it; it must hold every changed column.
/// @param changes the columns to set; those that equal their base are left to the others.
/// @returns written (nobody else changed what base holds), merged (somebody did; both are kept),
///     unchanged (nothing was left to write), conflict (base, mine and theirs of each contested
///     column), missing or rejected. There is no version where the table is versioned by a
///     timestamp or the caller may not read it.
[[nodiscard]] INTERLOCK_EXPORT write_result try_versioned_merge(pqxx::transaction_base& tx,
                                                                std::string_view table,
                                                                const key& key,
                                                                std::string_view base,
                                                                std::string_view changes);

/// The same, raising: returns the version, where there is one to tell.
/// @throws merge_conflict IL003, with columns() and conflicts(), the row and its version; nothing
///     was written then, of the columns that were not contested either. row_missing IL002,
///     write_rejected IL004.
INTERLOCK_EXPORT std::optional<std::int64_t> versioned_merge(pqxx::transaction_base& tx,
                                                             std::string_view table, const key& key,
                                                             std::string_view base,
                                                             std::string_view changes);

/// Writes the changes if columns still hold the expected values. For any table with a primary key,
/// versioned or not; the way for versions that are timestamps.
///
/// @param expected what must still be so: any columns, key, version and generated ones included.
/// @param changes the columns to set, without key, version and generated columns.
/// @returns written, unchanged, stale (with base, theirs and mine of each column that does not hold
///     its expected value), missing or rejected. The version is that of a table versioned by
///     number.
[[nodiscard]] INTERLOCK_EXPORT write_result try_compare_and_update(pqxx::transaction_base& tx,
                                                                   std::string_view table,
                                                                   const key& key,
                                                                   std::string_view expected,
                                                                   std::string_view changes);

/// The same, raising.
/// @throws stale_version IL001, with columns() and conflicts() and without expected();
///     row_missing IL002, write_rejected IL004.
INTERLOCK_EXPORT void compare_and_update(pqxx::transaction_base& tx, std::string_view table,
                                         const key& key, std::string_view expected,
                                         std::string_view changes);

/// One row of a batch: what versioned_update takes.
struct row_update {
    interlock::key key;
    std::int64_t expected;
    std::string changes;
};

/// A row of a batch, and the version it has now.
struct row_version {
    interlock::key key;  // as a JSON object, whichever way it was given
    std::int64_t version;
};

/// A row of a batch, and what became of it.
struct row_result {
    interlock::key key;  // as a JSON object, whichever way it was given
    write_result result;
};

/// What a batch does when one of its rows cannot be written.
enum class batch_mode {
    all_or_nothing,  // nothing is written; rows that were fine are held_back
    partial,         // the others are written
};

/// Writes many rows by version, in one statement, in the order of their keys: two batches over the
/// same rows do not deadlock, whatever order they come in.
///
/// @param rows each row once; more than once is 22023. The column of a plain key need not be named.
/// @returns one result for each row, in the order of the keys (not of `rows`): written, unchanged,
///     stale, missing, rejected or held_back (whose version is the expected one).
/// @throws std::invalid_argument if the changes of a row hold a column of its key or the version:
///     nothing was written and the transaction is still good.
[[nodiscard]] INTERLOCK_EXPORT std::vector<row_result> try_versioned_update_many(
    pqxx::transaction_base& tx, std::string_view table, const std::vector<row_update>& rows,
    batch_mode mode = batch_mode::all_or_nothing);

/// The same, all or nothing, raising: returns the versions in the order of the keys.
/// @throws batch_refused IL001, IL002 or IL004, which lists every stale, missing and rejected row.
INTERLOCK_EXPORT std::vector<row_version> versioned_update_many(
    pqxx::transaction_base& tx, std::string_view table, const std::vector<row_update>& rows);

}  // namespace interlock
