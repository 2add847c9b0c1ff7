// versioned_delete, versioned_touch, versioned_check and versioned_upsert, raising and telling.

#include "server.hpp"

namespace {

using namespace interlock;

class RowWrites : public Server {
  protected:
    void make_swallowed(const char* event) const {
        run("CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RETURN NULL; END'");
        run(std::string{"CREATE TRIGGER a BEFORE "} + event +
            " ON accounts FOR EACH ROW EXECUTE FUNCTION swallow()");
    }

    // Somebody else's change, which takes row 1 from version 1 to 2.
    void make_newer() const { run("UPDATE accounts SET owner = 'Ann' WHERE id = 1"); }

    // What both forms of a write say of a row that is stale, missing and rejected.
    template <class Try, class Raise>
    void expect_refusals(Try attempt, Raise raise) {
        make_newer();
        auto c = connect();
        pqxx::work tx{*c};
        auto stale = attempt(tx, 1, 1);
        EXPECT_EQ(stale.status, write_status::stale);
        EXPECT_EQ(stale.version, 2);
        EXPECT_EQ(json_at(stale.current, "owner"), "Ann");
        auto e = caught<stale_version>([&] { raise(tx, 1, 1); });
        EXPECT_EQ(e.table(), "accounts");
        EXPECT_EQ(e.key(), "1");
        EXPECT_EQ(e.expected(), 1);
        EXPECT_EQ(e.current_version(), 2);
        EXPECT_EQ(json_at(e.current(), "owner"), "Ann");
        EXPECT_STREQ(e.what(), "row 1 of table \"accounts\" is at version 2, not 1");
        EXPECT_EQ(attempt(tx, 99, 1).status, write_status::missing);
        EXPECT_EQ(caught<row_missing>([&] { raise(tx, 99, 1); }).key(), "99");
        tx.exec("SELECT 1");
    }
};

TEST_F(RowWrites, Deletes) {
    // Proves that a row at its version goes, and the other outcomes are told and raised.
    make_accounts();
    auto r = in_transaction([](auto& tx) { return try_versioned_delete(tx, "accounts", 3, 1); });
    EXPECT_EQ(r.status, write_status::written);
    EXPECT_TRUE(r.ok());
    EXPECT_FALSE(r.version);
    in_transaction([](auto& tx) { versioned_delete(tx, "accounts", 2, 1); });
    EXPECT_EQ(number("SELECT count(*) FROM accounts"), 1);
    expect_refusals(
        [](auto& tx, int k, int v) { return try_versioned_delete(tx, "accounts", k, v); },
        [](auto& tx, int k, int v) { versioned_delete(tx, "accounts", k, v); });
    EXPECT_EQ(number("SELECT count(*) FROM accounts"), 1);
}

TEST_F(RowWrites, DeleteRejected) {
    // Proves that a delete that a trigger swallows is told and raised, and the row stays.
    make_accounts();
    make_swallowed("DELETE");
    EXPECT_EQ(
        in_transaction([](auto& tx) { return try_versioned_delete(tx, "accounts", 1, 1).status; }),
        write_status::rejected);
    auto c = connect();
    pqxx::work tx{*c};
    (void)caught<write_rejected>([&] { versioned_delete(tx, "accounts", 1, 1); });
}

TEST_F(RowWrites, TwoDeleteOneWins) {
    // Proves that of two sessions that delete the same row the second waits and finds it missing.
    make_accounts();
    auto first = connect(), second = connect();
    pqxx::work winner{*first};
    versioned_delete(winner, "accounts", 1, 1);
    task loser{[&] {
        pqxx::work tx{*second};
        versioned_delete(tx, "accounts", 1, 1);
    }};
    wait_until_blocked(second->backendpid());
    winner.commit();
    (void)caught<row_missing>([&] { std::rethrow_exception(loser.result()); });
}

TEST_F(RowWrites, DeleteAgainstUpdate) {
    // Proves that a delete that waited for a rival's update does not take its change away.
    make_accounts();
    auto first = connect(), second = connect();
    pqxx::work winner{*first};
    versioned_update(winner, "accounts", 1, 1, R"({"balance": 5})");
    task loser{[&] {
        pqxx::work tx{*second};
        versioned_delete(tx, "accounts", 1, 1);
    }};
    wait_until_blocked(second->backendpid());
    winner.commit();
    auto e = caught<stale_version>([&] { std::rethrow_exception(loser.result()); });
    EXPECT_EQ(json_at(e.current(), "balance"), "5");
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 5);
}

