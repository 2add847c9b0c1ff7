// Each function of claims.hpp: what it returns, what it throws, and what the table says then.

#include "claims.hpp"

using namespace interlock;
using namespace std::chrono_literals;

namespace {

TEST_F(Claims, AreTheRowsAsTheyAreThenInTheirOrder) {
    add(3);
    auto jobs = claim(2);
    ASSERT_EQ(jobs.size(), 2u);
    EXPECT_EQ(jobs[0].row, (job{1, "job 1"}));
    EXPECT_EQ(jobs[1].row, (job{2, "job 2"}));
    EXPECT_EQ(jobs[0].key.text(), "1");
    EXPECT_EQ(jobs[0].attempts, 1);
    EXPECT_EQ(std::to_string(jobs[0].token), stored("claim_token", 1));
    auto until = std::stoll(stored("(extract(epoch FROM claimed_until) * 1000000)::bigint", 1));
    EXPECT_EQ(jobs[0].claimed_until.time_since_epoch(), std::chrono::microseconds{until});
    EXPECT_EQ(stored("claimed_by", 1), "me");
    EXPECT_EQ(claim(5).size(), 1u);
    EXPECT_TRUE(claim(5).empty());
}

TEST_F(Claims, TakeAReaderAndAQueue) {
    run("ALTER TABLE jobs ADD queue text NOT NULL DEFAULT 'mail'");
    enable("'keep', queue_column => 'queue'");
    add(2);
    run("UPDATE jobs SET queue = 'print' WHERE id = 1");
    auto jobs = in_transaction([&](pqxx::transaction_base& tx) {
        return claim_rows(tx, work_table{tx, "jobs"}, "me",
                          [](const locked_row& row) { return row.get<std::string>("payload"); },
                          {.n = 10, .queue = "mail"});
    });
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_EQ(jobs[0].row, "job 2");
    EXPECT_EQ(code([](auto& tx) { (void)claim_rows<job>(tx, "jobs", "me"); }), "22004");
}

TEST_F(Claims, KnowKeysOfSeveralColumnsAndMappedNames) {
    run(R"(CREATE TABLE "Odd Jobs" ("The Day" date, line int, token_ bigint, tries int DEFAULT 0 NOT NULL,
                                   PRIMARY KEY ("The Day", line)))");
    run(R"(SELECT interlock.enable_claims('"Odd Jobs"', 'delete',
                    columns => '{"claim_token": "token_", "attempts": "tries"}'))");
    run(R"(INSERT INTO "Odd Jobs" VALUES ('2026-11-22', 2), ('2026-11-22', 1))");
    using odd = std::tuple<std::string, int>;
    auto jobs = in_transaction([&](pqxx::transaction_base& tx) {
        return claim_rows<odd>(tx, R"("Odd Jobs")", "me", {.n = 2});
    });
    ASSERT_EQ(jobs.size(), 2u);
    EXPECT_EQ(jobs[0].row, (odd{"2026-11-22", 1}));
    EXPECT_EQ(jobs[0].attempts, 1);
    EXPECT_TRUE(jobs[0].key.composite());
    in_transaction([&](pqxx::transaction_base& tx) {
        finish_claim(tx, R"("Odd Jobs")", jobs[1].key, jobs[1].token);
        auto results = finish_claims(tx, R"("Odd Jobs")",
                                     {{jobs[1].key, jobs[1].token}, {jobs[0].key, jobs[0].token}});
        ASSERT_EQ(results.size(), 2u);
        EXPECT_EQ(results[0].result, claim_result::missing);
        EXPECT_EQ(results[1].result, claim_result::done);
    });
    EXPECT_EQ(value(R"(SELECT count(*) FROM "Odd Jobs")"), "0");
}

TEST_F(Claims, AreFinishedOnce) {
    add(1);
    auto job = claim().front();
    in_transaction([&](auto& tx) { finish_claim(tx, "jobs", job.key, job.token); });
    EXPECT_EQ(stored("finished_at IS NOT NULL", 1), "t");
    EXPECT_FALSE(
        in_transaction([&](auto& tx) { return try_finish_claim(tx, "jobs", job.key, job.token); }));
}

