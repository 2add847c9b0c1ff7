// The program as users run it, against a live server.

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "database.hpp"
#include "process.hpp"

namespace {

using nlohmann::json;

// What the table looks like, to be compared before and after.
constexpr const char* shape =
    "SELECT concat_ws(' ', (SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute "
    "WHERE attrelid = 'pgbench_accounts'::regclass AND attnum > 0 AND NOT attisdropped), "
    "(SELECT count(*) FROM pg_trigger WHERE tgrelid = 'pgbench_accounts'::regclass), "
    "(SELECT md5(string_agg(abalance::text, ',' ORDER BY aid)) FROM pgbench_accounts))";

class Program : public testing::Test {
  protected:
    Program() : json_path_{"/tmp/contend-" + std::to_string(::getpid()) + ".json"} {
        db.run("CREATE EXTENSION interlock");
        db.make_accounts();
        // Not zero, so that putting back is seen to be more than resetting.
        db.run("UPDATE pgbench_accounts SET abalance = aid * 10");
        shape_before_ = db.value(shape);
    }
    ~Program() override { std::filesystem::remove(json_path_); }

    process start(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(),
                         {CONTEND, "--connection", db.connection_string(), "--json", json_path_});
        return process{arguments};
    }

    json results() const { return json::parse(std::ifstream{json_path_})["strategies"]; }

    // Runs it to its end.
    json run(const std::vector<std::string>& arguments, int expected_status) const {
        auto contend = start(arguments);
        EXPECT_EQ(contend.wait(), expected_status) << contend.output();
        return results();
    }

    // What it says when it cannot run.
    static std::string refusal(const std::vector<std::string>& arguments) {
        std::vector<std::string> command{CONTEND};
        command.insert(command.end(), arguments.begin(), arguments.end());
        process contend{command};
        EXPECT_EQ(contend.wait(), 3);
        return contend.output();
    }
    std::string refusal_here(std::vector<std::string> arguments = {}) const {
        arguments.insert(arguments.begin(), {"--connection", db.connection_string()});
        return refusal(arguments);
    }

    void expect_table_as_before() const { EXPECT_EQ(db.value(shape), shape_before_); }
    void wait_until_at_work() const {
        ASSERT_TRUE(db.wait_until("SELECT abalance > 10 FROM pgbench_accounts WHERE aid = 1"));
    }

    database db;

  private:
    std::string json_path_;
    std::string shape_before_;
};

// The point of it all: interlock loses nothing where plain code loses much; and every other
// strategy keeps its promise too.
TEST_F(Program, PlainCodeLosesAndVersionedUpdateDoesNot) {
    auto all = run({"--rows", "1", "--seconds", "1.5"}, 0);
    ASSERT_EQ(all.size(), 6u);
    std::set<std::string> waiting{"pessimistic", "advisory"};
    for (const auto& one : all) {
        EXPECT_GT(one["acknowledged"], 0) << one;
        EXPECT_EQ(one["failures"].size(), 0u) << one;
        if (one["strategy"] == "read-then-update") {
            EXPECT_GT(one["lost"], 0) << one;
            EXPECT_EQ(one["conflicts"], 0) << "nobody is told";
        } else {
            EXPECT_EQ(one["lost"], 0) << one;
            EXPECT_EQ(one["conflicts"] == 0, waiting.contains(one["strategy"])) << one;
            EXPECT_EQ(one["conflicts"], one["retries"]) << one;
        }
    }
    expect_table_as_before();
}

// --operations is what each client does, whatever the conflicts.
TEST_F(Program, CountsOperations) {
    auto all = run({"--clients", "8", "--operations", "5", "--think-ms", "0", "--strategy",
                    "compare-and-set", "--strategy", "versioned_update"},
                   0);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0]["strategy"], "compare-and-set");
    for (const auto& one : all) {
        EXPECT_EQ(one["acknowledged"], 40);
        EXPECT_EQ(one["lost"], 0);
    }
    expect_table_as_before();
}

// Who waits for a lock is told of no conflict, and is stopped while he waits.
TEST_F(Program, LocksLoseNothing) {
    for (auto strategy : {"pessimistic", "advisory"}) {
        auto all = run(
            {"--rows", "2", "--operations", "10", "--think-ms", "1", "--strategy", strategy}, 0);
        EXPECT_EQ(all[0]["acknowledged"], 160) << all;
        EXPECT_EQ(all[0]["lost"], 0) << all;
        EXPECT_EQ(all[0]["conflicts"], 0) << all;

        auto contend = start({"--rows", "1", "--seconds", "60", "--strategy", strategy});
        wait_until_at_work();
        contend.signal(SIGINT);
        EXPECT_EQ(contend.wait(), 130) << contend.output();
        EXPECT_EQ(results()[0]["lost"], 0) << strategy;
        expect_table_as_before();
    }
    EXPECT_EQ(db.value("SELECT count(*) FROM interlock.lock_namespaces"), "0");
}

