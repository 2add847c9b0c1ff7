// Row locks: rows as the application's own types, and what becomes of rows that are not to be had.

#include <algorithm>
#include <atomic>
#include <latch>

#include "locks.hpp"

struct account {
    int id;
    std::optional<std::string> owner;
    int balance;

    bool operator==(const account&) const = default;
};

template <>
struct interlock::row_reader<account> {
    static account read(const locked_row& row) {
        return {row.get<int>("id"), row.get<std::optional<std::string>>("owner"),
                row.get<int>("balance")};
    }
};

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class RowLocks : public Locks {
  protected:
    using columns = std::tuple<int, std::optional<std::string>, int>;

    // Can somebody else lock the row, without waiting?
    bool free(int id, const char* mode = "UPDATE") const {
        return code([&](pqxx::work& tx) {
                   tx.exec("SELECT FROM accounts WHERE id = " + std::to_string(id) + " FOR " +
                           mode + " NOWAIT");
               }) == "none";
    }

    template <class T>
    static std::vector<lock_status> statuses(const std::vector<keyed_lock_result<T>>& results) {
        std::vector<lock_status> all;
        for (const auto& [key, result] : results)
            all.push_back(result.status);
        return all;
    }
};

TEST_F(RowLocks, RowAsTheCallerWantsIt) {
    // Proves that a row is handed over as a tuple, as a type of the application's, or as what a
    // reader makes of it, and is locked then.
    make_plain_accounts();
    run("UPDATE accounts SET owner = NULL WHERE id = 2");
    auto c = connect();
    pqxx::work tx{*c};
    EXPECT_EQ(lock_row<columns>(tx, "accounts", 1), columns(1, "owner 1", 100));
    EXPECT_EQ(lock_row<columns>(tx, "accounts", "2"), columns(2, std::nullopt, 100));
    EXPECT_EQ(lock_row<account>(tx, "accounts", 2), (account{2, std::nullopt, 100}));
    EXPECT_EQ(lock_row<std::tuple<int>>(tx, "accounts", 1), std::tuple(1));
    EXPECT_EQ(lock_row(tx, "accounts", 1,
                       [](const locked_row& row) {
                           EXPECT_EQ(row.columns(), 3);
                           EXPECT_THROW((void)row.get<int>(3), std::out_of_range);
                           EXPECT_THROW((void)row.get<int>(-1), std::out_of_range);
                           EXPECT_ANY_THROW((void)row.get<int>("status"));
                           return row.get<std::string>("owner") + "/" + row.get<std::string>(2);
                       }),
              "owner 1/100");
    EXPECT_FALSE(free(1));
    EXPECT_FALSE(free(2));
    EXPECT_TRUE(free(3));
    tx.commit();
    EXPECT_TRUE(free(1));
}

TEST_F(RowLocks, ColumnsThatCannotBeRead) {
    // Proves that a column that is not there, is NULL or does not convert is an error, and the row
    // is locked all the same.
    make_plain_accounts();
    run("UPDATE accounts SET owner = NULL WHERE id = 1");
    auto c = connect();
    pqxx::work tx{*c};
    using too_many = std::tuple<int, std::optional<std::string>, int, int>;
    using not_null = std::tuple<int, std::string>;
    using wrong = std::tuple<int, std::optional<int>>;
    EXPECT_THROW((void)lock_row<too_many>(tx, "accounts", 1), std::out_of_range);
    EXPECT_ANY_THROW((void)lock_row<not_null>(tx, "accounts", 1));
    EXPECT_ANY_THROW((void)lock_row<wrong>(tx, "accounts", 2));
    EXPECT_FALSE(free(1));
    tx.commit();
}

TEST_F(RowLocks, Modes) {
    // Proves that each mode keeps out what it says, and nothing else.
    make_plain_accounts();
    struct {
        row_lock_mode mode;
        bool no_key_update, share, key_share;
    } const expected[] = {{row_lock_mode::update, false, false, false},
                          {row_lock_mode::no_key_update, false, false, true},
                          {row_lock_mode::share, false, true, true},
                          {row_lock_mode::key_share, true, true, true}};
    for (const auto& e : expected) {
        auto c = connect();
        pqxx::work tx{*c};
        (void)lock_row<account>(tx, "accounts", 1, {.mode = e.mode});
        EXPECT_FALSE(free(1));
        EXPECT_EQ(free(1, "NO KEY UPDATE"), e.no_key_update);
        EXPECT_EQ(free(1, "SHARE"), e.share);
        EXPECT_EQ(free(1, "KEY SHARE"), e.key_share);
    }
}

