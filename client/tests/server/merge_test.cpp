// versioned_merge and compare_and_update, raising and telling.

#include "server.hpp"

namespace {

using namespace interlock;

class Merge : public Server {
  protected:
    write_result try_merge(const char* base, const char* changes) {
        return in_transaction(
            [&](auto& tx) { return try_versioned_merge(tx, "accounts", 1, base, changes); });
    }
};

class Compare : public Server {};

constexpr const char* as_read = R"({"owner": "owner 1", "balance": 100})";

TEST_F(Merge, WritesWhereNobodyElseDid) {
    // Proves that without a rival a merge is a plain write, and one that changes nothing is none.
    make_accounts();
    auto r = try_merge(as_read, R"({"owner": "Ann"})");
    EXPECT_EQ(r.status, write_status::written);
    EXPECT_EQ(r.version, 2);
    EXPECT_EQ(try_merge(R"({"owner": "Ann"})", R"({"owner": "Ann"})").status,
              write_status::unchanged);
    EXPECT_EQ(in_transaction([](auto& tx) {
                  return versioned_merge(tx, "accounts", 1, R"({"balance": 100})",
                                         R"({"balance": 5})");
              }),
              3);
    EXPECT_EQ(value("SELECT owner || balance FROM accounts WHERE id = 1"), "Ann5");
}

TEST_F(Merge, KeepsBothSides) {
    // Proves that changes of different columns are both kept, and that this is told.
    make_accounts();
    run("UPDATE accounts SET owner = 'Ann' WHERE id = 1");
    auto r = try_merge(as_read, R"({"balance": 5})");
    EXPECT_EQ(r.status, write_status::merged);
    EXPECT_TRUE(r.ok());
    EXPECT_EQ(r.version, 3);
    EXPECT_EQ(value("SELECT owner || balance FROM accounts WHERE id = 1"), "Ann5");
}

TEST_F(Merge, ConflictIsForAPerson) {
    // Proves that a column that both changed is told and raised with base, mine and theirs and the
    // row as it is, that nothing is written of the other columns, and the transaction stays good.
    make_accounts();
    run("UPDATE accounts SET owner = 'Ann' WHERE id = 1");
    auto c = connect();
    pqxx::work tx{*c};
    auto changes = R"({"owner": "Bob", "balance": 5})";
    auto r = try_versioned_merge(tx, "accounts", 1, as_read, changes);
    EXPECT_EQ(r.status, write_status::conflict);
    EXPECT_FALSE(r.ok());
    EXPECT_EQ(r.version, 2);
    EXPECT_EQ(r.columns(), std::vector<std::string>{"owner"});
    auto e = caught<merge_conflict>([&] { versioned_merge(tx, "accounts", 1, as_read, changes); });
    EXPECT_EQ(e.sqlstate(), "IL003");
    EXPECT_EQ(e.table(), "accounts");
    EXPECT_EQ(e.key(), "1");
    EXPECT_FALSE(e.expected());
    EXPECT_EQ(e.current_version(), 2);
    EXPECT_EQ(json_at(e.current(), "owner"), "Ann");
    EXPECT_EQ(json_at(e.conflicts(), "owner,base"), "owner 1");
    EXPECT_EQ(json_at(e.conflicts(), "owner,mine"), "Bob");
    EXPECT_EQ(json_at(e.conflicts(), "owner,theirs"), "Ann");
    EXPECT_EQ(e.columns(), std::vector<std::string>{"owner"});
    EXPECT_STREQ(e.what(), "row 1 of table \"accounts\" was changed by both sides in (owner)");
    tx.commit();
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 100);
}

TEST_F(Merge, ConflictIsNeverRerun) {
    // Proves that no policy runs a merge conflict again.
    make_accounts();
    auto c = connect();
    retry_policy policy;
    policy.rerun_stale = true;
    int runs = 0;
    (void)caught<merge_conflict>([&] {
        transact(*c, policy, [&](pqxx::dbtransaction& tx) {
            ++runs;
            run("UPDATE accounts SET owner = 'Ann' WHERE id = 1");
            versioned_merge(tx, "accounts", 1, as_read, R"({"owner": "Bob"})");
        });
    });
    EXPECT_EQ(runs, 1);
}

