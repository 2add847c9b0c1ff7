// What people and programs are told.

#include "report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "progress.hpp"

namespace {

using namespace contend;
using namespace std::chrono_literals;

outcome lossy() {
    outcome o;
    o.strategy = "read-then-update";
    o.loses_nothing = false;
    o.total.latencies.assign(1500, 2500us);
    o.sum_after = 300;
    o.elapsed = 1s;
    return o;
}

outcome careful() {
    outcome o;
    o.strategy = "versioned_update";
    o.total = {{1ms, 2ms, 30ms}, {{"IL001", 12}}, 11, 1};
    o.sum_before = 7;
    o.sum_after = 10;
    o.elapsed = 2s;
    return o;
}

TEST(Grouped, ThreeDigitsAtATime) {
    EXPECT_EQ(grouped(0), "0");
    EXPECT_EQ(grouped(999), "999");
    EXPECT_EQ(grouped(1000), "1,000");
    EXPECT_EQ(grouped(-123456), "-123,456");
    EXPECT_EQ(grouped(1234567890), "1,234,567,890");
}

// Text to the left, numbers to the right, as wide as the widest.
TEST(Table, LinesUp) {
    EXPECT_EQ(table({lossy(), careful()}),
              "strategy          acknowledged   lost  conflicts  retries  p50 ms  p99 ms  ops/s\n"
              "----------------  ------------  -----  ---------  -------  ------  ------  -----\n"
              "read-then-update         1,500  1,200          0        0    2.50    2.50  1,500\n"
              "versioned_update             3      0         12       11    2.00   30.00      2\n");
}

// A run that was cut short says so, and shows what it does not know.
TEST(Table, SaysWhatIsNotWhole) {
    outcome o;
    o.strategy = "x";
    o.interrupted = true;
    EXPECT_NE(table({o}).find("x (interrupted)             0  unknown          0"),
              std::string::npos)
        << table({o});
    EXPECT_NE(table({o}).find("-       -      0\n"), std::string::npos) << table({o});
    o.failures = {"client 1: no"};
    EXPECT_NE(table({o}).find("x (failed)"), std::string::npos);
}

TEST(Conclusions, SayWhatWasLost) {
    EXPECT_EQ(conclusions({lossy(), careful()}),
              "read-then-update: 1,200 of 1,500 acknowledged updates are gone (80.0 %), "
              "and nobody was told\n"
              "versioned_update: none of 3 acknowledged updates is lost\n"
              "versioned_update: 1 operation was given up after 30 s of conflicts\n");
}

// A broken promise is called one, in both directions; a failure has its message.
TEST(Conclusions, SayWhatWentWrong) {
    auto o = careful();
    o.total.gave_up = 0;
    o.sum_after = 9;
    EXPECT_EQ(conclusions({o}),
              "versioned_update: 1 of 3 acknowledged updates is gone (33.3 %), "
              "which must not happen\n");
    o.sum_after = 12;
    EXPECT_EQ(conclusions({o}),
              "versioned_update: the table has 2 more than the 3 acknowledged updates: "
              "did anybody else write to it?\n");
    o.sum_after = {};
    o.failures = {"client 3: terminating connection"};
    EXPECT_EQ(conclusions({o}),
              "versioned_update: nobody knows what was lost: the server could not be asked\n"
              "versioned_update: failed: client 3: terminating connection\n");
}

// Every number of the table is in the document, under its name.
TEST(Json, HoldsWhatTheTableShows) {
    options o;
    o.operations = 3;
    auto document = nlohmann::json::parse(json(o, "15.4", {lossy(), careful()}));
    EXPECT_EQ(document["clients"], 16);
    EXPECT_EQ(document["operations"], 3);
    EXPECT_FALSE(document.contains("seconds"));
    auto& run = document["strategies"][1];
    EXPECT_EQ(run["strategy"], "versioned_update");
    EXPECT_EQ(run["acknowledged"], 3);
    EXPECT_EQ(run["lost"], 0);
    EXPECT_EQ(run["conflicts"], 12);
    EXPECT_EQ(run["conflicts_by_sqlstate"]["IL001"], 12);
    EXPECT_EQ(run["retries"], 11);
    EXPECT_EQ(run["gave_up"], 1);
    EXPECT_DOUBLE_EQ(run["p50_ms"], 2.0);
    EXPECT_DOUBLE_EQ(run["p99_ms"], 30.0);
    EXPECT_DOUBLE_EQ(run["operations_per_second"], 1.5);
}

// What is not known is null, and a message in some other encoding does not break the document.
TEST(Json, HoldsTheUnknown) {
    outcome o;
    o.failures = {"client 1: \xfc"};
    auto run = nlohmann::json::parse(json({}, "", {o}))["strategies"][0];
    EXPECT_TRUE(run["lost"].is_null());
    EXPECT_TRUE(run["p99_ms"].is_null());
    EXPECT_EQ(run["failures"].size(), 1u);
}

TEST(Headline, SaysWhatWillBeDone) {
    options o;
    EXPECT_EQ(headline(o),
              "16 clients add 1 to 4 rows of pgbench_accounts, with 2 ms of thinking between read "
              "and write, 6 s per strategy\n");
    o.clients = o.rows = 1;
    o.operations = 1000;
    EXPECT_EQ(headline(o),
              "1 client adds 1 to 1 row of pgbench_accounts, with 2 ms of thinking between read "
              "and write, 1,000 operations per client\n");
}

}  // namespace
