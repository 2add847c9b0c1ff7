// Checkouts: who gets the row, who is refused, and what a late save meets.

#include "checkouts.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

#include "proxy.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

const char* const raise_balance = "UPDATE accounts SET balance = balance + 1 WHERE id = 1";

TEST_F(Checkouts, ComeWithTokenAndTimes) {
    // Proves that a checkout comes with token, holder, times and what is left of it, that the note
    // is shown, and that it outlives the session that took it.
    auto c = connect();
    auto mine = [&] {
        pqxx::work tx{*c};
        checkout taken{tx, "accounts", 1, "Ann", 1h, "the last draft"};
        tx.commit();
        return taken;
    }();
    terminate(c->backendpid());
    EXPECT_EQ(mine.table(), "accounts");
    EXPECT_EQ(mine.key().text(), "1");
    ASSERT_TRUE(mine.granted());
    EXPECT_EQ(mine.granted()->token, mine.token());
    EXPECT_EQ(mine.granted()->holder, "Ann");
    EXPECT_EQ(mine.granted()->expires_at - mine.granted()->acquired_at, 1h);
    EXPECT_LE(mine.granted()->remaining, 1h);
    EXPECT_GT(mine.granted()->remaining, 1h - 1min);
    EXPECT_EQ(std::chrono::microseconds{expiry(1)}, mine.granted()->expires_at.time_since_epoch());
    EXPECT_EQ(holder(1), "Ann");
    EXPECT_EQ(stored("note", 1), "the last draft");
    EXPECT_EQ(holder(2), "");
}

TEST_F(Checkouts, TellWhoHasTheRow) {
    // Proves that a row which somebody has is told with holder and expiry, never with the token,
    // and raised with the note, too; that the transaction is good after the first and aborted after
    // the second.
    auto mine = take(1, "Ann", 1h, "the \"last\" draft");
    in_transaction([&](pqxx::transaction_base& tx) {
        auto seen = try_checkout(tx, "accounts", 1, "Bob", 1h);
        EXPECT_FALSE(seen.granted);
        EXPECT_FALSE(seen.token);
        EXPECT_EQ(seen.holder, "Ann");
        EXPECT_EQ(seen.acquired_at, mine.granted()->acquired_at);
        EXPECT_EQ(seen.expires_at, mine.granted()->expires_at);
        EXPECT_GT(seen.remaining, 59min);
        EXPECT_FALSE(seen.blocking_pid);
        EXPECT_TRUE(try_checkout(tx, "accounts", 2, "Bob", 1h).granted);
    });
    EXPECT_EQ(holder(2), "Bob");
    auto c = connect();
    pqxx::work tx{*c};
    auto e = caught<lease_held>([&] { checkout(tx, "accounts", 1, "Bob", 1h); });
    EXPECT_EQ(e.sqlstate(), "IL010");
    EXPECT_EQ(e.table(), "accounts");
    EXPECT_EQ(e.key(), "1");
    EXPECT_EQ(e.holder(), "Ann");
    EXPECT_EQ(e.note(), "the \"last\" draft");
    EXPECT_EQ(e.expires_at(), mine.granted()->expires_at);
    EXPECT_FALSE(e.blocking_pid());
    EXPECT_NE(std::string{e.what()}.find("checked out by \"Ann\""), std::string::npos);
    EXPECT_ANY_THROW(tx.exec("SELECT 1"));
}

TEST_F(Checkouts, GiveTheSameHolderTheSameToken) {
    // Proves that a form which is loaded again has the same token, a later expiry and its note, and
    // a new token once the checkout has expired.
    auto first = take(1, "Ann", 1h, "the last draft");
    auto again = take(1, "Ann", 2h);
    EXPECT_EQ(again.token(), first.token());
    EXPECT_GT(again.granted()->expires_at, first.granted()->expires_at);
    EXPECT_EQ(stored("note", 1), "the last draft");
    auto brief = take(1, "Ann", 1ms);
    EXPECT_EQ(brief.token(), first.token());
    wait_until_expired();
    EXPECT_GT(take(1, "Ann").token(), first.token());
}

