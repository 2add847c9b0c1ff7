// Advisory locks of a session: released as long as they are still this session's, and reported
// where they are not.

#include "locks.hpp"
#include "proxy.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class SessionLock : public Locks {
  protected:
    bool free(const std::string& key) const { return holders(texts(), key) == 0; }

    lock_loss lost(advisory_session_lock& lock) const {
        auto e = caught<lock_lost>([&] { lock.release(); });
        EXPECT_EQ(e.lock_namespace(), texts());
        EXPECT_EQ(e.key(), lock.key().text());
        return e.reason();
    }
};

TEST_F(SessionLock, HeldAcrossTransactionsUntilItsEnd) {
    // Proves that the lock outlives transactions, whether they commit or not, and goes with its
    // object.
    auto c = connect();
    {
        advisory_session_lock lock{*c, texts(), "a"};
        EXPECT_EQ(lock.lock_namespace(), texts());
        EXPECT_EQ(lock.key().text(), "a");
        EXPECT_EQ(lock.mode(), lock_mode::exclusive);
        { pqxx::work{*c}.commit(); }
        {
            pqxx::work tx{*c};
            EXPECT_THROW(tx.exec("SELECT 1/0"), pqxx::sql_error);
        }
        EXPECT_TRUE(lock.held());
        EXPECT_FALSE(free("a"));
    }
    EXPECT_TRUE(free("a"));
}

TEST_F(SessionLock, ReleasedWhenToldTo) {
    // Proves that release() gives the lock back at once, and that there is nothing to release after
    // that.
    auto c = connect();
    advisory_session_lock lock{*c, texts(), "a"};
    lock.release();
    EXPECT_TRUE(free("a"));
    EXPECT_FALSE(lock.held());
    EXPECT_THROW(lock.release(), std::logic_error);
    EXPECT_THROW(lock.ensure_held(), std::logic_error);
}

TEST_F(SessionLock, TellsWhoIsInTheWay) {
    // Proves that a lock that is not to be had is told, and raised with namespace, key and pids.
    auto a = connect(), b = connect();
    advisory_session_lock lock{*a, texts(), "a"};
    EXPECT_FALSE(try_advisory_session_lock(*b, texts(), "a"));
    auto e = caught<lock_not_available>(
        [&] { advisory_session_lock other(*b, texts(), "a", lock_wait::none()); });
    EXPECT_EQ(e.lock_namespace(), texts());
    EXPECT_EQ(e.key(), "a");
    EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
    auto waited = milliseconds([&] {
        EXPECT_FALSE(try_advisory_session_lock(*b, texts(), "a", lock_wait::at_most(100ms)));
    });
    EXPECT_GE(waited, 100);
    EXPECT_LT(waited, 1500);
    lock.release();
    auto taken = try_advisory_session_lock(*b, texts(), "a");
    ASSERT_TRUE(taken);
    EXPECT_TRUE(taken->held());
}

TEST_F(SessionLock, Shared) {
    // Proves that sessions share a shared lock, and that each releases its own.
    auto a = connect(), b = connect();
    advisory_session_lock first{*a, texts(), "a", lock_wait::none(), lock_mode::shared};
    {
        advisory_session_lock second{*b, texts(), "a", lock_wait::none(), lock_mode::shared};
        EXPECT_TRUE(second.held());
        EXPECT_FALSE(try_advisory_session_lock(*b, texts(), "a"));
    }
    EXPECT_TRUE(first.held());
    EXPECT_EQ(holders(texts(), "a"), 1);
}

TEST_F(SessionLock, Moves) {
    // Proves that a moved lock is released once, by its last owner, and that assignment releases
    // what was there.
    auto c = connect();
    advisory_session_lock a{*c, texts(), "a"}, b{*c, texts(), "b"};
    auto moved = std::move(a);
    EXPECT_FALSE(a.held());
    EXPECT_THROW(a.release(), std::logic_error);
    EXPECT_TRUE(moved.held());
    moved = std::move(b);
    EXPECT_TRUE(free("a"));
    EXPECT_EQ(moved.key().text(), "b");
    EXPECT_TRUE(moved.held());
    auto& same = moved;
    moved = std::move(same);
    EXPECT_TRUE(moved.held());
    static_assert(!std::is_copy_constructible_v<advisory_session_lock>);
    static_assert(std::is_nothrow_move_constructible_v<advisory_session_lock>);
    static_assert(std::is_nothrow_destructible_v<advisory_session_lock>);
}

TEST_F(SessionLock, CountsItsHolders) {
    // Proves that a session that takes a lock twice has it until both are released.
    auto c = connect();
    advisory_session_lock outer{*c, texts(), "a"};
    { advisory_session_lock inner{*c, texts(), "a"}; }
    EXPECT_TRUE(outer.held());
    outer.release();
    EXPECT_TRUE(free("a"));
}

