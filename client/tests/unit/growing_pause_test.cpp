// A pause that grows to its longest, a little shorter at random, and begins anew when it is told.

#include "growing_pause.hpp"

#include <gtest/gtest.h>

using namespace interlock;
using namespace std::chrono_literals;

TEST(GrowingPause, DoublesUpToTheLongest) {
    growing_pause pause{20ms, 100ms};
    EXPECT_EQ(pause.next(0), 20ms);
    EXPECT_EQ(pause.next(0), 40ms);
    EXPECT_EQ(pause.next(0), 80ms);
    EXPECT_EQ(pause.next(0), 100ms);
    EXPECT_EQ(pause.next(0), 100ms);
    pause.reset();
    EXPECT_EQ(pause.next(0), 20ms);
}

TEST(GrowingPause, IsUpToAQuarterShorter) {
    growing_pause pause{100ms, 100ms};
    EXPECT_EQ(pause.next(0.5), 87500us);
    EXPECT_GT(pause.next(0.999), 75ms);
}
