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
// thrown the transaction is still good.
//
// Common to all of them:
//  - `table` is the table's name as in SQL: "accounts", "sales.orders", "\"Mixed Case\"" (quoting
//    and search_path as usual; `tx.quote_name` helps). It is a parameter, never part of the SQL.
//  - `changes` and `base` are JSON objects by column name, as text; any JSON library will do. null
//    is SQL NULL. Text columns must be UTF-8, or what client_encoding says.
//  - At READ COMMITTED a write waits for a rival and then judges the newest committed row. At
//    REPEATABLE READ and SERIALIZABLE a row changed since the snapshot is serialization_failure.
//  - Besides what each one lists they throw: serialization_failure, deadlock_detected,
//    lock_not_available, query_canceled, read_only_transaction, connection_lost; in_doubt if the
//    session is lost in a pqxx::nontransaction, where each statement commits by itself;
//    std::invalid_argument for a zero byte in an argument; and, as libpqxx's own types, what the
//    server says of wrong arguments: 42P01 no such table, 55000 not a versioned table, 42703 no
//    such column, 22023 or 22P02 a value or key that does not convert, 42501 no privilege, and
//    whatever constraints and triggers of the table raise. All of these abort the transaction.
//  - Strong guarantee. Nothing is kept of the arguments; results own their texts.

#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>

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
};

/// Writes the changes if the row is at the expected version.
///
/// @param tx any transaction; in a pqxx::nontransaction the call commits by itself.
/// @param expected the version as it was read.
/// @param changes the columns to set, without key, version and generated columns.
/// @param base the row as it was read, or the part of it the user saw; with it the conflicts
///     report holds only what is truly contested, with its base.
/// @returns written, unchanged, stale, missing or rejected.
[[nodiscard]] INTERLOCK_EXPORT write_result try_versioned_update(
    pqxx::transaction_base& tx, std::string_view table, const key& key, std::int64_t expected,
    std::string_view changes, std::optional<std::string_view> base = std::nullopt);

/// The same, raising: returns the new version (the old one if nothing was to change).
/// @throws stale_version IL001, row_missing IL002, write_rejected IL004, with table, key, expected,
///     current version, row and conflicts in them. Nothing was written then and the transaction is
///     still good.
INTERLOCK_EXPORT std::int64_t versioned_update(pqxx::transaction_base& tx, std::string_view table,
                                               const key& key, std::int64_t expected,
                                               std::string_view changes,
                                               std::optional<std::string_view> base = std::nullopt);

}  // namespace interlock
