// Percentiles, the accounting of what is lost, and the exit code that follows.

#include "statistics.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace {

using namespace contend;
using namespace std::chrono_literals;

std::vector<std::chrono::nanoseconds> shuffled(int count) {
    std::vector<std::chrono::nanoseconds> all;
    for (int i = 0; i < count; ++i)
        all.emplace_back(i * 37 % count + 1);  // 37 is prime to every count used here
    return all;
}

outcome with(int acknowledged, std::int64_t before, std::optional<std::int64_t> after) {
    outcome o;
    o.strategy = "test";
    o.total.latencies.assign(static_cast<std::size_t>(acknowledged), 1ms);
    o.sum_before = before;
    o.sum_after = after;
    o.elapsed = 2s;
    return o;
}

// Nearest rank: of 1 to 100 the n-th percentile is n itself.
TEST(Percentile, IsTheNearestRank) {
    auto hundred = shuffled(100);
    for (int percent : {1, 7, 50, 58, 99, 100})
        EXPECT_EQ(percentile(hundred, percent), std::chrono::nanoseconds{percent});
}

// Where the rank is no whole number it is rounded up, never down.
TEST(Percentile, RoundsTheRankUp) {
    EXPECT_EQ(percentile({10ns, 20ns, 30ns}, 50), 20ns);
    EXPECT_EQ(percentile({10ns, 20ns, 30ns}, 34), 20ns);
    EXPECT_EQ(percentile({10ns, 20ns, 30ns}, 33), 10ns);
    EXPECT_EQ(percentile(shuffled(99), 99), 99ns);
    EXPECT_EQ(percentile(shuffled(101), 99), 100ns);
    EXPECT_EQ(percentile(shuffled(1000), 99), 990ns);
}

// One latency is every percentile; none has no percentile.
TEST(Percentile, OfOneAndOfNone) {
    EXPECT_EQ(percentile({5ns}, 1), 5ns);
    EXPECT_EQ(percentile({5ns}, 100), 5ns);
    EXPECT_EQ(percentile({}, 50), std::nullopt);
}

// The tallies of two clients add up, conflicts by their code.
TEST(Tally, AddsUp) {
    tally one{{1ms, 2ms}, {{"IL001", 3}}, 3, 0};
    tally two{{3ms}, {{"IL001", 1}, {"40001", 2}}, 2, 1};
    one.add(two);
    EXPECT_EQ(one.acknowledged(), 3);
    EXPECT_EQ(one.conflict_count(), 6);
    EXPECT_EQ(one.conflicts["IL001"], 4);
    EXPECT_EQ(one.retries, 5);
    EXPECT_EQ(one.gave_up, 1);
}

// Lost is what was acknowledged and did not arrive, whatever was there before.
TEST(Outcome, Lost) {
    EXPECT_EQ(with(10, 100, 110).lost(), 0);
    EXPECT_EQ(with(10, 100, 103).lost(), 7);
    EXPECT_EQ(with(10, -5, 6).lost(), -1);
    EXPECT_EQ(with(10, 0, std::nullopt).lost(), std::nullopt);
}

TEST(Outcome, PerSecond) {
    EXPECT_DOUBLE_EQ(with(10, 0, 10).per_second(), 5.0);
    EXPECT_DOUBLE_EQ(outcome{}.per_second(), 0.0);
}

// A promise is broken by a loss, and by more than was acknowledged.
TEST(Outcome, Promise) {
    EXPECT_FALSE(with(10, 0, 10).broke_its_promise());
    EXPECT_TRUE(with(10, 0, 9).broke_its_promise());
    EXPECT_TRUE(with(10, 0, 11).broke_its_promise());
    EXPECT_FALSE(with(10, 0, std::nullopt).broke_its_promise());
    auto careless = with(10, 0, 3);
    careless.loses_nothing = false;
    EXPECT_FALSE(careless.broke_its_promise());
}

// A client whose session ended at COMMIT may have written one more than it knows of.
TEST(Outcome, AFailedClientMayHaveCommitted) {
    auto o = with(10, 0, 11);
    o.failures = {"client 1: gone"};
    EXPECT_FALSE(o.broke_its_promise());
    o.sum_after = 12;
    EXPECT_TRUE(o.broke_its_promise());
    o.sum_after = 9;
    EXPECT_TRUE(o.broke_its_promise());
}

// The worst of all outcomes decides.
TEST(Judge, TheWorstDecides) {
    auto good = with(1, 0, 1), lossy = with(2, 0, 1), cut = good, failed = good;
    cut.interrupted = true;
    failed.failures = {"client 1: no"};
    EXPECT_EQ(judge({}), exit_code::success);
    EXPECT_EQ(judge({good, good}), exit_code::success);
    EXPECT_EQ(judge({good, cut}), exit_code::interrupted);
    EXPECT_EQ(judge({cut, failed}), exit_code::failed);
    EXPECT_EQ(judge({failed, lossy, cut}), exit_code::updates_lost);
}

}  // namespace
