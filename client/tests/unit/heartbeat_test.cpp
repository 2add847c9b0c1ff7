// The heartbeat of a lease, in a time that passes only when the test says so.

#include "heartbeat.hpp"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <vector>

#include "fake_timer.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// A server that answers as the test says, and may hang.
class fake_line : public lease_line {
  public:
    bool renew() override {
        std::unique_lock lock{mutex_};
        ++renewals_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return !hanging_ || cut_; });
        if (cut_ || failing_) throw std::runtime_error{"no answer"};
        return current_;
    }
    void cut() noexcept override {
        std::lock_guard lock{mutex_};
        cut_ = true;
        changed_.notify_all();
    }

    void fail(bool failing = true) { set(failing_, failing); }
    void hang(bool hanging = true) { set(hanging_, hanging); }
    void supersede() { set(current_, false); }
    bool is_cut() { return get(cut_); }
    int renewals() { return get(renewals_); }
    void await_renewals(int count) {
        std::unique_lock lock{mutex_};
        EXPECT_TRUE(changed_.wait_for(lock, 10s, [&] { return renewals_ == count; }));
    }

  private:
    void set(bool& what, bool value) {
        std::lock_guard lock{mutex_};
        what = value;
        changed_.notify_all();
    }
    template <class Value>
    Value get(Value& what) {
        std::lock_guard lock{mutex_};
        return what;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool failing_ = false, hanging_ = false, cut_ = false, current_ = true;
    int renewals_ = 0;
};

// 30 s, asked for at time zero: renewed at 10 s, lost at 24 s, failures a second apart.
class Heartbeat : public ::testing::Test {
  protected:
    void start() {
        beat.emplace(line, clock, heartbeat_times{30s, 6s, 1s, 20ms}, timer::time_point{},
                     [this](lease_loss loss) {
                         std::lock_guard lock{mutex};
                         told.push_back(loss);
                         changed.notify_all();
                     });
        EXPECT_EQ(clock.waits(2), waits_of(10s, 24s));
    }

    static std::vector<nanoseconds> waits_of(nanoseconds renewal, nanoseconds loss) {
        return {renewal, loss};
    }

    void await_loss() {
        std::unique_lock lock{mutex};
        EXPECT_TRUE(changed.wait_for(lock, 10s, [this] { return !told.empty(); }));
    }

    // Renewals that fail, from the first one on to the one before `until`.
    void fail_until(nanoseconds first, nanoseconds until) {
        for (auto t = first; t < until; t += 1s) {
            clock.advance_to(t);
            EXPECT_EQ(clock.waits(2), waits_of(t + 1s, 24s)) << t.count();
        }
    }

    fake_timer clock;
    fake_line line;
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<lease_loss> told;
    std::optional<heartbeat> beat;
};

TEST_F(Heartbeat, RenewsEachThirdOfTheTtl) {
    // Proves the schedule: each renewal a third of the ttl after the last one was sent, and the
    // expiry counted from then, too.
    start();
    clock.advance_to(10s);
    EXPECT_EQ(clock.waits(2), waits_of(20s, 34s));
    clock.advance_to(20s);
    EXPECT_EQ(clock.waits(2), waits_of(30s, 44s));
    EXPECT_EQ(line.renewals(), 2);
    EXPECT_TRUE(beat->held());
    EXPECT_FALSE(beat->stop_token().stop_requested());
}

TEST_F(Heartbeat, CountsFromBeforeTheRenewalWasSent) {
    // Proves that a renewal whose answer took long is counted from when it was sent, because the
    // server may have read its clock at once.
    start();
    line.hang();
    clock.advance_to(10s);
    line.await_renewals(1);
    clock.advance_to(15s);
    line.hang(false);
    EXPECT_EQ(clock.waits(2), waits_of(20s, 34s));
}

TEST_F(Heartbeat, SurvivesFailuresUntilTheMargin) {
    // Proves that renewals which fail are tried again each second, that the last one before the
    // margin saves the lease, and that nobody is told.
    start();
    line.fail();
    fail_until(10s, 23s);
    line.fail(false);
    clock.advance_to(23s);
    EXPECT_EQ(clock.waits(2), waits_of(33s, 47s));
    EXPECT_EQ(line.renewals(), 14);
    EXPECT_TRUE(beat->held());
    beat->stop();
    EXPECT_TRUE(told.empty());
    EXPECT_EQ(beat->last_failure(), "no answer");
}

