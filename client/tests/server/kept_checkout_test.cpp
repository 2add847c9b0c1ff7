// A checkout that renews itself: by a time that passes only when the test says so, and by the real
// one.

#include <unistd.h>

#include <atomic>
#include <future>
#include <stdexcept>

#include "checkouts.hpp"
#include "fake_timer.hpp"
#include "kept_lease.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// As kept_checkout has it.
class leased_row final : public leased {
  public:
    explicit leased_row(const checkout& taken) : taken_{taken} {}
    bool renew(pqxx::transaction_base& tx, nanoseconds ttl) const override {
        return taken_.try_renew(tx, ttl).has_value();
    }
    bool release(pqxx::transaction_base& tx) const override { return taken_.checkin(tx); }
    [[noreturn]] void throw_lost(lease_loss reason, const std::string& why) const override {
        throw lease_lost{why, {}, reason};
    }

  private:
    checkout taken_;
};

// 30 minutes, asked for at time zero: renewed at 10 min, lost at 24 min, failures a second apart.
class KeptCheckoutByTheClock : public Checkouts {
  protected:
    void SetUp() override {
        Checkouts::SetUp();
        if (!HasFatalFailure()) keep();
    }

    void TearDown() override {
        kept.reset();
        Checkouts::TearDown();
    }

    void keep() {
        auto own = std::make_unique<fake_timer>();
        clock = own.get();
        granted_session session{[this] {
                                    if (!reachable) throw std::runtime_error{"the network is down"};
                                    return connect(name);
                                },
                                connect(name), clock->now()};
        taken.emplace(take(1, "Ann", 30min));
        kept.emplace(
            std::move(session), std::make_unique<leased_row>(*taken), times_of(30min, {}),
            [this](lease_loss loss) {
                ++losses;
                told.set_value(loss);
            },
            std::move(own));
        expect_waits(10min, 24min);
    }

    void expect_waits(nanoseconds renewal, nanoseconds loss) const {
        EXPECT_EQ(clock->waits(2), (std::vector{renewal, loss}));
    }

    void terminate_kept() const {
        run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE "
            "application_name = '" +
            name.substr(name.find('=') + 1) + "'");
    }

    // Of this process: tests run side by side.
    const std::string name = "application_name=kept_" + std::to_string(::getpid());
    fake_timer* clock = nullptr;
    std::atomic<bool> reachable = true;
    std::atomic<int> losses = 0;
    std::promise<lease_loss> told;
    std::optional<checkout> taken;
    std::optional<kept_lease> kept;
};

TEST_F(KeptCheckoutByTheClock, IsRenewedEachThirdOfItsTtl) {
    // Proves that the server's expiry moves at each third of the ttl, and not in between, and that
    // giving it back frees the row.
    auto first = expiry(1);
    clock->advance_to(9min);
    expect_waits(10min, 24min);
    EXPECT_EQ(expiry(1), first);
    clock->advance_to(10min);
    expect_waits(20min, 34min);
    auto second = expiry(1);
    EXPECT_GT(second, first);
    clock->advance_to(21min);
    expect_waits(31min, 45min);
    EXPECT_GT(expiry(1), second);
    EXPECT_TRUE(kept->held());
    kept->release();
    EXPECT_EQ(holder(1), "");
    EXPECT_EQ(losses, 0);
}

TEST_F(KeptCheckoutByTheClock, SurvivesKilledSessions) {
    // Proves that a renewal whose session was ended is tried again on another connection.
    terminate_kept();
    clock->advance_to(10min);
    expect_waits(10min + 1s, 24min);
    auto before = expiry(1);
    clock->advance_to(10min + 1s);
    expect_waits(20min + 1s, 34min + 1s);
    EXPECT_GT(expiry(1), before);
    EXPECT_EQ(losses, 0);
    kept.reset();
    EXPECT_EQ(holder(1), "");
}