TEST_F(RowWrites, Touches) {
    // Proves that touch makes a new version and changes nothing else.
    make_accounts();
    auto r = in_transaction([](auto& tx) { return try_versioned_touch(tx, "accounts", 3, 1); });
    EXPECT_EQ(r.status, write_status::written);
    EXPECT_EQ(r.version, 2);
    EXPECT_EQ(in_transaction([](auto& tx) { return versioned_touch(tx, "accounts", 3, 2); }), 3);
    EXPECT_EQ(value("SELECT owner || balance || version FROM accounts WHERE id = 3"),
              "owner 31003");
    expect_refusals(
        [](auto& tx, int k, int v) { return try_versioned_touch(tx, "accounts", k, v); },
        [](auto& tx, int k, int v) { versioned_touch(tx, "accounts", k, v); });
}

TEST_F(RowWrites, TouchRejected) {
    // Proves that a touch that a trigger swallows is told and raised.
    make_accounts();
    make_swallowed("UPDATE");
    auto c = connect();
    pqxx::work tx{*c};
    EXPECT_EQ(try_versioned_touch(tx, "accounts", 1, 1).status, write_status::rejected);
    (void)caught<write_rejected>([&] { versioned_touch(tx, "accounts", 1, 1); });
}

TEST_F(RowWrites, Checks) {
    // Proves that a check tells that the row is unchanged, and the other outcomes.
    make_accounts();
    for (auto lock : {check_lock::share, check_lock::no_key_update}) {
        auto r = in_transaction(
            [&](auto& tx) { return try_versioned_check(tx, "accounts", 3, 1, lock); });
        EXPECT_EQ(r.status, write_status::unchanged);
        EXPECT_EQ(r.version, 1);
        in_transaction([&](auto& tx) { versioned_check(tx, "accounts", 3, 1, lock); });
    }
    expect_refusals(
        [](auto& tx, int k, int v) { return try_versioned_check(tx, "accounts", k, v); },
        [](auto& tx, int k, int v) { versioned_check(tx, "accounts", k, v); });
}

TEST_F(RowWrites, CheckedRowsStay) {
    // Proves that a checked row cannot be written by others until the transaction ends, and that
    // two may share a check, but not one for writing.
    make_accounts();
    auto holder = connect(), other = connect();
    auto blocked = [&](auto body) {
        pqxx::work tx{*other};
        tx.exec("SET LOCAL lock_timeout = '50ms'");
        try {
            body(tx);
            return false;
        } catch (const lock_not_available&) {
            return true;
        }
    };
    auto update = [](auto& tx) { versioned_update(tx, "accounts", 1, 1, R"({"balance": 5})"); };
    auto share = [](auto& tx) { versioned_check(tx, "accounts", 1, 1); };
    auto writer = [](auto& tx) {
        versioned_check(tx, "accounts", 1, 1, check_lock::no_key_update);
    };
    {
        pqxx::work tx{*holder};
        share(tx);
        EXPECT_TRUE(blocked(update));
        EXPECT_TRUE(blocked(writer));
        EXPECT_FALSE(blocked(share));
        update(tx);  // its own row
    }
    {
        pqxx::work tx{*holder};
        writer(tx);
        EXPECT_TRUE(blocked(update));
        EXPECT_TRUE(blocked(share));
    }
    EXPECT_FALSE(blocked(update));
}

TEST_F(RowWrites, CheckRejected) {
    // Proves that a row that a policy keeps from being locked is told and raised as rejected.
    make_accounts();
    run("ALTER TABLE accounts ENABLE ROW LEVEL SECURITY");
    run("CREATE POLICY see ON accounts FOR SELECT USING (true)");
    run("CREATE POLICY change ON accounts FOR UPDATE USING (id > 1)");
    auto c = connect();
    pqxx::work tx{*c};
    auto schema = tx.quote_name(value("SELECT current_schema()"));
    auto role = tx.quote_name("role_of_" + value("SELECT current_schema()"));
    tx.exec("CREATE ROLE " + role);
    tx.exec("GRANT USAGE ON SCHEMA " + schema + " TO " + role);
    tx.exec("GRANT ALL ON accounts TO " + role);
    tx.exec("SET LOCAL ROLE " + role);
    EXPECT_EQ(try_versioned_check(tx, "accounts", 2, 1).status, write_status::unchanged);
    EXPECT_EQ(try_versioned_check(tx, "accounts", 1, 1).status, write_status::rejected);
    (void)caught<write_rejected>([&] { versioned_check(tx, "accounts", 1, 1); });
}

