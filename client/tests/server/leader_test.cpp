// "Only one of us leads."

#include <atomic>

#include "leases.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class Leader : public Leases {
  protected:
    lease_options no_wait() const { return {.wait = lock_wait::none()}; }
};

TEST_F(Leader, RunsWhileItLeads) {
    // Proves that the body runs while the lease is held, with or without it as its argument, that
    // its result is handed back, and that the lease is free after it.
    EXPECT_TRUE(leader(factory(), texts(), "a", "Ann", 1min,
                       [&](std::stop_token) { EXPECT_EQ(holder("a"), "Ann"); }));
    EXPECT_EQ(holder("a"), "");
    EXPECT_EQ(leader(factory(), texts(), "a", "Ann", 1min,
                     [&](std::stop_token stop, lease& lease) {
                         EXPECT_FALSE(stop.stop_requested());
                         return lease.held() ? 7 : 0;
                     }),
              7);
}

TEST_F(Leader, SomebodyElseLeads) {
    // Proves that the body does not run where somebody else leads all the time.
    lease other{factory(), texts(), "a", "Bob", 1min};
    bool ran = false;
    EXPECT_FALSE(leader(
        factory(), texts(), "a", "Ann", 1min, [&](std::stop_token) { ran = true; }, no_wait()));
    EXPECT_EQ(
        leader(
            factory(), texts(), "a", "Ann", 1min, [](std::stop_token) { return 7; }, no_wait()),
        std::nullopt);
    EXPECT_FALSE(ran);
}

TEST_F(Leader, LossIsReportedAfterTheBody) {
    // Proves that a body is told to stop when the lease is lost, and that it is reported after it;
    // its own exception comes first.
    auto usurp = [&] {
        in_transaction([&](pqxx::transaction_base& tx) { break_lease(tx, texts(), "a"); });
    };
    bool told = false;
    auto e = caught<lease_lost>([&] {
        (void)leader(factory(), texts(), "a", "Ann", 600ms, [&](std::stop_token stop) {
            usurp();
            told = comes_true([&] { return stop.stop_requested(); }, 5s);
        });
    });
    EXPECT_TRUE(told);
    EXPECT_EQ(e.reason(), lease_loss::superseded);
    EXPECT_THROW((void)leader(factory(), texts(), "a", "Ann", 1min,
                              [&](std::stop_token) {
                                  usurp();
                                  throw std::domain_error{"mine"};
                              }),
                 std::domain_error);
    EXPECT_EQ(holder("a"), "");
}

TEST_F(Leader, BodyThatIgnoresTheLossIsToldToo) {
    // Proves the same of a body that is over before the next renewal would have noticed.
    EXPECT_THROW((void)leader(factory(), texts(), "a", "Ann", 1min,
                              [&](std::stop_token) {
                                  in_transaction([&](pqxx::transaction_base& tx) {
                                      break_lease(tx, texts(), "a");
                                  });
                              }),
                 lease_lost);
}

TEST_F(Leader, FencedWritesNeverComeOutOfOrder) {
    // Proves that with eight threads that stand again and again, leaders that are deposed while
    // they write, and some who take no notice of it, no fenced write ever comes after one with a
    // larger token.
    std::atomic<bool> over = false;
    std::atomic<int> led = 0, deposed = 0, refused = 0;
    auto body = [&](std::stop_token stop, lease& lease) {
        auto db = connect();
        ++led;
        bool deaf = led % 2;
        for (int i = 0; i < 20 && !over && (deaf || !stop.stop_requested()); ++i) {
            try {
                transact(*db, [&](pqxx::dbtransaction& tx) { write(tx, lease); });
            } catch (const lease_lost&) {
                ++refused;
                if (!deaf) return;
            }
            std::this_thread::sleep_for(1ms);
        }
    };
    std::vector<std::unique_ptr<task>> tasks;
    for (int t = 0; t < 8; ++t)
        tasks.push_back(std::make_unique<task>([&, t] {
            while (!over) {
                try {
                    (void)leader(factory(), texts(), "a", "thread " + std::to_string(t), 900ms,
                                 body, {.wait = lock_wait::at_most(1s)});
                } catch (const lease_lost&) {
                    ++deposed;
                }
            }
        }));
    for (int i = 0; i < 60; ++i) {
        std::this_thread::sleep_for(50ms);
        in_transaction([&](pqxx::transaction_base& tx) { break_lease(tx, texts(), "a"); });
    }
    over = true;
    for (auto& t : tasks)
        EXPECT_NO_THROW(t->rethrow());
    EXPECT_EQ(number("SELECT count(*) FROM (SELECT token < max(token) OVER (ORDER BY id) AS late "
                     "FROM log) AS l WHERE late"),
              0);
    EXPECT_GT(number("SELECT count(DISTINCT token) FROM log"), 10);
    EXPECT_GT(led, 10);
    EXPECT_GT(deposed, 5) << "nobody was deposed: this shows nothing";
    EXPECT_GT(refused, 5);
}

}  // namespace
