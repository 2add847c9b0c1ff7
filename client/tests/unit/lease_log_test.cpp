// The program that judges the logs of leases under faults: a sound log passes, and each thing that
// must not happen is found in one that was doctored.

#include "../faults/lease_log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace {

// Ann has the lease of key a and writes twice, Bob takes over and writes; Cid asks in between.
const std::vector<std::string> sound = {
    "ttl 1000000",
    "granted a 100 Ann 1 2",
    "granted a 200 Bob 5 9",
    "granted a 300 Cid 10 11",
    "row a 100 Ann 1 1 2",
    "row a 100 Ann 2 3 4",
    "row a 200 Bob 1 5 6",
    "file a 100 Ann 1",
    "file a 100 Ann 1",
    "file a 100 Ann 2",
    "file a 100 Ann 2",
    "file a 200 Bob 1",
    "file a 100 Ann 3",  // not committed: outside of the database nothing stops it
    "file a 200 Bob 1",
    "done Ann 1",
    "doubt Ann 2",
    "done Bob 1",
    "refused Ann 3 held",
    "denied a 5000000 5500000 0 none",
    "denied a 5600000 5500000 77 open",
    "denied a 5700000 5500000 77 gone",
    "free a 6000000",
    "fault pause",
};

using lines = std::vector<std::string>;

lines judged(const lines& log) {
    std::stringstream text;
    for (const auto& line : log)
        text << line << "\n";
    return lease_log::violations(lease_log::read(text));
}

lines with(lines log, const std::string& line, const std::string& instead) {
    auto found = std::ranges::find(log, line);
    EXPECT_NE(found, log.end()) << line;
    if (instead.empty())
        log.erase(found);
    else
        *found = instead;
    return log;
}

lines plus(lines log, const lines& more) {
    log.insert(log.end(), more.begin(), more.end());
    return log;
}

TEST(LeaseLog, SoundOnePasses) {
    // Proves that a log in which all went well passes, late lines of a file included.
    EXPECT_EQ(judged(sound), lines{});
}

TEST(LeaseLog, TwoHoldersOverlapInTheTable) {
    // Proves that two fenced writes at the same time are found, whoever began first.
    EXPECT_EQ(judged(with(sound, "row a 100 Ann 2 3 4", "row a 100 Ann 2 3 7")),
              lines{"a: Bob's write 1 overlaps Ann's write 2 in the table"});
    EXPECT_EQ(judged(with(sound, "row a 200 Bob 1 5 6", "row a 200 Bob 1 2 6")).front(),
              "a: Ann's write 2 overlaps Bob's write 1 in the table");
}

TEST(LeaseLog, ALongWriteIsRememberedBehindShortOnes) {
    // Proves that a write which another one of its token follows is still seen to overlap.
    auto log = with(sound, "row a 100 Ann 1 1 2", "row a 100 Ann 1 1 6");
    EXPECT_EQ(judged(with(log, "row a 200 Bob 1 5 6", "row a 200 Bob 1 5 9")),
              lines{"a: Bob's write 1 overlaps Ann's write 1 in the table"});
}

TEST(LeaseLog, TwoHoldersOverlapInTheFile) {
    // Proves the same of the file, whose order the database does not make.
    auto log = sound;
    std::swap(log[10], log[11]);
    EXPECT_EQ(judged(log), lines{"a: Bob's write 1 overlaps Ann's write 2 in the file"});
}

TEST(LeaseLog, ATokenGoesBack) {
    // Proves that a late write which got through is found, and a token that is no larger than one
    // that was had before it was asked for, or is granted to two.
    EXPECT_EQ(judged(with(sound, "row a 100 Ann 2 3 4", "row a 100 Ann 2 7 8")),
              lines{"a: the token of Ann's write 2 goes back in the table"});
    EXPECT_EQ(judged(with(sound, "granted a 300 Cid 10 11", "granted a 150 Cid 10 11")),
              lines{"a: token 150 was granted after 200"});
    EXPECT_EQ(judged(with(sound, "granted a 300 Cid 10 11", "granted a 150 Cid 3 11")), lines{});
    EXPECT_EQ(judged(with(sound, "granted a 300 Cid 10 11", "granted a 200 Cid 10 11")),
              lines{"a: token 200 was granted twice"});
}

TEST(LeaseLog, ALeaseIsStuck) {
    // Proves that a lease which is denied after its expiry for no reason, for a transaction that is
    // not there, for ever, or in the end is found.
    EXPECT_EQ(judged(plus(sound, {"denied a 7000000 6900000 0 none", "free a 8000000"})),
              lines{"a: stuck past its ttl at 7000000"});
    EXPECT_EQ(judged(plus(sound, {"denied a 5800000 5500000 77 gone", "free a 8000000"})),
              lines{"a: stuck past its ttl at 5800000"});
    EXPECT_EQ(judged(plus(sound, {"denied a 5800000 5500000 78 gone", "free a 8000000"})), lines{});
    EXPECT_EQ(judged(plus(sound, {"denied a 7000000 13100000 0 none", "free a 14000000"})),
              lines{"a: held for longer than any ttl at 7000000"});
    EXPECT_EQ(judged(plus(sound, {"denied a 7000000 7500000 0 none"})),
              lines{"a: not free in the end"});
    EXPECT_EQ(judged(with(sound, "free a 6000000", "")), lines{"a: not free in the end"});
}

TEST(LeaseLog, WhatWasToldIsNotSo) {
    // Proves that an acknowledged write that is gone, a refused one that is there, one that is
    // there twice, without its lines in the file, and one by a token that its writer does not have,
    // are found.
    EXPECT_EQ(judged(plus(sound, {"done Cid 7"})),
              lines{"Cid's write 7 was acknowledged and is not there"});
    EXPECT_EQ(judged(plus(sound, {"refused Bob 1 lost"})),
              lines{"Bob's write 1 was refused and is there"});
    EXPECT_EQ(judged(plus(sound, {"row a 200 Bob 1 7 8"})), lines{"Bob's write 1 is there twice"});
    EXPECT_EQ(judged(with(sound, "file a 100 Ann 2", "")),
              lines{"a: Ann's write 2 does not have its two lines in the file"});
    EXPECT_EQ(judged(with(sound, "granted a 200 Bob 5 9", "granted a 201 Bob 5 9")),
              lines{"a: nobody granted the token of Bob's write 1"});
}

TEST(LeaseLog, NothingShowsNothing) {
    // Proves that an empty log, one that nobody looked at, and one that is cut off do not pass.
    EXPECT_EQ(judged({}), (lines{"the log has no grants", "the log has no writes",
                                 "the log has no acknowledged writes", "the log has no ttl"}));
    EXPECT_EQ(judged(plus(sound, {"granted b 7 Ann 20 21"})),
              lines{"b: nobody looked if it was stuck"});
    EXPECT_THROW(judged({"granted a 100 Ann 1"}), std::runtime_error);
    EXPECT_THROW(judged({"granted a 100 Ann 1 2 3"}), std::runtime_error);
    EXPECT_THROW(judged({"gone"}), std::runtime_error);
}

}  // namespace
