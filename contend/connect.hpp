#pragma once

#include <memory>
#include <pqxx/pqxx>
#include <vector>

#include "options.hpp"

namespace contend {

using connections = std::vector<std::unique_ptr<pqxx::connection>>;

/// One for each client.
/// @throws cannot_run
[[nodiscard]] connections connect(const options& options);
/// @throws cannot_run
[[nodiscard]] std::unique_ptr<pqxx::connection> connect_one(const options& options);

}  // namespace contend