TEST_F(Claims, ThatAreLostTellWhoHasTheRow) {
    add(1);
    auto mine = claim().front();
    expire(1);
    auto theirs = claim(1, "another").front();
    EXPECT_GT(theirs.token, mine.token);
    EXPECT_EQ(theirs.attempts, 2);
    auto c = connect();
    pqxx::work tx{*c};
    auto e = caught<claim_lost>([&] { finish_claim(tx, "jobs", mine.key, mine.token); });
    EXPECT_EQ(e.table(), "jobs");
    EXPECT_EQ(e.key(), "1");
    EXPECT_EQ(e.token(), mine.token);
    EXPECT_EQ(e.worker(), "another");
    EXPECT_EQ(e.claimed_until(), theirs.claimed_until);
    EXPECT_FALSE(e.missing());
    EXPECT_EQ(code([&](auto& tx) { renew_claim(tx, "jobs", mine.key, mine.token); }), "IL020");
    EXPECT_EQ(code([&](auto& tx) { release_claim(tx, "jobs", mine.key, mine.token); }), "IL020");
    EXPECT_EQ(stored("claimed_by", 1), "another");
}

TEST_F(Claims, OfARowThatIsGoneAreLost) {
    add(1);
    auto job = claim().front();
    run("DELETE FROM jobs");
    auto c = connect();
    pqxx::work tx{*c};
    auto e = caught<claim_lost>([&] { finish_claim(tx, "jobs", job.key, job.token); });
    EXPECT_TRUE(e.missing());
    EXPECT_EQ(e.worker(), "");
}

TEST_F(Claims, AreRenewed) {
    add(2);
    auto jobs = claim(2, "me", 1min);
    auto until = in_transaction(
        [&](auto& tx) { return renew_claim(tx, "jobs", jobs[0].key, jobs[0].token, 2h); });
    EXPECT_GT(until, jobs[0].claimed_until + 1h);
    run("DELETE FROM jobs WHERE id = 2");
    in_transaction([&](auto& tx) {
        EXPECT_FALSE(try_renew_claim(tx, "jobs", jobs[1].key, jobs[1].token));
        auto results = renew_claims(tx, "jobs",
                                    {{jobs[1].key, jobs[1].token},
                                     {jobs[0].key, jobs[0].token},
                                     {jobs[0].key, jobs[0].token - 1}},
                                    1h);
        EXPECT_EQ(results[0].result, claim_result::missing);
        EXPECT_EQ(results[1].result, claim_result::done);
        EXPECT_EQ(results[2].result, claim_result::lost);
        EXPECT_EQ(json_at(results[1].key.text(), "id"), "1");
    });
}

TEST_F(Claims, OfLockedRowsGoOnAsTheyAre) {
    add(1);
    auto job = claim().front();
    auto other = connect();
    pqxx::work working{*other};
    working.exec("SELECT FROM jobs FOR UPDATE");
    in_transaction([&](auto& tx) {
        EXPECT_EQ(try_renew_claim(tx, "jobs", job.key, job.token, 2h), job.claimed_until);
        auto results = renew_claims(tx, "jobs", {{job.key, job.token}});
        EXPECT_EQ(results[0].result, claim_result::busy);
    });
}

TEST_F(Claims, AreGivenBack) {
    add(1);
    auto job = claim().front();
    in_transaction([&](auto& tx) { release_claim(tx, "jobs", job.key, job.token); });
    EXPECT_EQ(stored("attempts", 1), "0");
    job = claim().front();
    EXPECT_TRUE(in_transaction([&](auto& tx) {
        return try_release_claim(tx, "jobs", job.key, job.token,
                                 {.error = "no \"paper\"", .retry_in = 1h});
    }));
    EXPECT_EQ(stored("last_error", 1), "no \"paper\"");
    EXPECT_EQ(stored("attempts", 1), "1");
    EXPECT_EQ(stored("run_at > now() + interval '59 min'", 1), "t");
    EXPECT_FALSE(in_transaction(
        [&](auto& tx) { return try_release_claim(tx, "jobs", job.key, job.token); }));
}

TEST_F(Claims, AreGivenBackTogether) {
    add(3);
    auto jobs = claim(3);
    in_transaction([&](auto& tx) {
        auto results = release_claims(tx, "jobs",
                                      {{jobs[2].key, jobs[2].token},
                                       {jobs[0].key, jobs[0].token},
                                       {jobs[0].key, jobs[0].token},
                                       {9, 1}});
        ASSERT_EQ(results.size(), 4u);
        EXPECT_EQ(results[0].result, claim_result::done);
        EXPECT_EQ(json_at(results[0].key.text(), "id"), "3");
        EXPECT_EQ(results[1].result, claim_result::done);
        EXPECT_EQ(results[2].result, claim_result::lost);
        EXPECT_EQ(results[3].result, claim_result::missing);
        EXPECT_TRUE(release_claims(tx, "jobs", {}).empty());
    });
    EXPECT_EQ(value("SELECT string_agg(attempts::text, ' ' ORDER BY id) FROM jobs"), "0 1 0");
    EXPECT_EQ(claim(5).size(), 2u);
}

