#pragma once

#include <chrono>

#include "locks.hpp"

// A test of leases, in the namespaces of Locks.
class Leases : public Locks {
  protected:
    using clock = std::chrono::steady_clock;

    void SetUp() override {
        Locks::SetUp();
        if (!HasFatalFailure()) run("CREATE TABLE log (id bigserial PRIMARY KEY, token bigint)");
    }

    // A namespace with leases that are held cannot be dropped.
    void TearDown() override {
        run("SELECT interlock.break_lease(namespace, key) FROM interlock.leases WHERE namespace IN "
            "('" +
            numbers() + "', '" + texts() + "')");
        Locks::TearDown();
    }

    // Who has the lease of a key by the server's clock; "" if nobody.
    std::string holder(const std::string& key) const {
        return value("SELECT holder FROM interlock.leases WHERE namespace = '" + texts() +
                     "' AND key = '" + key + "' AND NOT expired");
    }

    // What a lease writes under its fence.
    static void write(pqxx::transaction_base& tx, const interlock::lease& lease) {
        lease.guard(tx);
        tx.exec("INSERT INTO log (token) VALUES (" + std::to_string(lease.token()) + ")");
    }

    int written() const { return number("SELECT count(*) FROM log"); }

    template <class Condition>
    static bool comes_true(Condition condition, std::chrono::nanoseconds within) {
        for (auto end = clock::now() + within; clock::now() < end;) {
            if (condition()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
        return condition();
    }
};