// A lock namespace that was there before stays.
TEST_F(Program, LeavesALockNamespace) {
    db.run("SELECT interlock.create_lock_namespace('contend: pgbench_accounts')");
    auto all = run({"--rows", "1", "--operations", "3", "--strategy", "advisory"}, 0);
    EXPECT_EQ(all[0]["lost"], 0) << all;
    EXPECT_EQ(db.value("SELECT count(*) FROM interlock.lock_namespaces"), "1");
}

// What is told as a conflict is told by its name.
TEST_F(Program, NamesTheConflicts) {
    auto all = run({"--rows", "1", "--operations", "10", "--strategy", "versioned_update",
                    "--strategy", "serializable"},
                   0);
    EXPECT_EQ(all[0]["conflicts_by_sqlstate"]["IL001"], all[0]["conflicts"]);
    EXPECT_EQ(all[1]["conflicts_by_sqlstate"]["40001"], all[1]["conflicts"]);
}

// The plain strategy needs no extension.
TEST_F(Program, RunsPlainCodeWithoutTheExtension) {
    db.run("DROP EXTENSION interlock");
    auto all = run({"--operations", "5", "--strategy", "read-then-update"}, 0);
    EXPECT_EQ(all[0]["acknowledged"], 80);
    expect_table_as_before();
}

// A table that its owner has versioned is used as it is, and stays so.
TEST_F(Program, LeavesAVersionedTableVersioned) {
    db.run("SELECT interlock.enable_versioning('pgbench_accounts', 'Row Version')");
    auto before = db.value(shape);
    auto contend = start({"--rows", "1", "--seconds", "0.5"});
    EXPECT_EQ(contend.wait(), 0) << contend.output();
    EXPECT_NE(contend.output().find("is versioned already"), std::string::npos);
    EXPECT_EQ(db.value(shape), before);
    for (const auto& one : results())
        EXPECT_EQ(one["lost"] == 0, one["strategy"] != "read-then-update") << one;
}

// A version column of the owner's is used, and stays.
TEST_F(Program, LeavesAVersionColumn) {
    db.run("ALTER TABLE pgbench_accounts ADD COLUMN version integer NOT NULL DEFAULT 5");
    auto before = db.value(shape);
    run({"--operations", "3", "--strategy", "compare-and-set", "--strategy", "versioned_update"},
        0);
    EXPECT_EQ(db.value(shape), before);
}

// Ctrl-C: what was done so far is shown, the table is put back, nobody stays connected.
TEST_F(Program, IsInterrupted) {
    for (int signal : {SIGINT, SIGTERM}) {
        auto contend = start({"--seconds", "60", "--rows", "1"});
        wait_until_at_work();
        contend.signal(signal);
        EXPECT_EQ(contend.wait(), 130) << contend.output();
        EXPECT_NE(contend.output().find("read-then-update (interrupted)"), std::string::npos)
            << contend.output();
        EXPECT_EQ(results().size(), 1u);
        EXPECT_GT(results()[0]["acknowledged"], 0);
        expect_table_as_before();
        EXPECT_TRUE(
            db.wait_until("SELECT count(*) = 1 FROM pg_stat_activity "
                          "WHERE datname = current_database() AND backend_type = "
                          "'client backend'"));
    }
}

// An interrupted run has lost nothing either: what was not finished was not acknowledged.
TEST_F(Program, LosesNothingWhenInterrupted) {
    auto contend = start({"--seconds", "60", "--rows", "1", "--strategy", "versioned_update"});
    wait_until_at_work();
    contend.signal(SIGINT);
    EXPECT_EQ(contend.wait(), 130) << contend.output();
    EXPECT_EQ(results()[0]["lost"], 0);
    EXPECT_EQ(results()[0]["interrupted"], true);
    expect_table_as_before();
}

