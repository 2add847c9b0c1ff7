#pragma once

// One strategy, done by all clients at once.

#include <pqxx/pqxx>

#include "accounts.hpp"
#include "connect.hpp"
#include "options.hpp"
#include "statistics.hpp"
#include "strategy.hpp"

namespace contend {

/// Returns when no client is at work any more: because it is done, because of a signal, or because
/// one of them failed, which ends the others. What fails is in the outcome.
/// @param manager a connection of the calling thread's own, for the sum and for cancelling clients
///     that wait for a lock when they should end.
[[nodiscard]] outcome run(const strategy& strategy, const options& options, accounts& accounts,
                          const connections& connections, pqxx::connection& manager);

}  // namespace contend
