// Many writers on a few rows: what was acknowledged is there, once.

#include <atomic>

#include "server.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class ManyWriters : public Server {
  protected:
    static constexpr int writers = 16;
    static constexpr int increments = 25;

    // Reads a row and writes it back with one added, through the policy.
    static void increment(pqxx::connection& db, const retry_policy& policy,
                          const transaction_options& options, int id) {
        transact(db, policy, options, [&](pqxx::dbtransaction& tx) {
            auto r =
                tx.exec("SELECT balance, version FROM accounts WHERE id = " + std::to_string(id));
            auto balance = r[0][0].as<int>() + 1;
            versioned_update(tx, "accounts", id, r[0][1].as<std::int64_t>(),
                             R"({"balance": )" + std::to_string(balance) + "}");
        });
    }

    void write_all(const transaction_options& options, bool prepare) {
        std::vector<std::unique_ptr<task>> tasks;
        for (int w = 0; w < writers; ++w) {
            tasks.push_back(std::make_unique<task>([this, w, &options, prepare] {
                auto db = connect();
                std::optional<prepared_statements> prepared;
                if (prepare) prepared.emplace(*db);
                retry_policy policy{.attempts = 10000, .deadline = 100s, .rerun_stale = true};
                policy.observer = [this](const failed_attempt&) { ++conflicts; };
                for (int i = 0; i < increments; ++i) {
                    increment(*db, policy, options, 1 + (w + i) % 2);
                    ++acknowledged;
                }
            }));
        }
        for (auto& t : tasks) {
            auto failure = t->result();
            if (failure) std::rethrow_exception(failure);
        }
    }

    void expect_exact() const {
        EXPECT_EQ(acknowledged, writers * increments);
        EXPECT_GT(conflicts, 0) << "no conflict at all: this shows nothing";
        EXPECT_EQ(number("SELECT sum(balance - 100) FROM accounts"), acknowledged);
        EXPECT_EQ(number("SELECT sum(version - 1) FROM accounts"), acknowledged);
    }

    std::atomic<int> acknowledged = 0;
    std::atomic<int> conflicts = 0;
};

TEST_F(ManyWriters, LoseNothing) {
    // Proves that 16 threads of read-modify-write on two rows lose and double nothing.
    make_accounts();
    write_all({}, false);
    expect_exact();
}

TEST_F(ManyWriters, LoseNothingAtSerializable) {
    // Proves the same at SERIALIZABLE, where rivals fail with 40001, also at COMMIT.
    make_accounts();
    write_all({.isolation = isolation::serializable}, false);
    expect_exact();
}

TEST_F(ManyWriters, LoseNothingPreparedAndAsking) {
    // Proves the same with prepared statements and with the question before each COMMIT.
    make_accounts();
    transaction_options options;
    options.reconnect = factory();
    write_all(options, true);
    expect_exact();
}

}  // namespace
