// versioned_update, raising and telling, with every kind of key and outcome.

#include "server.hpp"

namespace {

using namespace interlock;

class Versioning : public Server {
  protected:
    write_result try_update(const std::string& table, const key& key, std::int64_t expected,
                            const std::string& changes) {
        return in_transaction(
            [&](auto& tx) { return try_versioned_update(tx, table, key, expected, changes); });
    }
};

TEST_F(Versioning, Writes) {
    // Proves that a write at the right version happens and hands back the new version.
    make_accounts();
    auto r = try_update("accounts", 1, 1, R"({"balance": 5})");
    EXPECT_EQ(r.status, write_status::written);
    EXPECT_TRUE(r.ok());
    EXPECT_EQ(r.version, 2);
    EXPECT_EQ(in_transaction([](auto& tx) {
                  return versioned_update(tx, "accounts", 1, 2, R"({"owner": "Ann"})");
              }),
              3);
    EXPECT_EQ(value("SELECT owner || balance || version FROM accounts WHERE id = 1"), "Ann53");
}

TEST_F(Versioning, TellsWhenNothingChanges) {
    // Proves that changes that alter nothing verify the version and keep it.
    make_accounts();
    auto r = try_update("accounts", 1, 1, R"({"balance": 100})");
    EXPECT_EQ(r.status, write_status::unchanged);
    EXPECT_TRUE(r.ok());
    EXPECT_EQ(r.version, 1);
}

TEST_F(Versioning, TellsStale) {
    // Proves that a stale write is told with version, row and both sides of each conflict, and that
    // the transaction is good afterwards.
    make_accounts();
    (void)try_update("accounts", 1, 1, R"({"owner": "Ann"})");
    auto r = in_transaction([](auto& tx) {
        auto stale = try_versioned_update(tx, "accounts", 1, 1, R"({"owner": "Bob"})");
        tx.exec("UPDATE accounts SET balance = 1 WHERE id = 2");
        return stale;
    });
    EXPECT_EQ(r.status, write_status::stale);
    EXPECT_FALSE(r.ok());
    EXPECT_EQ(r.version, 2);
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 2"), 1);
    auto json = "'" + r.current.value() + "'::jsonb";
    EXPECT_EQ(value("SELECT " + json + " ->> 'owner'"), "Ann");
    auto conflict = "('" + r.conflicts.value() + "'::jsonb -> 'owner')";
    EXPECT_EQ(value("SELECT " + conflict + " ->> 'mine'"), "Bob");
    EXPECT_EQ(value("SELECT " + conflict + " ->> 'theirs'"), "Ann");
}

TEST_F(Versioning, RaisesStale) {
    // Proves that the raising form carries table, key, versions, row and conflicts, and leaves the
    // transaction good.
    make_accounts();
    (void)try_update("accounts", 1, 1, R"({"owner": "Ann"})");
    auto c = connect();
    pqxx::work tx{*c};
    auto e = caught<stale_version>(
        [&] { versioned_update(tx, "accounts", 1, 1, R"({"owner": "Bob"})"); });
    EXPECT_EQ(e.table(), "accounts");
    EXPECT_EQ(e.key(), "1");
    EXPECT_EQ(e.expected(), 1);
    EXPECT_EQ(e.current_version(), 2);
    EXPECT_TRUE(e.current());
    EXPECT_TRUE(e.conflicts());
    EXPECT_STREQ(e.what(), "row 1 of table \"accounts\" is at version 2, not 1");
    tx.exec("SELECT 1");
}

TEST_F(Versioning, BaseNarrowsTheConflicts) {
    // Proves that with a base only the truly contested columns are reported, with their base.
    make_accounts();
    (void)try_update("accounts", 1, 1, R"({"owner": "Ann"})");
    auto r = in_transaction([](auto& tx) {
        return try_versioned_update(tx, "accounts", 1, 1, R"({"owner": "Bob", "balance": 7})",
                                    R"({"owner": "owner 1", "balance": 100})");
    });
    auto conflicts = "'" + r.conflicts.value() + "'::jsonb";
    EXPECT_EQ(value("SELECT string_agg(k, ',') FROM jsonb_object_keys(" + conflicts + ") k"),
              "owner");
    EXPECT_EQ(value("SELECT " + conflicts + " -> 'owner' ->> 'base'"), "owner 1");
}

TEST_F(Versioning, Missing) {
    // Proves that a row that is not there is told and raised as missing.
    make_accounts();
    auto r = try_update("accounts", 99, 1, R"({"balance": 5})");
    EXPECT_EQ(r.status, write_status::missing);
    EXPECT_FALSE(r.version);
    auto e = caught<row_missing>([&] {
        in_transaction(
            [](auto& tx) { return versioned_update(tx, "accounts", 99, 1, R"({"balance": 5})"); });
    });
    EXPECT_EQ(e.key(), "99");
    EXPECT_EQ(e.sqlstate(), "IL002");
}

TEST_F(Versioning, Rejected) {
    // Proves that a write that a trigger swallows is told and raised as rejected.
    make_accounts();
    run("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
    run("CREATE TRIGGER a BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION swallow()");
    EXPECT_EQ(try_update("accounts", 1, 1, R"({"balance": 5})").status, write_status::rejected);
    auto e = caught<write_rejected>([&] {
        in_transaction(
            [](auto& tx) { return versioned_update(tx, "accounts", 1, 1, R"({"balance": 5})"); });
    });
    EXPECT_EQ(e.sqlstate(), "IL004");
}

TEST_F(Versioning, TwoWritersOneWins) {
    // Proves that of two sessions that read the same version the second waits and is then stale,
    // judged by the newest row.
    make_accounts();
    auto first = connect(), second = connect();
    pqxx::work winner{*first};
    versioned_update(winner, "accounts", 1, 1, R"({"balance": 5})");
    std::optional<write_result> r;
    task loser{[&] {
        pqxx::work tx{*second};
        r = try_versioned_update(tx, "accounts", 1, 1, R"({"balance": 6})");
    }};
    wait_until_blocked(second->backendpid());
    winner.commit();
    ASSERT_FALSE(loser.result());
    EXPECT_EQ(r->status, write_status::stale);
    EXPECT_EQ(r->version, 2);
    EXPECT_EQ(value("SELECT '" + r->current.value() + "'::jsonb ->> 'balance'"), "5");
}

TEST_F(Versioning, NewerThanTheSnapshotIsASerializationFailure) {
    // Proves that at REPEATABLE READ a row changed since the snapshot is 40001, not stale.
    make_accounts();
    auto c = connect();
    retry_policy once;
    once.attempts = 1;
    auto e = caught<retries_exhausted>([&] {
        transact(*c, once, {.isolation = isolation::repeatable_read}, [&](pqxx::dbtransaction& tx) {
            tx.exec("SELECT count(*) FROM accounts");
            run("UPDATE accounts SET balance = 5 WHERE id = 1");
            versioned_update(tx, "accounts", 1, 1, R"({"balance": 6})");
        });
    });
    EXPECT_THROW(std::rethrow_exception(e.last_error()), serialization_failure);
}

TEST_F(Versioning, EveryKindOfKey) {
    // Proves that integer, text, uuid, numeric and date keys are read by their own type, and that
    // text that looks like SQL or JSON is only text.
    auto check = [&](const std::string& type, const std::string& literal, const key& key) {
        run("CREATE TABLE keyed (k " + type + " PRIMARY KEY, n int)");
        run("SELECT interlock.enable_versioning('keyed')");
        run("INSERT INTO keyed VALUES (" + literal + ", 1)");
        EXPECT_EQ(try_update("keyed", key, 1, R"({"n": 2})").status, write_status::written) << type;
        EXPECT_EQ(number("SELECT n FROM keyed"), 2) << type;
        run("DROP TABLE keyed");
    };
    check("int", "7", 7);
    check("smallint", "-7", -7);
    check("bigint", "9223372036854775807", std::numeric_limits<std::int64_t>::max());
    check("bigint", "7", "7");
    check("text", "'7'", 7);
    check("text", "'it''s; DROP TABLE keyed'", "it's; DROP TABLE keyed");
    check("text", "'{\"k\": 1}'", "{\"k\": 1}");
    check("text", "''", "");
    check("text", "'čaj'", "čaj");
    check("uuid", "'b0b5c0de-0000-4000-8000-000000000000'", "B0B5C0DE-0000-4000-8000-000000000000");
    check("numeric", "1.50", "1.5");
    check("date", "'2026-02-28'", "2026-02-28");
    check("timestamptz", "'2026-02-28 12:00+00'", "2026-02-28 12:00:00+00");
}

TEST_F(Versioning, CompositeKeys) {
    // Proves that keys of several columns go by name, in any order, also for a single column.
    run("CREATE TABLE lines (o int, l text, n int, PRIMARY KEY (o, l))");
    run("SELECT interlock.enable_versioning('lines')");
    run("INSERT INTO lines VALUES (7, 'a\"b', 1), (7, 'c', 1)");
    auto k = key::columns({{"l", "a\"b"}, {"o", 7}});
    EXPECT_EQ(try_update("lines", k, 1, R"({"n": 2})").status, write_status::written);
    EXPECT_EQ(number("SELECT n FROM lines WHERE l = 'a\"b'"), 2);
    EXPECT_EQ(number("SELECT n FROM lines WHERE l = 'c'"), 1);
    k = key::json(R"({"o": 7, "l": "c"})");
    EXPECT_EQ(try_update("lines", k, 1, R"({"n": 3})").status, write_status::written);
    EXPECT_EQ(try_update("lines", key::columns({{"o", 8}, {"l", "c"}}), 1, R"({"n": 3})").status,
              write_status::missing);
    make_accounts();
    EXPECT_EQ(try_update("accounts", key::columns({{"id", 1}}), 1, R"({"balance": 3})").status,
              write_status::written);
}

TEST_F(Versioning, TablesByName) {
    // Proves that the table's name is a name: qualified and quoted ones work, SQL in it does not.
    run("CREATE TABLE \"Mixed \"\"Case\"\"\" (id int PRIMARY KEY, n int)");
    run("SELECT interlock.enable_versioning('\"Mixed \"\"Case\"\"\"')");
    run("INSERT INTO \"Mixed \"\"Case\"\"\" VALUES (1, 1)");
    EXPECT_TRUE(try_update("\"Mixed \"\"Case\"\"\"", 1, 1, R"({"n": 2})").ok());
    auto c = connect();
    pqxx::nontransaction tx{*c};
    EXPECT_THROW((void)try_versioned_update(tx, "nowhere", 1, 1, "{}"), pqxx::undefined_table);
    EXPECT_ANY_THROW((void)try_versioned_update(tx, "pg_class; DROP TABLE x", 1, 1, "{}"));
}

TEST_F(Versioning, BadInputHasItsCode) {
    // Proves that what the server says of wrong arguments arrives with its SQLSTATE.
    make_accounts();
    run("CREATE TABLE plain (id int PRIMARY KEY, n int)");
    auto c = connect();
    auto code = [&](const char* table, const key& key, const char* changes) {
        try {
            pqxx::work tx{*c};
            (void)try_versioned_update(tx, table, key, 1, changes);
            return std::string{"none"};
        } catch (const std::exception& e) {
            return sqlstate_of(e);
        }
    };
    EXPECT_EQ(code("plain", 1, R"({"n": 2})"), "55000");
    EXPECT_EQ(code("accounts", 1, R"({"nothing": 2})"), "42703");
    EXPECT_EQ(code("accounts", 1, R"({"balance": "x"})"), "22P02");
    EXPECT_EQ(code("accounts", "x", R"({"balance": 1})"), "22P02");
    EXPECT_EQ(code("accounts", 1, "{no json"), "22P02");
    EXPECT_EQ(code("accounts", 1, R"({"balance": 1})"), "none");
}

TEST_F(Versioning, RefusesZeroBytes) {
    // Proves that no argument with a zero byte reaches libpq, which would cut it off.
    make_accounts();
    auto c = connect();
    pqxx::work tx{*c};
    using namespace std::string_view_literals;
    EXPECT_THROW((void)try_versioned_update(tx, "accounts\0x"sv, 1, 1, "{}"),
                 std::invalid_argument);
    EXPECT_THROW((void)try_versioned_update(tx, "accounts", 1, 1, "{}\0"sv), std::invalid_argument);
    EXPECT_THROW((void)try_versioned_update(tx, "accounts", 1, 1, "{}", "{}\0"sv),
                 std::invalid_argument);
    tx.exec("SELECT 1");
}

TEST_F(Versioning, LargeAndOddValues) {
    // Proves that a megabyte, quotes, Unicode and JSON null arrive as they were sent.
    make_accounts();
    std::string big(1 << 20, 'x');
    EXPECT_TRUE(try_update("accounts", 1, 1, R"({"owner": ")" + big + R"("})").ok());
    EXPECT_EQ(number("SELECT length(owner) FROM accounts WHERE id = 1"), 1 << 20);
    EXPECT_TRUE(try_update("accounts", 1, 2, R"({"owner": "it's \"čaj\" $1 \\"})").ok());
    EXPECT_EQ(value("SELECT owner FROM accounts WHERE id = 1"), "it's \"čaj\" $1 \\");
    EXPECT_TRUE(try_update("accounts", 1, 3, R"({"owner": null})").ok());
    EXPECT_EQ(value("SELECT owner IS NULL FROM accounts WHERE id = 1"), "t");
}

TEST_F(Versioning, NothingRunsOutsideAFailedTransaction) {
    // Proves that after an error nothing is written outside the transaction that had it, as
    // libpqxx 6.4.5 would do.
    make_accounts();
    auto c = connect();
    for (bool prepare : {false, true}) {
        std::optional<prepared_statements> prepared;
        if (prepare) prepared.emplace(*c);
        pqxx::work tx{*c};
        EXPECT_ANY_THROW(tx.exec("SELECT 1/0"));
        EXPECT_ANY_THROW((void)try_versioned_update(tx, "accounts", 1, 1, R"({"balance": 5})"));
    }
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 100);
}

TEST_F(Versioning, WorksInAutocommit) {
    // Proves that in a nontransaction the call is a transaction of its own.
    make_accounts();
    auto c = connect();
    pqxx::nontransaction tx{*c};
    EXPECT_EQ(versioned_update(tx, "accounts", 1, 1, R"({"balance": 5})"), 2);
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 5);
}

TEST(WriteStatus, NamesAreThoseOfSql) {
    // Proves that each status has the name of interlock.write_status, and which mean success.
    const std::pair<write_status, const char*> all[] = {
        {write_status::written, "written"},     {write_status::unchanged, "unchanged"},
        {write_status::merged, "merged"},       {write_status::stale, "stale"},
        {write_status::missing, "missing"},     {write_status::conflict, "conflict"},
        {write_status::exists, "exists"},       {write_status::rejected, "rejected"},
        {write_status::held_back, "held_back"},
    };
    for (auto [status, name] : all)
        EXPECT_EQ(to_string(status), name);
    for (auto [status, name] : all)
        EXPECT_EQ(succeeded(status), status <= write_status::merged) << name;
}

TEST_F(Versioning, StatusesAreThoseOfTheServer) {
    // Proves that the server's enum has exactly the names that this library knows, in order.
    EXPECT_EQ(value("SELECT string_agg(l::text, ',' ORDER BY l)"
                    " FROM unnest(enum_range(NULL::interlock.write_status)) l"),
              "written,unchanged,merged,stale,missing,conflict,exists,rejected,held_back");
}

}  // namespace