TEST_F(Merge, TwoWritersBothStay) {
    // Proves that a merge that waited for a rival is merged with what the rival committed.
    make_accounts();
    auto first = connect(), second = connect();
    pqxx::work rival{*first};
    versioned_merge(rival, "accounts", 1, as_read, R"({"balance": 5})");
    std::optional<write_result> r;
    task waiter{[&] {
        pqxx::work tx{*second};
        r = try_versioned_merge(tx, "accounts", 1, as_read, R"({"owner": "Bob"})");
        tx.commit();
    }};
    wait_until_blocked(second->backendpid());
    rival.commit();
    ASSERT_FALSE(waiter.result());
    EXPECT_EQ(r->status, write_status::merged);
    EXPECT_EQ(value("SELECT owner || balance FROM accounts WHERE id = 1"), "Bob5");
}

TEST_F(Merge, MissingAndRejected) {
    // Proves that a row that is not there, and a write that is swallowed, are told and raised.
    make_accounts();
    auto c = connect();
    pqxx::work tx{*c};
    auto changes = R"({"owner": "Bob"})";
    EXPECT_EQ(try_versioned_merge(tx, "accounts", 99, as_read, changes).status,
              write_status::missing);
    (void)caught<row_missing>([&] { versioned_merge(tx, "accounts", 99, as_read, changes); });
    tx.exec(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NULL; END'");
    tx.exec("CREATE TRIGGER a BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION swallow()");
    EXPECT_EQ(try_versioned_merge(tx, "accounts", 1, as_read, changes).status,
              write_status::rejected);
    (void)caught<write_rejected>([&] { versioned_merge(tx, "accounts", 1, as_read, changes); });
}

TEST_F(Merge, TimestampsHaveNoVersionToTell) {
    // Proves that a table that is versioned by a timestamp merges, without a version.
    make_plain_accounts();
    run("ALTER TABLE accounts ADD seen timestamptz NOT NULL DEFAULT now()");
    run("SELECT interlock.enable_versioning('accounts', 'seen')");
    EXPECT_FALSE(in_transaction(
        [](auto& tx) { return versioned_merge(tx, "accounts", 1, as_read, R"({"balance": 5})"); }));
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 5);
}

TEST_F(Merge, BadInputHasItsCode) {
    // Proves that an incomplete base is 22023, and that zero bytes are not sent.
    make_accounts();
    auto merge = [&](const char* base, const char* changes) {
        return code([&](auto& tx) { (void)try_versioned_merge(tx, "accounts", 1, base, changes); });
    };
    EXPECT_EQ(merge(R"({"owner": "x"})", R"({"balance": 1})"), "22023");
    EXPECT_EQ(merge("{}", R"({"nothing": 1})"), "42703");
    using namespace std::string_view_literals;
    auto c = connect();
    pqxx::work tx{*c};
    EXPECT_THROW((void)try_versioned_merge(tx, "accounts", 1, "{}\0"sv, "{}"),
                 std::invalid_argument);
    EXPECT_THROW((void)try_versioned_merge(tx, "accounts", 1, "{}", "{}\0"sv),
                 std::invalid_argument);
}

TEST_F(Compare, WritesWhatStillHolds) {
    // Proves that a table without a version is written where columns hold what was expected.
    make_plain_accounts();
    auto compare = [&](const char* expected, const char* changes) {
        return in_transaction(
            [&](auto& tx) { return try_compare_and_update(tx, "accounts", 1, expected, changes); });
    };
    auto r = compare(R"({"balance": 100, "owner": "owner 1"})", R"({"balance": 5})");
    EXPECT_EQ(r.status, write_status::written);
    EXPECT_FALSE(r.version);
    EXPECT_EQ(compare(R"({"balance": 5})", R"({"balance": 5})").status, write_status::unchanged);
    in_transaction([](auto& tx) {
        compare_and_update(tx, "accounts", 1, R"({"balance": 5})", R"({"balance": 6})");
    });
    EXPECT_EQ(number("SELECT balance FROM accounts WHERE id = 1"), 6);
}

