#pragma once

#include <algorithm>
#include <chrono>

namespace interlock {

// How long to wait for what is not there yet: longer each time, a little less than that at random,
// so that those who began together do not go on together.
class growing_pause {
  public:
    growing_pause(std::chrono::nanoseconds shortest, std::chrono::nanoseconds longest)
        : shortest_{shortest}, longest_{longest}, pause_{shortest} {}

    // random: evenly from [0, 1).
    std::chrono::nanoseconds next(double random) {
        auto pause = pause_;
        pause_ = std::min(pause_ * 2, longest_);
        return pause - std::chrono::nanoseconds{
                           static_cast<std::chrono::nanoseconds::rep>(pause.count() * random / 4)};
    }
    void reset() { pause_ = shortest_; }

  private:
    const std::chrono::nanoseconds shortest_, longest_;
    std::chrono::nanoseconds pause_;
};

}  // namespace interlock
