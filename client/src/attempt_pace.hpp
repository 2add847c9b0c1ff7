#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "timer.hpp"

namespace interlock {

// When who waits for a lease tries again if he is not told of a release: when it expires, but not
// so that he polls.
class attempt_pace {
  public:
    using time_point = timer::time_point;
    static constexpr std::chrono::nanoseconds shortest = std::chrono::seconds{1};
    // The news of a release may get lost.
    static constexpr std::chrono::nanoseconds longest = std::chrono::minutes{1};

    // After an attempt that has failed at `now`, and was told how long the lease is still to go:
    // nothing, or nothing more, where a transaction is in the way. The first time may come sooner
    // than `shortest`: at the expiry. `told`: whether there is news of releases.
    time_point next(time_point now, std::optional<std::chrono::nanoseconds> remaining, bool told) {
        if (planned_ && now >= *planned_) last_ = planned_;  // else news came first
        bool known = remaining && *remaining > std::chrono::nanoseconds::zero();
        auto at = now + (known ? std::min(*remaining, told ? longest : shortest) : shortest);
        if (last_) at = std::max(at, *last_ + shortest);
        planned_ = at;
        return at;
    }

  private:
    std::optional<time_point> planned_;
    std::optional<time_point> last_;  // attempt that no news called for
};

}  // namespace interlock
