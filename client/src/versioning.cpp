#include "interlock/versioning.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "call.hpp"
#include "text.hpp"

namespace interlock {
namespace {

constexpr std::string_view status_names[] = {"written", "unchanged", "merged",
                                             "stale",   "missing",   "conflict",
                                             "exists",  "rejected",  "held_back"};

write_status parse_status(std::string_view name) {
    auto found = std::ranges::find(status_names, name);
    if (found == std::end(status_names))
        throw std::runtime_error{"unknown write status \"" + std::string{name} +
                                 "\": the extension is newer than this library"};
    return static_cast<write_status>(found - std::begin(status_names));
}

template <class T>
std::optional<T> optional_field(const pqxx::result& r, int column) {
    if (r[0][column].is_null()) return {};
    return r[0][column].as<T>();
}

write_result read_result(const pqxx::result& r) {
    return {parse_status(r[0][0].as<std::string>()), optional_field<std::int64_t>(r, 1),
            optional_field<std::string>(r, 2), optional_field<std::string>(r, 3)};
}

bridge::parameter optional_text(std::optional<std::string_view> text, const char* what) {
    if (!text) return {};
    return without_zero_bytes(*text, what);
}

std::string row_name(const write_details& d) {
    return "row " + d.key + " of table \"" + d.table + "\"";
}

std::string at_version(const write_details& d) {
    std::string expected = d.expected ? std::to_string(*d.expected) : "expected";
    if (!d.current_version) return "not at version " + expected;
    return "at version " + std::to_string(*d.current_version) + ", not " + expected;
}

// A write that failed, as its exception; the messages are those of the server.
[[noreturn]] void raise(write_status status, write_details d) {
    auto row = row_name(d);
    switch (status) {
        case write_status::stale:
            throw stale_version{row + " is " + at_version(d), std::move(d)};
        case write_status::missing:
            throw row_missing{row + " does not exist", std::move(d)};
        case write_status::conflict:
            throw merge_conflict{row + " was changed in the same columns", std::move(d)};
        case write_status::exists:
            throw row_exists{row + " exists already", std::move(d)};
        default:
            throw write_rejected{"write to " + row + " was rejected", std::move(d)};
    }
}

std::int64_t version_or_raise(write_result result, std::string_view table, const key& key,
                              std::optional<std::int64_t> expected) {
    if (result.ok()) return result.version.value();
    raise(result.status, {std::string{table}, key.text(), expected, result.version,
                          std::move(result.current), std::move(result.conflicts)});
}

const keyed_statement update{"interlock_update", R"(
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts
      FROM interlock.try_versioned_update($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                          $4::pg_catalog.jsonb, $5::pg_catalog.jsonb) AS r)"};

}  // namespace

std::string_view to_string(write_status status) noexcept {
    return status_names[static_cast<int>(status)];
}

bool succeeded(write_status status) noexcept {
    return status == write_status::written || status == write_status::unchanged ||
           status == write_status::merged;
}

write_result try_versioned_update(pqxx::transaction_base& tx, std::string_view table,
                                  const key& key, std::int64_t expected, std::string_view changes,
                                  std::optional<std::string_view> base) {
    return read_result(
        call(tx, update.for_key(key),
             {without_zero_bytes(table, "table"), key.text(), std::to_string(expected),
              without_zero_bytes(changes, "changes"), optional_text(base, "base")}));
}

std::int64_t versioned_update(pqxx::transaction_base& tx, std::string_view table, const key& key,
                              std::int64_t expected, std::string_view changes,
                              std::optional<std::string_view> base) {
    return version_or_raise(try_versioned_update(tx, table, key, expected, changes, base), table,
                            key, expected);
}

}  // namespace interlock
