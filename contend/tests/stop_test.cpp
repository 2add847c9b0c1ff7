// Who waits is woken when it is time to stop.

#include "stop.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

namespace {

using namespace contend;
using namespace std::chrono_literals;

TEST(StopFlag, WaitsAsLongAsNobodyAsks) {
    stop_flag stop;
    auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(stop.wait_for(20ms));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
    EXPECT_FALSE(stop.requested());
}

TEST(StopFlag, WakesWhoeverWaits) {
    stop_flag stop;
    std::jthread asks{[&] {
        std::this_thread::sleep_for(20ms);
        stop.request();
    }};
    EXPECT_TRUE(stop.wait_for(1h));
    EXPECT_TRUE(stop.requested());
    EXPECT_TRUE(stop.wait_for(1h));
}

TEST(Signals, AreRemembered) {
    catch_signals();
    EXPECT_FALSE(signal_caught());
    std::raise(SIGTERM);
    EXPECT_TRUE(signal_caught());
}

}  // namespace
