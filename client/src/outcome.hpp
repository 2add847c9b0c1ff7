#pragma once

#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "interlock/bridge.hpp"
#include "interlock/versioning.hpp"

namespace interlock {

// The columns of an interlock.write_result, as all our statements select them, in front.
write_result read_result(const pqxx::result& r, int row = 0);

// Throws what the status of a write that failed stands for. Without `expected` a stale row is one
// that does not hold the values that were expected.
void raise_unless_done(const write_result& result, std::string_view table, const std::string& key,
                       std::optional<std::int64_t> expected = {});

// A refused write, for its exception.
write_details details_of(const write_result& result, std::string_view table, const std::string& key,
                         std::optional<std::int64_t> expected);

}  // namespace interlock
