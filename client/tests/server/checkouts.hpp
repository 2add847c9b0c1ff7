#pragma once

#include <chrono>

#include "server.hpp"

// A test of checkouts, of the rows of a versioned table `accounts`.
class Checkouts : public Server {
  protected:
    void SetUp() override {
        Server::SetUp();
        if (HasFatalFailure()) return;
        make_accounts();
        run("SELECT interlock.enable_checkout('accounts')");
    }

    interlock::checkout take(const interlock::key& key, const std::string& holder,
                             std::chrono::nanoseconds ttl = std::chrono::hours{1},
                             const std::optional<std::string>& note = {}) const {
        return in_transaction([&](pqxx::transaction_base& tx) {
            return interlock::checkout{tx, "accounts", key, holder, ttl, note};
        });
    }

    // Of the checkout of an account that has not expired; "" if there is none.
    std::string stored(const std::string& column, int id) const {
        return value("SELECT " + column + " FROM interlock.checkouts WHERE relation = " +
                     "'accounts'::regclass AND NOT expired AND key @> '{\"id\": " +
                     std::to_string(id) + "}'");
    }
    std::string holder(int id) const { return stored("holder", id); }
    std::int64_t expiry(int id) const {
        return std::stoll(stored("(extract(epoch FROM expires_at) * 1000000)::bigint", id));
    }
    void wait_until_expired() const {
        wait_until(
            "bool_and(expired) FROM interlock.checkouts WHERE relation = "
            "'accounts'::regclass");
    }

    std::string balance(int id) const {
        return value("SELECT balance FROM accounts WHERE id = " + std::to_string(id));
    }
};
