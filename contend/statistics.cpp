#include "statistics.hpp"

#include <algorithm>
#include <numeric>

namespace contend {

void tally::add(const tally& other) {
    latencies.insert(latencies.end(), other.latencies.begin(), other.latencies.end());
    for (const auto& [sqlstate, count] : other.conflicts)
        conflicts[sqlstate] += count;
    retries += other.retries;
    gave_up += other.gave_up;
}

std::int64_t tally::acknowledged() const {
    return static_cast<std::int64_t>(latencies.size());
}

std::int64_t tally::conflict_count() const {
    return std::accumulate(conflicts.begin(), conflicts.end(), std::int64_t{0},
                           [](std::int64_t sum, const auto& entry) { return sum + entry.second; });
}

std::optional<std::int64_t> outcome::lost() const {
    if (!sum_after) return {};
    return total.acknowledged() - (*sum_after - sum_before);
}

bool outcome::broke_its_promise() const {
    auto unacknowledged = static_cast<std::int64_t>(failures.size());
    auto missing = lost().value_or(0);
    return loses_nothing && (missing > 0 || missing < -unacknowledged);
}

double outcome::per_second() const {
    auto seconds = std::chrono::duration<double>{elapsed}.count();
    return seconds > 0 ? static_cast<double>(total.acknowledged()) / seconds : 0;
}

std::optional<std::chrono::nanoseconds> percentile(std::vector<std::chrono::nanoseconds> latencies,
                                                   int percent) {
    if (latencies.empty()) return {};
    // In integers: 0.07 * 100 is more than 7.
    auto rank = (latencies.size() * static_cast<std::size_t>(percent) + 99) / 100;
    auto place =
        latencies.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
    std::nth_element(latencies.begin(), place, latencies.end());
    return *place;
}

exit_code judge(const std::vector<outcome>& outcomes) {
    if (std::ranges::any_of(outcomes, &outcome::broke_its_promise)) return exit_code::updates_lost;
    if (std::ranges::any_of(outcomes, [](const outcome& o) { return !o.failures.empty(); }))
        return exit_code::failed;
    if (std::ranges::any_of(outcomes, &outcome::interrupted)) return exit_code::interrupted;
    return exit_code::success;
}

}  // namespace contend
