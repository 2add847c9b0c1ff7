#pragma once

#include <chrono>
#include <tuple>
#include <vector>

#include "server.hpp"

// A test of claims, on a work table `jobs`.
class Claims : public Server {
  protected:
    using job = std::tuple<int, std::string>;

    void SetUp() override {
        Server::SetUp();
        if (HasFatalFailure()) return;
        run("CREATE TABLE jobs (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text)");
        enable("'keep', max_attempts => 3, backoff => '0'");
    }

    void enable(const std::string& settings) const {
        run("SELECT interlock.enable_claims('jobs', " + settings + ")");
    }
    void add(int count) const {
        run("INSERT INTO jobs (payload) SELECT 'job ' || i FROM generate_series(1, " +
            std::to_string(count) + ") AS i");
    }

    std::vector<interlock::claimed<job>> claim(int n = 1, const std::string& worker = "me",
                                               std::chrono::nanoseconds ttl = std::chrono::hours{
                                                   1}) const {
        return in_transaction([&](pqxx::transaction_base& tx) {
            return interlock::claim_rows<job>(tx, "jobs", worker, {.n = n, .ttl = ttl});
        });
    }

    // As ready again as if the claim had expired.
    void expire(int id) const {
        run("UPDATE jobs SET claimed_until = now() - interval '1 s' WHERE id = " +
            std::to_string(id));
    }
    std::string stored(const std::string& expression, int id) const {
        return value("SELECT " + expression + " FROM jobs WHERE id = " + std::to_string(id));
    }
};
