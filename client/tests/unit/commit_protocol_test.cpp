#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "interlock/bridge.hpp"

namespace {

using interlock::bridge::commit_protocol;

// A server that fails each command as told, and the SQLSTATE that comes out in the end.
struct server {
    std::map<std::string, std::string> failures{};
    std::vector<std::string> heard{};

    void operator()(const std::string& sql) {
        heard.push_back(sql);
        if (auto f = failures.find(sql); f != failures.end())
            throw pqxx::sql_error{"it failed", sql, f->second.c_str()};
    }

    std::string commit() try {
        commit_protocol protocol;
        protocol.permitted = true;
        protocol.run(*this);
        return "";
    } catch (const std::exception& e) {
        return interlock::bridge::sqlstate(e);
    }
};

using commands = std::vector<std::string>;

TEST(CommitProtocol, IsOneMessage) {
    // Proves that a commit that works is one message and no more.
    server s;
    EXPECT_EQ(s.commit(), "");
    EXPECT_EQ(s.heard, commands{"SELECT; COMMIT"});
}

TEST(CommitProtocol, RollsAFailedTransactionBack) {
    // Proves that a transaction that had failed before is rolled back, not left open.
    server s{{{"SELECT; COMMIT", "25P02"}}};
    EXPECT_EQ(s.commit(), "25P02");
    EXPECT_EQ(s.heard, (commands{"SELECT; COMMIT", "ROLLBACK"}));
}

TEST(CommitProtocol, LeavesAFailedCommitAlone) {
    // Proves that after a COMMIT that failed, which ended the transaction, no ROLLBACK is sent.
    server s{{{"SELECT; COMMIT", "23505"}}};
    EXPECT_EQ(s.commit(), "23505");
    EXPECT_EQ(s.heard, (commands{"SELECT; COMMIT", "SELECT"}));
}

TEST(CommitProtocol, RollsBackWhenCancelledAheadOfCommit) {
    // Proves that a cancel that met the statement ahead of COMMIT leaves no open transaction.
    server s{{{"SELECT; COMMIT", "57014"}, {"SELECT", "25P02"}}};
    EXPECT_EQ(s.commit(), "57014");
    EXPECT_EQ(s.heard, (commands{"SELECT; COMMIT", "SELECT", "ROLLBACK"}));
}

TEST(CommitProtocol, KeepsTheFirstError) {
    // Proves that a session that is gone by then does not hide the first error.
    server s{{{"SELECT; COMMIT", "57P01"}, {"SELECT", "08006"}}};
    EXPECT_EQ(s.commit(), "57P01");
    s = {{{"SELECT; COMMIT", "25P02"}, {"ROLLBACK", "08006"}}};
    EXPECT_EQ(s.commit(), "25P02");
}

TEST(CommitProtocol, NeedsPermission) {
    // Proves that without permission the transaction is rolled back and COMMIT never sent.
    server s;
    commit_protocol protocol;
    EXPECT_THROW(protocol.run(s), pqxx::usage_error);
    EXPECT_FALSE(protocol.sent);
    EXPECT_EQ(s.heard, commands{"ROLLBACK"});
}

}  // namespace
