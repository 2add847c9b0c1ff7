#include "attempt_pace.hpp"

#include <gtest/gtest.h>

namespace {

using interlock::attempt_pace;
using namespace std::chrono_literals;

const attempt_pace::time_point start{};

TEST(AttemptPace, TriesWhenItExpires) {
    // Proves that who waits tries again at the expiry, however soon, but asks at least each minute.
    EXPECT_EQ(attempt_pace{}.next(start, 20s, true), start + 20s);
    EXPECT_EQ(attempt_pace{}.next(start, 200ms, true), start + 200ms);
    EXPECT_EQ(attempt_pace{}.next(start, 24h, true), start + 1min);
}

TEST(AttemptPace, DoesNotPoll) {
    // Proves that attempts that no release calls for are a second apart at least: where a short
    // lease is renewed again and again, and where a transaction holds one that has expired.
    attempt_pace renewed;
    EXPECT_EQ(renewed.next(start, 200ms, true), start + 200ms);
    EXPECT_EQ(renewed.next(start + 200ms, 150ms, true), start + 1200ms);
    EXPECT_EQ(renewed.next(start + 1200ms, 150ms, true), start + 2200ms);
    attempt_pace blocked;
    EXPECT_EQ(blocked.next(start, {}, true), start + 1s);
    EXPECT_EQ(blocked.next(start + 1s, -5s, true), start + 2s);
    EXPECT_EQ(blocked.next(start + 2s, 0s, true), start + 3s);
}

TEST(AttemptPace, LooksEachSecondWhereNobodyIsTold) {
    // Proves that who gets no news of a release tries again within a second, sooner at the expiry,
    // and no more often; and goes over to waiting for news when there is some, and back.
    attempt_pace pace;
    EXPECT_EQ(attempt_pace{}.next(start, 200ms, false), start + 200ms);
    EXPECT_EQ(attempt_pace{}.next(start, {}, false), start + 1s);
    EXPECT_EQ(pace.next(start, 24h, false), start + 1s);
    EXPECT_EQ(pace.next(start + 1s, 24h, false), start + 2s);
    EXPECT_EQ(pace.next(start + 2s, 200ms, false), start + 3s);
    EXPECT_EQ(pace.next(start + 3s, 20s, true), start + 23s);
    EXPECT_EQ(pace.next(start + 23s, 20s, false), start + 24s);
}

TEST(AttemptPace, NewsTakesNoTurn) {
    // Proves that an attempt which news called for delays none at an expiry, however late the next
    // one was to be; and that those at expiries stay a second apart.
    attempt_pace pace;
    EXPECT_EQ(pace.next(start, 1min, true), start + 1min);
    EXPECT_EQ(pace.next(start + 5s, 2s, true), start + 7s);
    EXPECT_EQ(pace.next(start + 7s, 200ms, true), start + 8s);
    EXPECT_EQ(pace.next(start + 7100ms, 200ms, true), start + 8s);
}

}  // namespace