TEST_F(Claims, FailTogetherWithOneMessage) {
    add(2);
    auto jobs = claim(2);
    in_transaction([&](auto& tx) {
        (void)release_claims(tx, "jobs",
                             {{jobs[0].key, jobs[0].token}, {jobs[1].key, jobs[1].token}},
                             {.error = "no \"paper\"", .retry_in = 1h});
    });
    EXPECT_EQ(value("SELECT count(*) FROM jobs WHERE last_error = 'no \"paper\"' AND attempts = 1"
                    " AND run_at > now() + interval '59 min'"),
              "2");
    EXPECT_THROW(in_transaction([](auto& tx) {
                     (void)release_claims(tx, "jobs", {{1, 1}}, {.error = std::string{"\0", 1}});
                 }),
                 std::invalid_argument);
}

TEST_F(Claims, DieAfterTheirAttemptsAndAreRevived) {
    add(1);
    EXPECT_EQ(code([](auto& tx) { revive_claim(tx, "jobs", 1); }), "55000");
    EXPECT_EQ(code([](auto& tx) { revive_claim(tx, "jobs", 9); }), "IL002");
    for (int i = 0; i < 3; ++i) {
        auto job = claim().front();
        in_transaction(
            [&](auto& tx) { release_claim(tx, "jobs", job.key, job.token, {.error = "broken"}); });
    }
    EXPECT_EQ(stored("dead_at IS NOT NULL", 1), "t");
    EXPECT_TRUE(claim().empty());
    EXPECT_TRUE(in_transaction([](auto& tx) { return try_revive_claim(tx, "jobs", 1); }));
    EXPECT_FALSE(in_transaction([](auto& tx) { return try_revive_claim(tx, "jobs", 1); }));
    EXPECT_EQ(claim().front().attempts, 1);
}

TEST_F(Claims, OfADeadWorkerAreGivenBackAtOnce) {
    add(3);
    (void)claim(2, "dead");
    (void)claim(1, "alive");
    EXPECT_EQ(in_transaction([](auto& tx) { return release_worker(tx, "jobs", "dead"); }), 2);
    auto jobs = claim(5);
    ASSERT_EQ(jobs.size(), 2u);
    EXPECT_EQ(jobs[0].attempts, 2);
}

TEST_F(Claims, NeedATableThatIsSetUp) {
    run("CREATE TABLE plain (id int PRIMARY KEY)");
    EXPECT_EQ(code([](auto& tx) { (void)claim_rows<job>(tx, "plain", "me"); }), "55000");
    EXPECT_EQ(code([](auto& tx) { (void)claim_rows<job>(tx, "nothing", "me"); }), "42P01");
    EXPECT_EQ(code([](auto& tx) { (void)claim_rows<job>(tx, "jobs", ""); }), "22023");
    EXPECT_EQ(code([](auto& tx) { (void)claim_rows<job>(tx, "jobs", "me", {.n = 0}); }), "22023");
    auto c = connect();
    pqxx::work tx{*c};
    EXPECT_FALSE(work_table(tx, "jobs").notify());
    EXPECT_THROW((void)claim_rows<job>(tx, "jobs; DROP", "me"), std::exception);
    EXPECT_THROW((void)finish_claims(tx, "jobs", {{7, 1}, {key::json(R"({"id": 7})"), 1}}),
                 std::invalid_argument);
}

// Everything in one transaction: done exactly once, together with its work.
TEST_F(Claims, AreClaimedAndFinishedWithTheWork) {
    add(1);
    run("CREATE TABLE done (id int)");
    auto work = [&](auto& tx) {
        for (const auto& job : claim_rows<Claims::job>(tx, "jobs", "me")) {
            tx.exec("INSERT INTO done VALUES (" + job.key.text() + ")");
            finish_claim(tx, "jobs", job.key, job.token);
        }
    };
    EXPECT_EQ(code(work), "none");  // rolled back
    in_transaction(work);
    EXPECT_EQ(code(work), "none");
    EXPECT_EQ(value("SELECT count(*) FROM done"), "1");
}

}  // namespace