TEST_F(Checkouts, RefuseEveryOtherWriter) {
    // Proves that whatever somebody else writes the row with, he is told who has it, why and until
    // when, and the row is as it was; other rows and reading are free.
    auto mine = take(1, "Ann", 1h, "the last draft");
    auto refused = [&](auto write) {
        auto e = caught_typed<lease_held>([&] { in_transaction(write); });
        EXPECT_EQ(e.table(), "accounts");
        EXPECT_EQ(json_at(e.key(), "id"), "1");
        EXPECT_EQ(e.holder(), "Ann");
        EXPECT_EQ(e.note(), "the last draft");
        EXPECT_EQ(e.expires_at(), mine.granted()->expires_at);
    };
    refused([](auto& tx) { tx.exec(raise_balance); });
    refused([](auto& tx) { tx.exec("DELETE FROM accounts WHERE id = 1"); });
    refused([](auto& tx) { tx.exec("UPDATE accounts SET balance = 0"); });
    refused([](auto& tx) { versioned_update(tx, "accounts", 1, 1, R"({"balance": 0})"); });
    refused(
        [](auto& tx) { (void)try_versioned_update(tx, "accounts", 1, 1, R"({"balance": 0})"); });
    refused([](auto& tx) { versioned_delete(tx, "accounts", 1, 1); });
    refused([](auto& tx) {
        versioned_merge(tx, "accounts", 1, R"({"balance": 100})", R"({"balance": 0})");
    });
    refused([](auto& tx) {
        versioned_update_many(tx, "accounts",
                              {{1, 1, R"({"balance": 0})"}, {2, 1, R"({"balance": 0})"}});
    });
    EXPECT_EQ(value("SELECT string_agg(balance::text, ' ') FROM accounts"), "100 100 100");
    in_transaction([](pqxx::transaction_base& tx) {
        (void)lock_row<std::tuple<int>>(tx, "accounts", 1);
        versioned_check(tx, "accounts", 1, 1);
        versioned_update(tx, "accounts", 2, 1, R"({"balance": 0})");
    });
}

TEST_F(Checkouts, ATransactRefusedIsNotRunAgain) {
    // Proves that transact hands lease_held on at once, and with it what it knows.
    auto mine = take(1, "Ann");
    auto c = connect();
    int runs = 0;
    auto e = caught<lease_held>([&] {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            ++runs;
            tx.exec(raise_balance);
        });
    });
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(e.holder(), "Ann");
    EXPECT_EQ(e.expires_at(), mine.granted()->expires_at);
}

TEST_F(Checkouts, SaveWithVersionAndCheckInInOneTransaction) {
    // Proves the form of the manual: a checkout made of the token in a form, in another session,
    // saves by version and gives the row back, all or nothing.
    auto form = std::to_string(take(1, "Ann").token());
    checkout mine{"accounts", 1, std::stoll(form)};
    EXPECT_FALSE(mine.granted());
    auto c = connect();
    EXPECT_THROW(transact(*c,
                          [&](pqxx::dbtransaction& tx) {
                              mine.use(tx);
                              versioned_update(tx, "accounts", 1, 1, R"({"balance": 150})");
                              EXPECT_TRUE(mine.checkin(tx));
                              throw std::runtime_error{"the application's own"};
                          }),
                 std::runtime_error);
    EXPECT_EQ(holder(1), "Ann");
    EXPECT_EQ(balance(1), "100");
    auto version = transact(*c, [&](pqxx::dbtransaction& tx) {
        mine.use(tx);
        auto saved = versioned_update(tx, "accounts", 1, 1, R"({"balance": 150})");
        EXPECT_TRUE(mine.checkin(tx));
        return saved;
    });
    EXPECT_EQ(version, 2);
    EXPECT_EQ(holder(1), "");
    run(raise_balance);
    EXPECT_EQ(balance(1), "151");
    in_transaction([&](pqxx::transaction_base& tx) { EXPECT_FALSE(mine.checkin(tx)); });
}

