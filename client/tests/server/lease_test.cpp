// A lease that renews itself: what it survives, how it is lost, and who gets it then.

#include "leases.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <iostream>
#include <mutex>

#include "proxy.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class Lease : public Leases {
  protected:
    lease take(const std::string& key, std::chrono::nanoseconds ttl,
               lease_options options = {}) const {
        return lease{factory(), texts(), key, "Ann", ttl, std::move(options)};
    }

    // The sessions that connect with this name.
    connection_factory named(const std::string& name, const std::string& more = "") const {
        return [this, name, more] { return connect("application_name=" + name + " " + more); };
    }
    int terminate_named(const std::string& name) const {
        return number(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE "
            "application_name = '" +
            name + "'");
    }
    std::string session_name() const { return "lease_" + std::to_string(::getpid()); }
};

TEST_F(Lease, IsRenewedUntilItIsReleased) {
    // Proves that a lease outlives its ttl several times, writes under its token meanwhile, and is
    // free at once when it is released.
    auto a = take("a", 2s);
    auto c = connect();
    for (int i = 0; i < 4; ++i) {
        std::this_thread::sleep_for(1100ms);
        EXPECT_TRUE(a.held());
        pqxx::work tx{*c};
        write(tx, a);
        tx.commit();
    }
    EXPECT_EQ(holder("a"), "Ann");
    EXPECT_EQ(number("SELECT count(*) FROM log WHERE token = " + std::to_string(a.token())), 4);
    a.release();
    EXPECT_EQ(holder("a"), "");
    EXPECT_FALSE(a.held());
    EXPECT_EQ(a.token(), 0);
    EXPECT_THROW(a.release(), std::logic_error);
    pqxx::work tx{*c};
    EXPECT_THROW(a.guard(tx), std::logic_error);
}

TEST_F(Lease, GoesWithItsObject) {
    // Proves that the destructor gives the lease back, that a moved one is given back once, and
    // that assignment gives back what was there.
    {
        auto a = take("a", 1min);
        EXPECT_EQ(holder("a"), "Ann");
    }
    EXPECT_EQ(holder("a"), "");
    auto a = take("a", 1min), b = take("b", 1min);
    auto moved = std::move(a);
    EXPECT_FALSE(a.held());
    EXPECT_TRUE(moved.held());
    moved = std::move(b);
    EXPECT_EQ(holder("a"), "");
    EXPECT_EQ(moved.key().text(), "b");
    EXPECT_TRUE(moved.held());
    static_assert(!std::is_copy_constructible_v<lease>);
    static_assert(std::is_nothrow_move_constructible_v<lease>);
    static_assert(std::is_nothrow_destructible_v<lease>);
}

TEST_F(Lease, TellsWhoHasIt) {
    // Proves that one attempt is told and raised with the holder, and options are checked.
    auto a = take("a", 1min);
    EXPECT_FALSE(try_lease(factory(), texts(), "a", "Bob", 1min));
    auto e = caught<lease_held>([&] { lease b(factory(), texts(), "a", "Bob", 1min); });
    EXPECT_EQ(e.holder(), "Ann");
    EXPECT_EQ(e.key(), "a");
    EXPECT_TRUE(e.expires_at());
    EXPECT_THROW(take("b", 0s), std::invalid_argument);
    EXPECT_THROW(take("b", 3s, {.margin = 2s}), std::invalid_argument);
    EXPECT_THROW(take("b", 3s, {.margin = -1s}), std::invalid_argument);
    EXPECT_EQ(code([&](auto&) { lease b(factory(), "no such namespace", "b", "Bob", 1s); }),
              "42704");
    EXPECT_EQ(holder("b"), "");
}

