#pragma once

#include <chrono>

#include "interlock/retry.hpp"

namespace interlock {

// The policy's clock, sleeper and random source, or the real ones.
std::chrono::steady_clock::time_point now(const retry_policy& policy);
void wait(const retry_policy& policy, std::chrono::nanoseconds time);
std::chrono::nanoseconds drawn(const retry_policy& policy, std::chrono::nanoseconds bound);

}  // namespace interlock