TEST_F(Checkouts, TheTransactionThatTookTheRowWritesIt) {
    // Proves that checking out or renewing is using, and that nothing is left of it afterwards.
    auto mine = in_transaction([&](pqxx::transaction_base& tx) {
        checkout taken{tx, "accounts", 1, "Ann", 1h};
        tx.exec(raise_balance);
        return taken;
    });
    auto c = connect();
    {
        pqxx::work tx{*c};
        EXPECT_GT(mine.renew(tx, 2h), mine.granted()->expires_at);
        tx.exec(raise_balance);
        tx.commit();
    }
    EXPECT_EQ(balance(1), "102");
    pqxx::work tx{*c};
    (void)caught_typed<lease_held>([&] { tx.exec(raise_balance); });
}

TEST_F(Checkouts, ALateSaveIsRefused) {
    // Proves that after the row was written by somebody else, or checked out, because it had
    // expired, use() refuses, the transaction cannot commit, and try_use() leaves it good.
    auto written = take(1, "Ann", 1ms), taken = take(2, "Ann", 1ms);
    wait_until_expired();
    run(raise_balance);
    auto others = take(2, "Bob");
    EXPECT_GT(others.token(), taken.token());
    for (const auto& late : {written, taken}) {
        auto c = connect();
        try {
            pqxx::work tx{*c};
            tx.exec("UPDATE accounts SET balance = 0 WHERE id = 3");
            auto e = caught<lease_lost>([&] { late.use(tx); });
            EXPECT_EQ(e.sqlstate(), "IL011");
            EXPECT_EQ(e.reason(), lease_loss::superseded);
            EXPECT_EQ(e.table(), "accounts");
            EXPECT_EQ(e.key(), late.key().text());
            EXPECT_EQ(e.token(), late.token());
            EXPECT_EQ(e.lock_namespace(), "");
            tx.commit();
        } catch (const std::exception&) {
            // Some releases of libpqxx report a COMMIT that was none.
        }
        EXPECT_EQ(balance(3), "100");
        in_transaction([&](pqxx::transaction_base& tx) {
            EXPECT_FALSE(late.try_use(tx));
            EXPECT_FALSE(late.try_renew(tx, 1h));
            EXPECT_FALSE(late.checkin(tx));
        });
        auto e = caught<lease_lost>(
            [&] { in_transaction([&](pqxx::transaction_base& tx) { late.renew(tx, 1h); }); });
        EXPECT_EQ(e.token(), late.token());
    }
    EXPECT_EQ(balance(1), "101");
    EXPECT_EQ(holder(2), "Bob");
}

TEST_F(Checkouts, AnExpiredOneThatNobodyWantedGoesOn) {
    // Proves that expiry alone loses nothing: the token still saves, and can be renewed.
    auto mine = take(1, "Ann", 1ms), other = take(2, "Ann", 1ms);
    wait_until_expired();
    in_transaction([&](pqxx::transaction_base& tx) {
        mine.use(tx);
        tx.exec(raise_balance);
        EXPECT_GT(other.renew(tx, 1h), mine.granted()->expires_at);
    });
    EXPECT_EQ(balance(1), "101");
    EXPECT_EQ(holder(2), "Ann");
}

TEST_F(Checkouts, NameTheSessionInTheWay) {
    // Proves that a checkout which has expired, and which an open transaction uses, is told with
    // that session: to who wants the row, and to who writes it.
    auto mine = take(1, "Ann", 1ms);
    wait_until_expired();
    auto c = connect();
    pqxx::work saving{*c};
    mine.use(saving);
    in_transaction([&](pqxx::transaction_base& tx) {
        auto seen = try_checkout(tx, "accounts", 1, "Bob", 1h);
        EXPECT_FALSE(seen.granted);
        EXPECT_EQ(seen.holder, "Ann");
        EXPECT_LE(seen.remaining, 0s);
        EXPECT_EQ(seen.blocking_pid, c->backendpid());
    });
    auto e = caught<lease_held>([&] { take(1, "Bob"); });
    EXPECT_EQ(e.blocking_pid(), c->backendpid());
    EXPECT_LE(e.expires_at(), mine.granted()->expires_at);
    e = caught_typed<lease_held>([&] { in_transaction([](auto& tx) { tx.exec(raise_balance); }); });
    EXPECT_EQ(e.blocking_pid(), c->backendpid());
    saving.exec(raise_balance);
    saving.commit();
    EXPECT_EQ(balance(1), "101");
}

