#include "outcome.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

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
std::optional<T> optional_field(const pqxx::result& r, int row, int column) {
    if (r[row][column].is_null()) return {};
    return r[row][column].as<T>();
}

std::string row_name(const write_details& d) {
    return "row " + (d.key.empty() ? "" : d.key + " ") + "of table \"" + d.table + "\"";
}

std::string column_list(const write_details& d) {
    std::string list;
    for (const auto& name : contested_columns(d.conflicts))
        list += (list.empty() ? "" : ", ") + name;
    return "(" + list + ")";
}

std::string staleness(const write_details& d) {
    if (!d.expected) return " no longer holds the expected values of " + column_list(d);
    std::string expected = std::to_string(*d.expected);
    if (!d.current_version) return " is not at version " + expected;
    return " is at version " + std::to_string(*d.current_version) + ", not " + expected;
}

}  // namespace

std::string_view to_string(write_status status) noexcept {
    return status_names[static_cast<int>(status)];
}

bool succeeded(write_status status) noexcept {
    return status == write_status::written || status == write_status::unchanged ||
           status == write_status::merged;
}

write_result read_result(const pqxx::result& r, int row) {
    return {parse_status(r[row][0].as<std::string>()), optional_field<std::int64_t>(r, row, 1),
            optional_field<std::string>(r, row, 2), optional_field<std::string>(r, row, 3)};
}

write_details details_of(const write_result& result, std::string_view table, const std::string& key,
                         std::optional<std::int64_t> expected) {
    return {std::string{table}, key, expected, result.version, result.current, result.conflicts};
}

// The messages are those of the server.
void raise_unless_done(const write_result& result, std::string_view table, const std::string& key,
                       std::optional<std::int64_t> expected) {
    if (result.ok()) return;
    auto d = details_of(result, table, key, expected);
    auto row = row_name(d);
    switch (result.status) {
        case write_status::stale:
            throw stale_version{row + staleness(d), std::move(d)};
        case write_status::missing:
            throw row_missing{row + " does not exist", std::move(d)};
        case write_status::conflict:
            throw merge_conflict{row + " was changed by both sides in " + column_list(d),
                                 std::move(d)};
        case write_status::exists:
            throw row_exists{row + " already exists", std::move(d)};
        default:
            throw write_rejected{"write to " + row + " was rejected", std::move(d)};
    }
}

}  // namespace interlock
