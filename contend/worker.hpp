#pragma once

// The threads behind the clients: each does operations until time, count or a stop ends it.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <latch>
#include <mutex>
#include <string>
#include <thread>

#include "client.hpp"
#include "options.hpp"
#include "stop.hpp"
#include "strategy.hpp"

namespace contend {

/// Counts those who are still at work.
class attendance {
  public:
    explicit attendance(int present) : present_{present} {}

    void leave() {
        std::lock_guard lock{mutex_};
        if (--present_ == 0) empty_.notify_all();
    }

    bool wait_for_all(std::chrono::milliseconds time) {
        std::unique_lock lock{mutex_};
        return empty_.wait_for(lock, time, [this] { return present_ == 0; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable empty_;
    int present_;
};

/// What the workers of one strategy have in common.
struct job {
    const contend::strategy& strategy;
    const options& opts;
    std::string version_column;
    std::latch go{1};
    std::chrono::steady_clock::time_point start{};  // set before go
    stop_flag stop{};
    attendance at_work{opts.clients};

    [[nodiscard]] bool more_to_do(std::int64_t done) const {
        return opts.operations ? done < *opts.operations
                               : std::chrono::steady_clock::now() - start < opts.seconds;
    }
};

/// An unexpected error is kept for failure() and stops the others.
class worker {
  public:
    worker(job& job, int number, pqxx::connection& connection)
        : job_{job},
          number_{number},
          pid_{connection.backendpid()},
          client_{connection, job.version_column,
                  std::chrono::duration_cast<std::chrono::nanoseconds>(job.opts.think), job.stop,
                  live} {}

    /// It waits for job.go then.
    void start() { thread_ = std::jthread{&worker::work, this}; }
    void join() { thread_.join(); }

    [[nodiscard]] int pid() const { return pid_; }
    [[nodiscard]] bool finished() const { return finished_; }

    // To be asked after join().
    [[nodiscard]] const tally& counted() const { return client_.counted(); }
    [[nodiscard]] const std::string& failure() const { return failure_; }
    [[nodiscard]] std::chrono::steady_clock::time_point end() const { return end_; }

    live_counters live;

  private:
    void work();
    void operate();
    void fail(const std::string& message);

    job& job_;
    int number_;
    int pid_;
    client client_;
    std::string failure_;
    std::chrono::steady_clock::time_point end_{};
    std::atomic<bool> finished_ = false;
    std::jthread thread_;  // the last member: the thread uses the others
};

}  // namespace contend