TEST_F(RowWrites, UpsertInserts) {
    // Proves that without an expected version a row is inserted, defaults included.
    make_accounts();
    run("ALTER TABLE accounts ALTER balance SET DEFAULT 7");
    auto r = in_transaction([](auto& tx) {
        return try_versioned_upsert(tx, "accounts", R"({"id": 4, "owner": "Ann"})", std::nullopt);
    });
    EXPECT_EQ(r.status, write_status::written);
    EXPECT_EQ(r.version, 1);
    EXPECT_EQ(value("SELECT owner || balance FROM accounts WHERE id = 4"), "Ann7");
    EXPECT_EQ(in_transaction([](auto& tx) {
                  return versioned_upsert(tx, "accounts", R"({"id": 5, "version": null})", {});
              }),
              1);
}

TEST_F(RowWrites, UpsertFindsTheRow) {
    // Proves that an insert of a key that is taken is told and raised with the row that is there.
    make_accounts();
    make_newer();
    auto c = connect();
    pqxx::work tx{*c};
    auto row = R"({"id": 1, "owner": "Bob", "balance": 100})";
    auto r = try_versioned_upsert(tx, "accounts", row, std::nullopt);
    EXPECT_EQ(r.status, write_status::exists);
    EXPECT_EQ(r.version, 2);
    EXPECT_EQ(json_at(r.current, "owner"), "Ann");
    EXPECT_EQ(json_at(r.conflicts, "owner,mine"), "Bob");
    EXPECT_EQ(r.columns(), std::vector<std::string>{"owner"});
    auto e = caught<row_exists>([&] { versioned_upsert(tx, "accounts", row, std::nullopt); });
    EXPECT_EQ(e.sqlstate(), "IL006");
    EXPECT_EQ(e.key(), R"({"id": 1})");
    EXPECT_FALSE(e.expected());
    EXPECT_EQ(e.current_version(), 2);
    EXPECT_EQ(e.columns(), std::vector<std::string>{"owner"});
    EXPECT_STREQ(e.what(), "row {\"id\": 1} of table \"accounts\" already exists");
    tx.exec("SELECT 1");
}

TEST_F(RowWrites, UpsertUpdates) {
    // Proves that with an expected version it is versioned_update of the row in new_row.
    make_accounts();
    auto upsert = [&](const char* row, std::int64_t expected) {
        return in_transaction(
            [&](auto& tx) { return try_versioned_upsert(tx, "accounts", row, expected); });
    };
    EXPECT_EQ(upsert(R"({"id": 1, "balance": 5, "version": 1})", 1).version, 2);
    EXPECT_EQ(upsert(R"({"id": 1, "balance": 5})", 2).status, write_status::unchanged);
    EXPECT_EQ(value("SELECT owner || balance FROM accounts WHERE id = 1"), "owner 15");
    EXPECT_EQ(upsert(R"({"id": 1, "balance": 6})", 1).status, write_status::stale);
    EXPECT_EQ(upsert(R"({"id": 9, "balance": 6})", 1).status, write_status::missing);
    auto c = connect();
    pqxx::work tx{*c};
    auto e = caught<stale_version>(
        [&] { versioned_upsert(tx, "accounts", R"({"id": 1, "balance": 6})", 1); });
    EXPECT_EQ(e.key(), R"({"id": 1})");
    EXPECT_EQ(e.expected(), 1);
    EXPECT_EQ(e.current_version(), 2);
    EXPECT_EQ(caught<row_missing>([&] {
                  versioned_upsert(tx, "accounts", R"({"id": 9, "balance": 6})", 1);
              }).key(),
              R"({"id": 9})");
}

TEST_F(RowWrites, UpsertRejected) {
    // Proves that an insert that a trigger swallows is told and raised.
    make_accounts();
    make_swallowed("INSERT");
    auto c = connect();
    pqxx::work tx{*c};
    auto row = R"({"id": 4, "balance": 1})";
    EXPECT_EQ(try_versioned_upsert(tx, "accounts", row, {}).status, write_status::rejected);
    (void)caught<write_rejected>([&] { versioned_upsert(tx, "accounts", row, {}); });
}

TEST_F(RowWrites, TwoInsertOneWins) {
    // Proves that of two sessions that insert the same key the second waits and finds the row.
    make_accounts();
    auto first = connect(), second = connect();
    pqxx::work winner{*first};
    versioned_upsert(winner, "accounts", R"({"id": 4, "balance": 1})", {});
    task loser{[&] {
        pqxx::work tx{*second};
        versioned_upsert(tx, "accounts", R"({"id": 4, "balance": 2})", {});
    }};
    wait_until_blocked(second->backendpid());
    winner.commit();
    auto e = caught<row_exists>([&] { std::rethrow_exception(loser.result()); });
    EXPECT_EQ(json_at(e.conflicts(), "balance,theirs"), "1");
}

