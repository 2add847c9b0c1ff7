// The heartbeat of a worker: which claims are renewed when, and when their handlers are told.

#include "claim_keeper.hpp"

#include <gtest/gtest.h>

#include "fake_timer.hpp"

using namespace interlock;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

// Answers as the test says; a claim that it says nothing of is renewed.
class fake_line : public claim_line {
  public:
    std::vector<claim_result> renew(const std::vector<claim>& claims) override {
        std::lock_guard lock{mutex_};
        ++calls_;
        std::vector<claim_result> results;
        std::string keys;
        for (const auto& c : claims) {
            keys += c.key.text();
            auto found = answers_.find(c.key.text());
            results.push_back(found == answers_.end() ? claim_result::done : found->second);
        }
        std::ranges::sort(keys);
        renewed_ += keys + ".";
        if (failing_) throw std::runtime_error{"no server"};
        return results;
    }
    void cut() noexcept override {}

    void answer(const std::string& key, claim_result result) {
        std::lock_guard lock{mutex_};
        answers_[key] = result;
    }
    void fail(bool failing) {
        std::lock_guard lock{mutex_};
        failing_ = failing;
    }
    // The keys of each call so far: "12.2."
    std::string renewed() const {
        std::lock_guard lock{mutex_};
        return renewed_;
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::string, claim_result> answers_;
    std::string renewed_;
    bool failing_ = false;
    int calls_ = 0;
};

class ClaimKeeper : public ::testing::Test {
  protected:
    held_claim_ptr keep(int key) {
        auto held = std::make_shared<held_claim>(claim{key, 1}, pqxx::result{}, 0);
        keeper_.keep({held}, clock_.now());
        return held;
    }
    // When its two threads wake up next.
    std::vector<nanoseconds> waits() { return clock_.waits(2); }

    fake_timer clock_;
    fake_line line_;
    std::atomic<int> failures_ = 0;
    claim_keeper keeper_{line_,
                         clock_,
                         {.ttl = 30s, .margin = 6s, .pause = 1s, .grace = 0s},
                         [this](std::exception_ptr) { ++failures_; }};
};

TEST_F(ClaimKeeper, RenewsEachThirdOfTheTtlAndTakesAlongWhatIsOldEnough) {
    auto one = keep(1);
    EXPECT_EQ(waits(), (std::vector<nanoseconds>{10s, 24s}));
    clock_.advance_to(4s);
    auto two = keep(2);
    clock_.advance_to(8s);
    auto three = keep(3);
    clock_.advance_to(10s);
    EXPECT_EQ(waits(), (std::vector<nanoseconds>{18s, 32s}));
    EXPECT_EQ(line_.renewed(), "12.");
    clock_.advance_to(18s);
    EXPECT_EQ(waits(), (std::vector<nanoseconds>{28s, 42s}));
    EXPECT_EQ(line_.renewed(), "12.123.");
    EXPECT_FALSE(keeper_.lost(one));
}

TEST_F(ClaimKeeper, ForgetsWhatHasEnded) {
    auto one = keep(1), two = keep(2);
    keeper_.forget(one);
    clock_.advance_to(10s);
    (void)waits();
    EXPECT_EQ(line_.renewed(), "2.");
}

TEST_F(ClaimKeeper, TellsOfWhatTheServerSaysIsLost) {
    auto one = keep(1), two = keep(2), three = keep(3), four = keep(4);
    line_.answer("1", claim_result::lost);
    line_.answer("2", claim_result::missing);
    line_.answer("3", claim_result::busy);
    clock_.advance_to(10s);
    EXPECT_EQ(waits(), (std::vector<nanoseconds>{20s, 34s}));
    EXPECT_TRUE(one->stop.stop_requested());
    EXPECT_TRUE(two->stop.stop_requested());
    EXPECT_FALSE(three->stop.stop_requested());
    EXPECT_FALSE(four->stop.stop_requested());
    EXPECT_TRUE(keeper_.superseded(one));
    EXPECT_TRUE(keeper_.lost(one));
    EXPECT_FALSE(keeper_.superseded(three));
    clock_.advance_to(20s);
    (void)waits();
    EXPECT_EQ(line_.renewed(), "1234.34.");
}

TEST_F(ClaimKeeper, TriesAgainAndTellsByTheClock) {
    auto one = keep(1);
    line_.fail(true);
    for (auto at = 10s; at < 24s; at += 1s) {
        clock_.advance_to(at);
        EXPECT_EQ(waits().front(), at + 1s);
        EXPECT_FALSE(one->stop.stop_requested());
    }
    EXPECT_EQ(failures_, 14);
    clock_.advance_to(24s);
    EXPECT_TRUE(keeper_.lost(one));
    for (int i = 0; i < 1000 && !one->stop.stop_requested(); ++i)
        std::this_thread::sleep_for(1ms);
    EXPECT_TRUE(one->stop.stop_requested());
    EXPECT_FALSE(keeper_.superseded(one));  // nobody has said so
}

TEST_F(ClaimKeeper, GoesOnAfterAFailure) {
    auto one = keep(1);
    line_.fail(true);
    clock_.advance_to(10s);
    EXPECT_EQ(waits(), (std::vector<nanoseconds>{11s, 24s}));
    line_.fail(false);
    clock_.advance_to(11s);
    EXPECT_EQ(waits(), (std::vector<nanoseconds>{21s, 35s}));
    EXPECT_FALSE(keeper_.lost(one));
}

TEST_F(ClaimKeeper, TellsAllWhenTheWorkerStops) {
    auto one = keep(1), two = keep(2);
    keeper_.request_stop();
    EXPECT_TRUE(one->stop.stop_requested());
    EXPECT_TRUE(two->stop.stop_requested());
    EXPECT_FALSE(keeper_.lost(one));
}

}  // namespace
