#include "interlock/retry.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "interlock/error.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// A policy whose time passes only when it sleeps, or when the test says so.
class Retry : public ::testing::Test {
  protected:
    Retry() {
        policy.clock = [this] { return time; };
        policy.sleeper = [this](nanoseconds t) {
            slept.push_back(t);
            time += t;
        };
        policy.random = [this] { return share; };
        policy.observer = [this](const failed_attempt& f) {
            seen.push_back({f.attempt, std::string{f.sqlstate}, f.elapsed, f.rerun, f.wait});
        };
    }

    struct observation {
        int attempt;
        std::string sqlstate;
        nanoseconds elapsed;
        bool rerun;
        nanoseconds wait;
    };

    template <class Error>
    static std::exception_ptr failure() {
        return std::make_exception_ptr(Error{"it failed"});
    }

    // Fails always the same way, as transact would see it, and hands back what it gave up with.
    template <class Error>
    retries_exhausted exhaust(nanoseconds attempt_takes = 0ns) {
        retry_loop loop{policy};
        for (;;) {
            time += attempt_takes;
            try {
                loop.failed(failure<Error>());
            } catch (const retries_exhausted& e) {
                return e;
            }
        }
    }

    retry_policy policy;
    std::chrono::steady_clock::time_point time{};
    double share = 0.5;
    std::vector<nanoseconds> slept;
    std::vector<observation> seen;
};

TEST_F(Retry, BackoffGrowsToItsCap) {
    // Proves the bound of each wait: first × factorⁿ⁻¹, never above the cap, without overflow.
    backoff b{2ms, 100ms, 2.0};
    EXPECT_EQ(b.bound(1), 2ms);
    EXPECT_EQ(b.bound(2), 4ms);
    EXPECT_EQ(b.bound(6), 64ms);
    EXPECT_EQ(b.bound(7), 100ms);
    EXPECT_EQ(b.bound(1'000'000), 100ms);
}

TEST_F(Retry, JitterIsFull) {
    // Proves that waits are drawn from the whole of [0, bound), by the policy's random source.
    policy.attempts = 4;
    policy.backoff = {2ms, 1s, 2.0};
    for (auto [drawn, expected] : {std::pair{0.0, 0ns}, std::pair{0.25, nanoseconds{500us}},
                                   std::pair{0.999, nanoseconds{1998us}}}) {
        share = drawn;
        slept.clear();
        (void)exhaust<serialization_failure>();
        ASSERT_EQ(slept.size(), 3u);
        EXPECT_EQ(slept[0], expected);
        EXPECT_EQ(slept[1], 2 * expected);
        EXPECT_EQ(slept[2], 4 * expected);
    }
}

TEST_F(Retry, RealRandomStaysInBounds) {
    // Proves that the default random source keeps to the bounds and varies.
    policy.random = {};
    policy.attempts = 200;
    policy.backoff = {1ms, 1ms, 1.0};
    (void)exhaust<deadlock_detected>();
    ASSERT_EQ(slept.size(), 199u);
    for (auto t : slept) {
        EXPECT_GE(t, 0ns);
        EXPECT_LT(t, 1ms);
    }
    EXPECT_NE(*std::min_element(slept.begin(), slept.end()),
              *std::max_element(slept.begin(), slept.end()));
}

TEST_F(Retry, StopsAfterItsAttempts) {
    // Proves that the body runs `attempts` times in all, and that the last error is handed over.
    policy.attempts = 3;
    auto given_up = exhaust<serialization_failure>();
    EXPECT_EQ(given_up.attempts(), 3);
    EXPECT_EQ(slept.size(), 2u);
    EXPECT_EQ(given_up.sqlstate(), "40001");
    EXPECT_STREQ(given_up.what(), "gave up after 3 attempts: it failed");
    EXPECT_THROW(std::rethrow_exception(given_up.last_error()), serialization_failure);
}

TEST_F(Retry, OneAttemptIsOne) {
    // Proves that attempts = 1 runs once, waits never, and still says why it gave up.
    policy.attempts = 1;
    auto given_up = exhaust<deadlock_detected>();
    EXPECT_EQ(given_up.attempts(), 1);
    EXPECT_TRUE(slept.empty());
}

