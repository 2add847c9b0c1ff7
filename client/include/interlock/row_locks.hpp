#pragma once

// Row locks: may I have these rows until I commit? Locked in the order of their keys, within a
// bound, and handed over as they are once they are locked:
//
//     using account = std::tuple<int, std::string, std::int64_t>;   // the table's columns, in
//     order auto [id, owner, balance] = interlock::lock_row<account>(tx, "accounts", 7);
//
//     interlock::lock_rows<account>(tx, "accounts", {7, 2, 9}, {.wait = lock_wait::at_most(2s)});
//
//     auto owners = interlock::lock_rows(tx, "accounts", {7, 2}, [](const locked_row& row) {
//         return row.get<std::string>("owner");
//     });
//
// The raising forms send the server's raising ones: an error aborts the transaction, as that of
// SELECT … FOR UPDATE does, and is typed, with what the server says of it. The telling forms leave
// the transaction good.
//
// A row becomes what the caller wants it to be: a std::tuple, by the table's columns from the first
// one on (it may have fewer than the table; std::optional for what can be NULL); a type of the
// application's, once it has told how to read it,
//
//     template <> struct interlock::row_reader<account> {
//         static account read(const locked_row& row) { return {row.get<int>("id"), …}; }
//     };
//
// or whatever a reader makes of it that is given with the call. What a reader throws passes
// through; the rows are locked then.
//
// Common to all of them:
//  - `tx` is a real transaction; a pqxx::nontransaction, in which each lock would be gone at once,
//    is std::invalid_argument.
//  - `table` is the name of a table, partitioned table or view as in SQL ("accounts",
//    "sales.orders", "\"Mixed Case\""). Here it is part of the SQL, so it is read first, and what
//    is no name is std::invalid_argument.
//  - Keys: 7, "b0b5c0de-…", key::columns({{"order_id", 7}, {"line", 2}}); see key.hpp.
//  - The caller needs SELECT on all columns and UPDATE on one, as for SELECT * … FOR UPDATE, and
//    policies apply as they do there.
//  - At READ COMMITTED it is the newest committed row that is locked and returned. At REPEATABLE
//    READ and SERIALIZABLE a row changed since the snapshot is serialization_failure, in the
//    telling forms too.
//  - Besides what each one lists they throw: serialization_failure, deadlock_detected,
//    query_canceled, read_only_transaction, connection_lost; std::invalid_argument for a zero byte
//    in an argument; and, as libpqxx's own types, what the server says of wrong arguments: 42704 or
//    42P01 no such table, 42804 not a table's row type, 55000 no primary key, or with `expected`
//    not a versioned table, 22023 or 22P02 a key that does not convert, 42501 no privilege; and
//    what libpqxx throws for a value that does not convert.
//  - These statements are never prepared (prepared.hpp): their result changes with the table.

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "interlock/error.hpp"
#include "interlock/export.hpp"
#include "interlock/key.hpp"
#include "interlock/lock_wait.hpp"

namespace interlock {

/// What a row lock keeps from others until the transaction ends.
enum class row_lock_mode {
    update,         // every other lock: for those who delete the row or change its key
    no_key_update,  // all but foreign keys that refer to it: for those who change the rest
    share,          // changes; others may share it
    key_share,      // deletion and a change of the key
};

/// interlock.lock_status: what became of a row to lock.
enum class lock_status {
    locked,
    stale,        // at another version than expected; not locked
    missing,      // no such row for this caller
    unavailable,  // not to be had in time
};

/// "locked", "stale", …: the name in SQL. Never throws.
[[nodiscard]] INTERLOCK_EXPORT std::string_view to_string(lock_status status) noexcept;

/// One row, while it is being read. A view: valid only during the call of its reader.
class locked_row {
  public:
    /// The columns from `first` on are the table's.
    locked_row(const pqxx::result& result, int row, int first)
        : result_{result}, row_{row}, first_{first} {}

    /// How many columns the table has.
    [[nodiscard]] int columns() const { return static_cast<int>(result_.columns()) - first_; }

    /// A column by its place, from 0, as libpqxx converts it; std::optional<T> for one that may be
    /// NULL. @throws std::out_of_range if there is none; what libpqxx throws for NULL or a value
    /// that does not convert.
    template <class T>
    [[nodiscard]] T get(int column) const {
        if (column < 0 || column >= columns())
            throw std::out_of_range{"the table has no column number " + std::to_string(column)};
        return convert<T>(first_ + column);
    }