TEST_F(Checkouts, ASavepointTakesTheTokenBack) {
    // Proves that a rollback to a savepoint from before use() makes the transaction one of the
    // others again.
    auto mine = take(1, "Ann");
    auto c = connect();
    pqxx::work tx{*c};
    {
        pqxx::subtransaction inner{tx};
        mine.use(inner);
        inner.exec(raise_balance);
        inner.abort();
    }
    (void)caught_typed<lease_held>([&] { tx.exec(raise_balance); });
}

TEST_F(Checkouts, AreGivenBackAndBroken) {
    // Proves that a row is given back by its token only, once, and taken away by its owner.
    auto mine = take(1, "Ann");
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_FALSE(checkin(tx, "accounts", 1, mine.token() - 1));
        EXPECT_TRUE(checkin(tx, "accounts", 1, mine.token()));
        EXPECT_FALSE(checkin(tx, "accounts", 1, mine.token()));
        EXPECT_FALSE(break_checkout(tx, "accounts", 1));
    });
    auto next = take(1, "Ann");
    EXPECT_GT(next.token(), mine.token());
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_TRUE(try_use_checkout(tx, "accounts", 1, next.token()));
        EXPECT_TRUE(break_checkout(tx, "accounts", 1));
        EXPECT_FALSE(try_use_checkout(tx, "accounts", 1, next.token()));
        EXPECT_FALSE(try_renew_checkout(tx, "accounts", 1, next.token(), 1h));
    });
    EXPECT_EQ(holder(1), "");
}

TEST_F(Checkouts, WaitForAWriterWithinABound) {
    // Proves that a row somebody is writing is waited for, and that lock_timeout ends the wait with
    // the writer's pid.
    auto writer = connect(), c = connect();
    pqxx::work writing{*writer};
    writing.exec(raise_balance);
    {
        pqxx::work tx{*c};
        tx.exec("SET LOCAL lock_timeout = 50");
        auto e =
            caught<lock_not_available>([&] { (void)try_checkout(tx, "accounts", 1, "Ann", 1h); });
        EXPECT_EQ(e.table(), "accounts");
        EXPECT_EQ(e.key(), "1");
        EXPECT_EQ(e.blocking_pids(), std::vector{writer->backendpid()});
    }
    task waiting{[&] {
        pqxx::work tx{*c};
        checkout taken{tx, "accounts", 1, "Ann", 1h};
        EXPECT_EQ(tx.exec("SELECT balance FROM accounts WHERE id = 1")[0][0].as<int>(), 101);
        tx.commit();
    }};
    wait_until_blocked(c->backendpid());
    writing.commit();
    EXPECT_FALSE(waiting.result());
    EXPECT_EQ(holder(1), "Ann");
}

TEST_F(Checkouts, ASnapshotFromBeforeIsToldSo) {
    // Proves that a row changed since the snapshot is not checked out on the strength of what the
    // transaction has read.
    auto c = connect();
    pqxx::transaction<pqxx::isolation_level::repeatable_read> tx{*c};
    (void)tx.exec("SELECT balance FROM accounts");
    run(raise_balance);
    EXPECT_THROW((void)try_checkout(tx, "accounts", 1, "Ann", 1h), serialization_failure);
}