TEST_F(Lease, ReleaseWakesWhoWaits) {
    // Proves that who waits has the lease within 50 ms of its release (the median of 50: a machine
    // may have other things to do), and each time before it would have asked again by itself, also
    // where its key is spelled in another way.
    std::vector<double> taken;
    for (int i = 0; i < 50; ++i) {
        lease a{factory(), numbers(), 7, "Ann", 1min};
        std::promise<clock::time_point> had;
        task waiting{[&] {
            lease b{named(session_name()),
                    numbers(),
                    " 007",
                    "Bob",
                    1min,
                    {.wait = lock_wait::at_most(20s)}};
            had.set_value(clock::now());
        }};
        wait_until("EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '" +
                   session_name() + "' AND state = 'idle' AND query ILIKE '%try_acquire_lease%')");
        std::this_thread::sleep_for(20ms);  // it was the first attempt, perhaps: it listens now
        auto released = clock::now();
        a.release();
        taken.push_back(
            std::chrono::duration<double, std::milli>{had.get_future().get() - released}.count());
        EXPECT_FALSE(waiting.result());
    }
    std::ranges::sort(taken);
    std::cout << "woken after " << taken[25] << " ms (median), " << taken[49] << " ms (most)\n";
    EXPECT_LT(taken[25], 50);
    EXPECT_LT(taken[49], 1000);
}

TEST_F(Lease, IsHadSoonWhereNobodyIsTold) {
    // Proves that who waits looks once a second where a release notifies nobody, and so has the
    // lease soon, though it was held for a minute more; also where the namespace was altered, and
    // the lease renewed, while he waited for its expiry.
    auto silence = [&](const std::string& name) {
        run("SELECT interlock.alter_lock_namespace('" + name + "', notify => false)");
    };
    auto wait_for = [&](const std::string& name, const key& key) {
        lease b{named(session_name()), name, key, "Bob", 1min, {.wait = lock_wait::at_most(50s)}};
        return clock::now();
    };
    silence(texts());
    std::int64_t a = 0, seven = 0;
    in_transaction([&](auto& tx) {
        a = acquire_lease(tx, texts(), "a", "Ann", 1min).token;
        seven = acquire_lease(tx, numbers(), 7, "Ann", 5s).token;
    });
    auto expiry = clock::now() + 5s;
    auto silent = std::async(std::launch::async, [&] { return wait_for(texts(), "a"); });
    auto silenced = std::async(std::launch::async, [&] { return wait_for(numbers(), 7); });
    wait_until("count(*) = 2 FROM pg_stat_activity WHERE application_name = '" + session_name() +
               "' AND state = 'idle' AND query ILIKE '%try_acquire_lease%'");
    std::this_thread::sleep_for(20ms);  // as above
    silence(numbers());
    in_transaction([&](auto& tx) { renew_lease(tx, numbers(), 7, seven, 1min); });
    std::this_thread::sleep_until(expiry + 500ms);
    auto released = clock::now();
    in_transaction([&](auto& tx) {
        EXPECT_TRUE(release_lease(tx, texts(), "a", a));
        EXPECT_TRUE(release_lease(tx, numbers(), 7, seven));
    });
    EXPECT_LT(silent.get() - released, 5s);
    EXPECT_LT(silenced.get() - released, 5s);
}

TEST_F(Lease, WaitEndsAtItsBoundOrWhenStopped) {
    // Proves that the wait is bounded, and that a stop_token ends it at once.
    auto a = take("a", 1min);
    auto waited = milliseconds([&] {
        EXPECT_FALSE(
            try_lease(factory(), texts(), "a", "Bob", 1min, {.wait = lock_wait::at_most(300ms)}));
    });
    EXPECT_GE(waited, 300);
    EXPECT_LT(waited, 2000);
    std::stop_source stop;
    task stopping{[&] {
        std::this_thread::sleep_for(200ms);
        stop.request_stop();
    }};
    waited = milliseconds([&] {
        EXPECT_FALSE(try_lease(factory(), texts(), "a", "Bob", 1min,
                               {.wait = lock_wait::unbounded(), .stop = stop.get_token()}));
    });
    EXPECT_GE(waited, 150);
    EXPECT_LT(waited, 2000);
}

