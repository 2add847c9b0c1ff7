// What transact runs again, what it does not, and what it leaves behind.

#include <latch>

#include "server.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class Transact : public Server {};

// Without waiting, so that tests are quick.
retry_policy eager(int attempts = 10) {
    retry_policy p;
    p.attempts = attempts;
    p.sleeper = [](std::chrono::nanoseconds) {};
    return p;
}

TEST_F(Transact, HandsBackTheResult) {
    // Proves that the body's value is handed back, copyable or not, and a void body needs none.
    auto c = connect();
    EXPECT_EQ(
        transact(*c, [](pqxx::dbtransaction& tx) { return tx.exec("SELECT 7")[0][0].as<int>(); }),
        7);
    auto p = transact(*c, [](auto&) { return std::make_unique<int>(8); });
    EXPECT_EQ(*p, 8);
    transact(*c, [](pqxx::transaction_base& tx) { tx.exec("SELECT 1"); });
}

TEST_F(Transact, Commits) {
    // Proves that what the body did is there afterwards.
    make_plain_accounts();
    auto c = connect();
    transact(*c, [](auto& tx) { tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1"); });
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 1);
}

TEST_F(Transact, BodyOwnExceptionPassesUntouched) {
    // Proves that an exception of the body's own passes through as it is, once, with a rollback,
    // and that the connection is good for the next one.
    struct my_error {
        int code;
    };
    make_plain_accounts();
    auto c = connect();
    int runs = 0;
    try {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            ++runs;
            tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1");
            throw my_error{42};
        });
        FAIL();
    } catch (const my_error& e) {
        EXPECT_EQ(e.code, 42);
    }
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 100);
    EXPECT_EQ(transact(*c, [](auto&) { return 1; }), 1);
}

TEST_F(Transact, RerunsSerializationFailure) {
    // Proves that a transaction that lost at REPEATABLE READ is run again from its BEGIN, reads
    // anew, and then succeeds.
    make_plain_accounts();
    auto c = connect();
    int runs = 0;
    auto read = transact(*c, eager(), {.isolation = isolation::repeatable_read},
                         [&](pqxx::dbtransaction& tx) {
                             auto r = tx.exec("SELECT balance FROM accounts WHERE id = 1");
                             if (++runs == 1) run("UPDATE accounts SET balance = 50 WHERE id = 1");
                             tx.exec("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
                             return r[0][0].as<int>();
                         });
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(read, 50);
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 51);
}

TEST_F(Transact, RerunsFailureAtCommit) {
    // Proves that 40001 that comes only at COMMIT is run again like any other.
    make_plain_accounts();
    auto a = connect(), b = connect();
    int runs = 0;
    transact(*a, eager(), {.isolation = isolation::serializable}, [&](pqxx::dbtransaction& tx) {
        tx.exec("SELECT sum(balance) FROM accounts");
        tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1");
        if (++runs > 1) return;
        transact(*b, eager(), {.isolation = isolation::serializable},
                 [](pqxx::dbtransaction& other) {
                     other.exec("SELECT sum(balance) FROM accounts");
                     other.exec("UPDATE accounts SET balance = 2 WHERE id = 2");
                 });
    });
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 103);
}

TEST_F(Transact, RerunsDeadlockVictim) {
    // Proves that two rivals who deadlock both get done, the victim by running again.
    make_plain_accounts();
    std::latch both_hold_one{2};
    std::atomic<int> runs = 0;
    auto cross = [&](int first, int second) {
        return [&, first, second] {
            auto c = connect();
            bool again = false;
            transact(*c, [&](pqxx::dbtransaction& tx) {
                ++runs;
                tx.exec("SET LOCAL deadlock_timeout = '50ms'");
                auto take = [&](int id) {
                    tx.exec("UPDATE accounts SET balance = balance + 1 WHERE id = " +
                            std::to_string(id));
                };
                take(first);
                if (!std::exchange(again, true)) both_hold_one.arrive_and_wait();
                take(second);
            });
        };
    };
    task a{cross(1, 2)}, b{cross(2, 1)};
    EXPECT_FALSE(a.result());
    EXPECT_FALSE(b.result());
    EXPECT_GE(runs, 3);  // the victim may be as quick as to meet its rival again
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 304);
}

TEST_F(Transact, RerunsLockTimeoutWithinBudget) {
    // Proves that 55P03 is run again and succeeds once the holder is done.
    make_plain_accounts();
    auto holder = connect(), waiter = connect();
    auto hold = std::make_unique<pqxx::work>(*holder);
    hold->exec("UPDATE accounts SET balance = 0 WHERE id = 1");
    int runs = 0;
    transact(*waiter, eager(), [&](pqxx::dbtransaction& tx) {
        if (++runs == 3) hold.reset();
        tx.exec("SET LOCAL lock_timeout = '10ms'");
        tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1");
    });
    EXPECT_EQ(runs, 3);
}

