// Every error type, from its real cause.

#include <latch>

#include "server.hpp"

namespace {

using namespace interlock;

class Errors : public Server {};

TEST_F(Errors, SerializationFailureAtRepeatableRead) {
    // Proves that a row changed since the snapshot is serialization_failure.
    make_plain_accounts();
    auto a = connect(), b = connect();
    pqxx::nontransaction tx{*a};
    tx.exec("BEGIN ISOLATION LEVEL REPEATABLE READ");
    tx.exec("SELECT count(*) FROM accounts");
    run("UPDATE accounts SET balance = 0 WHERE id = 1");
    auto e = caught_typed<serialization_failure>(
        [&] { tx.exec("UPDATE accounts SET balance = 1 WHERE id = 1"); });
    EXPECT_EQ(e.sqlstate(), "40001");
}

TEST_F(Errors, SerializationFailureAtCommit) {
    // Proves that a write skew between two SERIALIZABLE transactions, seen at COMMIT, is typed.
    make_plain_accounts();
    auto a = connect(), b = connect();
    auto skew = [&](pqxx::connection& c, int id, auto between) {
        retry_policy once;
        once.attempts = 1;
        transact(c, once, {.isolation = isolation::serializable}, [&](pqxx::dbtransaction& tx) {
            tx.exec("SELECT sum(balance) FROM accounts");
            tx.exec("UPDATE accounts SET balance = 0 WHERE id = " + std::to_string(id));
            between();
        });
    };
    auto e = caught<retries_exhausted>([&] { skew(*a, 1, [&] { skew(*b, 2, [] {}); }); });
    EXPECT_EQ(e.sqlstate(), "40001");
    EXPECT_THROW(std::rethrow_exception(e.last_error()), serialization_failure);
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 100);
}

TEST_F(Errors, Deadlock) {
    // Proves that of two sessions in a real deadlock one gets deadlock_detected.
    make_plain_accounts();
    std::latch both_hold_one{2};
    auto cross = [&](int first, int second) {
        return [&, first, second] {
            auto c = connect("");
            pqxx::work tx{*c};
            tx.exec("SET LOCAL deadlock_timeout = '50ms'");
            tx.exec("UPDATE accounts SET balance = 0 WHERE id = " + std::to_string(first));
            both_hold_one.arrive_and_wait();
            tx.exec("UPDATE accounts SET balance = 0 WHERE id = " + std::to_string(second));
            tx.commit();
        };
    };
    task a{cross(1, 2)}, b{cross(2, 1)};
    auto a_failed = a.result(), b_failed = b.result();
    ASSERT_NE(!a_failed, !b_failed) << "exactly one of them is to fail";
    auto e =
        caught<deadlock_detected>([&] { std::rethrow_exception(a_failed ? a_failed : b_failed); });
    EXPECT_EQ(e.sqlstate(), "40P01");
}

TEST_F(Errors, LockTimeout) {
    // Proves that an expired lock_timeout is lock_not_available.
    make_plain_accounts();
    auto holder = connect(), waiter = connect();
    pqxx::work hold{*holder};
    hold.exec("UPDATE accounts SET balance = 0 WHERE id = 1");
    pqxx::work wait{*waiter};
    wait.exec("SET LOCAL lock_timeout = '20ms'");
    auto e = caught_typed<lock_not_available>(
        [&] { wait.exec("UPDATE accounts SET balance = 1 WHERE id = 1"); });
    EXPECT_EQ(e.sqlstate(), "55P03");
}

TEST_F(Errors, NoWait) {
    // Proves that NOWAIT on a locked row is lock_not_available.
    make_plain_accounts();
    auto holder = connect(), waiter = connect();
    pqxx::work hold{*holder};
    hold.exec("UPDATE accounts SET balance = 0 WHERE id = 1");
    pqxx::work wait{*waiter};
    (void)caught_typed<lock_not_available>(
        [&] { wait.exec("SELECT FROM accounts WHERE id = 1 FOR UPDATE NOWAIT"); });
}

