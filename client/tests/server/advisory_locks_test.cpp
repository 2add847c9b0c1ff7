// Advisory locks of a transaction: with whom they exclude each other, how long they wait, and what
// is told of whoever is in the way.

#include <algorithm>
#include <atomic>
#include <latch>

#include "locks.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class AdvisoryLocks : public Locks {};

TEST_F(AdvisoryLocks, HeldUntilTheTransactionEnds) {
    // Proves that the lock is held until the transaction ends, whether its object lives or not, and
    // excludes others.
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    { advisory_xact_lock lock{holder, numbers(), 42}; }
    pqxx::work other{*b};
    EXPECT_FALSE(try_advisory_xact_lock(other, numbers(), 42));
    EXPECT_TRUE(try_advisory_xact_lock(other, numbers(), 43));
    holder.commit();
    auto lock = try_advisory_xact_lock(other, numbers(), 42);
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock->lock_namespace(), numbers());
    EXPECT_EQ(lock->key().text(), "42");
    EXPECT_EQ(lock->mode(), lock_mode::exclusive);
    // Again, and it is the same.
    EXPECT_TRUE(try_advisory_xact_lock(other, numbers(), 42));
}

TEST_F(AdvisoryLocks, SharedWithOthersWhoShare) {
    // Proves that shared locks go together, and that an exclusive one goes with none of them.
    auto a = connect(), b = connect(), c = connect();
    pqxx::work first{*a}, second{*b}, third{*c};
    advisory_xact_lock lock{first, numbers(), 42, lock_wait::unbounded(), lock_mode::shared};
    EXPECT_TRUE(
        try_advisory_xact_lock(second, numbers(), 42, lock_wait::none(), lock_mode::shared));
    auto e = caught<lock_not_available>([&] {
        advisory_xact_lock{third, numbers(), 42, lock_wait::none()};
    });
    auto pids = std::vector{a->backendpid(), b->backendpid()};
    std::ranges::sort(pids);
    EXPECT_EQ(e.blocking_pids(), pids);
}

TEST_F(AdvisoryLocks, SaysWhoIsInTheWay) {
    // Proves that the error has namespace, key and blocking pids, for keys of either type, and that
    // the transaction is still good.
    auto a = connect(), b = connect();
    pqxx::work holder{*a}, other{*b};
    advisory_xact_lock number{holder, numbers(), 42};
    advisory_xact_lock text{holder, texts(), "in\"voice"};
    auto e = caught<lock_not_available>([&] {
        advisory_xact_lock{other, numbers(), 42, lock_wait::none()};
    });
    EXPECT_EQ(e.sqlstate(), "55P03");
    EXPECT_EQ(e.lock_namespace(), numbers());
    EXPECT_EQ(e.key(), "42");
    EXPECT_EQ(e.table(), "");
    EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
    EXPECT_EQ(e.what(), "could not obtain lock 42 of namespace \"" + numbers() + "\"");

    e = caught<lock_not_available>([&] {
        advisory_xact_lock{other, texts(), "in\"voice", lock_wait::at_most(10ms)};
    });
    EXPECT_EQ(e.key(), "in\"voice");
    EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
    EXPECT_EQ(other.exec("SELECT 7")[0][0].as<int>(), 7);
    other.commit();
}

TEST_F(AdvisoryLocks, SharedIsBlockedByTheExclusiveOnly) {
    // Proves that who wants to share is told of whoever excludes him, not of the others.
    auto a = connect(), b = connect(), c = connect();
    pqxx::work first{*a}, second{*b};
    auto both = [&](pqxx::work& tx, lock_mode mode) {
        advisory_xact_lock{tx, numbers(), 1, lock_wait::none(), mode};
    };
    both(first, lock_mode::shared);
    both(second, lock_mode::shared);
    first.abort();
    second.abort();
    pqxx::work third{*c};
    both(third, lock_mode::exclusive);
    pqxx::work fourth{*a};
    auto e = caught<lock_not_available>([&] { both(fourth, lock_mode::shared); });
    EXPECT_EQ(e.blocking_pids(), std::vector{c->backendpid()});
}

