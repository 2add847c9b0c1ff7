// versioned_update_many, raising and telling.

#include <numeric>

#include "server.hpp"

namespace {

using namespace interlock;

class Batch : public Server {
  protected:
    static std::string balance(int n) { return "{\"balance\": " + std::to_string(n) + "}"; }

    std::vector<row_result> try_many(const std::vector<row_update>& rows,
                                     batch_mode mode = batch_mode::all_or_nothing) {
        return in_transaction(
            [&](auto& tx) { return try_versioned_update_many(tx, "accounts", rows, mode); });
    }

    void make_swallowed(const char* condition) const {
        run("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RETURN NULL; END'");
        run(std::string{"CREATE TRIGGER a BEFORE UPDATE ON accounts FOR EACH ROW WHEN ("} +
            condition + ") EXECUTE FUNCTION swallow()");
    }
};

TEST_F(Batch, WritesAll) {
    // Proves that rows are written in the order of their keys, each key told as an object.
    make_accounts();
    auto r = try_many(
        {{3, 1, balance(30)}, {"1", 1, balance(10)}, {key::columns({{"id", 2}}), 1, balance(100)}});
    ASSERT_EQ(r.size(), 3u);
    EXPECT_EQ(r[0].key.text(), R"({"id": 1})");
    EXPECT_TRUE(r[0].key.composite());
    EXPECT_EQ(r[0].result.status, write_status::written);
    EXPECT_EQ(r[0].result.version, 2);
    EXPECT_EQ(r[1].result.status, write_status::unchanged);
    EXPECT_EQ(r[1].result.version, 1);
    EXPECT_EQ(r[2].key.text(), R"({"id": 3})");
    EXPECT_EQ(value("SELECT string_agg(balance::text, ',' ORDER BY id) FROM accounts"),
              "10,100,30");
    auto versions = in_transaction([](auto& tx) {
        return versioned_update_many(tx, "accounts", {{2, 1, balance(20)}, {1, 2, balance(11)}});
    });
    ASSERT_EQ(versions.size(), 2u);
    EXPECT_EQ(versions[0].key.text(), R"({"id": 1})");
    EXPECT_EQ(versions[0].version, 3);
    EXPECT_EQ(versions[1].version, 2);
    // What came back names the row again.
    EXPECT_EQ(in_transaction([&](auto& tx) {
                  return versioned_update(tx, "accounts", versions[0].key, 3, balance(12));
              }),
              4);
}

TEST_F(Batch, EmptyIsNothing) {
    // Proves that a batch without rows does nothing, but that its table must be there.
    make_accounts();
    EXPECT_TRUE(try_many({}).empty());
    EXPECT_TRUE(
        in_transaction([](auto& tx) { return versioned_update_many(tx, "accounts", {}); }).empty());
    EXPECT_EQ(code([](auto& tx) { (void)try_versioned_update_many(tx, "nowhere", {}); }), "42P01");
}

TEST_F(Batch, AllOrNothing) {
    // Proves that one failure holds the others back, and that each row is told.
    make_accounts();
    run("UPDATE accounts SET owner = 'Ann' WHERE id = 2");
    auto r = try_many({{1, 1, balance(1)}, {2, 1, balance(2)}, {99, 1, balance(3)}});
    ASSERT_EQ(r.size(), 3u);
    EXPECT_EQ(r[0].result.status, write_status::held_back);
    EXPECT_FALSE(r[0].result.ok());
    EXPECT_EQ(r[0].result.version, 1);
    EXPECT_EQ(r[1].result.status, write_status::stale);
    EXPECT_EQ(r[1].result.version, 2);
    EXPECT_EQ(json_at(r[1].result.current, "owner"), "Ann");
    EXPECT_EQ(json_at(r[1].result.conflicts, "balance,mine"), "2");
    EXPECT_EQ(r[2].result.status, write_status::missing);
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 300);
}

TEST_F(Batch, Partial) {
    // Proves that a partial batch writes what it can.
    make_accounts();
    make_swallowed("OLD.id = 3");
    run("UPDATE accounts SET owner = 'Ann' WHERE id = 2");
    auto r =
        try_many({{3, 1, balance(3)}, {1, 1, balance(1)}, {2, 1, balance(2)}}, batch_mode::partial);
    ASSERT_EQ(r.size(), 3u);
    EXPECT_EQ(r[0].result.status, write_status::written);
    EXPECT_EQ(r[1].result.status, write_status::stale);
    EXPECT_EQ(r[2].result.status, write_status::rejected);
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 201);
}

