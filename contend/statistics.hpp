#pragma once

// What was counted, and what follows from it. Nothing in here knows of a database.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace contend {

/// What one client has seen; added up, what all of them have.
struct tally {
    /// One for each acknowledged operation, from its first statement to the answer to its COMMIT,
    /// retries included. All of them are kept, so percentiles are exact.
    std::vector<std::chrono::nanoseconds> latencies;
    std::map<std::string, std::int64_t> conflicts;  // that the client was told of, by SQLSTATE
    std::int64_t retries = 0;                       // operations begun again after a conflict
    std::int64_t gave_up = 0;                       // operations that ended in a conflict

    void add(const tally& other);
    [[nodiscard]] std::int64_t acknowledged() const;
    [[nodiscard]] std::int64_t conflict_count() const;
};

/// What became of one strategy.
struct outcome {
    std::string strategy;
    bool loses_nothing = true;  // what the strategy promises
    tally total;
    std::int64_t sum_before = 0;            // of the hot rows' balances
    std::optional<std::int64_t> sum_after;  // unknown where the server went away
    std::chrono::nanoseconds elapsed{0};
    bool interrupted = false;
    std::vector<std::string> failures;  // "client 3: …"

    /// Acknowledged operations that are not in the table. Negative: the table has more than was
    /// acknowledged.
    [[nodiscard]] std::optional<std::int64_t> lost() const;
    /// A client that failed may have committed what nobody acknowledged to it: one operation each
    /// that is in the table all the same is no broken promise.
    [[nodiscard]] bool broke_its_promise() const;
    [[nodiscard]] double per_second() const;
};

/// The smallest of the latencies that at least `percent` of a hundred do not exceed (nearest rank);
/// nothing where there are none.
[[nodiscard]] std::optional<std::chrono::nanoseconds> percentile(
    std::vector<std::chrono::nanoseconds> latencies, int percent);

/// How the program ends, see --help.
enum class exit_code { success = 0, updates_lost = 1, usage = 2, failed = 3, interrupted = 130 };

/// A broken promise counts more than anything else, an interruption the least.
[[nodiscard]] exit_code judge(const std::vector<outcome>& outcomes);

}  // namespace contend