TEST_F(KeptCheckoutByTheClock, IsLostBeforeItExpires) {
    // Proves that where no renewal gets through the loss is told before anybody else can have the
    // row, and the row is not given back by who no longer has it.
    reachable = false;
    terminate_kept();
    clock->advance_to(10min);
    expect_waits(10min + 1s, 24min);
    clock->advance_to(10min + 1s);
    expect_waits(10min + 2s, 24min);
    clock->advance_to(24min);
    EXPECT_EQ(told.get_future().get(), lease_loss::not_renewed);
    EXPECT_TRUE(kept->stop_token().stop_requested());
    EXPECT_FALSE(kept->held());
    EXPECT_EQ(holder(1), "Ann") << "told too late";
    auto e = caught<lease_lost>([&] { kept->release(); });
    EXPECT_EQ(e.reason(), lease_loss::not_renewed);
    EXPECT_NE(std::string{e.what()}.find("the network is down"), std::string::npos) << e.what();
    kept.reset();
    EXPECT_EQ(losses, 1);
    EXPECT_EQ(holder(1), "Ann");
}

TEST_F(KeptCheckoutByTheClock, IsLostAtOnceWhereItWasBroken) {
    // Proves that the next renewal finds out, and that somebody else's checkout is left alone.
    in_transaction([](pqxx::transaction_base& tx) { break_checkout(tx, "accounts", 1); });
    take(1, "Bob");
    clock->advance_to(10min);
    EXPECT_EQ(told.get_future().get(), lease_loss::superseded);
    EXPECT_FALSE(kept->held());
    EXPECT_THROW(kept->leave(), lease_lost);
    kept.reset();
    EXPECT_EQ(holder(1), "Bob");
}

TEST_F(KeptCheckoutByTheClock, IsRenewedBesideATransactionThatUsesIt) {
    // Proves that the heartbeat does not wait for the transaction that saves.
    auto c = connect();
    pqxx::transaction<pqxx::isolation_level::repeatable_read> tx{*c};
    taken->use(tx);
    tx.exec("UPDATE accounts SET balance = 0 WHERE id = 1");
    auto before = expiry(1);
    clock->advance_to(10min);
    expect_waits(20min, 34min);
    EXPECT_GT(expiry(1), before);
    tx.commit();
}

class KeptCheckout : public Checkouts {
  protected:
    kept_checkout keep(int id, nanoseconds ttl, kept_checkout_options options = {}) const {
        return {factory(), "accounts", id, "Ann", ttl, std::move(options)};
    }
};

TEST_F(KeptCheckout, GoesWithItsObject) {
    // Proves that it is renewed and used while the object lives, given back by the destructor, once
    // however it was moved, and tells when it is empty.
    {
        auto a = keep(1, 600ms, {.note = "a window"});
        EXPECT_EQ(stored("note", 1), "a window");
        auto first = expiry(1);
        wait_until("expires_at > timestamptz 'epoch' + " + std::to_string(first) +
                   " * interval '1 us' FROM interlock.checkouts "
                   "WHERE relation = 'accounts'::regclass");
        EXPECT_TRUE(a.held());
        (void)caught_typed<lease_held>(
            [&] { run("UPDATE accounts SET balance = 0 WHERE id = 1"); });
        auto c = connect();
        transact(*c, [&](pqxx::dbtransaction& tx) {
            a.use(tx);
            versioned_update(tx, "accounts", 1, 1, R"({"balance": 7})");
        });
        auto moved = std::move(a);
        EXPECT_FALSE(a.held());
        EXPECT_EQ(a.token(), 0);
        EXPECT_THROW(a.checkin(), std::logic_error);
        EXPECT_THROW((void)a.leave(), std::logic_error);
        EXPECT_THROW((void)a.stop_token(), std::logic_error);
        pqxx::work tx{*c};
        EXPECT_THROW(a.use(tx), std::logic_error);
        EXPECT_TRUE(moved.held());
        auto b = keep(2, 1h);
        EXPECT_EQ(holder(1), "Ann");
        moved = std::move(b);
        EXPECT_EQ(holder(1), "");
        EXPECT_EQ(moved.key().text(), "2");
    }
    EXPECT_EQ(holder(2), "");
    EXPECT_EQ(balance(1), "7");
    static_assert(!std::is_copy_constructible_v<kept_checkout>);
    static_assert(std::is_nothrow_move_constructible_v<kept_checkout>);
    static_assert(std::is_nothrow_move_assignable_v<kept_checkout>);
    static_assert(std::is_nothrow_destructible_v<kept_checkout>);
}