TEST_F(Batch, RefusedListsEveryRow) {
    // Proves that the raising form lists every stale, missing and rejected row, writes nothing and
    // leaves the transaction good.
    make_accounts();
    run("INSERT INTO accounts VALUES (4, 'four', 100), (5, 'five', 100)");
    make_swallowed("OLD.id = 3");
    run("UPDATE accounts SET owner = 'Ann' WHERE id IN (2, 5)");
    auto c = connect();
    pqxx::work tx{*c};
    auto e = caught<batch_refused>([&] {
        versioned_update_many(tx, "accounts",
                              {{1, 1, balance(1)},
                               {5, 1, balance(5)},
                               {2, 1, balance(2)},
                               {98, 1, balance(0)},
                               {3, 1, balance(3)}});
    });
    EXPECT_EQ(e.sqlstate(), "IL001");
    EXPECT_EQ(e.table(), "accounts");
    EXPECT_EQ(e.rows(), 5u);
    EXPECT_STREQ(e.what(),
                 "4 of 5 rows of table \"accounts\" cannot be updated: 2 stale, 1 missing, "
                 "1 rejected");
    ASSERT_EQ(e.stale().size(), 2u);
    EXPECT_EQ(e.stale()[0].key, R"({"id": 2})");
    EXPECT_EQ(e.stale()[0].table, "accounts");
    EXPECT_EQ(e.stale()[0].current_version, 2);
    EXPECT_EQ(contested_columns(e.stale()[1].conflicts), std::vector<std::string>{"balance"});
    ASSERT_EQ(e.missing().size(), 1u);
    EXPECT_EQ(e.missing()[0].key, R"({"id": 98})");
    ASSERT_EQ(e.rejected().size(), 1u);
    EXPECT_EQ(e.rejected()[0].key, R"({"id": 3})");
    tx.exec("UPDATE accounts SET balance = 7 WHERE id = 4");
    tx.commit();
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 407);
}

TEST_F(Batch, CodeOfTheWorst) {
    // Proves that without a stale row the code is that of a missing one, else of a rejected one.
    make_accounts();
    make_swallowed("OLD.id = 3");
    auto c = connect();
    pqxx::work tx{*c};
    auto refused = [&](const std::vector<row_update>& rows) {
        auto e = caught<batch_refused>([&] { versioned_update_many(tx, "accounts", rows); });
        return std::string{e.sqlstate()};
    };
    EXPECT_EQ(refused({{3, 1, balance(1)}, {99, 1, balance(1)}}), "IL002");
    EXPECT_EQ(refused({{3, 1, balance(1)}, {1, 1, balance(1)}}), "IL004");
}

TEST_F(Batch, RerunsOnlyWhatWasStale) {
    // Proves that rerun_stale runs a refused batch again if it was stale, and not if rows are
    // missing.
    make_accounts();
    auto c = connect();
    retry_policy policy;
    policy.rerun_stale = true;
    int runs = 0;
    transact(*c, policy, [&](pqxx::dbtransaction& tx) {
        auto version =
            tx.exec("SELECT version FROM accounts WHERE id = 2")[0][0].as<std::int64_t>();
        if (++runs == 1) run("UPDATE accounts SET owner = 'Ann' WHERE id = 2");
        versioned_update_many(tx, "accounts", {{1, 1, balance(1)}, {2, version, balance(2)}});
    });
    EXPECT_EQ(runs, 2);
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 103);
    runs = 0;
    (void)caught<batch_refused>([&] {
        transact(*c, policy, [&](pqxx::dbtransaction& tx) {
            ++runs;
            versioned_update_many(tx, "accounts", {{99, 1, balance(1)}});
        });
    });
    EXPECT_EQ(runs, 1);
}