TEST_F(RowLocks, SaysWhichRowAndWhoHasIt) {
    // Proves that a row that is not to be had is an error with table, key and blocking pids, after
    // a bounded wait that is kept, and that the telling form leaves the transaction good.
    make_plain_accounts();
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    (void)lock_row<account>(holder, "accounts", 2);
    {
        pqxx::work tx{*b};
        auto waited = milliseconds([&] {
            auto e = caught<lock_not_available>([&] {
                (void)lock_row<account>(tx, "accounts", 2, {.wait = lock_wait::at_most(200ms)});
            });
            EXPECT_EQ(e.table(), "accounts");
            EXPECT_EQ(e.key(), "2");
            EXPECT_EQ(e.lock_namespace(), "");
            EXPECT_EQ(e.blocking_pids(), std::vector{a->backendpid()});
        });
        EXPECT_GE(waited, 200);
        EXPECT_LT(waited, 1500);
    }
    pqxx::work tx{*b};
    auto result = try_lock_row<account>(tx, "accounts", 2, {.wait = lock_wait::none()});
    EXPECT_EQ(result.status, lock_status::unavailable);
    EXPECT_EQ(to_string(result.status), "unavailable");
    EXPECT_FALSE(result.ok());
    EXPECT_FALSE(result.row);
    result = try_lock_row<account>(tx, "accounts", 1);
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(result.row, (account{1, "owner 1", 100}));
}

TEST_F(RowLocks, WaitsForTheNewestRow) {
    // Proves that who waits gets the row as its holder leaves it.
    make_plain_accounts();
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    (void)lock_row<account>(holder, "accounts", 2);
    holder.exec("UPDATE accounts SET balance = 7 WHERE id = 2");
    task waiter{[&] {
        pqxx::work tx{*b};
        EXPECT_EQ(lock_row<account>(tx, "accounts", 2).balance, 7);
    }};
    wait_until_blocked(b->backendpid());
    holder.commit();
    EXPECT_FALSE(waiter.result());
}

TEST_F(RowLocks, MissingRows) {
    // Proves that a row that is not there is row_missing with table and key, or told.
    make_plain_accounts();
    auto c = connect();
    {
        pqxx::work tx{*c};
        auto e = caught<row_missing>([&] { (void)lock_row<account>(tx, "accounts", 9); });
        EXPECT_EQ(e.table(), "accounts");
        EXPECT_EQ(e.key(), "9");
    }
    pqxx::work tx{*c};
    auto result = try_lock_row<account>(tx, "accounts", 9);
    EXPECT_EQ(result.status, lock_status::missing);
    EXPECT_FALSE(result.row);
}

TEST_F(RowLocks, ExpectedVersion) {
    // Proves that a row at another version is stale_version with both, or told with the row as it
    // is, and not left locked.
    make_accounts();
    run("UPDATE accounts SET balance = 5 WHERE id = 1");
    auto c = connect();
    {
        pqxx::work tx{*c};
        auto e = caught<stale_version>(
            [&] { (void)lock_row<account>(tx, "accounts", 1, {.expected = 1}); });
        EXPECT_EQ(e.table(), "accounts");
        EXPECT_EQ(e.key(), "1");
        EXPECT_EQ(e.expected(), 1);
        EXPECT_EQ(e.current_version(), 2);
    }
    pqxx::work tx{*c};
    auto result = try_lock_row<account>(tx, "accounts", 1, {.expected = 1});
    EXPECT_EQ(result.status, lock_status::stale);
    ASSERT_TRUE(result.row);
    EXPECT_EQ(result.row->balance, 5);
    EXPECT_TRUE(free(1));
    EXPECT_TRUE(try_lock_row<account>(tx, "accounts", 1, {.expected = 2}).ok());
    EXPECT_FALSE(free(1));
}

TEST_F(RowLocks, ManyInTheOrderOfTheirKeys) {
    // Proves that many rows come each once and in the order of their keys, and are locked.
    make_plain_accounts();
    auto c = connect();
    pqxx::work tx{*c};
    auto rows = lock_rows<account>(tx, "accounts", {3, 1, 3});
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].id, 1);
    EXPECT_EQ(rows[1].id, 3);
    EXPECT_FALSE(free(1));
    EXPECT_TRUE(free(2));
    EXPECT_FALSE(free(3));
    EXPECT_EQ(lock_rows<std::tuple<int>>(tx, "accounts", {"2"}), std::vector{std::tuple(2)});
    EXPECT_EQ(lock_rows(tx, "accounts", {2, 1}, [](const locked_row& r) { return r.get<int>(0); }),
              (std::vector{1, 2}));
    EXPECT_TRUE(lock_rows<account>(tx, "accounts", {}).empty());
}