TEST_F(Checkouts, OfCompositeKeysAndPartitions) {
    // Proves that keys by column name do, and that a partition's row is its parent's.
    run("CREATE TABLE lines (order_id int, line text, amount int, PRIMARY KEY (order_id, line)) "
        "PARTITION BY RANGE (order_id)");
    run("CREATE TABLE lines_1 PARTITION OF lines FOR VALUES FROM (0) TO (100)");
    run("INSERT INTO lines VALUES (7, 'a', 1)");
    run("SELECT interlock.enable_checkout('lines')");
    auto key = key::columns({{"line", "a"}, {"order_id", 7}});
    auto c = connect();
    prepared_statements prepared{*c};
    checkout mine = transact(*c, [&](pqxx::dbtransaction& tx) {
        return checkout{tx, "lines", key, "Ann", 1h};
    });
    auto e = caught<lease_held>([&] {
        in_transaction(
            [&](pqxx::transaction_base& tx) { checkout(tx, "lines_1", key, "Bob", 1h); });
    });
    EXPECT_EQ(e.table(), "lines_1");
    EXPECT_EQ(e.key(), key.text());
    (void)caught_typed<lease_held>([&] { run("UPDATE lines_1 SET amount = 2"); });
    transact(*c, [&](pqxx::dbtransaction& tx) {
        mine.use(tx);
        tx.exec("UPDATE lines SET amount = 2");
        EXPECT_TRUE(mine.checkin(tx));
    });
    EXPECT_EQ(value("SELECT amount FROM lines"), "2");
}

TEST_F(Checkouts, InDoubtIsNotSuccess) {
    // Proves that a checkout whose COMMIT was not answered is in_doubt, whether it was taken or
    // not, that transact finds out if it may, and that asking again, as the same holder, gives the
    // token that counts.
    auto ask = [&](proxy::cut cut, int id, transaction_options options = {}) {
        proxy between{cut};
        auto c = connect(between.address());
        return transact(*c, retry_policy{}, options, [&](pqxx::dbtransaction& tx) {
            return checkout{tx, "accounts", id, "Ann", 1h};
        });
    };
    (void)caught<in_doubt>([&] { ask(proxy::cut::before_answer, 1); });
    (void)caught<in_doubt>([&] { ask(proxy::cut::before_commit, 2); });
    EXPECT_EQ(holder(1), "Ann");
    EXPECT_EQ(holder(2), "");
    auto resolved = ask(proxy::cut::before_answer, 3, {.reconnect = factory()});
    for (const auto& mine : {take(1, "Ann"), take(2, "Ann"), resolved})
        in_transaction([&](pqxx::transaction_base& tx) { mine.use(tx); });
}

TEST_F(Checkouts, ASessionKilledWhileItWaitsHasNothing) {
    // Proves that a session which is ended while it waits for the row is connection_lost in a
    // transaction, in_doubt where each statement commits, and that nothing was checked out.
    auto writer = connect();
    pqxx::work writing{*writer};
    writing.exec(raise_balance);
    auto killed = [&](auto attempt) {
        auto c = connect();
        bridge::forbid_reconnect(*c);
        task waiting{[&] { attempt(*c); }};
        wait_until_blocked(c->backendpid());
        terminate(c->backendpid());
        return waiting.result();
    };
    auto in_work = killed([](pqxx::connection& c) {
        pqxx::work tx{c};
        checkout(tx, "accounts", 1, "Ann", 1h);
        tx.commit();
    });
    EXPECT_THROW(std::rethrow_exception(in_work), connection_lost);
    auto alone = killed([](pqxx::connection& c) {
        pqxx::nontransaction tx{c};
        checkout(tx, "accounts", 1, "Ann", 1h);
    });
    EXPECT_THROW(std::rethrow_exception(alone), in_doubt);
    writing.commit();
    EXPECT_EQ(holder(1), "");
    EXPECT_TRUE(take(1, "Bob").granted());
}