TEST_F(SessionLock, AsksWithinATransaction) {
    // Proves that an open transaction on the same connection can ask, and one on another cannot.
    auto a = connect(), b = connect();
    advisory_session_lock lock{*a, texts(), "a"};
    {
        pqxx::work tx{*a};
        EXPECT_TRUE(lock.held(tx));
        lock.ensure_held(tx);
        tx.exec("SELECT pg_advisory_unlock_all()");
        EXPECT_FALSE(lock.held(tx));
        EXPECT_THROW(lock.ensure_held(tx), lock_lost);
        pqxx::work other{*b};
        EXPECT_THROW((void)lock.held(other), std::invalid_argument);
    }
}

TEST_F(SessionLock, TakenAwayInTheSession) {
    // Proves that a lock that DISCARD ALL took away is reported as lost, is not given back by
    // mistake from whoever has taken it since, and stays lost.
    auto a = connect(), b = connect();
    advisory_session_lock lock{*a, texts(), "a"};
    { pqxx::nontransaction{*a}.exec("DISCARD ALL"); }
    advisory_session_lock other{*b, texts(), "a", lock_wait::none()};
    EXPECT_EQ(lost(lock), lock_loss::unlocked);
    EXPECT_FALSE(lock.held());
    EXPECT_EQ(lost(lock), lock_loss::unlocked);
    EXPECT_TRUE(other.held());
}

TEST_F(SessionLock, SessionKilled) {
    // Proves that the lock of a session that was terminated is free, is reported as lost with the
    // session, and that the destructor is silent.
    auto c = connect();
    advisory_session_lock lock{*c, texts(), "a"}, unasked{*c, texts(), "b"};
    terminate(c->backendpid());
    EXPECT_TRUE(free("a"));
    EXPECT_FALSE(lock.held());
    auto e = caught<lock_lost>([&] { lock.ensure_held(); });
    EXPECT_EQ(e.reason(), lock_loss::session_ended);
    EXPECT_EQ(lost(lock), lock_loss::session_ended);
}

TEST_F(SessionLock, LossSaysWhy) {
    // Proves that the first report of a lost session carries the code and message of the loss.
    auto c = connect();
    advisory_session_lock lock{*c, texts(), "a"};
    terminate(c->backendpid());
    auto e = caught<lock_lost>([&] { lock.release(); });
    EXPECT_EQ(e.reason(), lock_loss::session_ended);
    EXPECT_TRUE(e.sqlstate() == "57P01" || e.sqlstate() == "08006") << e.sqlstate();
    EXPECT_NE(std::string{e.what()}.find("lock \"a\" of namespace"), std::string::npos) << e.what();
}

TEST_F(SessionLock, KilledInATransaction) {
    // Proves that a transaction that asks learns of a session that is gone.
    auto c = connect();
    advisory_session_lock lock{*c, texts(), "a"};
    pqxx::work tx{*c};
    tx.exec("SELECT 1");
    terminate(c->backendpid());
    auto e = caught<lock_lost>([&] { lock.ensure_held(tx); });
    EXPECT_EQ(e.reason(), lock_loss::session_ended);
}

TEST_F(SessionLock, ConnectionCut) {
    // Proves that a connection that breaks on the way is reported as a lost lock, and does not come
    // back by itself.
    proxy between{proxy::cut::before_commit};
    auto c = connect(between.address());
    advisory_session_lock lock{*c, texts(), "a"};
    EXPECT_ANY_THROW(pqxx::nontransaction{*c}.exec("SELECT 'COMMIT'"));
    auto e = caught<lock_lost>([&] { lock.ensure_held(); });
    EXPECT_EQ(e.reason(), lock_loss::session_ended);
    EXPECT_THROW(pqxx::nontransaction{*c}.exec("SELECT 1"), std::exception);
    wait_until("NOT EXISTS (SELECT FROM interlock.advisory_lock_holders('" + texts() + "', 'a'))");
}

