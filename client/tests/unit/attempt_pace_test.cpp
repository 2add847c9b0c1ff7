#include "attempt_pace.hpp"

#include <gtest/gtest.h>

namespace {

using interlock::attempt_pace;
using namespace std::chrono_literals;

const attempt_pace::time_point start{};

TEST(AttemptPace, TriesWhenItExpires) {
    // Proves that who waits tries again at the expiry, however soon, but asks at least each minute.
    EXPECT_EQ(attempt_pace{}.next(start, 20s), start + 20s);
    EXPECT_EQ(attempt_pace{}.next(start, 200ms), start + 200ms);
    EXPECT_EQ(attempt_pace{}.next(start, 24h), start + 1min);
}

TEST(AttemptPace, DoesNotPoll) {
    // Proves that attempts that no release calls for are a second apart at least: where a short
    // lease is renewed again and again, and where a transaction holds one that has expired.
    attempt_pace renewed;
    EXPECT_EQ(renewed.next(start, 200ms), start + 200ms);
    EXPECT_EQ(renewed.next(start + 200ms, 150ms), start + 1200ms);
    EXPECT_EQ(renewed.next(start + 1200ms, 150ms), start + 2200ms);
    attempt_pace blocked;
    EXPECT_EQ(blocked.next(start, {}), start + 1s);
    EXPECT_EQ(blocked.next(start + 1s, -5s), start + 2s);
    EXPECT_EQ(blocked.next(start + 2s, 0s), start + 3s);
}

}  // namespace