    /// A column by its name. @throws what libpqxx throws if there is none; else as above.
    template <class T>
    [[nodiscard]] T get(const std::string& column) const {
        return convert<T>(static_cast<int>(result_.column_number(column)));
    }

  private:
    template <class T>
    struct optional_value : std::false_type {};
    template <class T>
    struct optional_value<std::optional<T>> : std::true_type {
        using type = T;
    };

    template <class T>
    T convert(int column) const {
        if constexpr (optional_value<T>::value) {
            if (result_[row_][column].is_null()) return {};
            return result_[row_][column].template as<typename optional_value<T>::type>();
        } else {
            return result_[row_][column].template as<T>();
        }
    }

    const pqxx::result& result_;
    int row_;
    int first_;
};

/// How a row becomes a T. Specialize it for types of your own; std::tuple is read by column places.
template <class T>
struct row_reader;

template <class... Columns>
struct row_reader<std::tuple<Columns...>> {
    static std::tuple<Columns...> read(const locked_row& row) {
        return read_each(row, std::index_sequence_for<Columns...>{});
    }

  private:
    template <std::size_t... Places>
    static std::tuple<Columns...> read_each(const locked_row& row, std::index_sequence<Places...>) {
        return {row.get<Columns>(static_cast<int>(Places))...};
    }
};

/// A type that row_reader knows how to read.
template <class T>
concept readable_row = requires(const locked_row& row) {
    { row_reader<T>::read(row) } -> std::convertible_to<T>;
};

/// A reader given with the call.
template <class Reader>
concept row_reading = std::invocable<Reader&, const locked_row&>;

template <row_reading Reader>
using row_read = std::remove_cvref_t<std::invoke_result_t<Reader&, const locked_row&>>;

/// How to lock one row.
struct lock_row_options {
    row_lock_mode mode = row_lock_mode::update;
    lock_wait wait = lock_wait::unbounded();
    /// The version that the row must be at (a table versioned by number); it is locked first, and
    /// judged then.
    std::optional<std::int64_t> expected{};
};

/// How to lock many rows, telling.
struct try_lock_rows_options {
    row_lock_mode mode = row_lock_mode::update;
    lock_wait wait = lock_wait::unbounded();  // one deadline for all of them
};

/// How to lock many rows, raising.
struct lock_rows_options {
    row_lock_mode mode = row_lock_mode::update;
    lock_wait wait = lock_wait::unbounded();  // one deadline for all of them
    bool skip_locked = false;                 // leave out, without waiting, what others have locked
    bool missing_ok = false;                  // leave out what is not there
};

/// What became of a row to lock.
template <class T>
struct lock_result {
    lock_status status;
    std::optional<T> row;  // locked: as it is now; stale: as it is now, and not locked

