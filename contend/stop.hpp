#pragma once

// How everything that waits is told to end: by the user's signal, or because a client failed.

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace contend {

/// Set once, never taken back. Any thread may ask, set and wait.
class stop_flag {
  public:
    void request();
    [[nodiscard]] bool requested() const;
    /// Waits, and says whether it was woken by a request (or need not have waited for one).
    [[nodiscard]] bool wait_for(std::chrono::nanoseconds time) const;

  private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    bool requested_ = false;
};

/// What a client throws to leave an operation that it will not finish. Not a std::exception, so
/// that nobody takes it for a failure.
struct stopped {};

/// SIGINT, SIGTERM and SIGHUP are remembered from here on instead of ending the program; the third
/// one ends it, for a server that does not answer. A reader of our output who has gone away is an
/// error of the write instead of SIGPIPE.
void catch_signals();
[[nodiscard]] bool signal_caught();

}  // namespace contend
