// The plain functions of leases: one statement each.

#include "leases.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class LeaseFunctions : public Leases {
  protected:
    granted_lease take(const std::string& key, std::chrono::nanoseconds ttl = 1min) const {
        return in_transaction([&](pqxx::transaction_base& tx) {
            return acquire_lease(tx, texts(), key, "Ann", ttl, R"({"form": 7})");
        });
    }
};

TEST_F(LeaseFunctions, AcquiresWithTokenAndTimes) {
    // Proves that a lease comes with token, holder, times and what is left of it, and that the
    // payload is stored.
    auto lease = take("a", 1h);
    EXPECT_EQ(lease.holder, "Ann");
    EXPECT_EQ(lease.expires_at - lease.acquired_at, 1h);
    EXPECT_LE(lease.remaining, 1h);
    EXPECT_GT(lease.remaining, 1h - 10s);
    EXPECT_EQ(
        value("SELECT payload->>'form' FROM interlock.leases WHERE namespace = '" + texts() + "'"),
        "7");
    auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(lease.expires_at.time_since_epoch());
    EXPECT_EQ(value("SELECT expires_at = timestamptz 'epoch' + " + std::to_string(micros.count()) +
                    " * interval '1 microsecond' FROM interlock.leases WHERE namespace = '" +
                    texts() + "'"),
              "t");
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_TRUE(try_check_lease(tx, texts(), "a", lease.token));
        EXPECT_FALSE(try_check_lease(tx, texts(), "a", lease.token + 1));
    });
}

TEST_F(LeaseFunctions, TellsWhoHasIt) {
    // Proves that a lease that is not to be had is told and raised with holder and expiry, never
    // with the token, whoever asks, and that the transaction is still good.
    auto lease = take("a");
    in_transaction([&](pqxx::transaction_base& tx) {
        auto seen = try_acquire_lease(tx, texts(), "a", "Ann", 1min);
        EXPECT_FALSE(seen.granted);
        EXPECT_FALSE(seen.token);
        EXPECT_EQ(seen.holder, "Ann");
        EXPECT_EQ(seen.expires_at, lease.expires_at);
        EXPECT_EQ(seen.acquired_at, lease.acquired_at);
        EXPECT_GT(seen.remaining, 50s);
        EXPECT_FALSE(seen.blocking_pid);
        auto e = caught<lease_held>([&] { acquire_lease(tx, texts(), "a", "Bob", 1min); });
        EXPECT_EQ(e.sqlstate(), "IL010");
        EXPECT_EQ(e.lock_namespace(), texts());
        EXPECT_EQ(e.key(), "a");
        EXPECT_EQ(e.holder(), "Ann");
        EXPECT_EQ(e.expires_at(), lease.expires_at);
        EXPECT_FALSE(e.blocking_pid());
        tx.exec("SELECT 1");
    });
}

TEST_F(LeaseFunctions, NamesTheSessionInTheWay) {
    // Proves that a lease which has expired, and which an open transaction has checked, is told
    // with that session, and that one which is just being taken names it, too.
    auto lease = take("a", 1ms);
    auto c = connect();
    pqxx::work checking{*c};
    check_lease(checking, texts(), "a", lease.token);
    in_transaction([&](pqxx::transaction_base& tx) {
        auto seen = try_acquire_lease(tx, texts(), "a", "Bob", 1min);
        EXPECT_FALSE(seen.granted);
        EXPECT_EQ(seen.blocking_pid, c->backendpid());
        EXPECT_LE(seen.remaining, 0s);
        auto e = caught<lease_held>([&] { acquire_lease(tx, texts(), "a", "Bob", 1min); });
        EXPECT_EQ(e.blocking_pid(), c->backendpid());
    });
    EXPECT_TRUE(try_acquire_lease(checking, texts(), "b", "Ann", 1min).granted);
    in_transaction([&](pqxx::transaction_base& tx) {
        auto seen = try_acquire_lease(tx, texts(), "b", "Bob", 1min);
        EXPECT_FALSE(seen.granted);
        EXPECT_EQ(seen.holder, "");
        EXPECT_FALSE(seen.expires_at);
        EXPECT_EQ(seen.blocking_pid, c->backendpid());
    });
}