#if PQXX_VERSION_MAJOR >= 7
TEST_F(SessionLock, SessionReplaced) {
    // Proves that a new session in the connection's place is not taken for the old one, and that
    // its own hold of the same lock is left alone.
    auto c = connect();
    advisory_session_lock lock{*c, texts(), "a"};
    *c = std::move(*connect());
    advisory_session_lock new_one{*c, texts(), "a", lock_wait::at_most(10s)};
    EXPECT_EQ(lost(lock), lock_loss::session_replaced);
    EXPECT_TRUE(new_one.held());
}
#else
TEST_F(SessionLock, SessionReplaced) {
    // Proves that a session that libpqxx 6 is told to open in the place of a lost one is not taken
    // for the old one, and that its own hold of the same lock is left alone.
    auto c = connect();
    advisory_session_lock lock{*c, texts(), "a"};
    terminate(c->backendpid());
    c->disconnect();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    c->inhibit_reactivation(false);
    c->activate();
#pragma GCC diagnostic pop
    advisory_session_lock new_one{*c, texts(), "a", lock_wait::at_most(10s)};
    EXPECT_EQ(lost(lock), lock_loss::session_replaced);
    EXPECT_TRUE(new_one.held());
}
#endif

TEST_F(SessionLock, KilledWhileItWaits) {
    // Proves that a session that ends while it waits for its lock is connection_lost, not in_doubt:
    // it holds nothing.
    auto a = connect(), b = connect();
    advisory_session_lock lock{*a, texts(), "a"};
    task waiter{[&] { advisory_session_lock other(*b, texts(), "a"); }};
    wait_until_awaited(texts());
    terminate(b->backendpid());
    (void)caught<connection_lost>([&] { std::rethrow_exception(waiter.result()); });
    EXPECT_EQ(holders(texts(), "a"), 1);
}

TEST_F(SessionLock, OffBehindAPooler) {
    // Proves that interlock.session_locks = off is session_locks_off, raising and telling.
    auto c = connect();
    { pqxx::nontransaction{*c}.exec("SET interlock.session_locks = off"); }
    auto e = caught<session_locks_off>([&] { advisory_session_lock lock(*c, texts(), "a"); });
    EXPECT_EQ(e.sqlstate(), "0A000");
    (void)caught<session_locks_off>([&] { (void)try_advisory_session_lock(*c, texts(), "a"); });
    pqxx::work tx{*c};
    EXPECT_TRUE(try_advisory_xact_lock(tx, texts(), "a"));
}

TEST_F(SessionLock, NotInsideATransaction) {
    // Proves that a transaction that is open on the connection keeps a session lock from being
    // taken there, and its destructor from releasing it, without a word.
    auto c = connect();
    pqxx::work tx{*c};
    EXPECT_THROW(advisory_session_lock lock(*c, texts(), "a"), pqxx::usage_error);
    tx.abort();
    std::optional<advisory_session_lock> lock{std::in_place, *c, texts(), "a"};
    pqxx::work later{*c};
    lock.reset();
    EXPECT_FALSE(free("a"));
    later.abort();
    c.reset();
    wait_until("NOT EXISTS (SELECT FROM interlock.advisory_lock_holders('" + texts() + "', 'a'))");
}

TEST_F(SessionLock, UnknownAndForbidden) {
    // Proves that a namespace that is not there, or not for this role, is 42704 or 42501.
    auto c = connect();
    auto code_of = [&](const std::string& name) {
        try {
            advisory_session_lock lock(*c, name, "a");
            return std::string{"none"};
        } catch (const std::exception& e) {
            return sqlstate_of(e);
        }
    };
    EXPECT_EQ(code_of("no such " + texts()), "42704");
    run("SELECT interlock.alter_lock_namespace('" + texts() + "', roles => '{pg_monitor}')");
    { pqxx::nontransaction{*c}.exec("SET ROLE pg_read_all_data"); }
    EXPECT_EQ(code_of(texts()), "42501");
    { pqxx::nontransaction{*c}.exec("RESET ROLE"); }
    EXPECT_EQ(code_of(texts()), "none");
}

TEST_F(SessionLock, NothingIsLeftBehind) {
    // Proves that many locks, with contention under a bound of a millisecond, leave none behind and
    // none without its object.
    std::vector<std::unique_ptr<task>> tasks;
    std::atomic<int> taken = 0, inside = 0, most = 0;
    for (int t = 0; t < 4; ++t)
        tasks.push_back(std::make_unique<task>([&] {
            auto c = connect();
            for (int i = 0; i < 200; ++i) {
                auto lock = try_advisory_session_lock(*c, texts(), "a", lock_wait::at_most(1ms));
                if (!lock) continue;
                most = std::max(most.load(), ++inside);
                ++taken;
                --inside;
                lock->release();
            }
            EXPECT_EQ(pqxx::nontransaction{*c}
                          .exec("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND"
                                " pid = pg_backend_pid()")[0][0]
                          .as<int>(),
                      0);
        }));
    for (auto& t : tasks)
        EXPECT_FALSE(t->result());
    EXPECT_GT(taken, 0);
    EXPECT_EQ(most, 1);
    EXPECT_TRUE(free("a"));
}

}  // namespace