TEST_F(Errors, StatementTimeout) {
    // Proves that an expired statement_timeout is query_canceled.
    auto c = connect();
    pqxx::work tx{*c};
    tx.exec("SET LOCAL statement_timeout = '20ms'");
    auto e = caught_typed<query_canceled>([&] { tx.exec("SELECT pg_sleep(10)"); });
    EXPECT_EQ(e.sqlstate(), "57014");
}

TEST_F(Errors, Cancelled) {
    // Proves that pg_cancel_backend is query_canceled, and that transact does not run it again.
    auto c = connect();
    auto pid = std::to_string(c->backendpid());
    int runs = 0;
    task sleeper{[&] {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            ++runs;
            tx.exec("SELECT pg_sleep(30)");
        });
    }};
    wait_until("wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = " + pid);
    run("SELECT pg_cancel_backend(" + pid + ")");
    (void)caught<query_canceled>([&] { std::rethrow_exception(sleeper.result()); });
    EXPECT_EQ(runs, 1);
}

TEST_F(Errors, ReadOnly) {
    // Proves that a write in a read-only transaction is read_only_transaction, our own included.
    make_accounts();
    auto c = connect();
    int runs = 0;
    transaction_options read_only{.read_only = true};
    auto e = caught<read_only_transaction>([&] {
        transact(*c, {}, read_only, [&](pqxx::dbtransaction& tx) {
            ++runs;
            versioned_update(tx, "accounts", 1, 1, R"({"balance": 5})");
        });
    });
    EXPECT_EQ(e.sqlstate(), "25006");
    EXPECT_EQ(runs, 1);
}

TEST_F(Errors, TerminatedWhileIdle) {
    // Proves that a session ended between two transactions is connection_lost, and stays lost.
    auto c = connect();
    transact(*c, [](pqxx::dbtransaction& tx) { tx.exec("SELECT 1"); });
    terminate(c->backendpid());
    int runs = 0;
    auto attempt = [&] {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            ++runs;
            tx.exec("SELECT 1");
        });
    };
    // Left to itself libpqxx 6.4 is connected again at the third attempt.
    for (int i = 0; i < 5; ++i) {
        auto e = caught<connection_lost>(attempt);
        EXPECT_EQ(std::string{e.what()}.find("encoding"), std::string::npos) << e.what();
    }
    EXPECT_EQ(runs, 0);
}

TEST_F(Errors, TerminatedBeforeFirstUse) {
    // Proves that the session is not replaced silently either when it ends before the first use.
    auto c = connect();
    terminate(c->backendpid());
    (void)caught<connection_lost>(
        [&] { transact(*c, [](pqxx::dbtransaction& tx) { tx.exec("SELECT 1"); }); });
}

TEST_F(Errors, TerminatedInTransaction) {
    // Proves that a session ended in mid-transaction is connection_lost, never run again, and that
    // nothing of it was committed.
    make_plain_accounts();
    auto c = connect();
    int runs = 0;
    auto e = caught<connection_lost>([&] {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            ++runs;
            tx.exec("UPDATE accounts SET balance = 0 WHERE id = 1");
            terminate(c->backendpid());
            tx.exec("UPDATE accounts SET balance = 0 WHERE id = 2");
        });
    });
    EXPECT_TRUE(e.sqlstate() == "57P01" || e.sqlstate() == "08006") << e.sqlstate();
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 300);
    EXPECT_FALSE(c->is_open());
}

TEST_F(Errors, TerminatedInStatement) {
    // Proves that a session ended while its statement runs is connection_lost.
    auto c = connect();
    auto pid = std::to_string(c->backendpid());
    task sleeper{
        [&] { transact(*c, [&](pqxx::dbtransaction& tx) { tx.exec("SELECT pg_sleep(30)"); }); }};
    wait_until("wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = " + pid);
    terminate(c->backendpid());
    (void)caught<connection_lost>([&] { std::rethrow_exception(sleeper.result()); });
}

TEST_F(Errors, IdleInTransactionTimeout) {
    // Proves that a session that idle_in_transaction_session_timeout ended is connection_lost.
    auto c = connect();
    auto pid = c->backendpid();
    auto e = caught<connection_lost>([&] {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            tx.exec("SET LOCAL idle_in_transaction_session_timeout = '10ms'");
            wait_until("NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = " +
                       std::to_string(pid) + ")");
            tx.exec("SELECT 1");
        });
    });
    EXPECT_TRUE(e.sqlstate() == "25P03" || e.sqlstate() == "08006") << e.sqlstate();
}

