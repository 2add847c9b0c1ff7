// A session that is lost around COMMIT: what is known then, and what transact says.

#include "proxy.hpp"
#include "server.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class Commit : public Server {
  protected:
    void SetUp() override {
        Server::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        // Against the one test here that resets the cluster's statistics.
        run("SELECT pg_advisory_lock_shared(20260102)");
        make_plain_accounts();
        run("CREATE TABLE slow (n int)");
        run("CREATE FUNCTION sleep_in_commit() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_sleep(NEW.n / 1000.0); RETURN NULL; END'");
        run("CREATE CONSTRAINT TRIGGER sleeps AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION sleep_in_commit()");
    }

    // A body that adds one to account 1, COMMIT taking so many milliseconds, and counts its runs.
    auto increment(int milliseconds = 0) {
        return [this, milliseconds](pqxx::dbtransaction& tx) {
            ++runs;
            tx.exec("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
            if (milliseconds)
                tx.exec("INSERT INTO slow VALUES (" + std::to_string(milliseconds) + ")");
            return runs;
        };
    }

    int balance() const { return number("SELECT balance FROM accounts WHERE id = 1"); }

    // Ends the session as soon as it sleeps in its COMMIT.
    void terminate_in_commit(int pid) const {
        wait_until(
            "wait_event = 'PgSleep' AND query LIKE '%COMMIT' FROM pg_stat_activity"
            " WHERE pid = " +
            std::to_string(pid));
        terminate(pid);
    }

    transaction_options asking() const {
        transaction_options options;
        options.reconnect = factory();
        return options;
    }

    int runs = 0;
};

TEST_F(Commit, TerminatedInCommitIsInDoubt) {
    // Proves that without a way to reconnect a backend that died in COMMIT is in_doubt, and that
    // the body is not run again.
    auto c = connect();
    task worker{[&] { (void)transact(*c, increment(30000)); }};
    terminate_in_commit(c->backendpid());
    auto e = caught<in_doubt>([&] { std::rethrow_exception(worker.result()); });
    EXPECT_EQ(e.sqlstate(), "08007");
    EXPECT_FALSE(e.transaction_id());
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(balance(), 100);
}

TEST_F(Commit, TerminatedInCommitIsResolved) {
    // Proves that with a way to reconnect the same is known to be rolled back.
    auto c = connect();
    task worker{[&] { (void)transact(*c, {}, asking(), increment(30000)); }};
    terminate_in_commit(c->backendpid());
    auto e = caught<connection_lost>([&] { std::rethrow_exception(worker.result()); });
    EXPECT_NE(std::string{e.what()}.find("rolled back"), std::string::npos) << e.what();
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(balance(), 100);
}

TEST_F(Commit, LostAnswerIsInDoubt) {
    // Proves that a COMMIT that happened and whose answer was lost is in_doubt, and is not
    // repeated.
    proxy between{proxy::cut::before_answer};
    auto c = connect(between.address());
    (void)caught<in_doubt>([&] { (void)transact(*c, increment()); });
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(balance(), 101);
}

TEST_F(Commit, LostAnswerIsResolved) {
    // Proves that with a way to reconnect a COMMIT whose answer was lost is the success it was,
    // result and all.
    proxy between{proxy::cut::before_answer};
    auto c = connect(between.address());
    EXPECT_EQ(transact(*c, {}, asking(), increment()), 1);
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(balance(), 101);
}

TEST_F(Commit, LostRequestIsResolved) {
    // Proves that a COMMIT that never reached the server is known to be rolled back.
    proxy between{proxy::cut::before_commit};
    auto c = connect(between.address());
    (void)caught<connection_lost>([&] { (void)transact(*c, {}, asking(), increment()); });
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(balance(), 100);
}

TEST_F(Commit, AsksUntilTheServerKnows) {
    // Proves that while the server still works on the COMMIT it is asked again until it knows.
    proxy between{proxy::cut::after_commit};
    auto c = connect(between.address());
    int asked = 0;
    auto options = asking();
    options.reconnect = [&] {
        ++asked;
        return connect();
    };
    EXPECT_EQ(transact(*c, {}, options, increment(300)), 1);
    EXPECT_GT(asked, 1);
    EXPECT_EQ(balance(), 101);
}