TEST_F(LeaseFunctions, RenewsUntilSomebodyElseHasIt) {
    // Proves that renewing keeps the token, works after an expiry that nobody saw, and is refused
    // once the lease is another one's.
    auto lease = take("a", 1ms);
    std::this_thread::sleep_for(5ms);
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_GT(renew_lease(tx, texts(), "a", lease.token, 2h), lease.expires_at + 1h);
        EXPECT_TRUE(try_renew_lease(tx, texts(), "a", lease.token, 1ms));
    });
    std::this_thread::sleep_for(5ms);
    auto next = take("a");
    EXPECT_GT(next.token, lease.token);
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_FALSE(try_renew_lease(tx, texts(), "a", lease.token, 1min));
        auto e = caught<lease_lost>([&] { renew_lease(tx, texts(), "a", lease.token, 1min); });
        EXPECT_EQ(e.sqlstate(), "IL011");
        EXPECT_EQ(e.reason(), lease_loss::superseded);
        EXPECT_EQ(e.lock_namespace(), texts());
        EXPECT_EQ(e.key(), "a");
        EXPECT_EQ(e.token(), lease.token);
        tx.exec("SELECT 1");
    });
}

TEST_F(LeaseFunctions, ReleasesAndBreaks) {
    // Proves that a lease is released by its token only, once, and broken by anybody.
    auto lease = take("a");
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_FALSE(release_lease(tx, texts(), "a", lease.token - 1));
        EXPECT_TRUE(release_lease(tx, texts(), "a", lease.token));
        EXPECT_FALSE(release_lease(tx, texts(), "a", lease.token));
        EXPECT_FALSE(break_lease(tx, texts(), "a"));
    });
    auto next = take("a");
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_TRUE(break_lease(tx, texts(), "a"));
        EXPECT_FALSE(try_check_lease(tx, texts(), "a", next.token));
    });
    EXPECT_EQ(holder("a"), "");
}

TEST_F(LeaseFunctions, Prunes) {
    // Proves that leases which ended longer ago than that are removed and counted, others not, that
    // the pruned one's token is no longer current and the next one larger. (They ended before any
    // that tests beside this one have.)
    auto old = take("old"), held = take("held"), ended = take("ended");
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_TRUE(release_lease(tx, texts(), "ended", ended.token));
        tx.exec(
            "UPDATE interlock.lease_registry SET expires_at = expires_at - interval '40 years' "
            "WHERE token = " +
            std::to_string(old.token));
    });
    constexpr auto year = 24h * 365;
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_EQ(prune_leases(tx, 50 * year), 0);
        EXPECT_TRUE(try_check_lease(tx, texts(), "old", old.token));
    });
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_EQ(prune_leases(tx, 30 * year), 1);
        EXPECT_EQ(prune_leases(tx, 30 * year), 0);
        EXPECT_FALSE(try_check_lease(tx, texts(), "old", old.token));
        EXPECT_TRUE(try_check_lease(tx, texts(), "held", held.token));
    });
    EXPECT_EQ(number("SELECT count(*) FROM interlock.lease_registry WHERE token IN (" +
                     std::to_string(held.token) + ", " + std::to_string(ended.token) + ")"),
              2);
    EXPECT_GT(take("old").token, old.token);
    auto refused = [&](std::chrono::nanoseconds older) {
        return code([&](pqxx::transaction_base& tx) { prune_leases(tx, older); });
    };
    EXPECT_EQ(refused(-1us), "22023");
    EXPECT_EQ(refused(101 * year), "22023");
    EXPECT_EQ(code([&](pqxx::transaction_base& tx) {
                  tx.exec("SET TRANSACTION READ ONLY");
                  prune_leases(tx, year);
              }),
              "25006");
}