TEST_F(RowLocks, ManyAllOrNothing) {
    // Proves that one row that is missing, or not to be had, is an error that names it; that
    // missing_ok and skip_locked leave such rows out; and that the telling form tells each.
    make_plain_accounts();
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    (void)lock_row<account>(holder, "accounts", 2);
    auto attempt = [&](std::vector<key> keys, lock_rows_options options) {
        pqxx::work tx{*b};
        return lock_rows<std::tuple<int>>(tx, "accounts", keys, options);
    };
    auto missing = caught<row_missing>([&] { (void)attempt({8, 1, 7}, {}); });
    EXPECT_EQ(missing.table(), "accounts");
    EXPECT_EQ(missing.key(), R"({"id": 7})");
    auto taken = caught<lock_not_available>([&] {
        (void)attempt({3, 2, 1}, {.wait = lock_wait::at_most(10ms)});
    });
    EXPECT_EQ(taken.table(), "accounts");
    EXPECT_EQ(taken.key(), R"({"id": 2})");
    EXPECT_EQ(taken.blocking_pids(), std::vector{a->backendpid()});
    using ids = std::vector<std::tuple<int>>;
    EXPECT_EQ(attempt({3, 9, 1}, {.missing_ok = true}), (ids{{1}, {3}}));
    EXPECT_EQ(attempt({3, 2, 1}, {.skip_locked = true}), (ids{{1}, {3}}));
    EXPECT_EQ(code([&](pqxx::work& tx) {
                  (void)lock_rows<account>(tx, "accounts", {1},
                                           {.wait = lock_wait::at_most(1s), .skip_locked = true});
              }),
              "22023");

    pqxx::work tx{*b};
    auto results = try_lock_rows<account>(tx, "accounts", {9, 2, 1}, {.wait = lock_wait::none()});
    EXPECT_EQ(statuses(results),
              (std::vector{lock_status::locked, lock_status::unavailable, lock_status::missing}));
    EXPECT_EQ(results.at(1).key.text(), R"({"id": 2})");
    EXPECT_EQ(results.at(0).result.row, (account{1, "owner 1", 100}));
    EXPECT_FALSE(results.at(1).result.row);
    EXPECT_FALSE(free(1));
    EXPECT_EQ(try_lock_rows(tx, "accounts", {3},
                            [](const locked_row& r) { return r.get<std::string>("owner"); })
                  .at(0)
                  .result.row,
              "owner 3");
}

TEST_F(RowLocks, CompositeKeys) {
    // Proves that rows with keys of several columns are locked by name of column, and that keys of
    // both kinds do not go together.
    run("CREATE TABLE \"Order lines\" (\"order\" int, line text, n int, PRIMARY KEY (\"order\", "
        "line))");
    run("INSERT INTO \"Order lines\" VALUES (7, 'a', 1), (7, 'b', 2), (8, 'a', 3)");
    auto c = connect();
    pqxx::work tx{*c};
    auto b = key::columns({{"order", 7}, {"line", "b"}});
    auto a = key::columns({{"line", "a"}, {"order", 8}});
    auto n = [](const locked_row& row) { return row.get<int>("n"); };
    EXPECT_EQ(lock_row(tx, "\"Order lines\"", b, n), 2);
    EXPECT_EQ(lock_rows(tx, "\"Order lines\"", {a, b}, n), (std::vector{2, 3}));
    EXPECT_THROW((void)lock_rows(tx, "\"Order lines\"", {a, 7}, n), std::invalid_argument);
    EXPECT_EQ(try_lock_rows(tx, "\"Order lines\"", {a}, n).at(0).key.text(),
              R"({"line": "a", "order": 8})");
}

