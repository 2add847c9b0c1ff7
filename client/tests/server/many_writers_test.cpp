// Many writers on a few rows: what was acknowledged is there, once.

#include <atomic>
#include <functional>

#include "server.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class ManyWriters : public Server {
  protected:
    static constexpr int writers = 16;
    static constexpr int increments = 25;

    struct account {
        int balance;
        std::int64_t version;
    };

    static account read(pqxx::dbtransaction& tx, int id) {
        auto r = tx.exec("SELECT balance, version FROM accounts WHERE id = " + std::to_string(id));
        return {r[0][0].as<int>(), r[0][1].as<std::int64_t>()};
    }

    static std::string balance(int n) { return R"({"balance": )" + std::to_string(n) + "}"; }

    // Reads a row and writes it back with one added.
    static void increment(pqxx::dbtransaction& tx, int id) {
        auto [old, version] = read(tx, id);
        versioned_update(tx, "accounts", id, version, balance(old + 1));
    }

    // Does it in transactions of many threads, through the policy.
    using work = std::function<void(pqxx::dbtransaction&, int id)>;
    void write_all(const transaction_options& options, bool prepare,
                   const work& write = increment) {
        std::vector<std::unique_ptr<task>> tasks;
        for (int w = 0; w < writers; ++w) {
            tasks.push_back(std::make_unique<task>([this, w, &options, prepare, &write] {
                auto db = connect();
                std::optional<prepared_statements> prepared;
                if (prepare) prepared.emplace(*db);
                retry_policy policy{.attempts = 10000, .deadline = 100s, .rerun_stale = true};
                policy.observer = [this](const failed_attempt&) { ++conflicts; };
                for (int i = 0; i < increments; ++i) {
                    transact(*db, policy, options,
                             [&](pqxx::dbtransaction& tx) { write(tx, 1 + (w + i) % 2); });
                    ++acknowledged;
                }
            }));
        }
        for (auto& t : tasks) {
            auto failure = t->result();
            if (failure) std::rethrow_exception(failure);
        }
    }

    void expect_exact(int rows_each = 1) const {
        EXPECT_EQ(acknowledged, writers * increments);
        EXPECT_GT(conflicts, 0) << "no conflict at all: this shows nothing";
        EXPECT_EQ(number("SELECT sum(balance - 100) FROM accounts"), acknowledged * rows_each);
        EXPECT_EQ(number("SELECT sum(version - 1) FROM accounts"), acknowledged * rows_each);
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

TEST_F(ManyWriters, BatchesLoseNothing) {
    // Proves the same for batches of three rows that come in either order, and that none deadlocks.
    make_accounts();
    std::atomic<int> deadlocks = 0;
    write_all({}, true, [&](pqxx::dbtransaction& tx, int id) {
        std::vector<row_update> rows;
        for (int i : id == 1 ? std::vector{1, 2, 3} : std::vector{3, 2, 1}) {
            auto [old, version] = read(tx, i);
            rows.push_back({i, version, balance(old + 1)});
        }
        try {
            versioned_update_many(tx, "accounts", rows);
        } catch (const deadlock_detected&) {
            ++deadlocks;
            throw;
        }
    });
    expect_exact(3);
    EXPECT_EQ(deadlocks, 0);
}

TEST_F(ManyWriters, ComparisonsLoseNothing) {
    // Proves the same for writes that go by the value that was read.
    make_accounts();
    write_all({}, false, [](pqxx::dbtransaction& tx, int id) {
        auto old = read(tx, id).balance;
        compare_and_update(tx, "accounts", id, balance(old), balance(old + 1));
    });
    expect_exact();
}

TEST_F(ManyWriters, MergesLoseNothing) {
    // Proves the same for merges: who changed the same column is told, reads again and goes on in
    // the same transaction, while a rival changes the other column of the same rows. Each writes
    // something of its own, because two who write the same are no conflict.
    make_accounts();
    run("UPDATE accounts SET owner = ''");
    std::atomic<bool> done = false;
    task rival{[&] {
        auto db = connect();
        while (!done)
            transact(*db, [](pqxx::dbtransaction& tx) {
                tx.exec("UPDATE accounts SET balance = balance + 1 WHERE id < 3");
            });
    }};
    struct stop {
        std::atomic<bool>& done;
        ~stop() { done = true; }
    } stop_rival{done};
    std::atomic<int> entries = 0;
    write_all({}, false, [&](pqxx::dbtransaction& tx, int id) {
        auto mine = std::to_string(++entries) + ";";
        for (;; ++conflicts) {
            auto old = tx.exec("SELECT owner FROM accounts WHERE id = " + std::to_string(id))[0][0]
                           .as<std::string>();
            auto base = R"({"balance": 100, "owner": ")" + old + "\"}";
            auto changes = R"({"owner": ")" + old + mine + "\"}";
            if (try_versioned_merge(tx, "accounts", id, base, changes).ok()) return;
        }
    });
    done = true;
    ASSERT_FALSE(rival.result());
    EXPECT_EQ(acknowledged, writers * increments);
    EXPECT_GT(conflicts, 0) << "no conflict at all: this shows nothing";
    EXPECT_EQ(number("SELECT count(DISTINCT e) FROM accounts,"
                     " string_to_table(rtrim(owner, ';'), ';') e"),
              acknowledged);
}

}  // namespace