TEST_F(Transact, LockBudgetRunsOut) {
    // Proves that 55P03 is not run again for longer than the budget, and is handed over then.
    make_plain_accounts();
    auto holder = connect(), waiter = connect();
    pqxx::work hold{*holder};
    hold.exec("UPDATE accounts SET balance = 0 WHERE id = 1");
    auto policy = eager(1000);
    policy.lock_budget = 100ms;
    auto e = caught<retries_exhausted>([&] {
        transact(*waiter, policy, [&](pqxx::dbtransaction& tx) {
            tx.exec("SET LOCAL lock_timeout = '20ms'");
            tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1");
        });
    });
    EXPECT_THROW(std::rethrow_exception(e.last_error()), lock_not_available);
    EXPECT_GE(e.attempts(), 2);
    EXPECT_LE(e.attempts(), 5);
}

TEST_F(Transact, StaleIsNotRerunByDefault) {
    // Proves that a body that captured its version from a form is told at once, not looped.
    make_accounts();
    auto c = connect();
    int runs = 0;
    (void)caught<stale_version>([&] {
        transact(*c, eager(), [&](pqxx::dbtransaction& tx) {
            ++runs;
            versioned_update(tx, "accounts", 1, 77, R"({"balance": 5})");
        });
    });
    EXPECT_EQ(runs, 1);
}

TEST_F(Transact, RerunsStaleIfAsked) {
    // Proves that with rerun_stale a body that reads its version wins in the end.
    make_accounts();
    auto c = connect();
    auto policy = eager();
    policy.rerun_stale = true;
    int runs = 0;
    transact(*c, policy, [&](pqxx::dbtransaction& tx) {
        auto version =
            tx.exec("SELECT version FROM accounts WHERE id = 1")[0][0].as<std::int64_t>();
        if (++runs < 3) run("UPDATE accounts SET owner = owner || '!' WHERE id = 1");
        versioned_update(tx, "accounts", 1, version, R"({"balance": 5})");
    });
    EXPECT_EQ(runs, 3);
    EXPECT_EQ(value("SELECT owner || balance FROM accounts WHERE id = 1"), "owner 1!!5");
}

TEST_F(Transact, RerunsStaleFromTheTrigger) {
    // Proves that rerun_stale also covers IL001 that a plain UPDATE met.
    make_accounts();
    auto c = connect();
    auto policy = eager();
    policy.rerun_stale = true;
    int runs = 0;
    transact(*c, policy, [&](pqxx::dbtransaction& tx) {
        auto version = tx.exec("SELECT version FROM accounts WHERE id = 1")[0][0].as<int>();
        if (++runs == 1) run("UPDATE accounts SET owner = 'x', version = version + 5 WHERE false");
        if (runs == 1) run("UPDATE accounts SET owner = 'a' WHERE id = 1");
        if (runs == 1) run("UPDATE accounts SET owner = 'b' WHERE id = 1");
        tx.exec("UPDATE accounts SET balance = 5, version = " + std::to_string(version) +
                " WHERE id = 1");
    });
    EXPECT_EQ(runs, 2);
}

TEST_F(Transact, GivesUpWithTheLastError) {
    // Proves that retries_exhausted holds the last error, with its structure.
    make_accounts();
    auto c = connect();
    auto policy = eager(3);
    policy.rerun_stale = true;
    auto e = caught<retries_exhausted>([&] {
        transact(*c, policy, [](pqxx::dbtransaction& tx) {
            versioned_update(tx, "accounts", 1, 77, R"({"balance": 5})");
        });
    });
    EXPECT_EQ(e.attempts(), 3);
    EXPECT_EQ(e.sqlstate(), "IL001");
    auto last = caught<stale_version>([&] { std::rethrow_exception(e.last_error()); });
    EXPECT_EQ(last.current_version(), 1);
}

TEST_F(Transact, HoldsNothingWhileItWaits) {
    // Proves that the transaction is over, and its locks are gone, before the wait begins.
    make_accounts();
    auto c = connect();
    retry_policy policy;
    policy.rerun_stale = true;
    policy.attempts = 2;
    int sleeps = 0;
    policy.sleeper = [&](std::chrono::nanoseconds) {
        ++sleeps;
        run("SET lock_timeout = '1s'");
        run("UPDATE accounts SET owner = 'free' WHERE id = 2");
        EXPECT_EQ(value("SELECT state FROM pg_stat_activity WHERE pid = " +
                        std::to_string(c->backendpid())),
                  "idle");
    };
    (void)caught<retries_exhausted>([&] {
        transact(*c, policy, [](pqxx::dbtransaction& tx) {
            tx.exec("UPDATE accounts SET owner = 'mine' WHERE id = 2");
            versioned_update(tx, "accounts", 1, 77, R"({"balance": 5})");
        });
    });
    EXPECT_EQ(sleeps, 1);
    EXPECT_EQ(value("SELECT owner FROM accounts WHERE id = 2"), "free");
}