TEST_F(AdvisoryLocks, SqlOfTheApplicationTellsAsMuch) {
    // Proves that an error that the server raised, for SQL of the application's own, has namespace,
    // key and blocking pids too.
    auto a = connect(), b = connect();
    pqxx::work holder{*a}, other{*b};
    advisory_xact_lock text{holder, texts(), "a"};
    auto e = caught_typed<lock_not_available>([&] {
        other.exec("SELECT interlock.advisory_xact_lock('" + texts() + "', 'a', wait => '0')");
    });
    EXPECT_EQ(e.lock_namespace(), texts());
    EXPECT_EQ(e.key(), "a");
    EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
}

TEST_F(AdvisoryLocks, BuiltinLockIsInTheWay) {
    // Proves that of a namespace with a built-in lock, who has that lock alone is told of.
    run("SELECT interlock.alter_lock_namespace('" + numbers() + "', also_builtin => 'bigint')");
    auto a = connect(), b = connect();
    pqxx::work old_process{*a}, other{*b};
    old_process.exec("SELECT pg_advisory_xact_lock(77001)");
    auto e = caught<lock_not_available>([&] {
        advisory_xact_lock{other, numbers(), 77001, lock_wait::none()};
    });
    EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
}

TEST_F(AdvisoryLocks, TypedAndUntypedMeet) {
    // Proves that our untyped parameters, an integer or its text, take the lock that typed SQL
    // takes.
    auto a = connect(), b = connect();
    run("CREATE FUNCTION take(k bigint) RETURNS void LANGUAGE sql AS"
        " $$ SELECT interlock.advisory_xact_lock('" +
        numbers() + "', k) $$");
    pqxx::work typed{*a}, untyped{*b};
    typed.exec("SELECT take(42)");
    EXPECT_FALSE(try_advisory_xact_lock(untyped, numbers(), 42));
    EXPECT_FALSE(try_advisory_xact_lock(untyped, numbers(), " 042 "));
    EXPECT_FALSE(try_advisory_xact_lock_many(untyped, numbers(), {41, 42}));
    typed.exec("SELECT interlock.advisory_xact_lock('" + texts() + "', 42::smallint)");
    EXPECT_FALSE(try_advisory_xact_lock(untyped, texts(), 42));
    EXPECT_TRUE(try_advisory_xact_lock(untyped, texts(), "042"));
}

TEST_F(AdvisoryLocks, WaitsAsLongAsItMay) {
    // Proves that a bounded wait that expires lasts as long as its bound and little longer, raising
    // and telling.
    auto a = connect(), b = connect();
    pqxx::work holder{*a}, other{*b};
    advisory_xact_lock lock{holder, numbers(), 42};
    auto raising = milliseconds([&] {
        (void)caught<lock_not_available>([&] {
            advisory_xact_lock{other, numbers(), 42, lock_wait::at_most(200ms)};
        });
    });
    auto telling = milliseconds([&] {
        EXPECT_FALSE(try_advisory_xact_lock(other, numbers(), 42, lock_wait::at_most(200ms)));
    });
    auto many = milliseconds([&] {
        EXPECT_FALSE(
            try_advisory_xact_lock_many(other, numbers(), {40, 41, 42}, lock_wait::at_most(200ms)));
    });
    for (auto taken : {raising, telling, many}) {
        EXPECT_GE(taken, 200);
        EXPECT_LT(taken, 1500);
    }
}

TEST_F(AdvisoryLocks, LockTimeoutBoundsTheRest) {
    // Proves that lock_timeout ends a wait without a bound of its own, as a lock not available.
    auto a = connect(), b = connect();
    pqxx::work holder{*a}, other{*b};
    advisory_xact_lock lock{holder, numbers(), 42};
    other.exec("SET LOCAL lock_timeout = '20ms'");
    auto e = caught<lock_not_available>([&] { advisory_xact_lock{other, numbers(), 42}; });
    EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
    EXPECT_EQ(other.exec("SHOW lock_timeout")[0][0].as<std::string>(), "20ms");
}

TEST_F(AdvisoryLocks, WaitEndsWithTheLock) {
    // Proves that who waits gets the lock when its holder is done.
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    advisory_xact_lock lock{holder, numbers(), 42};
    task waiter{[&] {
        pqxx::work other{*b};
        advisory_xact_lock{other, numbers(), 42, lock_wait::at_most(60s)};
    }};
    wait_until_awaited(numbers());
    holder.commit();
    EXPECT_FALSE(waiter.result());
}

