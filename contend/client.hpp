#pragma once

// One of the concurrent clients, as a strategy sees it: a connection, transactions that are run
// again after a conflict, and time to think.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <interlock/interlock.hpp>
#include <string>
#include <utility>

#include "statistics.hpp"
#include "stop.hpp"

namespace contend {

/// For the progress line only; the tally is what counts.
struct alignas(64) live_counters {
    std::atomic<std::int64_t> acknowledged = 0;
    std::atomic<std::int64_t> conflicts = 0;
};

class client {
  public:
    /// All references must outlive the client; one thread uses it.
    client(pqxx::connection& connection, std::string version_column,
           std::chrono::nanoseconds think_time, const stop_flag& stop, live_counters& live);
    client(const client&) = delete;  // the retry policy refers to it
    client& operator=(const client&) = delete;

    /// Runs the body in a transaction, and again after each conflict that it is told of, for half a
    /// minute at most.
    /// @throws stopped, and what interlock::transact throws
    template <interlock::void_body Body>
    void transact(interlock::isolation isolation, Body&& body) {
        interlock::transaction_options options;
        options.isolation = isolation;
        interlock::transact(connection_, policy_, options, std::forward<Body>(body));
    }

    /// What a user or a program does between reading and writing.
    /// @throws stopped
    void think() const;

    /// Of the table under contention, quoted.
    [[nodiscard]] const std::string& version_column() const { return version_column_; }

    /// Runs the operation and counts what became of it: acknowledged, or given up.
    template <class Operation>
    void measure(Operation&& operation) {
        auto start = std::chrono::steady_clock::now();
        try {
            operation();
        } catch (const interlock::retries_exhausted&) {
            ++counted_.gave_up;
            return;
        }
        counted_.latencies.push_back(std::chrono::steady_clock::now() - start);
        live_.acknowledged.fetch_add(1, std::memory_order_relaxed);
    }

    [[nodiscard]] const tally& counted() const { return counted_; }

  private:
    void conflict(const interlock::failed_attempt& attempt);

    pqxx::connection& connection_;
    std::string version_column_;
    std::chrono::nanoseconds think_time_;
    const stop_flag& stop_;
    live_counters& live_;
    interlock::retry_policy policy_;
    tally counted_;
};

}  // namespace contend