TEST_F(Batch, AThousandRows) {
    // Proves that a large batch arrives whole, prepared or not, whatever order it comes in.
    run("CREATE TABLE many (k text PRIMARY KEY, n int, t text)");
    run("SELECT interlock.enable_versioning('many')");
    run("INSERT INTO many SELECT 'key ' || i, 0, '' FROM generate_series(1, 1000) i");
    auto c = connect();
    auto batch = [](std::int64_t expected, int n) {
        std::vector<row_update> rows;
        for (int i = 1000; i > 0; --i)
            rows.push_back({"key " + std::to_string(i), expected,
                            "{\"n\": " + std::to_string(n * i) + R"(, "t": "{\"a\", 'b'}\\"})"});
        return rows;
    };
    auto write = [&](std::int64_t expected, int n) {
        pqxx::work tx{*c};
        auto versions = versioned_update_many(tx, "many", batch(expected, n));
        tx.commit();
        EXPECT_EQ(versions.size(), 1000u);
        for (const auto& v : versions)
            EXPECT_EQ(v.version, expected + 1);
    };
    write(1, 1);
    EXPECT_EQ(number("SELECT sum(n) FROM many"), 500500);
    EXPECT_EQ(number("SELECT count(*) FROM many WHERE t = '{\"a\", ''b''}\\'"), 1000);
    {
        prepared_statements prepared{*c};
        write(2, 2);
        write(3, 3);
    }
    EXPECT_EQ(number("SELECT sum(n) FROM many"), 3 * 500500);
    pqxx::work tx{*c};
    auto e = caught<batch_refused>([&] { versioned_update_many(tx, "many", batch(1, 9)); });
    EXPECT_EQ(e.stale().size(), 1000u);
}

TEST_F(Batch, RivalsInOppositeOrderDoNotDeadlock) {
    // Proves that batches lock their rows in the order of the keys: the second waits for the first
    // and is stale.
    make_accounts();
    auto first = connect(), second = connect();
    pqxx::work winner{*first};
    versioned_update_many(winner, "accounts", {{1, 1, balance(1)}, {2, 1, balance(1)}});
    task loser{[&] {
        pqxx::work tx{*second};
        versioned_update_many(tx, "accounts", {{2, 1, balance(2)}, {1, 1, balance(2)}});
    }};
    wait_until_blocked(second->backendpid());
    winner.commit();
    auto e = caught<batch_refused>([&] { std::rethrow_exception(loser.result()); });
    EXPECT_EQ(e.stale().size(), 2u);
}

TEST_F(Batch, CompositeKeysAndHostileNames) {
    // Proves that key and version columns are found whatever they are called, that INCLUDE columns
    // are none of the key, and that values cannot break out of their row.
    run(R"(CREATE TABLE "T '""{" ("k "" \" int, "}'," text, "the version" int, n text,
           PRIMARY KEY ("}',", "k "" \") INCLUDE (n)))");
    run(R"(SELECT interlock.enable_versioning('"T ''""{"', 'the version'))");
    run(R"(INSERT INTO "T '""{" VALUES (1, 'a"}, {', 1, ''), (1, 'NULL', 1, ''))");
    const char* table = R"("T '""{")";
    auto c = connect();
    pqxx::work tx{*c};
    auto versions = versioned_update_many(
        tx, table,
        {{key::columns({{"}',", "a\"}, {"}, {"k \" \\", 1}}), 1, R"({"n": "{\"x\": 1}, \\"})"},
         {key::json(R"({"k \" \\": 1, "}',": "NULL"})"), 1, R"({"n": "NULL"})"}});
    ASSERT_EQ(versions.size(), 2u);
    EXPECT_EQ(versions[0].version, 2);
    auto stored =
        tx.exec(R"(SELECT n FROM "T '""{" WHERE "}'," = 'a"}, {')")[0][0].as<std::string>();
    EXPECT_EQ(stored, R"({"x": 1}, \)");
    // A renamed column is still the version.
    tx.exec(R"(ALTER TABLE "T '""{" RENAME "the version" TO "čís")");
    EXPECT_EQ(versioned_update_many(tx, table, {{versions[0].key, 2, R"({"n": "z"})"}})[0].version,
              3);
}

TEST_F(Batch, BadInputHasItsCode) {
    // Proves that what the server says of wrong rows arrives with its SQLSTATE.
    make_accounts();
    run("CREATE TABLE plain (id int PRIMARY KEY, n int)");
    run("CREATE TABLE keyless (n int)");
    run("SELECT interlock.enable_versioning('keyless')");
    auto many = [&](const char* table, const std::vector<row_update>& rows) {
        return code([&](auto& tx) { (void)try_versioned_update_many(tx, table, rows); });
    };
    EXPECT_EQ(many("plain", {{1, 1, "{}"}}), "55000");
    EXPECT_EQ(many("plain", {}), "55000");
    EXPECT_EQ(many("keyless", {{key::json("{}"), 1, "{}"}}), "55000");
    EXPECT_EQ(many("accounts", {{1, 1, "{}"}, {"1", 1, "{}"}}), "22023");
    EXPECT_EQ(many("accounts", {{1, 1, "[]"}}), "22023");
    EXPECT_EQ(many("accounts", {{1, 1, "null"}}), "22023");
    EXPECT_EQ(many("accounts", {{1, 1, "{}, \"x\": 1"}}), "22P02");
    EXPECT_EQ(many("accounts", {{"x", 1, "{}"}}), "22P02");
    EXPECT_EQ(many("accounts", {{1, 1, R"({"nothing": 1})"}}), "42703");
    EXPECT_EQ(many("accounts", {{key::columns({{"owner", "x"}}), 1, "{}"}}), "22023");
}

TEST_F(Batch, ChangesHoldNoKeyAndNoVersion) {
    // Proves that changes that would replace the key or the version are refused before anything is
    // called, with the row's number, and that zero bytes are not sent.
    make_accounts();
    auto c = connect();
    pqxx::work tx{*c};
    for (auto changes : {R"({"id": 2})", R"({"version": 7, "balance": 1})"}) {
        auto e = caught<std::invalid_argument>([&] {
            (void)try_versioned_update_many(tx, "accounts", {{1, 1, balance(1)}, {2, 1, changes}});
        });
        EXPECT_STREQ(e.what(),
                     "the changes of row 2 of the batch hold a column of its key, or the version");
    }
    EXPECT_THROW((void)try_versioned_update_many(tx, "accounts", {{1, 1, std::string{"{}\0", 3}}}),
                 std::invalid_argument);
    tx.commit();
    EXPECT_EQ(number("SELECT sum(balance) FROM accounts"), 300);
}

}  // namespace
