#pragma once

// How long to wait for a lock, the same for row locks and advisory locks:
//
//     using namespace std::chrono_literals;
//     interlock::lock_wait::at_most(5s)      // one deadline for the whole call
//     interlock::lock_wait::none()           // now or not at all
//     interlock::lock_wait::unbounded()      // until it is free, or lock_timeout passes
//
// The server keeps the bound, in its lock manager: nobody polls, those who wait are served in their
// order, and a deadlock is found as always. A lock_timeout that is shorter ends the wait too. What
// cancels a statement (statement_timeout, pg_cancel_backend) cancels a wait.

#include <chrono>
#include <optional>
#include <stdexcept>

namespace interlock {

/// A bound of a wait; a plain value.
class lock_wait {
  public:
    /// Without a bound but lock_timeout. Never throws.
    [[nodiscard]] static constexpr lock_wait unbounded() noexcept { return lock_wait{{}}; }
    /// Not at all. Never throws.
    [[nodiscard]] static constexpr lock_wait none() noexcept {
        return lock_wait{std::chrono::nanoseconds::zero()};
    }
    /// At most so long, all locks of the call together; zero is none(). Rounded up to microseconds;
    /// the server's own timers count milliseconds, and about 24 days are the most they can.
    /// @throws std::invalid_argument if it is negative.
    [[nodiscard]] static constexpr lock_wait at_most(std::chrono::nanoseconds bound) {
        if (bound < std::chrono::nanoseconds::zero())
            throw std::invalid_argument{"lock_wait: the bound must not be negative"};
        return lock_wait{bound};
    }

    /// The bound; none for unbounded().
    [[nodiscard]] constexpr std::optional<std::chrono::nanoseconds> bound() const noexcept {
        return bound_;
    }

    friend constexpr bool operator==(const lock_wait&, const lock_wait&) = default;

  private:
    explicit constexpr lock_wait(std::optional<std::chrono::nanoseconds> bound) : bound_{bound} {}

    std::optional<std::chrono::nanoseconds> bound_;
};

}  // namespace interlock