TEST_F(RowLocks, TableNames) {
    // Proves that names are read as SQL reads them, keywords too, and that what is no name is
    // refused before anything is sent.
    run("CREATE TABLE \"user\" (id int PRIMARY KEY)");
    run("CREATE TABLE \"a\"\"; --.\" (id int PRIMARY KEY)");
    run("CREATE TABLE \"\xc4\x8d$\" (id int PRIMARY KEY)");
    for (auto name : {"user", "a\"\"; --.", "\xc4\x8d$"})
        run(std::string{"INSERT INTO \""} + name + "\" VALUES (1)");
    auto schema = value("SELECT current_schema");
    auto c = connect();
    pqxx::work tx{*c};
    auto lock = [&](std::string_view table) {
        return std::get<0>(lock_row<std::tuple<int>>(tx, table, 1));
    };
    for (auto name : {"user", "USER", "\"user\"", "\"a\"\"; --.\"", "\xc4\x8d$", "\"\xc4\x8d$\""})
        EXPECT_EQ(lock(name), 1) << name;
    EXPECT_EQ(lock("\"" + schema + "\".User"), 1);
    for (std::string_view name :
         {"", " ", "user ", "user; DROP TABLE x", "1user", "\"user", "\"\"", "user\"", "a.", ".a",
          "a..b", "NULL::user", "\"a\"b", "a b", "$1", "a-b", "user()", "user[]"})
        EXPECT_THROW((void)lock(name), std::invalid_argument) << name;
    EXPECT_THROW((void)lock(std::string_view{"\"a\0\"", 4}), std::invalid_argument);
    tx.exec("SELECT 1");
}

TEST_F(RowLocks, OwnColumnsAreTheTables) {
    // Proves that a table whose columns are called like those that tell is read all the same.
    run("CREATE TABLE odd (key int PRIMARY KEY, status text, \"row\" int)");
    run("INSERT INTO odd VALUES (1, 'mine', 2)");
    auto c = connect();
    pqxx::work tx{*c};
    auto read = [](const locked_row& row) {
        return std::tuple{row.get<int>("key"), row.get<std::string>("status"), row.get<int>("row"),
                          row.columns()};
    };
    std::tuple expected{1, std::string{"mine"}, 2, 3};
    EXPECT_EQ(try_lock_row(tx, "odd", 1, read).row, expected);
    EXPECT_EQ(try_lock_rows(tx, "odd", {1}, read).at(0).result.row, expected);
    EXPECT_EQ(lock_row(tx, "odd", 1, read), expected);
}

TEST_F(RowLocks, TheTableMayChange) {
    // Proves that with prepared statements, too, a table that gets another column between two calls
    // is read as it is.
    make_plain_accounts();
    auto c = connect();
    prepared_statements prepared{*c};
    auto columns = [&] {
        pqxx::work tx{*c};
        return lock_row(tx, "accounts", 1, [](const locked_row& row) { return row.columns(); });
    };
    EXPECT_EQ(columns(), 3);
    run("ALTER TABLE accounts ADD COLUMN city text");
    EXPECT_EQ(columns(), 4);
}

TEST_F(RowLocks, WrongArguments) {
    // Proves that what cannot be locked is the server's own error, and that a transaction which
    // would not hold the lock is refused.
    make_plain_accounts();
    auto lock = [](const char* table, const key& key, lock_row_options options = {}) {
        return [=](pqxx::work& tx) { (void)lock_row<std::tuple<int>>(tx, table, key, options); };
    };
    EXPECT_EQ(code(lock("nowhere", 1)), "42704");
    EXPECT_EQ(code(lock("accounts", "x")), "22P02");
    EXPECT_EQ(code(lock("accounts", 1, {.expected = 1})), "55000");
    auto c = connect();
    pqxx::nontransaction none{*c};
    EXPECT_THROW((void)lock_row<account>(none, "accounts", 1), std::invalid_argument);
    EXPECT_THROW((void)try_lock_row<account>(none, "accounts", 1), std::invalid_argument);
    EXPECT_THROW((void)lock_rows<account>(none, "accounts", {1}), std::invalid_argument);
    EXPECT_THROW((void)try_lock_rows<account>(none, "accounts", {1}), std::invalid_argument);
}

TEST_F(RowLocks, ReadOnlyTransaction) {
    // Proves that a read-only transaction gets read_only_transaction.
    make_plain_accounts();
    auto c = connect();
    (void)caught<read_only_transaction>([&] {
        transact(*c, {}, {.read_only = true},
                 [](pqxx::dbtransaction& tx) { (void)lock_row<account>(tx, "accounts", 1); });
    });
}