// Clients that wait for somebody else's lock are woken too, and so is one that thinks for long.
TEST_F(Program, IsInterruptedWhileItWaits) {
    auto holder = db.connect();
    auto contend = start({"--rows", "1", "--think-ms", "1"});
    wait_until_at_work();
    {
        pqxx::work lock{*holder};
        lock.exec("SELECT 1 FROM pgbench_accounts WHERE aid = 1 FOR UPDATE");
        ASSERT_TRUE(
            db.wait_until("SELECT count(*) = 16 FROM pg_stat_activity WHERE datname = "
                          "current_database() AND wait_event_type = 'Lock'"));
        contend.signal(SIGINT);
        // One goes on waiting: the session that wants to put the balance back.
        ASSERT_TRUE(
            db.wait_until("SELECT count(*) <= 1 FROM pg_stat_activity WHERE datname = "
                          "current_database() AND wait_event_type = 'Lock'"));
    }
    EXPECT_EQ(contend.wait(), 130) << contend.output();
    expect_table_as_before();

    auto thinker = start({"--think-ms", "60000"});
    ASSERT_TRUE(
        db.wait_until("SELECT count(*) = 16 FROM pg_stat_activity WHERE datname = "
                      "current_database() AND state = 'idle in transaction'"));
    thinker.signal(SIGINT);
    EXPECT_EQ(thinker.wait(), 130) << thinker.output();
}

// What one client fails of is reported with its message, and ends the run of all.
TEST_F(Program, ReportsAFailingClient) {
    db.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'twenty is enough'; END $$");
    db.run(
        "CREATE TRIGGER refuse BEFORE UPDATE ON pgbench_accounts FOR EACH ROW "
        "WHEN (new.abalance = 20) EXECUTE FUNCTION refuse()");
    auto contend = start({"--rows", "1", "--seconds", "60", "--strategy", "versioned_update"});
    EXPECT_EQ(contend.wait(), 3) << contend.output();
    EXPECT_NE(contend.output().find(": twenty is enough"), std::string::npos) << contend.output();
    EXPECT_NE(contend.output().find("versioned_update (failed)"), std::string::npos);
    EXPECT_EQ(results()[0]["acknowledged"], 9);
    EXPECT_EQ(results()[0]["lost"], 0);
    db.run("DROP FUNCTION refuse CASCADE");
    expect_table_as_before();
}

// A client whose session is ended is a failure, not a loss.
TEST_F(Program, ReportsATerminatedClient) {
    auto contend = start({"--rows", "1", "--seconds", "60", "--strategy", "versioned_update"});
    wait_until_at_work();
    db.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        "current_database() AND state = 'idle in transaction' LIMIT 1");
    EXPECT_EQ(contend.wait(), 3) << contend.output();
    EXPECT_EQ(results()[0]["failures"].size(), 1u) << contend.output();
    expect_table_as_before();
}

// A strategy that loses what it must not lose makes the program fail.
TEST_F(Program, NoticesABrokenPromise) {
    db.run(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN new.abalance = old.abalance; RETURN new; END $$");
    db.run(
        "CREATE TRIGGER a_swallow BEFORE UPDATE ON pgbench_accounts FOR EACH ROW "
        "WHEN (new.abalance % 10 = 7 AND current_setting('application_name') <> '') "
        "EXECUTE FUNCTION swallow()");
    auto contend = start(
        {"--rows", "1", "--clients", "1", "--operations", "20", "--strategy", "versioned_update"});
    EXPECT_EQ(contend.wait(), 1) << contend.output();
    EXPECT_EQ(results()[0]["lost"], 14) << results()[0];
    EXPECT_NE(contend.output().find("which must not happen"), std::string::npos);
}

// What cannot run says why, in one sentence.
TEST_F(Program, ExplainsItself) {
    EXPECT_EQ(refusal({"--connection", "host=/nowhere port=1"})
                  .find("contend: cannot connect to PostgreSQL: "),
              0u);
    EXPECT_EQ(refusal_here({"--json", "/nowhere/file"}),
              "contend: cannot write to \"/nowhere/file\"\n");
    EXPECT_EQ(refusal_here({"--rows", "1001"}),
              "contend: pgbench_accounts has 1000 of the accounts 1 to 1001: make it anew with "
              "\"pgbench -i\", or choose fewer --rows\n");
    db.run("DROP EXTENSION interlock");
    EXPECT_EQ(refusal_here(), "contend: database \"" + db.name() +
                                  "\" does not have the extension: run \"CREATE EXTENSION "
                                  "interlock\" in it\n");
    db.run("DROP TABLE pgbench_accounts");
    EXPECT_EQ(refusal_here(), "contend: database \"" + db.name() +
                                  "\" has no table pgbench_accounts: make it with \"pgbench -i " +
                                  db.name() + "\"\n");
}

// Two of them would count each other's updates.
TEST_F(Program, RunsAlone) {
    auto contend = start({"--seconds", "60"});
    wait_until_at_work();
    EXPECT_EQ(refusal_here(),
              "contend: another contend is at work in database \"" + db.name() + "\"\n");
    contend.signal(SIGINT);
    EXPECT_EQ(contend.wait(), 130);
}

TEST_F(Program, Smokes) {
    auto all = run({"--smoke"}, 0);
    EXPECT_EQ(all.size(), 6u);
    expect_table_as_before();
}

}  // namespace