TEST_F(Retry, StopsAtItsDeadline) {
    // Proves that no attempt starts after the deadline, and that it does not wait in vain first.
    policy.attempts = 1000;
    policy.deadline = 1s;
    policy.backoff = {100ms, 100ms, 1.0};
    auto given_up = exhaust<serialization_failure>(200ms);  // each costs 200 ms and a wait of 50
    EXPECT_EQ(given_up.attempts(), 4);
    EXPECT_EQ(given_up.elapsed(), 950ms);
    EXPECT_EQ(slept.size(), 3u);
}

TEST_F(Retry, NoDeadlineIsNone) {
    // Proves that no_deadline does not overflow into one.
    policy.attempts = 50;
    policy.deadline = retry_policy::no_deadline;
    EXPECT_EQ(exhaust<serialization_failure>(24h).attempts(), 50);
}

TEST_F(Retry, LockBudgetIsTime) {
    // Proves that 55P03 is run again until attempts and waits have used the budget up.
    policy.attempts = 1000;
    policy.lock_budget = 1s;
    policy.backoff = {100ms, 100ms, 1.0};
    auto given_up = exhaust<lock_not_available>(200ms);
    EXPECT_EQ(given_up.attempts(), 4);  // 250, 500, 750, 1000 ms
    EXPECT_EQ(given_up.sqlstate(), "55P03");
}

TEST_F(Retry, LockBudgetCountsLockFailuresOnly) {
    // Proves that other failures in between do not use the lock budget up.
    policy.attempts = 1000;
    policy.lock_budget = 100ms;
    policy.backoff = {0ns, 0ns, 1.0};
    retry_loop loop{policy};
    for (int i = 0; i < 10; ++i) {
        time += 1s;
        loop.failed(failure<serialization_failure>());
    }
    time += 60ms;
    loop.failed(failure<lock_not_available>());
    time += 60ms;
    EXPECT_THROW(loop.failed(failure<lock_not_available>()), retries_exhausted);
}

TEST_F(Retry, WithoutLockBudgetALockIsFinal) {
    // Proves that a zero budget lets 55P03 pass through at once, as itself.
    policy.lock_budget = 0ns;
    retry_loop loop{policy};
    EXPECT_THROW(loop.failed(failure<lock_not_available>()), lock_not_available);
    EXPECT_TRUE(seen.empty());
}

TEST_F(Retry, StaleOnlyIfAsked) {
    // Proves that IL001 passes through by default and is run again with rerun_stale.
    {
        retry_loop loop{policy};
        EXPECT_THROW(loop.failed(failure<stale_version>()), stale_version);
    }
    policy.rerun_stale = true;
    policy.attempts = 3;
    EXPECT_EQ(exhaust<stale_version>().attempts(), 3);
}

TEST_F(Retry, ABatchIsRerunByItsCode) {
    // Proves that a refused batch is run again where a stale row would be, and only there.
    auto refused = [](batch_refused::failures rows) {
        return std::make_exception_ptr(batch_refused{"t", 1, std::move(rows)});
    };
    auto stale = refused({.stale = {{}}, .missing = {{}}});
    auto missing = refused({.missing = {{}}});
    {
        retry_loop loop{policy};
        EXPECT_THROW(loop.failed(stale), batch_refused);
    }
    policy.rerun_stale = true;
    retry_loop loop{policy};
    loop.failed(stale);
    EXPECT_EQ(loop.attempts(), 2);
    EXPECT_THROW(loop.failed(missing), batch_refused);
}

TEST_F(Retry, ABoundIsNoShortage) {
    // Proves that 53400, a bound that was set on locks or files, is final: it would be met again.
    retry_loop loop{policy};
    EXPECT_THROW(loop.failed(std::make_exception_ptr(error{"53400", "too many locks"})), error);
    EXPECT_TRUE(seen.empty());
}

TEST_F(Retry, ShortageWaitsLonger) {
    // Proves that class 53 has a wait of its own, the same from the first failure on.
    policy.attempts = 3;
    policy.backoff = {1ms, 10ms, 2.0};
    policy.shortage_wait = 1s;
    retry_loop loop{policy};
    loop.failed(std::make_exception_ptr(error{"53200", "out of memory"}));
    loop.failed(std::make_exception_ptr(error{"53100", "disk full"}));
    EXPECT_EQ(slept, (std::vector<nanoseconds>{500ms, 500ms}));
}