TEST_F(AdvisoryLocks, CancelledWaitIsQueryCanceled) {
    // Proves that a wait that somebody cancels is query_canceled and takes nothing.
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    advisory_xact_lock lock{holder, numbers(), 42};
    task waiter{[&] {
        pqxx::work other{*b};
        advisory_xact_lock{other, numbers(), 42};
    }};
    wait_until_awaited(numbers());
    run("SELECT pg_cancel_backend(" + std::to_string(b->backendpid()) + ")");
    (void)caught<query_canceled>([&] { std::rethrow_exception(waiter.result()); });
    EXPECT_EQ(holders(numbers(), "42"), 1);
}

TEST_F(AdvisoryLocks, ManyAreAllOrNone) {
    // Proves that many locks are taken together or not at all, and that the error names the key
    // that somebody holds.
    auto a = connect(), b = connect();
    pqxx::work holder{*a}, other{*b};
    advisory_xact_lock lock{holder, numbers(), 5};
    auto e = caught<lock_not_available>([&] {
        advisory_xact_lock_many(other, numbers(), {9, 5, 1, 9}, lock_wait::none());
    });
    EXPECT_EQ(e.key(), "5");
    EXPECT_EQ(e.lock_namespace(), numbers());
    EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
    EXPECT_EQ(holders(numbers(), "9"), 0);
    holder.commit();
    advisory_xact_lock_many(other, numbers(), {9, 5, 1, 9});
    for (auto key : {"9", "5", "1"})
        EXPECT_EQ(holders(numbers(), key), 1) << key;
    advisory_xact_lock_many(other, numbers(), {});
}

TEST_F(AdvisoryLocks, ManyDoNotDeadlock) {
    // Proves that transactions that take the same locks in opposite orders never deadlock, and that
    // each excludes the others.
    std::atomic<int> inside = 0, most = 0, done = 0;
    auto work = [&](std::vector<key> keys) {
        return [&, keys] {
            auto c = connect();
            for (int i = 0; i < 50; ++i) {
                pqxx::work tx{*c};
                advisory_xact_lock_many(tx, texts(), keys);
                most = std::max(most.load(), ++inside);
                ++done;
                --inside;
                tx.commit();
            }
        };
    };
    task a{work({"x", "y", "z"})}, b{work({"z", "y", "x"})}, c{work({"y", "z", "x"})};
    for (auto* t : {&a, &b, &c})
        EXPECT_FALSE(t->result());
    EXPECT_EQ(done, 150);
    EXPECT_EQ(most, 1);
}

TEST_F(AdvisoryLocks, SlotsAreSoMany) {
    // Proves that of two slots two have one each, and that the third is told of both.
    auto a = connect(), b = connect(), c = connect();
    pqxx::work first{*a}, second{*b}, third{*c};
    int one = advisory_xact_slot(first, texts(), "api", 2);
    int two = advisory_xact_slot(second, texts(), "api", 2);
    EXPECT_EQ(one + two, 3);
    EXPECT_EQ(advisory_xact_slot(first, texts(), "api", 2), one);
    EXPECT_FALSE(try_advisory_xact_slot(third, texts(), "api", 2));
    auto e = caught<lock_not_available>(
        [&] { (void)advisory_xact_slot(third, texts(), "api", 2, lock_wait::at_most(20ms)); });
    auto pids = std::vector{a->backendpid(), b->backendpid()};
    std::ranges::sort(pids);
    EXPECT_EQ(e.blocking_pids(), pids);
    EXPECT_EQ(e.key(), "api");
    EXPECT_NE(std::string{e.what()}.find("a slot of lock \"api\""), std::string::npos) << e.what();
    second.commit();
    EXPECT_EQ(try_advisory_xact_slot(third, texts(), "api", 2), two);
    EXPECT_EQ(code([&](pqxx::work& tx) { (void)advisory_xact_slot(tx, texts(), "api", 0); }),
              "22023");
}

TEST_F(AdvisoryLocks, UnknownNamespaces) {
    // Proves that a namespace that is not registered is 42704, with the nearest name.
    auto mistyped = numbers() + "s";
    auto c = connect();
    pqxx::work tx{*c};
    try {
        advisory_xact_lock{tx, mistyped, 1};
        FAIL();
    } catch (const std::exception& e) {
        EXPECT_EQ(sqlstate_of(e), "42704");
        EXPECT_NE(std::string{e.what()}.find("\"" + numbers() + "\""), std::string::npos)
            << e.what();
    }
}