TEST_F(Transact, TellsItsObserver) {
    // Proves that an observer hears of a real failure before it is run again.
    make_plain_accounts();
    auto c = connect();
    std::vector<std::string> heard;
    auto policy = eager();
    policy.observer = [&](const failed_attempt& f) { heard.push_back(std::string{f.sqlstate}); };
    int runs = 0;
    transact(*c, policy, {.isolation = isolation::repeatable_read}, [&](pqxx::dbtransaction& tx) {
        tx.exec("SELECT count(*) FROM accounts");
        if (++runs == 1) run("UPDATE accounts SET balance = 50 WHERE id = 1");
        tx.exec("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
    });
    EXPECT_EQ(heard, std::vector<std::string>{"40001"});
}

TEST_F(Transact, SwallowedErrorIsNotSuccess) {
    // Proves that a body that swallows an error of the server is told that nothing was committed,
    // where COMMIT would be answered by a silent ROLLBACK; and that the connection is good after.
    make_plain_accounts();
    auto c = connect();
    for (bool with_factory : {false, true}) {
        transaction_options options;
        if (with_factory) options.reconnect = factory();
        auto e = caught<error>([&] {
            transact(*c, {}, options, [](pqxx::dbtransaction& tx) {
                tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1");
                try {
                    tx.exec("SELECT 1/0");
                } catch (const pqxx::data_exception&) {
                }
            });
        });
        EXPECT_EQ(e.sqlstate(), "25P02");
        EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 100);
        EXPECT_EQ(transact(*c, [](auto&) { return 1; }), 1);
    }
}

TEST_F(Transact, SwallowedLossIsNotInDoubt) {
    // Proves that a session whose loss the body swallowed is connection_lost, not in doubt: COMMIT
    // was never sent.
    auto c = connect();
    (void)caught<connection_lost>([&] {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            terminate(c->backendpid());
            try {
                tx.exec("SELECT 1");
            } catch (const std::exception&) {
            }
        });
    });
}

TEST_F(Transact, BodyMustNotCommit) {
    // Proves that a body cannot commit behind transact's back, and leaves no open transaction.
    make_plain_accounts();
    auto c = connect();
    EXPECT_THROW(transact(*c,
                          [](pqxx::dbtransaction& tx) {
                              tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1");
                              tx.commit();
                          }),
                 pqxx::usage_error);
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 100);
    transact(*c, [](auto& tx) { tx.exec("UPDATE accounts SET balance = 2 WHERE id = 1"); });
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 2);
}

TEST_F(Transact, SubtransactionsWork) {
    // Proves that a body may use libpqxx's savepoints and go on after an error inside one.
    make_plain_accounts();
    auto c = connect();
    transact(*c, [](pqxx::dbtransaction& tx) {
        tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1");
        try {
            pqxx::subtransaction inner{tx};
            inner.exec("UPDATE accounts SET balance = 2 WHERE id = 2");
            inner.exec("SELECT 1/0");
        } catch (const pqxx::data_exception&) {
        }
        tx.exec("UPDATE accounts SET balance = 3 WHERE id = 3");
    });
    EXPECT_EQ(value("SELECT string_agg(balance::text, ',' ORDER BY id) FROM accounts"), "1,100,3");
}

TEST_F(Transact, ChoosesTheMode) {
    // Proves that isolation, READ ONLY and DEFERRABLE are what the options say, and that without
    // options the session's own default holds.
    auto c = connect("");
    auto mode = [&](const transaction_options& options) {
        return transact(*c, {}, options, [](pqxx::dbtransaction& tx) {
            auto r = tx.exec(
                "SELECT current_setting('transaction_isolation') || ',' ||"
                " current_setting('transaction_read_only') || ',' ||"
                " current_setting('transaction_deferrable')");
            return r[0][0].as<std::string>();
        });
    };
    EXPECT_EQ(mode({}), "read committed,off,off");
    EXPECT_EQ(mode({.isolation = isolation::repeatable_read}), "repeatable read,off,off");
    EXPECT_EQ(mode({.isolation = isolation::serializable, .read_only = true, .deferrable = true}),
              "serializable,on,on");
    transact(*c, [](auto& tx) { tx.exec("SET default_transaction_isolation = 'serializable'"); });
    EXPECT_EQ(mode({}), "serializable,off,off");
    EXPECT_EQ(mode({.isolation = isolation::read_committed}), "read committed,off,off");
}

TEST_F(Transact, FailingDeferredConstraintIsNotInDoubt) {
    // Proves that a COMMIT which the server answered with an error is just that error.
    run("CREATE TABLE unique_later (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    auto c = connect();
    for (bool with_factory : {false, true}) {
        transaction_options options;
        if (with_factory) options.reconnect = factory();
        EXPECT_THROW(
            transact(*c, {}, options,
                     [](auto& tx) { tx.exec("INSERT INTO unique_later VALUES (1), (1)"); }),
            pqxx::unique_violation);
    }
    EXPECT_EQ(number("SELECT count(*) FROM unique_later"), 0);
    EXPECT_EQ(transact(*c, [](auto&) { return 1; }), 1);
}

TEST_F(Transact, NonsensePolicyRunsNothing) {
    // Proves that a policy that makes no sense is refused before the body runs.
    auto c = connect();
    int runs = 0;
    EXPECT_THROW(transact(*c, eager(0), [&](auto&) { ++runs; }), std::invalid_argument);
    EXPECT_EQ(runs, 0);
}

}  // namespace
