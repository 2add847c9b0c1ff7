#pragma once

// The ways to do the work. A new one is a function and an entry in the table of strategy.cpp.

#include <span>
#include <string_view>

#include "client.hpp"

namespace contend {

/// What the table under contention must be like for a strategy.
enum class table_state {
    plain,           // as pgbench made it
    version_column,  // with a version column that nothing but the strategy looks after
    versioned,       // with interlock.enable_versioning
    lockable,        // as pgbench made it, and with a lock namespace for its accounts
};

/// Of the accounts, where a strategy locks their numbers.
inline constexpr std::string_view lock_namespace = "contend: pgbench_accounts";

struct strategy {
    std::string_view name;
    std::string_view summary;  // for --help
    table_state needs;
    bool loses_nothing;  // a promise: contend fails if it is broken
    /// Reads the balance of account `aid`, thinks, writes it back plus one, and returns when the
    /// COMMIT has been answered.
    void (*increment)(client& client, int aid);
};

/// In the order in which they run.
[[nodiscard]] std::span<const strategy> all_strategies();
/// Null if there is none of that name.
[[nodiscard]] const strategy* find_strategy(std::string_view name);

}  // namespace contend
