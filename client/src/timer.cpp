#include "timer.hpp"

#include <time.h>

namespace interlock {

timer::time_point timer::now() const {
#ifdef CLOCK_BOOTTIME
    timespec time;
    if (::clock_gettime(CLOCK_BOOTTIME, &time) == 0)
        return time_point{std::chrono::seconds{time.tv_sec} +
                          std::chrono::nanoseconds{time.tv_nsec}};
#endif
    return std::chrono::steady_clock::now();
}

void timer::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                       time_point until) {
    condition.wait_for(lock, until - now());
}

}  // namespace interlock