TEST_F(Commit, GivesUpAskingInTime) {
    // Proves that asking ends after resolve_within, as in_doubt with the transaction's id, by which
    // the outcome can be found later.
    proxy between{proxy::cut::after_commit};
    auto c = connect(between.address());
    auto options = asking();
    options.resolve_within = 50ms;
    auto e = caught<in_doubt>([&] { (void)transact(*c, {}, options, increment(1500)); });
    ASSERT_TRUE(e.transaction_id());
    auto status = "pg_xact_status('" + std::to_string(*e.transaction_id()) + "')";
    EXPECT_EQ(value("SELECT " + status), "in progress");
    wait_until(status + " = 'committed'");
    EXPECT_EQ(balance(), 101);
}

TEST_F(Commit, ReconnectsUntilTheServerIsBack) {
    // Proves that a reconnection that fails is tried again, as after a restart.
    proxy between{proxy::cut::before_answer};
    auto c = connect(between.address());
    int tries = 0;
    auto options = asking();
    options.reconnect = [&] {
        if (++tries < 4) throw pqxx::broken_connection{"not yet"};
        return connect();
    };
    EXPECT_EQ(transact(*c, {}, options, increment()), 1);
    EXPECT_EQ(tries, 4);
}

TEST_F(Commit, NoWayToReconnectIsInDoubt) {
    // Proves that when no new connection is to be had the transaction stays in doubt.
    proxy between{proxy::cut::before_answer};
    auto c = connect(between.address());
    transaction_options options;
    options.resolve_within = 50ms;
    options.reconnect = []() -> std::unique_ptr<pqxx::connection> {
        throw pqxx::broken_connection{"never"};
    };
    auto e = caught<in_doubt>([&] { (void)transact(*c, {}, options, increment()); });
    EXPECT_TRUE(e.transaction_id());
}

TEST_F(Commit, CommittedIsNotBelievedAfterACrash) {
    // Proves that "committed" stays in doubt where the server may have crashed in between (shown by
    // the statistics' reset time): the number may be another transaction's by then.
    run("SELECT pg_advisory_unlock_shared(20260102)");
    run("SELECT pg_advisory_lock(20260102)");
    proxy between{proxy::cut::before_answer};
    auto c = connect(between.address());
    auto options = asking();
    options.reconnect = [&] {
        run("SELECT pg_stat_reset_shared('archiver')");
        return connect();
    };
    auto e = caught<in_doubt>([&] { (void)transact(*c, {}, options, increment()); });
    EXPECT_TRUE(e.transaction_id());
}

TEST_F(Commit, NothingWrittenIsNothingLost) {
    // Proves that a reading transaction that lost its session at COMMIT is connection_lost: there
    // is nothing to be in doubt about, and nobody is asked.
    proxy between{proxy::cut::before_answer};
    auto c = connect(between.address());
    int asked = 0;
    auto options = asking();
    options.reconnect = [&] {
        ++asked;
        return connect();
    };
    (void)caught<connection_lost>(
        [&] { transact(*c, {}, options, [](auto& tx) { tx.exec("SELECT * FROM accounts"); }); });
    EXPECT_EQ(asked, 0);
}

TEST_F(Commit, LostBeforeCommitIsNotInDoubt) {
    // Proves that a session that ended after the body's last statement, but before COMMIT was
    // answered, is never reported as success.
    auto c = connect();
    int pid = c->backendpid();
    auto attempt = [&] {
        transact(*c, {}, asking(), [&](pqxx::dbtransaction& tx) {
            tx.exec("UPDATE accounts SET balance = balance + 1 WHERE id = 1");
            terminate(pid);
        });
    };
    (void)caught<connection_lost>(attempt);
    EXPECT_EQ(balance(), 100);
}

TEST_F(Commit, AskingCostsNothingVisible) {
    // Proves that with a way to reconnect ordinary transactions work as without, reading, writing
    // and read-only, at every isolation level.
    auto c = connect();
    for (auto level :
         {isolation::read_committed, isolation::repeatable_read, isolation::serializable}) {
        auto options = asking();
        options.isolation = level;
        (void)transact(*c, {}, options, increment());
        options.read_only = true;
        EXPECT_EQ(transact(*c, {}, options,
                           [](auto& tx) {
                               return tx.exec("SELECT balance FROM accounts WHERE id = 1")[0][0]
                                   .template as<int>();
                           }),
                  100 + runs);
    }
    EXPECT_EQ(balance(), 103);
}

}  // namespace