    [[nodiscard]] bool ok() const noexcept { return status == lock_status::locked; }
};

/// The same of one of many.
template <class T>
struct keyed_lock_result {
    interlock::key key;  // as a JSON object, whichever way it was given
    lock_result<T> result;
};

namespace detail {

// The statements: the table's columns come after those that tell.
INTERLOCK_EXPORT pqxx::result lock_row(pqxx::transaction_base& tx, std::string_view table,
                                       const key& key, const lock_row_options& options);
INTERLOCK_EXPORT pqxx::result try_lock_row(pqxx::transaction_base& tx, std::string_view table,
                                           const key& key, const lock_row_options& options);
INTERLOCK_EXPORT pqxx::result lock_rows(pqxx::transaction_base& tx, std::string_view table,
                                        const std::vector<key>& keys,
                                        const lock_rows_options& options);
INTERLOCK_EXPORT pqxx::result try_lock_rows(pqxx::transaction_base& tx, std::string_view table,
                                            const std::vector<key>& keys,
                                            const try_lock_rows_options& options);
INTERLOCK_EXPORT lock_status read_lock_status(const pqxx::result& r, int row);

template <class Reader>
lock_result<row_read<Reader>> read_lock_result(const pqxx::result& r, int row, int first,
                                               Reader& reader) {
    lock_result<row_read<Reader>> result{read_lock_status(r, row), {}};
    if (result.status == lock_status::locked || result.status == lock_status::stale)
        result.row.emplace(std::invoke(reader, locked_row{r, row, first}));
    return result;
}

}  // namespace detail

/// Locks a row until the transaction ends.
///
/// @returns the row as it is once it is locked, as the reader makes it.
/// @throws lock_not_available when the wait is over, with table, key and blocking pids; row_missing
///     IL002; stale_version IL001 with both versions, if options.expected is not the row's. All of
///     them abort the transaction.
template <row_reading Reader>
row_read<Reader> lock_row(pqxx::transaction_base& tx, std::string_view table, const key& key,
                          Reader&& reader, const lock_row_options& options = {}) {
    auto r = detail::lock_row(tx, table, key, options);
    return std::invoke(reader, locked_row{r, 0, 0});
}

/// The same for a type that is its own reader.
template <readable_row T>
T lock_row(pqxx::transaction_base& tx, std::string_view table, const key& key,
           const lock_row_options& options = {}) {
    return lock_row(tx, table, key, row_reader<T>::read, options);
}

/// The same, telling; the transaction is still good.
///
/// @returns locked; stale, with the row as it is now, not locked; missing or unavailable, without a
///     row.
template <row_reading Reader>
[[nodiscard]] lock_result<row_read<Reader>> try_lock_row(pqxx::transaction_base& tx,
                                                         std::string_view table, const key& key,
                                                         Reader&& reader,
                                                         const lock_row_options& options = {}) {
    return detail::read_lock_result(detail::try_lock_row(tx, table, key, options), 0, 1, reader);
}

template <readable_row T>
[[nodiscard]] lock_result<T> try_lock_row(pqxx::transaction_base& tx, std::string_view table,
                                          const key& key, const lock_row_options& options = {}) {
    return try_lock_row(tx, table, key, row_reader<T>::read, options);
}

/// Locks many rows until the transaction ends, each once, in the order of their keys whatever the
/// vector's: two such calls wait for each other, and never deadlock.
///
/// @returns the rows in the order of their keys; with skip_locked and missing_ok, those there are.
/// @throws lock_not_available and row_missing as lock_row, about the first such row, whose key is a
///     JSON object then: all or nothing. std::invalid_argument if some keys have columns and others
///     do not. The server refuses skip_locked with a bounded wait (22023).
template <row_reading Reader>
std::vector<row_read<Reader>> lock_rows(pqxx::transaction_base& tx, std::string_view table,
                                        const std::vector<key>& keys, Reader&& reader,
                                        const lock_rows_options& options = {}) {
    auto r = detail::lock_rows(tx, table, keys, options);
    std::vector<row_read<Reader>> rows;
    rows.reserve(static_cast<std::size_t>(r.size()));
    for (int i = 0; i < static_cast<int>(r.size()); ++i)
        rows.push_back(std::invoke(reader, locked_row{r, i, 0}));
    return rows;
}

template <readable_row T>
std::vector<T> lock_rows(pqxx::transaction_base& tx, std::string_view table,
                         const std::vector<key>& keys, const lock_rows_options& options = {}) {
    return lock_rows(tx, table, keys, row_reader<T>::read, options);
}

/// Locks those that can be locked, and tells of each; the transaction is still good.
///
/// @returns one result for each key, in the order of the keys: locked, missing or unavailable.
template <row_reading Reader>
[[nodiscard]] std::vector<keyed_lock_result<row_read<Reader>>> try_lock_rows(
    pqxx::transaction_base& tx, std::string_view table, const std::vector<key>& keys,
    Reader&& reader, const try_lock_rows_options& options = {}) {
    auto r = detail::try_lock_rows(tx, table, keys, options);
    std::vector<keyed_lock_result<row_read<Reader>>> results;
    for (int i = 0; i < static_cast<int>(r.size()); ++i)
        results.push_back({key::json(r[i][1].template as<std::string>()),
                           detail::read_lock_result(r, i, 2, reader)});
    return results;
}

template <readable_row T>
[[nodiscard]] std::vector<keyed_lock_result<T>> try_lock_rows(
    pqxx::transaction_base& tx, std::string_view table, const std::vector<key>& keys,
    const try_lock_rows_options& options = {}) {
    return try_lock_rows(tx, table, keys, row_reader<T>::read, options);
}

}  // namespace interlock