TEST_F(LeaseFunctions, ALateWriteCannotCommit) {
    // Proves that the transaction in which check_lease was refused writes nothing, even if the
    // exception is swallowed, and that try_check_lease leaves it good.
    auto lease = take("a");
    in_transaction([&](pqxx::transaction_base& tx) { break_lease(tx, texts(), "a"); });
    auto c = connect();
    try {
        pqxx::work tx{*c};
        tx.exec("INSERT INTO log (token) VALUES (1)");
        auto e = caught<lease_lost>([&] { check_lease(tx, texts(), "a", lease.token); });
        EXPECT_EQ(e.token(), lease.token);
        EXPECT_EQ(e.key(), "a");
        tx.commit();
    } catch (const std::exception&) {
        // Some releases of libpqxx report a COMMIT that was none.
    }
    EXPECT_EQ(written(), 0);
    in_transaction([&](pqxx::transaction_base& tx) {
        EXPECT_FALSE(try_check_lease(tx, texts(), "a", lease.token));
        tx.exec("INSERT INTO log (token) VALUES (2)");
    });
    EXPECT_EQ(written(), 1);
}

TEST_F(LeaseFunctions, ErrorsOfPlainSqlAreTyped) {
    // Proves that what plain SQL meets has its details, too, read from the server's DETAIL.
    auto lease = take("a");
    auto c = connect();
    auto held = caught_typed<lease_held>([&] {
        pqxx::work tx{*c};
        tx.exec("SELECT interlock.acquire_lease('" + texts() + "', 'a', 'Bob', '1 min')");
    });
    EXPECT_EQ(held.lock_namespace(), texts());
    EXPECT_EQ(held.key(), "a");
    EXPECT_EQ(held.holder(), "Ann");
    EXPECT_EQ(held.expires_at(), lease.expires_at);
    auto lost = caught_typed<lease_lost>([&] {
        pqxx::work tx{*c};
        tx.exec("SELECT interlock.check_lease('" + texts() + "', 'a', 17)");
    });
    EXPECT_EQ(lost.key(), "a");
    EXPECT_EQ(lost.token(), 17);
    EXPECT_GT(lease.token, 17);
}

TEST_F(LeaseFunctions, RefusesWhatIsNone) {
    // Proves that bad arguments are refused with the server's codes, or before they are sent.
    auto refused = [&](const std::string& in, const key& key, const std::string& who,
                       std::chrono::nanoseconds ttl) {
        return code([&](pqxx::transaction_base& tx) { acquire_lease(tx, in, key, who, ttl); });
    };
    EXPECT_EQ(refused("no such namespace", "a", "Ann", 1s), "42704");
    EXPECT_EQ(refused(numbers(), "a", "Ann", 1s), "22P02");
    EXPECT_EQ(refused(texts(), "a", "", 1s), "22023");
    EXPECT_EQ(refused(texts(), "a", "Ann", 0s), "22023");
    EXPECT_EQ(refused(texts(), "a", "Ann", -1s), "22023");
    EXPECT_EQ(refused(texts(), "a", "Ann", 1ns), "22023");
    EXPECT_EQ(refused(texts(), "a", "Ann", 24h * 367), "22023");
    EXPECT_EQ(refused(texts(), "a", "Ann", 24h * 366), "none");
    auto c = connect();
    pqxx::work tx{*c};
    EXPECT_THROW(acquire_lease(tx, texts(), key::columns({{"a", 1}}), "Ann", 1s),
                 std::invalid_argument);
    EXPECT_THROW(acquire_lease(tx, texts(), "a", std::string("\0", 1), 1s), std::invalid_argument);
    tx.abort();
    pqxx::nontransaction alone{*c};
    EXPECT_THROW(check_lease(alone, texts(), "a", 1), std::invalid_argument);
    EXPECT_THROW((void)try_check_lease(alone, texts(), "a", 1), std::invalid_argument);
    EXPECT_TRUE(try_acquire_lease(alone, texts(), "a", "Ann", 1s).granted);
}

}  // namespace
