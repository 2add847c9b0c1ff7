// "Only one instance runs this".

#include <atomic>

#include "locks.hpp"
#include "proxy.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class Singleton : public Locks {};

TEST_F(Singleton, RunsAndTellsThatItRan) {
    // Proves that the body runs while the lock is held, with or without the lock as its argument,
    // that its result is handed back, and that nothing is held after it.
    auto c = connect();
    EXPECT_TRUE(singleton(*c, texts(), "job", when_busy::skip,
                          [&] { EXPECT_EQ(holders(texts(), "job"), 1); }));
    EXPECT_EQ(singleton(*c, texts(), "job", when_busy::wait,
                        [&](advisory_session_lock& lock) {
                            lock.ensure_held();
                            return lock.key().text();
                        }),
              "job");
    EXPECT_EQ(singleton(*c, texts(), "job", when_busy::wait, [] { return false; }), false);
    EXPECT_EQ(holders(texts(), "job"), 0);
}

TEST_F(Singleton, SkipsWhatIsBusy) {
    // Proves that the body of whoever skips is not run while another instance runs.
    auto a = connect(), b = connect();
    int runs = 0;
    auto count = [&] { return ++runs; };
    EXPECT_TRUE(singleton(*a, texts(), "job", when_busy::skip, [&] {
        EXPECT_FALSE(singleton(*b, texts(), "job", when_busy::skip, count));
        EXPECT_FALSE(singleton(*b, texts(), "job", when_busy::skip, [&] { ++runs; }));
        EXPECT_EQ(singleton(*b, texts(), "another job", when_busy::skip, count), 1);
        auto waited = milliseconds([&] {
            EXPECT_FALSE(singleton(*b, texts(), "job", when_busy::wait_at_most(100ms), count));
        });
        EXPECT_GE(waited, 100);
        EXPECT_LT(waited, 1500);
    }));
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(singleton(*b, texts(), "job", when_busy::skip, count), 2);
}

TEST_F(Singleton, OneAtATime) {
    // Proves that of eight threads exactly one runs at a time: those who wait all run, one after
    // the other, and those who skip while one runs do not run.
    std::atomic<int> inside = 0, most = 0, ran = 0, skipped = 0;
    auto body = [&] {
        most = std::max(most.load(), ++inside);
        std::this_thread::sleep_for(1ms);
        --inside;
        ++ran;
    };
    std::vector<std::unique_ptr<task>> tasks;
    for (int t = 0; t < 8; ++t)
        tasks.push_back(std::make_unique<task>([&, t] {
            auto c = connect();
            for (int i = 0; i < 20; ++i) {
                auto busy = t % 2 ? when_busy::wait : when_busy::skip;
                if (!singleton(*c, texts(), "job", busy, body)) ++skipped;
            }
        }));
    for (auto& t : tasks)
        EXPECT_FALSE(t->result());
    EXPECT_EQ(most, 1);
    EXPECT_EQ(ran + skipped, 8 * 20);
    EXPECT_GE(ran, 4 * 20);
    EXPECT_GT(skipped, 0) << "nobody was busy: this shows nothing";
}

TEST_F(Singleton, WaitsForItsTurn) {
    // Proves that who waits runs when the other one is done.
    auto a = connect(), b = connect();
    std::atomic<bool> first_done = false;
    std::unique_ptr<task> second;
    (void)singleton(*a, texts(), "job", when_busy::skip, [&] {
        second = std::make_unique<task>([&] {
            EXPECT_TRUE(
                singleton(*b, texts(), "job", when_busy::wait, [&] { EXPECT_TRUE(first_done); }));
        });
        wait_until_awaited(texts());
        first_done = true;
    });
    EXPECT_FALSE(second->result());
}

TEST_F(Singleton, BodyMayUseItsConnection) {
    // Proves that the body may run transactions on the connection that holds the lock.
    make_plain_accounts();
    auto c = connect();
    EXPECT_TRUE(singleton(*c, texts(), "job", when_busy::skip, [&] {
        transact(*c, [](pqxx::dbtransaction& tx) { tx.exec("UPDATE accounts SET balance = 1"); });
    }));
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 3);
}

TEST_F(Singleton, ExceptionReleases) {
    // Proves that an exception of the body passes through and that the lock is released.
    auto c = connect();
    EXPECT_THROW((void)singleton(*c, texts(), "job", when_busy::skip, [] { throw 7; }), int);
    EXPECT_EQ(holders(texts(), "job"), 0);
}

TEST_F(Singleton, LossIsReportedAfterTheBody) {
    // Proves that a session that was killed while the body ran is reported once it is done, and
    // before that to a body that asks.
    auto c = connect();
    bool finished = false;
    auto e = caught<lock_lost>([&] {
        (void)singleton(*c, texts(), "job", when_busy::skip, [&](advisory_session_lock& lock) {
            EXPECT_TRUE(lock.held());
            terminate(c->backendpid());
            EXPECT_FALSE(lock.held());
            finished = true;
            return 7;
        });
    });
    EXPECT_TRUE(finished);
    EXPECT_EQ(e.reason(), lock_loss::session_ended);
    EXPECT_EQ(e.key(), "job");
}

TEST_F(Singleton, BodyThatDoesNotAskIsToldToo) {
    // Proves the same of a body that never asks, and of a connection that was cut on the way.
    auto killed = connect();
    auto e = caught<lock_lost>([&] {
        (void)singleton(*killed, texts(), "job", when_busy::skip,
                        [&] { terminate(killed->backendpid()); });
    });
    EXPECT_EQ(e.reason(), lock_loss::session_ended);

    proxy between{proxy::cut::before_commit};
    auto cut = connect(between.address());
    e = caught<lock_lost>([&] {
        (void)singleton(*cut, texts(), "job", when_busy::wait, [&] {
            EXPECT_ANY_THROW(pqxx::nontransaction{*cut}.exec("SELECT 'COMMIT'"));
        });
    });
    EXPECT_EQ(e.reason(), lock_loss::session_ended);
}

TEST_F(Singleton, BodysExceptionComesFirst) {
    // Proves that of a body that failed because the session is gone, its own exception is thrown.
    auto c = connect();
    EXPECT_THROW((void)singleton(*c, texts(), "job", when_busy::skip,
                                 [&] {
                                     terminate(c->backendpid());
                                     throw std::domain_error{"mine"};
                                 }),
                 std::domain_error);
}

TEST_F(Singleton, NotHeldNotRun) {
    // Proves that the body is not run where the lock cannot be taken at all.
    auto c = connect();
    int runs = 0;
    auto count = [&] { ++runs; };
    EXPECT_THROW((void)singleton(*c, "no such namespace", "job", when_busy::skip, count),
                 pqxx::sql_error);
    { pqxx::nontransaction{*c}.exec("SET interlock.session_locks = off"); }
    EXPECT_THROW((void)singleton(*c, texts(), "job", when_busy::wait, count), session_locks_off);
    terminate(c->backendpid());
    EXPECT_THROW((void)singleton(*c, texts(), "job", when_busy::wait, count), connection_lost);
    EXPECT_EQ(runs, 0);
}

}  // namespace