TEST_F(KeptCheckout, TellsWhoHasTheRow) {
    // Proves that a row somebody has is raised with what is known and told as nothing, and that
    // arguments are checked before anything is sent.
    auto bobs = take(1, "Bob", 1h, "mine");
    auto e = caught<lease_held>([&] { keep(1, 1h); });
    EXPECT_EQ(e.holder(), "Bob");
    EXPECT_EQ(e.note(), "mine");
    EXPECT_FALSE(try_kept_checkout(factory(), "accounts", 1, "Ann", 1h));
    auto a = try_kept_checkout(factory(), "accounts", 2, "Ann", 1h);
    ASSERT_TRUE(a);
    EXPECT_EQ(holder(2), "Ann");
    a->checkin();
    EXPECT_EQ(holder(2), "");
    EXPECT_THROW(keep(3, 0s), std::invalid_argument);
    EXPECT_THROW(keep(3, 3s, {.margin = 2s}), std::invalid_argument);
    EXPECT_THROW(kept_checkout({}, "accounts", 3, "Ann", 1ns), std::invalid_argument);
    EXPECT_THROW(keep(99, 1h), row_missing);
    EXPECT_EQ(holder(3), "");
}

TEST_F(KeptCheckout, IsLeftToATransactionThatSaves) {
    // Proves that one which is left stays checked out, and is given back where it is saved.
    auto a = keep(1, 1h);
    auto token = a.token();
    auto mine = a.leave();
    EXPECT_FALSE(a.held());
    EXPECT_EQ(mine.token(), token);
    EXPECT_EQ(holder(1), "Ann");
    auto c = connect();
    transact(*c, [&](pqxx::dbtransaction& tx) {
        mine.use(tx);
        versioned_update(tx, "accounts", 1, 1, R"({"balance": 7})");
        EXPECT_TRUE(mine.checkin(tx));
    });
    EXPECT_EQ(holder(1), "");
    EXPECT_EQ(balance(1), "7");
}

TEST_F(KeptCheckout, ALateSaveIsRefused) {
    // Proves that after the row was taken away use() refuses and nothing is written, and the loss
    // is reported where it is given back.
    auto a = keep(1, 1h);
    in_transaction([](pqxx::transaction_base& tx) { break_checkout(tx, "accounts", 1); });
    run("UPDATE accounts SET balance = 7 WHERE id = 1");
    auto c = connect();
    auto e = caught<lease_lost>([&] {
        transact(*c, [&](pqxx::dbtransaction& tx) {
            tx.exec("UPDATE accounts SET balance = 0 WHERE id = 2");
            a.use(tx);
        });
    });
    EXPECT_EQ(e.table(), "accounts");
    EXPECT_EQ(e.key(), "1");
    EXPECT_EQ(balance(2), "100");
    e = caught<lease_lost>([&] { a.checkin(); });
    EXPECT_EQ(e.reason(), lease_loss::superseded);
    EXPECT_EQ(e.table(), "accounts");
    EXPECT_EQ(e.token(), a.token());
}

TEST_F(KeptCheckout, AConnectionLostMeanwhileIsInDoubt) {
    // Proves that a session killed while it takes the row is no success, and that what libpqxx says
    // of a server that is not there has its type.
    auto writer = connect();
    pqxx::work writing{*writer};
    writing.exec("UPDATE accounts SET balance = 0 WHERE id = 1");
    std::promise<int> pid;
    task waiting{[&] {
        kept_checkout a{[&] {
                            auto c = connect();
                            pid.set_value(c->backendpid());
                            return c;
                        },
                        "accounts", 1, "Ann", 1h};
    }};
    auto victim = pid.get_future().get();
    wait_until_blocked(victim);
    terminate(victim);
    EXPECT_THROW(std::rethrow_exception(waiting.result()), in_doubt);
    writing.commit();
    EXPECT_EQ(holder(1), "");
    auto nowhere = [] { return std::make_unique<pqxx::connection>("host=/nowhere"); };
    EXPECT_THROW(kept_checkout(nowhere, "accounts", 1, "Ann", 1h), connection_lost);
}

}  // namespace