TEST_F(Compare, TellsWhatNoLongerHolds) {
    // Proves that what does not hold is told and raised column by column, and leaves the
    // transaction good.
    make_accounts();
    run("UPDATE accounts SET owner = 'Ann' WHERE id = 1");
    auto c = connect();
    pqxx::work tx{*c};
    auto changes = R"({"owner": "Bob", "balance": 5})";
    auto r = try_compare_and_update(tx, "accounts", 1, as_read, changes);
    EXPECT_EQ(r.status, write_status::stale);
    EXPECT_EQ(r.version, 2);
    EXPECT_EQ(json_at(r.conflicts, "owner,theirs"), "Ann");
    EXPECT_EQ(json_at(r.conflicts, "owner,mine"), "Bob");
    auto e =
        caught<stale_version>([&] { compare_and_update(tx, "accounts", 1, as_read, changes); });
    EXPECT_FALSE(e.expected());
    EXPECT_EQ(e.current_version(), 2);
    EXPECT_EQ(e.columns(), std::vector<std::string>{"owner"});
    EXPECT_STREQ(e.what(),
                 "row 1 of table \"accounts\" no longer holds the expected values of (owner)");
    tx.exec("SELECT 1");
}

TEST_F(Compare, TimestampVersions) {
    // Proves that a timestamp as it was read, as text, is what a table versioned by one goes by.
    make_plain_accounts();
    run("ALTER TABLE accounts ADD seen timestamptz NOT NULL DEFAULT now()");
    run("SELECT interlock.enable_versioning('accounts', 'seen')");
    auto expected = value("SELECT jsonb_build_object('seen', seen) FROM accounts WHERE id = 1");
    auto write = [&](auto& tx) {
        compare_and_update(tx, "accounts", 1, expected, R"({"balance": 5})");
    };
    in_transaction(write);
    auto c = connect();
    pqxx::work tx{*c};
    auto e = caught<stale_version>([&] { write(tx); });
    EXPECT_EQ(e.columns(), std::vector<std::string>{"seen"});
    EXPECT_FALSE(e.current_version());
}

TEST_F(Compare, TwoWritersOneWins) {
    // Proves that the second of two who expect the same waits and is then stale.
    make_plain_accounts();
    auto first = connect(), second = connect();
    auto write = [](auto& tx) {
        compare_and_update(tx, "accounts", 1, R"({"balance": 100})", R"({"balance": 5})");
    };
    pqxx::work winner{*first};
    write(winner);
    task loser{[&] {
        pqxx::work tx{*second};
        write(tx);
    }};
    wait_until_blocked(second->backendpid());
    winner.commit();
    (void)caught<stale_version>([&] { std::rethrow_exception(loser.result()); });
}

TEST_F(Compare, MissingAndRejected) {
    // Proves that a row that is not there, and a write that is swallowed, are told and raised.
    make_plain_accounts();
    auto c = connect();
    pqxx::work tx{*c};
    auto changes = R"({"balance": 5})";
    EXPECT_EQ(try_compare_and_update(tx, "accounts", 99, as_read, changes).status,
              write_status::missing);
    (void)caught<row_missing>([&] { compare_and_update(tx, "accounts", 99, as_read, changes); });
    tx.exec(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NULL; END'");
    tx.exec("CREATE TRIGGER a BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION swallow()");
    EXPECT_EQ(try_compare_and_update(tx, "accounts", 1, as_read, changes).status,
              write_status::rejected);
    (void)caught<write_rejected>([&] { compare_and_update(tx, "accounts", 1, as_read, changes); });
}

TEST_F(Compare, CompositeKeysAndHostileNames) {
    // Proves that both work where table, columns and keys are anything but plain, prepared or not.
    run(R"(CREATE TABLE "T '""" ("a "" \" int, b text, "n '$1" int, PRIMARY KEY ("a "" \", b)))");
    run(R"(INSERT INTO "T '""" VALUES (1, '"', 1))");
    run(R"(SELECT interlock.enable_versioning('"T ''"""'))");
    const char* table = R"("T '""")";
    auto k = key::columns({{"b", "\""}, {"a \" \\", 1}});
    auto c = connect();
    prepared_statements prepared{*c};
    pqxx::work tx{*c};
    compare_and_update(tx, table, k, R"({"n '$1": 1, "a \" \\": 1})", R"({"n '$1": 2})");
    EXPECT_EQ(versioned_merge(tx, table, k, R"({"n '$1": 2})", R"({"n '$1": 3})"), 3);
    auto e = caught<merge_conflict>(
        [&] { versioned_merge(tx, table, k, R"({"n '$1": 2})", R"({"n '$1": 4})"); });
    EXPECT_EQ(e.columns(), std::vector<std::string>{"n '$1"});
    auto s = caught<stale_version>(
        [&] { compare_and_update(tx, table, k, R"({"a \" \\": 2, "n '$1": 0})", "{}"); });
    EXPECT_EQ(s.columns(), (std::vector<std::string>{"a \" \\", "n '$1"}));
}

}  // namespace