TEST_F(RowLocks, ChangedSinceTheSnapshot) {
    // Proves that at REPEATABLE READ a row changed since the snapshot is serialization_failure,
    // raising and telling, and that transact runs it again.
    make_plain_accounts();
    auto c = connect();
    int runs = 0;
    transact(*c, {}, {.isolation = isolation::repeatable_read}, [&](pqxx::dbtransaction& tx) {
        tx.exec("SELECT count(*) FROM accounts");
        if (++runs < 3) run("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
        if (runs == 1)
            (void)lock_row<account>(tx, "accounts", 1);
        else
            EXPECT_EQ(try_lock_row<account>(tx, "accounts", 1).row.value().balance, 102);
    });
    EXPECT_EQ(runs, 3);
}

TEST_F(RowLocks, KilledWhileItWaits) {
    // Proves that a session that ends while it waits for a row is connection_lost.
    make_plain_accounts();
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    (void)lock_row<account>(holder, "accounts", 1);
    task waiter{[&] {
        pqxx::work tx{*b};
        (void)lock_row<account>(tx, "accounts", 1);
    }};
    wait_until_blocked(b->backendpid());
    terminate(b->backendpid());
    (void)caught<connection_lost>([&] { std::rethrow_exception(waiter.result()); });
}

TEST_F(RowLocks, DeadlockIsRunAgain) {
    // Proves that transactions that lock rows one by one, in opposite orders, get through under
    // transact, one of them after a deadlock; on a busy machine both may be told of one.
    make_plain_accounts();
    std::latch both_hold_one{2};
    std::atomic<int> deadlocks = 0;
    auto cross = [&](int first, int second) {
        return [&, first, second] {
            auto c = connect();
            retry_policy policy;
            policy.observer = [&](const failed_attempt& f) { deadlocks += f.sqlstate == "40P01"; };
            bool waited = false;
            transact(*c, policy, [&](pqxx::dbtransaction& tx) {
                tx.exec("SET LOCAL deadlock_timeout = '50ms'");
                (void)lock_row<account>(tx, "accounts", first);
                if (!std::exchange(waited, true)) both_hold_one.arrive_and_wait();
                (void)lock_row<account>(tx, "accounts", second);
            });
        };
    };
    task a{cross(1, 2)}, b{cross(2, 1)};
    EXPECT_FALSE(a.result());
    EXPECT_FALSE(b.result());
    EXPECT_GE(deadlocks, 1);
}

TEST_F(RowLocks, TransactWaitsWithinItsBudget) {
    // Proves that transact runs again what did not get its row, and hands on which row, and who has
    // it, when the lock budget is spent.
    make_plain_accounts();
    auto a = connect(), b = connect();
    pqxx::work holder{*a};
    (void)lock_row<account>(holder, "accounts", 1);
    int runs = 0;
    retry_policy policy;
    policy.lock_budget = 100ms;
    auto e = caught<retries_exhausted>([&] {
        transact(*b, policy, [&](pqxx::dbtransaction& tx) {
            ++runs;
            (void)lock_row<account>(tx, "accounts", 1, {.wait = lock_wait::at_most(30ms)});
        });
    });
    EXPECT_GE(runs, 2);
    auto last = caught<lock_not_available>([&] { std::rethrow_exception(e.last_error()); });
    EXPECT_EQ(last.key(), "1");
    EXPECT_EQ(last.blocking_pids(), std::vector{a->backendpid()});
}

TEST_F(RowLocks, LoseNothing) {
    // Proves that eight threads that lock the same rows in any order, read, and write what they
    // computed lose nothing and never deadlock.
    make_plain_accounts();
    std::atomic<int> failures = 0;
    std::vector<std::unique_ptr<task>> tasks;
    for (int t = 0; t < 8; ++t)
        tasks.push_back(std::make_unique<task>([&, t] {
            auto c = connect();
            retry_policy policy;
            policy.observer = [&](const failed_attempt&) { ++failures; };
            for (int i = 0; i < 25; ++i)
                transact(*c, policy, [&](pqxx::dbtransaction& tx) {
                    std::vector<key> keys{1, 2, 3};
                    std::rotate(keys.begin(), keys.begin() + (t + i) % 3, keys.end());
                    for (const auto& row : lock_rows<account>(tx, "accounts", keys))
                        tx.exec("UPDATE accounts SET balance = " + std::to_string(row.balance + 1) +
                                " WHERE id = " + std::to_string(row.id));
                });
        }));
    for (auto& t : tasks)
        EXPECT_FALSE(t->result());
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(number("SELECT sum(balance - 100) FROM accounts"), 3 * 8 * 25);
}

}  // namespace