TEST_F(Errors, LostInAutocommitIsInDoubt) {
    // Proves that our functions, in a nontransaction, report a lost session as in doubt: the
    // statement was its own transaction and may have been committed.
    make_accounts();
    auto c = connect();
    pqxx::nontransaction tx{*c};
    tx.exec("SELECT 1");
    terminate(c->backendpid());
    (void)caught<in_doubt>(
        [&] { (void)try_versioned_update(tx, "accounts", 1, 1, R"({"balance": 5})"); });
}

TEST_F(Errors, VersioningTriggerRefusesPlainSql) {
    // Proves that an error of class IL that the server raises is typed, with what its DETAIL says
    // and the server's whole message.
    make_accounts();
    auto c = connect();
    auto e = caught<stale_version>([&] {
        transact(*c, [](pqxx::dbtransaction& tx) {
            tx.exec("UPDATE accounts SET balance = 5, version = 99 WHERE id = 1");
        });
    });
    EXPECT_EQ(e.sqlstate(), "IL001");
    EXPECT_EQ(e.table(), "accounts");
    EXPECT_EQ(e.key(), R"({"id": 1})");
    EXPECT_EQ(e.current_version(), 1);
    EXPECT_FALSE(e.current());
    EXPECT_NE(std::string{e.what()}.find("accounts"), std::string::npos) << e.what();
}

TEST_F(Errors, VersionRequired) {
    // Proves that an update without a version, on a table that requires one, is version_required.
    make_plain_accounts();
    run("SELECT interlock.enable_versioning('accounts', accept => 'echo', require_version => "
        "true)");
    auto c = connect();
    auto e = caught<version_required>([&] {
        transact(*c, [](pqxx::dbtransaction& tx) { tx.exec("UPDATE accounts SET balance = 5"); });
    });
    EXPECT_EQ(e.sqlstate(), "IL005");
}

TEST_F(Errors, OthersStayLibpqxxs) {
    // Proves that a failure without a type of ours comes through as libpqxx's own.
    make_plain_accounts();
    auto c = connect();
    auto attempt = [&](const char* sql) {
        transact(*c, [&](pqxx::dbtransaction& tx) { tx.exec(sql); });
    };
    EXPECT_THROW(attempt("INSERT INTO accounts VALUES (1, 'x', 0)"), pqxx::unique_violation);
    EXPECT_THROW(attempt("SELECT * FROM no_such_table"), pqxx::undefined_table);
    EXPECT_THROW(attempt("SELECT 1/0"), pqxx::data_exception);
}

TEST_F(Errors, PrivilegeKeepsItsCode) {
    // Proves that sqlstate_of knows 42501 on every libpqxx, though some lose the code.
    make_plain_accounts();
    auto c = connect();
    try {
        transact(*c, [](pqxx::dbtransaction& tx) {
            tx.exec("SET LOCAL ROLE pg_monitor");
            tx.exec("SELECT * FROM pg_authid");
        });
        FAIL();
    } catch (const std::exception& e) {
        EXPECT_EQ(sqlstate_of(e), "42501");
    }
}

TEST_F(Errors, EachClassIlCodeFromTheServer) {
    // Proves that all IL codes keep their type on the way through this libpqxx.
    auto c = connect();
    auto raise = [&](const char* code) {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            tx.exec(std::string{"DO $$ BEGIN RAISE 'no' USING errcode = '"} + code + "'; END $$");
        });
    };
    EXPECT_THROW(raise("IL001"), stale_version);
    EXPECT_THROW(raise("IL002"), row_missing);
    EXPECT_THROW(raise("IL003"), merge_conflict);
    EXPECT_THROW(raise("IL004"), write_rejected);
    EXPECT_THROW(raise("IL005"), version_required);
    EXPECT_THROW(raise("IL006"), row_exists);
    EXPECT_THROW(raise("IL010"), lease_held);
    EXPECT_THROW(raise("IL011"), lease_lost);
    EXPECT_THROW(raise("IL020"), claim_lost);
    EXPECT_THROW(raise("40003"), in_doubt);
}

}  // namespace