TEST_F(Lease, ExpiryWakesWhoWaits) {
    // Proves that a lease nobody renews is taken over when it expires, by the server's clock, and
    // that a lost connection does not end the wait.
    in_transaction([&](pqxx::transaction_base& tx) {
        (void)acquire_lease(tx, texts(), "a", "dead", 1500ms);
        (void)acquire_lease(tx, texts(), "b", "dead", 1500ms);
    });
    auto start = clock::now();
    task waiting{[&] {
        lease b{
            named(session_name()), texts(), "b", "Bob", 1min, {.wait = lock_wait::at_most(20s)}};
        EXPECT_GE(clock::now() - start, 1300ms);
    }};
    wait_until("EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '" + session_name() +
               "' AND state = 'idle' AND query ILIKE '%try_acquire%')");
    EXPECT_EQ(terminate_named(session_name()), 1);
    auto a = take("a", 1min, {.wait = lock_wait::unbounded()});
    EXPECT_GE(clock::now() - start, 1300ms);
    EXPECT_LT(clock::now() - start, 3s);
    EXPECT_FALSE(waiting.result());
}

TEST_F(Lease, SurvivesALostConnection) {
    // Proves that terminating the heartbeat's sessions, again and again, does not lose the lease.
    std::atomic<int> losses = 0;
    lease a{
        named(session_name()), texts(), "a", "Ann", 3s, {.on_loss = [&](lease_loss) { ++losses; }}};
    for (int i = 0; i < 6; ++i) {
        std::this_thread::sleep_for(500ms);
        terminate_named(session_name());
    }
    std::this_thread::sleep_for(3s);
    EXPECT_TRUE(a.held());
    EXPECT_EQ(holder("a"), "Ann");
    terminate_named(session_name());
    a.release();
    EXPECT_EQ(holder("a"), "");
    EXPECT_EQ(losses, 0);
}

TEST_F(Lease, IsLostBeforeItExpiresWhereNoRenewalGetsThrough) {
    // Proves that a lease whose connections are all cut at the renewal is lost before another one
    // can have it, told once by callback and token, and reported by release().
    proxy between{proxy::cut::before_commit};
    std::atomic<int> losses = 0;
    lease a{[&] { return connect(between.address()); },
            texts(),
            "a",
            "Ann",
            1500ms,
            {.on_loss = [&](lease_loss loss) {
                EXPECT_EQ(loss, lease_loss::not_renewed);
                ++losses;
            }}};
    EXPECT_TRUE(comes_true([&] { return losses > 0; }, 3s));
    EXPECT_EQ(holder("a"), "Ann") << "told too late";
    EXPECT_FALSE(a.held());
    EXPECT_TRUE(a.stop_token().stop_requested());
    auto e = caught<lease_lost>([&] { a.release(); });
    EXPECT_EQ(e.reason(), lease_loss::not_renewed);
    EXPECT_EQ(e.key(), "a");
    EXPECT_TRUE(e.token());
    EXPECT_EQ(losses, 1);
}

TEST_F(Lease, IsLostBeforeItExpiresWhereTheNetworkIsDead) {
    // Proves the same where a renewal hangs, and that the destructor does not hang with it, neither
    // after the loss nor before.
    proxy between{proxy::cut::never};
    auto through = [&] { return connect(between.address() + " connect_timeout=2"); };
    std::optional<lease> b{std::in_place, through, texts(), "b", "Bob", 1min};
    std::promise<void> told;
    std::optional<lease> a{std::in_place,
                           through,
                           texts(),
                           "a",
                           "Ann",
                           1500ms,
                           lease_options{.on_loss = [&](lease_loss) { told.set_value(); }}};
    between.stall();
    ASSERT_EQ(told.get_future().wait_for(3s), std::future_status::ready);
    EXPECT_EQ(holder("a"), "Ann") << "told too late";
    EXPECT_FALSE(a->held());
    EXPECT_TRUE(b->held());
    EXPECT_LT(milliseconds([&] { a.reset(); }), 4000);
    EXPECT_LT(milliseconds([&] { b.reset(); }), 6000);
}

TEST_F(Lease, SurvivesAConnectionThatDied) {
    // Proves that a renewal which hangs is given up in time for another one, on another connection,
    // to save the lease.
    proxy dying{proxy::cut::never};
    std::atomic<int> connections = 0;
    lease a{[&] { return connect(connections++ == 0 ? dying.address() : ""); }, texts(), "a", "Ann",
            3s};
    dying.stall();
    std::this_thread::sleep_for(4s);
    EXPECT_TRUE(a.held());
    EXPECT_EQ(holder("a"), "Ann");
    EXPECT_GE(connections, 2);
    a.release();
}