TEST_F(Heartbeat, IsLostBeforeItExpires) {
    // Proves that a lease which cannot be renewed is lost at the margin, before the expiry, and
    // told once; and that it is not renewed any more then.
    start();
    line.fail();
    fail_until(10s, 24s);
    EXPECT_TRUE(beat->held());
    EXPECT_TRUE(told.empty());
    clock.advance_to(24s);
    EXPECT_FALSE(beat->held());
    await_loss();
    EXPECT_TRUE(beat->stop_token().stop_requested());
    EXPECT_EQ(beat->lost(), lease_loss::not_renewed);
    auto renewals = line.renewals();
    line.fail(false);
    clock.advance_to(60s);
    beat->stop();
    EXPECT_LE(line.renewals(), renewals + 1);  // one may have been due at the same time
    EXPECT_EQ(told, std::vector{lease_loss::not_renewed});
}

TEST_F(Heartbeat, IsLostWhileARenewalHangs) {
    // Proves that a renewal which gets no answer does not keep the loss from being told in time,
    // and is cut off then.
    start();
    line.hang();
    clock.advance_to(10s);
    line.await_renewals(1);
    clock.advance_to(24s);
    EXPECT_FALSE(beat->held());
    await_loss();
    EXPECT_TRUE(line.is_cut());
    beat->stop();
    EXPECT_EQ(told, std::vector{lease_loss::not_renewed});
}

TEST_F(Heartbeat, AnAnswerThatComesTooLateDoesNotRevive) {
    // Proves that a loss is final: a process that was paused at a renewal, and gets its answer
    // after the margin, has lost the lease all the same.
    start();
    line.hang();
    clock.advance_to(10s);
    line.await_renewals(1);
    clock.advance_to(25s);
    EXPECT_FALSE(beat->held());
    line.hang(false);
    await_loss();
    EXPECT_FALSE(beat->held());
    EXPECT_EQ(beat->lost(), lease_loss::not_renewed);
}

TEST_F(Heartbeat, IsLostAtOnceWhereTheServerSaysSo) {
    // Proves that a token which is no longer the current one is a loss without delay, told once.
    start();
    line.supersede();
    clock.advance_to(10s);
    await_loss();
    EXPECT_FALSE(beat->held());
    EXPECT_TRUE(beat->stop_token().stop_requested());
    beat->stop();
    EXPECT_EQ(line.renewals(), 1);
    EXPECT_EQ(told, std::vector{lease_loss::superseded});
}

TEST_F(Heartbeat, StopsForGood) {
    // Proves that after stop() there is no renewal, nothing is told, and it is not held.
    start();
    beat->stop();
    EXPECT_FALSE(beat->held());
    clock.advance_to(100s);
    beat->stop();
    beat.reset();
    EXPECT_EQ(line.renewals(), 0);
    EXPECT_FALSE(line.is_cut());
    EXPECT_TRUE(told.empty());
}

TEST_F(Heartbeat, StopsWhileARenewalHangs) {
    // Proves that stop() does not wait for a renewal that hangs, and that this is no loss.
    start();
    line.hang();
    clock.advance_to(10s);
    line.await_renewals(1);
    auto began = std::chrono::steady_clock::now();
    beat->stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    EXPECT_TRUE(line.is_cut());
    EXPECT_TRUE(told.empty());
}

TEST_F(Heartbeat, TellsOnAThreadOfItsOwn) {
    // Proves that a callback knows that it is one, and that what it throws ends nothing.
    std::optional<bool> telling;
    std::promise<void> done;
    beat.emplace(line, clock, heartbeat_times{30s, 6s, 1s, 20ms}, timer::time_point{},
                 [&](lease_loss) {
                     telling = beat->telling();
                     done.set_value();
                     throw std::runtime_error{"swallowed"};
                 });
    EXPECT_FALSE(beat->telling());
    clock.waits(2);
    line.supersede();
    clock.advance_to(10s);
    done.get_future().wait();
    beat->stop();
    EXPECT_EQ(telling, true);
}

}  // namespace