TEST_F(AdvisoryLocks, ForbiddenNamespaces) {
    // Proves that who is no member of a namespace's roles gets 42501 of every form.
    run("SELECT interlock.alter_lock_namespace('" + texts() + "', roles => '{pg_monitor}')");
    auto as_other = [&](auto body) {
        return code([&](pqxx::work& tx) {
            tx.exec("SET LOCAL ROLE pg_read_all_data");
            body(tx);
        });
    };
    EXPECT_EQ(as_other([&](auto& tx) { advisory_xact_lock{tx, texts(), "a"}; }), "42501");
    EXPECT_EQ(as_other([&](auto& tx) { (void)try_advisory_xact_lock(tx, texts(), "a"); }), "42501");
    EXPECT_EQ(as_other([&](auto& tx) { advisory_xact_lock_many(tx, texts(), {"a"}); }), "42501");
    EXPECT_EQ(as_other([&](auto& tx) { (void)advisory_xact_slot(tx, texts(), "a", 2); }), "42501");
    EXPECT_EQ(as_other([&](auto& tx) { advisory_xact_lock{tx, numbers(), 1}; }), "none");
}

TEST_F(AdvisoryLocks, UnfitKeys) {
    // Proves that a key that is none of its namespace is the server's error, and that what could
    // not even be sent is refused here.
    EXPECT_EQ(code([&](auto& tx) { advisory_xact_lock{tx, numbers(), "x"}; }), "22P02");
    auto c = connect();
    pqxx::work tx{*c};
    EXPECT_THROW((advisory_xact_lock{tx, numbers(), key::columns({{"a", 1}})}),
                 std::invalid_argument);
    EXPECT_THROW((advisory_xact_lock{tx, std::string{"a\0b", 3}, 1}), std::invalid_argument);
    tx.commit();
    pqxx::nontransaction none{*c};
    EXPECT_THROW((advisory_xact_lock{none, numbers(), 1}), std::invalid_argument);
    EXPECT_THROW((void)try_advisory_xact_lock(none, numbers(), 1), std::invalid_argument);
    EXPECT_THROW(advisory_xact_lock_many(none, numbers(), {1}), std::invalid_argument);
    EXPECT_THROW((void)advisory_xact_slot(none, numbers(), 1, 1), std::invalid_argument);
}

TEST_F(AdvisoryLocks, KeysOfAnyTextAreKept) {
    // Proves that texts which an array or JSON would have to escape are one and the same key in
    // every form.
    auto a = connect(), b = connect();
    for (const auto* text : {"a,b", "{\"x\": \"}\"}", "NULL", "", "back\\slash", "two\nlines",
                             "\xc4\x8d\xe2\x82\xac", "[1, 2]"}) {
        pqxx::work holder{*a}, other{*b};
        advisory_xact_lock_many(holder, texts(), {text});
        EXPECT_FALSE(try_advisory_xact_lock(other, texts(), text)) << text;
        auto e = caught<lock_not_available>([&] {
            advisory_xact_lock_many(other, texts(), {"free", text}, lock_wait::none());
        });
        EXPECT_EQ(e.key(), text);
        EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()}) << text;
    }
}

TEST_F(AdvisoryLocks, MoreThanANamespaceAllows) {
    // Proves that a bound on a namespace's locks is 53400, which no policy runs again.
    run("SELECT interlock.alter_lock_namespace('" + numbers() + "', max_locks => 2)");
    auto c = connect();
    int runs = 0;
    try {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            ++runs;
            for (int i = 0; i < 3; ++i)
                advisory_xact_lock{tx, numbers(), i};
        });
        FAIL();
    } catch (const std::exception& e) {
        EXPECT_EQ(sqlstate_of(e), "53400");
    }
    EXPECT_EQ(runs, 1);
}

