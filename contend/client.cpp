#include "client.hpp"

#include <limits>

namespace contend {

client::client(pqxx::connection& connection, std::string version_column,
               std::chrono::nanoseconds think_time, const stop_flag& stop, live_counters& live)
    : connection_{connection},
      version_column_{std::move(version_column)},
      think_time_{think_time},
      stop_{stop},
      live_{live} {
    // Time alone limits how often an operation is tried; the backoff is the library's default.
    policy_.attempts = std::numeric_limits<int>::max();
    policy_.deadline = std::chrono::seconds{30};
    // Every body reads the version it writes with, after BEGIN.
    policy_.rerun_stale = true;
    policy_.observer = [this](const interlock::failed_attempt& attempt) { conflict(attempt); };
    policy_.sleeper = [this](std::chrono::nanoseconds time) {
        if (stop_.wait_for(time)) throw stopped{};
        ++counted_.retries;
    };
}

void client::think() const {
    if (think_time_.count() == 0 ? stop_.requested() : stop_.wait_for(think_time_)) throw stopped{};
}

void client::conflict(const interlock::failed_attempt& attempt) {
    ++counted_.conflicts[std::string{attempt.sqlstate}];
    live_.conflicts.fetch_add(1, std::memory_order_relaxed);
    if (stop_.requested()) throw stopped{};
}

}  // namespace contend