TEST_F(Checkouts, OneOfManyThreadsHasTheRow) {
    // Proves that of threads that fight for a row one has it at a time: what was saved under a
    // checkout is there, once, and tokens grow in the order in which the row was had.
    std::mutex mutex;
    std::vector<std::int64_t> tokens;
    auto edit = [&](pqxx::connection& c, const checkout& mine) {
        auto before = transact(c, [&](pqxx::dbtransaction& tx) {
            return tx.exec("SELECT balance FROM accounts WHERE id = 1")[0][0].as<int>();
        });
        transact(c, [&](pqxx::dbtransaction& tx) {
            mine.use(tx);
            tx.exec("UPDATE accounts SET balance = " + std::to_string(before + 1) +
                    " WHERE id = 1");
        });
    };
    std::vector<std::unique_ptr<task>> tasks;
    for (int t = 0; t < 4; ++t)
        tasks.push_back(std::make_unique<task>([&, t] {
            auto c = connect();
            for (int had = 0; had < 5;) {
                auto seen = transact(*c, [&](pqxx::dbtransaction& tx) {
                    return try_checkout(tx, "accounts", 1, "thread " + std::to_string(t), 1h);
                });
                if (!seen.granted) continue;
                checkout mine{"accounts", 1, *seen.token};
                edit(*c, mine);
                {
                    std::lock_guard lock{mutex};
                    tokens.push_back(mine.token());
                }
                EXPECT_TRUE(
                    transact(*c, [&](pqxx::dbtransaction& tx) { return mine.checkin(tx); }));
                ++had;
            }
        }));
    for (auto& t : tasks)
        EXPECT_FALSE(t->result());
    EXPECT_EQ(balance(1), "120");
    EXPECT_EQ(tokens.size(), 20u);
    EXPECT_EQ(std::ranges::adjacent_find(tokens, std::greater_equal{}), tokens.end());
}

TEST_F(Checkouts, RefuseWhatIsNone) {
    // Proves that bad arguments are refused with the server's codes, or before they are sent.
    auto refused = [&](const std::string& table, const key& key, const std::string& who,
                       std::chrono::nanoseconds ttl) {
        return code([&](pqxx::transaction_base& tx) { checkout(tx, table, key, who, ttl); });
    };
    run("CREATE TABLE plain (id int PRIMARY KEY)");
    EXPECT_EQ(refused("no_such_table", 1, "Ann", 1s), "42P01");
    EXPECT_EQ(refused("plain", 1, "Ann", 1s), "55000");
    EXPECT_EQ(refused("accounts", "one", "Ann", 1s), "22P02");
    EXPECT_EQ(refused("accounts", 1, "", 1s), "22023");
    EXPECT_EQ(refused("accounts", 1, "Ann", 0s), "22023");
    EXPECT_EQ(refused("accounts", 1, "Ann", 1ns), "22023");
    EXPECT_EQ(refused("accounts", 1, "Ann", 24h * 367), "22023");
    EXPECT_EQ(refused("accounts", 1, "Ann", 24h * 366), "none");
    auto e = caught<row_missing>([&] { take(99, "Ann"); });
    EXPECT_EQ(e.table(), "accounts");
    EXPECT_EQ(e.key(), "99");
    EXPECT_EQ(code([](auto& tx) { (void)try_checkout(tx, "accounts", 99, "Ann", 1h); }), "IL002");
    std::string zero("\0", 1);
    auto c = connect();
    pqxx::nontransaction tx{*c};
    EXPECT_THROW(checkout(tx, zero, 1, "Ann", 1s), std::invalid_argument);
    EXPECT_THROW(checkout(tx, "accounts", 1, zero, 1s), std::invalid_argument);
    EXPECT_THROW(checkout(tx, "accounts", 1, "Ann", 1s, zero), std::invalid_argument);
    EXPECT_THROW(use_checkout(tx, "accounts", 1, 1), std::invalid_argument);
    EXPECT_THROW((void)try_use_checkout(tx, "accounts", 1, 1), std::invalid_argument);
    EXPECT_TRUE(try_checkout(tx, "accounts", 1, "Ann", 1s).granted);
}

}  // namespace
