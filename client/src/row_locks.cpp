#include "interlock/row_locks.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "lock_call.hpp"
#include "row_call.hpp"
#include "table_name.hpp"
#include "text.hpp"

namespace interlock {
namespace {

constexpr std::string_view status_names[] = {"locked", "stale", "missing", "unavailable"};

const char* name_of(row_lock_mode mode) {
    switch (mode) {
        case row_lock_mode::update:
            return "update";
        case row_lock_mode::no_key_update:
            return "no key update";
        case row_lock_mode::share:
            return "share";
        default:
            return "key share";
    }
}

// Names of columns that tell are such as no table has, so
// that the table's own are found by theirs.
constexpr std::string_view status_column = R"(r.status::pg_catalog.text AS "interlock.status")";
constexpr std::string_view key_column = R"(r.key AS "interlock.key")";

// Never prepared: a prepared statement fails once the columns of its result have changed.
statement unprepared(std::string sql) {
    return {{}, std::move(sql)};
}

std::string one_row(const char* function, std::string_view table, const key& key) {
    return std::string{" FROM interlock."} + function + "(" + null_of(table) +
           (key.composite() ? ", $1::pg_catalog.jsonb" : ", $1") +
           ", $2::pg_catalog.text, $3::pg_catalog.interval, $4::pg_catalog.int8) AS r";
}

std::string many_rows(const char* function, std::string_view table, const std::vector<key>& keys,
                      const char* more) {
    return std::string{" FROM interlock."} + function + "(" + null_of(table) +
           (any_composite(keys) ? ", $1::pg_catalog.jsonb[]" : ", $1::pg_catalog.text[]") +
           ", $2::pg_catalog.text, $3::pg_catalog.interval" + more + ") AS r";
}

std::vector<bridge::parameter> parameters(const key& key, const lock_row_options& options) {
    bridge::parameter expected;
    if (options.expected) expected = std::to_string(*options.expected);
    return {key.text(), name_of(options.mode), interval(options.wait), expected};
}

pqxx::result lock(pqxx::transaction_base& tx, std::string sql,
                  const std::vector<bridge::parameter>& parameters, std::string_view table,
                  const key* key) {
    require_transaction(tx);
    return call_naming(tx, unprepared(std::move(sql)), parameters, table, key);
}

}  // namespace

std::string_view to_string(lock_status status) noexcept {
    return status_names[static_cast<int>(status)];
}

namespace detail {

pqxx::result lock_row(pqxx::transaction_base& tx, std::string_view table, const key& key,
                      const lock_row_options& options) {
    return lock(tx, "SELECT r.*" + one_row("lock_row", table, key), parameters(key, options), table,
                &key);
}

pqxx::result try_lock_row(pqxx::transaction_base& tx, std::string_view table, const key& key,
                          const lock_row_options& options) {
    auto sql = "SELECT " + std::string{status_column} + ", (r.row).*" +
               one_row("try_lock_row", table, key);
    return lock(tx, std::move(sql), parameters(key, options), table, &key);
}

pqxx::result lock_rows(pqxx::transaction_base& tx, std::string_view table,
                       const std::vector<key>& keys, const lock_rows_options& options) {
    auto sql = "SELECT r.*" +
               many_rows("lock_rows", table, keys, ", $4::pg_catalog.bool, $5::pg_catalog.bool");
    return lock(tx, std::move(sql),
                {text_array(keys), name_of(options.mode), interval(options.wait),
                 boolean(options.skip_locked), boolean(options.missing_ok)},
                table, nullptr);
}

pqxx::result try_lock_rows(pqxx::transaction_base& tx, std::string_view table,
                           const std::vector<key>& keys, const try_lock_rows_options& options) {
    auto sql = "SELECT " + std::string{status_column} + ", " + std::string{key_column} +
               ", (r.row).*" + many_rows("try_lock_rows", table, keys, "");
    return lock(tx, std::move(sql),
                {text_array(keys), name_of(options.mode), interval(options.wait)}, table, nullptr);
}

lock_status read_lock_status(const pqxx::result& r, int row) {
    auto name = r[row][0].as<std::string>();
    auto found = std::ranges::find(status_names, name);
    if (found == std::end(status_names))
        throw std::runtime_error{"unknown lock status \"" + name +
                                 "\": the extension is newer than this library"};
    return static_cast<lock_status>(found - std::begin(status_names));
}

}  // namespace detail
}  // namespace interlock