TEST_F(Lease, TakenOverItIsStoppedAtTheFence) {
    // Proves that after a takeover guard() refuses, the transaction writes nothing, and the loss is
    // told at the next renewal.
    auto a = take("a", 1s);
    std::promise<lease_loss> told;
    lease late{factory(), texts(), "b",
               "Ann",     900ms,   {.on_loss = [&](lease_loss loss) { told.set_value(loss); }}};
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_TRUE(break_lease(tx, texts(), "b"));
        EXPECT_GT(acquire_lease(tx, texts(), "b", "Bob", 1min).token, late.token());
    });
    auto c = connect();
    auto e = caught<lease_lost>([&] {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            tx.exec("INSERT INTO log (token) VALUES (1)");
            write(tx, late);
        });
    });
    EXPECT_EQ(e.reason(), lease_loss::superseded);
    EXPECT_EQ(e.token(), late.token());
    EXPECT_EQ(written(), 0);
    EXPECT_EQ(told.get_future().get(), lease_loss::superseded);
    EXPECT_FALSE(late.held());
    EXPECT_EQ(caught<lease_lost>([&] { late.release(); }).reason(), lease_loss::superseded);
    EXPECT_EQ(holder("b"), "Bob");
    EXPECT_TRUE(a.held());
}

TEST_F(Lease, AFencedTransactionHoldsItAndDoesNotHinderRenewals) {
    // Proves that renewals go on beside an open transaction that checked the lease, at any
    // isolation level; that release() says so when such a transaction is in its way, and may be
    // called again; and that the destructor does not wait for it for long.
    auto a = take("a", 900ms), b = take("b", 1min);
    auto c = connect(), d = connect();
    pqxx::transaction<pqxx::isolation_level::repeatable_read> tx{*c};
    write(tx, a);
    std::this_thread::sleep_for(1500ms);
    EXPECT_TRUE(a.held());
    EXPECT_ANY_THROW(a.release());
    EXPECT_FALSE(a.held());
    tx.commit();
    a.release();
    EXPECT_EQ(written(), 1);
    pqxx::work open{*d};
    b.guard(open);
    EXPECT_LT(milliseconds([&] { auto gone = std::move(b); }), 3000);
    EXPECT_EQ(holder("b"), "Ann");
}

TEST_F(Lease, CannotBeReleasedByItsCallback) {
    // Proves that a callback which releases is told so, instead of waiting for itself.
    std::promise<bool> refused;
    std::optional<lease> a;
    a.emplace(factory(), texts(), "a", "Ann", 300ms, lease_options{.on_loss = [&](lease_loss) {
                  try {
                      a->release();
                      refused.set_value(false);
                  } catch (const std::logic_error&) {
                      refused.set_value(true);
                  }
              }});
    in_transaction([&](pqxx::transaction_base& tx) { break_lease(tx, texts(), "a"); });
    EXPECT_TRUE(refused.get_future().get());
}

TEST_F(Lease, OneOfEightThreadsHasIt) {
    // Proves that of eight threads that want it, waiting or not, one has it at a time, and that
    // their tokens grow in the order in which they had it.
    std::atomic<int> inside = 0, most = 0;
    std::mutex mutex;
    std::vector<std::int64_t> tokens;
    std::vector<std::unique_ptr<task>> tasks;
    for (int t = 0; t < 8; ++t)
        tasks.push_back(std::make_unique<task>([&, t] {
            for (int i = 0; i < 5; ++i) {
                auto wait = t % 2 ? lock_wait::unbounded() : lock_wait::none();
                auto a = try_lease(factory(), texts(), "a", "thread " + std::to_string(t), 1min,
                                   {.wait = wait});
                if (!a) continue;
                most = std::max(most.load(), ++inside);
                {
                    std::lock_guard lock{mutex};
                    tokens.push_back(a->token());
                }
                std::this_thread::sleep_for(1ms);
                --inside;
                a->release();
            }
        }));
    for (auto& t : tasks)
        EXPECT_FALSE(t->result());
    EXPECT_EQ(most, 1);
    EXPECT_GE(tokens.size(), 20u);
    EXPECT_TRUE(std::ranges::is_sorted(tokens));
}

}  // namespace