TEST_F(Retry, DefaultWaitsAreShort) {
    // Proves that by default no wait after a conflict is longer than 50 ms: whoever loses often
    // must not be put off for as long as people notice.
    policy.backoff = retry_policy{}.backoff;
    policy.attempts = 20;
    (void)exhaust<serialization_failure>();
    EXPECT_EQ(slept.front(), 1ms);  // half of what is possible
    EXPECT_EQ(*std::max_element(slept.begin(), slept.end()), 25ms);
}

template <class Error>
class Final : public Retry {};

struct lost : connection_lost {
    explicit lost(const char* m) : connection_lost{"53300", m} {}
};
struct doubt : in_doubt {
    explicit doubt(const char* m) : in_doubt{"40001", m} {}
};
struct exhausted : retries_exhausted {
    explicit exhausted(const char* m)
        : retries_exhausted{"40001", m, std::make_exception_ptr(1), 1, 0ns} {}
};

using final_errors =
    ::testing::Types<row_missing, merge_conflict, write_rejected, version_required, row_exists,
                     lease_held, lease_lost, claim_lost, query_canceled, read_only_transaction,
                     lost, doubt, exhausted, std::runtime_error>;
TYPED_TEST_SUITE(Final, final_errors);

TYPED_TEST(Final, PassesThroughAtOnce) {
    // Proves that no other error is run again or wrapped, whatever code a lost or doubtful one has.
    this->policy.rerun_stale = true;
    auto failure = this->template failure<TypeParam>();
    retry_loop loop{this->policy};
    try {
        loop.failed(failure);
        FAIL();
    } catch (const TypeParam&) {
        EXPECT_EQ(std::current_exception(), failure);
    }
    EXPECT_TRUE(this->slept.empty());
    EXPECT_TRUE(this->seen.empty());
}

TEST_F(Retry, WhatIsNoExceptionPassesToo) {
    // Proves that a thrown thing that is no std::exception comes through as it is.
    retry_loop loop{policy};
    EXPECT_THROW(loop.failed(std::make_exception_ptr(7)), int);
}

TEST_F(Retry, TellsItsObserver) {
    // Proves that an observer hears of each failure: number, code, time, and what comes next.
    policy.attempts = 2;
    policy.backoff = {10ms, 1s, 2.0};
    (void)exhaust<deadlock_detected>(1ms);
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].attempt, 1);
    EXPECT_EQ(seen[0].sqlstate, "40P01");
    EXPECT_EQ(seen[0].elapsed, 1ms);
    EXPECT_TRUE(seen[0].rerun);
    EXPECT_EQ(seen[0].wait, 5ms);
    EXPECT_EQ(seen[1].attempt, 2);
    EXPECT_FALSE(seen[1].rerun);
    EXPECT_EQ(seen[1].wait, 0ns);
}

TEST_F(Retry, AnObserverMayEndIt) {
    // Proves that an observer's exception ends the loop.
    policy.observer = [](const failed_attempt&) { throw std::domain_error{"enough"}; };
    retry_loop loop{policy};
    EXPECT_THROW(loop.failed(failure<deadlock_detected>()), std::domain_error);
    EXPECT_TRUE(slept.empty());
}

TEST_F(Retry, RefusesNonsense) {
    // Proves that a policy that makes no sense is refused before anything runs.
    auto refused = [](auto change) {
        retry_policy p;
        change(p);
        EXPECT_THROW(retry_loop{p}, std::invalid_argument);
    };
    refused([](auto& p) { p.attempts = 0; });
    refused([](auto& p) { p.deadline = -1ns; });
    refused([](auto& p) { p.lock_budget = -1ns; });
    refused([](auto& p) { p.backoff.first = -1ns; });
    refused([](auto& p) { p.backoff.cap = -1ns; });
    refused([](auto& p) { p.shortage_wait = -1ns; });
    refused([](auto& p) { p.backoff.factor = 0.5; });
}

TEST_F(Retry, RealClockAndSleeper) {
    // Proves that without replacements real time is measured and really slept.
    retry_policy real;
    real.attempts = 3;
    real.backoff = {20ms, 20ms, 1.0};
    real.random = [] { return 0.5; };
    auto before = std::chrono::steady_clock::now();
    retry_loop loop{real};
    loop.failed(failure<serialization_failure>());
    loop.failed(failure<serialization_failure>());
    EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
    EXPECT_GE(loop.elapsed(), 20ms);
}

}  // namespace
