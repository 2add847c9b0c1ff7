#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace interlock {

// Time that nobody sets. A class of its own so that tests need not wait for it.
class timer {
  public:
    using time_point = std::chrono::steady_clock::time_point;

    virtual ~timer() = default;
    // Goes on while the machine is suspended, where the system has such a clock.
    virtual time_point now() const;
    // Until then, or until the condition is notified, or for no reason.
    virtual void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                            time_point until);
};

}  // namespace interlock