TEST_F(AdvisoryLocks, DeadlockIsRunAgain) {
    // Proves that two transactions that lock in opposite orders get through under transact, one of
    // them after a deadlock.
    std::latch both_hold_one{2};
    std::atomic<int> runs = 0, deadlocks = 0;
    auto cross = [&](int first, int second) {
        return [&, first, second] {
            auto c = connect("");
            retry_policy policy;
            policy.observer = [&](const failed_attempt& f) { deadlocks += f.sqlstate == "40P01"; };
            bool waited = false;
            transact(*c, policy, [&](pqxx::dbtransaction& tx) {
                ++runs;
                tx.exec("SET LOCAL deadlock_timeout = '50ms'");
                advisory_xact_lock{tx, numbers(), first};
                if (!std::exchange(waited, true)) both_hold_one.arrive_and_wait();
                advisory_xact_lock{tx, numbers(), second};
            });
        };
    };
    task a{cross(1, 2)}, b{cross(2, 1)};
    EXPECT_FALSE(a.result());
    EXPECT_FALSE(b.result());
    EXPECT_GE(deadlocks, 1);
    EXPECT_EQ(runs, 3);
}

TEST_F(AdvisoryLocks, TransactWaitsWithinItsBudget) {
    // Proves that transact runs again what did not get its lock, within the policy's lock budget,
    // and hands on namespace, key and pids when that is spent.
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    advisory_xact_lock lock{holder, numbers(), 42};
    int runs = 0;
    retry_policy policy;
    policy.lock_budget = 200ms;
    policy.attempts = 1000;
    auto e = caught<retries_exhausted>([&] {
        transact(*b, policy, [&](pqxx::dbtransaction& tx) {
            ++runs;
            advisory_xact_lock{tx, numbers(), 42, lock_wait::at_most(50ms)};
        });
    });
    EXPECT_EQ(e.sqlstate(), "55P03");
    EXPECT_GE(runs, 2);
    EXPECT_LE(runs, 5);
    auto last = caught<lock_not_available>([&] { std::rethrow_exception(e.last_error()); });
    EXPECT_EQ(last.key(), "42");
    EXPECT_EQ(last.blocking_pids(), std::vector{a->backendpid()});

    policy.observer = [&](const failed_attempt&) { holder.abort(); };
    policy.lock_budget = 5s;
    transact(*b, policy, [&](pqxx::dbtransaction& tx) {
        advisory_xact_lock{tx, numbers(), 42, lock_wait::at_most(20ms)};
    });
}

TEST_F(AdvisoryLocks, LostSessionIsAConnectionLost) {
    // Proves that a session that ends while it waits is connection_lost.
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    advisory_xact_lock lock{holder, numbers(), 42};
    task waiter{[&] {
        pqxx::work other{*b};
        advisory_xact_lock{other, numbers(), 42};
    }};
    wait_until_awaited(numbers());
    terminate(b->backendpid());
    (void)caught<connection_lost>([&] { std::rethrow_exception(waiter.result()); });
}

TEST_F(AdvisoryLocks, PreparedStatements) {
    // Proves that with prepared statements the same locks are taken, released and reported.
    auto a = connect(), b = connect();
    prepared_statements first{*a}, second{*b};
    for (int i = 0; i < 3; ++i) {
        pqxx::work holder{*a}, other{*b};
        advisory_xact_lock lock{holder, texts(), "a"};
        EXPECT_FALSE(try_advisory_xact_lock(other, texts(), "a"));
        auto e = caught<lock_not_available>([&] {
            advisory_xact_lock{other, texts(), "a", lock_wait::none()};
        });
        EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
    }
}

TEST_F(AdvisoryLocks, OneAtATime) {
    // Proves that under contention of eight threads one at a time has the lock, and all get it.
    std::atomic<int> inside = 0, most = 0, done = 0;
    std::vector<std::unique_ptr<task>> tasks;
    for (int t = 0; t < 8; ++t)
        tasks.push_back(std::make_unique<task>([&] {
            auto c = connect();
            for (int i = 0; i < 25; ++i)
                transact(*c, [&](pqxx::dbtransaction& tx) {
                    advisory_xact_lock lock{tx, texts(), "one"};
                    most = std::max(most.load(), ++inside);
                    std::this_thread::yield();
                    --inside;
                    ++done;
                });
        }));
    for (auto& t : tasks)
        EXPECT_FALSE(t->result());
    EXPECT_EQ(most, 1);
    EXPECT_EQ(done, 8 * 25);
}

}  // namespace