TEST_F(RowWrites, CompositeKeysAndHostileNames) {
    // Proves that all four work where table, columns and keys are anything but plain.
    run(R"(CREATE TABLE "it's ""a"" $1; --" ("k '"" 1" int, "č\" text, "v v" int, n int,
           PRIMARY KEY ("č\", "k '"" 1")))");
    run(R"(SELECT interlock.enable_versioning('"it''s ""a"" $1; --"', 'v v'))");
    const char* table = R"("it's ""a"" $1; --")";
    auto k = key::columns({{"k '\" 1", 7}, {"č\\", "x'); \"\\"}});
    std::string row = R"({"k '\" 1": 7, "č\\": "x'); \"\\", "n": )";
    auto c = connect();
    for (bool prepare : {false, true}) {
        std::optional<prepared_statements> prepared;
        if (prepare) prepared.emplace(*c);
        pqxx::work tx{*c};
        EXPECT_EQ(versioned_upsert(tx, table, row + "1}", {}), 1);
        auto e = caught<row_exists>([&] { versioned_upsert(tx, table, row + "1}", {}); });
        EXPECT_EQ(json_at(e.key(), "\"č\\\\\""), "x'); \"\\");
        EXPECT_EQ(versioned_upsert(tx, table, row + "2}", 1), 2);
        EXPECT_EQ(versioned_touch(tx, table, k, 2), 3);
        versioned_check(tx, table, k, 3, check_lock::no_key_update);
        EXPECT_EQ(versioned_update(tx, table, k, 3, R"({"n": 9})"), 4);
        versioned_delete(tx, table, k, 4);
        EXPECT_EQ(try_versioned_touch(tx, table, k, 4).status, write_status::missing);
        tx.commit();
    }
}

TEST_F(RowWrites, BadInputHasItsCode) {
    // Proves that what the server says of wrong arguments arrives with its SQLSTATE, and that zero
    // bytes are not sent.
    make_accounts();
    auto upsert = [&](const char* row, std::optional<std::int64_t> expected) {
        return code([&](auto& tx) { (void)try_versioned_upsert(tx, "accounts", row, expected); });
    };
    EXPECT_EQ(upsert(R"({"id": 1, "balance": 5, "version": 2})", 1), "22023");
    EXPECT_EQ(upsert(R"({"balance": 5})", 1), "22023");
    EXPECT_EQ(upsert(R"({"id": 4, "nothing": 5})", {}), "42703");
    EXPECT_EQ(upsert(R"({"id": 4, "owner": "x"})", {}), "23502");
    EXPECT_EQ(upsert("[]", {}), "22023");
    using namespace std::string_view_literals;
    auto c = connect();
    pqxx::work tx{*c};
    EXPECT_THROW((void)try_versioned_upsert(tx, "accounts", "{}\0"sv, {}), std::invalid_argument);
    EXPECT_THROW((void)try_versioned_delete(tx, "a\0"sv, 1, 1), std::invalid_argument);
    EXPECT_THROW((void)try_versioned_touch(tx, "a\0"sv, 1, 1), std::invalid_argument);
    EXPECT_THROW((void)try_versioned_check(tx, "a\0"sv, 1, 1), std::invalid_argument);
    tx.exec("SELECT 1");
}

TEST_F(RowWrites, RerunsWhatWasStale) {
    // Proves that rerun_stale runs the whole transaction again for these writes too, and that a row
    // that exists or is missing is final.
    make_accounts();
    auto c = connect();
    retry_policy policy;
    policy.rerun_stale = true;
    auto runs = [&](auto write) {
        int runs = 0;
        try {
            transact(*c, policy, [&](pqxx::dbtransaction& tx) {
                auto version =
                    tx.exec("SELECT version FROM accounts WHERE id = 1")[0][0].as<std::int64_t>();
                if (++runs == 1) run("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
                write(tx, version);
            });
        } catch (const write_error&) {
            return -runs;
        }
        return runs;
    };
    EXPECT_EQ(runs([](auto& tx, auto v) { versioned_touch(tx, "accounts", 1, v); }), 2);
    EXPECT_EQ(runs([](auto& tx, auto v) { versioned_check(tx, "accounts", 1, v); }), 2);
    EXPECT_EQ(runs([](auto& tx, auto v) {
                  versioned_upsert(tx, "accounts", R"({"id": 1, "owner": "x"})", v);
              }),
              2);
    EXPECT_EQ(runs([](auto& tx, auto) {
                  versioned_upsert(tx, "accounts", R"({"id": 1, "balance": 1})", {});
              }),
              -1);
    EXPECT_EQ(runs([](auto& tx, auto v) { versioned_touch(tx, "accounts", 99, v); }), -1);
    EXPECT_EQ(runs([](auto& tx, auto v) { versioned_delete(tx, "accounts", 1, v); }), 2);
}

}  // namespace
