#include "interlock/lock_wait.hpp"

#include <gtest/gtest.h>

namespace {

using interlock::lock_wait;
using namespace std::chrono_literals;

TEST(LockWait, IsOneOfThree) {
    // Proves that a bound, none at all and no waiting are told apart, and that zero is no waiting.
    EXPECT_FALSE(lock_wait::unbounded().bound());
    EXPECT_EQ(lock_wait::none().bound(), 0ns);
    EXPECT_EQ(lock_wait::at_most(5s).bound(), 5s);
    EXPECT_EQ(lock_wait::at_most(0ms), lock_wait::none());
    EXPECT_NE(lock_wait::at_most(1ns), lock_wait::none());
    static_assert(lock_wait::at_most(1h) == lock_wait::at_most(60min));
}

TEST(LockWait, RefusesWhatHasPassed) {
    // Proves that a negative bound is refused, not taken for something else.
    EXPECT_THROW((void)lock_wait::at_most(-1ns), std::invalid_argument);
}

}  // namespace
