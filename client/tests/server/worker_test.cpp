// The worker loop: what becomes of the rows whatever the handler does, and whatever befalls the
// worker.

#include <atomic>
#include <map>

#include "claims.hpp"

using namespace interlock;
using namespace std::chrono_literals;

namespace {

class Workers : public Claims {
  protected:
    // While it lives, the worker runs.
    template <class Worker>
    class running {
      public:
        explicit running(Worker& worker)
            : thread_{[this, &worker](std::stop_token stop) {
                  try {
                      worker.run(stop);
                  } catch (...) {
                      failure_ = std::current_exception();
                  }
              }} {}
        void stop() { thread_.request_stop(); }
        // What it threw.
        std::exception_ptr end() {
            stop();
            return await();
        }
        std::exception_ptr await() {
            thread_.join();
            return failure_;
        }

      private:
        std::exception_ptr failure_;
        std::jthread thread_;
    };

    worker_options named(worker_options options = {}) const {
        if (options.name.empty()) options.name = "worker";
        options.poll_max = 50ms;
        return options;
    }
    void wait_until_done(int count) const {
        wait_until("count(*) = " + std::to_string(count) +
                   " FROM jobs WHERE finished_at IS NOT NULL");
    }
    void wait_for(const std::atomic<int>& counter, int value) const {
        for (int i = 0; i < 2000 && counter < value; ++i)
            std::this_thread::sleep_for(5ms);
        EXPECT_GE(counter, value);
    }
    std::string unclaimed() const {
        return value("SELECT count(*) FROM jobs WHERE claimed_until IS NULL AND attempts = 0");
    }
    connection_factory as(const std::string& name) const {
        return [this, name] { return connect("application_name=" + name); };
    }
    // Of a handler's thread: run() is the test's own.
    void run_apart(const std::string& sql) const {
        in_transaction([&](auto& tx) { tx.exec(sql); });
    }
    void terminate_all(const std::string& name) const {
        run_apart(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '" +
            name + "'");
    }
};

TEST_F(Workers, FinishEachRowOnce) {
    add(300);
    std::mutex mutex;
    std::map<int, int> seen;
    worker<job> worker{factory(), "jobs",
                       [&](const claimed<job>& job) {
                           std::lock_guard lock{mutex};
                           ++seen[std::get<0>(job.row)];
                           EXPECT_EQ(std::get<1>(job.row), "job " + job.key.text());
                       },
                       named({.concurrency = 4, .prefetch = 20})};
    running run{worker};
    wait_until_done(300);
    EXPECT_FALSE(run.end());
    EXPECT_EQ(seen.size(), 300u);
    auto done = worker.statistics();
    EXPECT_EQ(done.claimed, 300u);
    EXPECT_EQ(done.finished, 300u);
    EXPECT_EQ(done.failed + done.handed_back + done.lost + done.abandoned + done.troubles, 0u);
    EXPECT_LT(done.finish_calls, 300u);
    EXPECT_EQ(value("SELECT count(*) FROM jobs WHERE attempts <> 1 OR claimed_by <> 'worker'"),
              "0");
}

TEST_F(Workers, TwoShareTheRows) {
    add(200);
    std::atomic<int> calls = 0;
    auto handler = [&](const claimed<job>&) { ++calls; };
    worker<job> one{factory(), "jobs", handler, named({.name = "one", .prefetch = 5})};
    worker<job> two{factory(), "jobs", handler, named({.name = "two", .concurrency = 2})};
    running first{one}, second{two};
    wait_until_done(200);
    EXPECT_FALSE(first.end());
    EXPECT_FALSE(second.end());
    EXPECT_EQ(calls, 200);
    EXPECT_EQ(one.statistics().finished + two.statistics().finished, 200u);
    EXPECT_EQ(one.statistics().lost + two.statistics().lost, 0u);
}

TEST_F(Workers, TakeAReader) {
    add(1);
    std::string seen;
    worker<std::string> worker{
        factory(), "jobs", [](const locked_row& row) { return row.get<std::string>("payload"); },
        [&](const claimed<std::string>& job, std::stop_token) { seen = job.row; }, named()};
    running run{worker};
    wait_until_done(1);
    EXPECT_FALSE(run.end());
    EXPECT_EQ(seen, "job 1");
}

TEST_F(Workers, GiveBackWhatFailsWithItsMessageUntilItIsDead) {
    add(2);
    std::atomic<int> calls = 0;
    worker<job> worker{factory(), "jobs",
                       [&](const claimed<job>& job) {
                           if (std::get<0>(job.row) == 2) return;
                           EXPECT_EQ(job.attempts, ++calls);
                           throw std::runtime_error{"no \"paper\" \xff left"};
                       },
                       named()};
    running run{worker};
    wait_until("dead_at IS NOT NULL FROM jobs WHERE id = 1");
    EXPECT_FALSE(run.end());
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(stored("last_error", 1), "no \"paper\" ? left");
    EXPECT_EQ(stored("attempts", 1), "3");
    EXPECT_EQ(worker.statistics().failed, 3u);
    EXPECT_EQ(worker.statistics().finished, 1u);
}

TEST_F(Workers, AHandlerMayHaveItsRowLater) {
    add(1);
    worker<job> worker{factory(), "jobs", [](const claimed<job>&) { throw retry_later{1h}; },
                       named()};
    running run{worker};
    wait_until("run_at > now() + interval '59 min' FROM jobs");
    EXPECT_FALSE(run.end());
    EXPECT_EQ(stored("attempts", 1), "0");
    EXPECT_EQ(stored("last_error IS NULL", 1), "t");
    EXPECT_EQ(worker.statistics().handed_back, 1u);
}

TEST_F(Workers, ThatStopFinishWhatRunsAndGiveBackWhatDoesNot) {
    run("ALTER TABLE jobs ADD given_back timestamptz");
    run("CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN new.given_back := statement_timestamp(); RETURN new; END'");
    run("CREATE TRIGGER stamp BEFORE UPDATE ON jobs FOR EACH ROW "
        "WHEN (old.claimed_by IS NOT NULL AND new.claimed_by IS NULL) EXECUTE FUNCTION stamp()");
    add(10);
    std::atomic<int> started = 0;
    std::atomic<bool> go = false;
    worker<job> worker{factory(), "jobs",
                       [&](const claimed<job>&, std::stop_token stop) {
                           ++started;
                           while (!go)
                               std::this_thread::sleep_for(1ms);
                           EXPECT_FALSE(stop.stop_requested());
                       },
                       named({.concurrency = 2, .prefetch = 8})};
    running run{worker};
    wait_for(started, 2);
    wait_until("count(claimed_until) = 10 FROM jobs");
    run.stop();
    wait_until("count(claimed_until) = 2 FROM jobs");
    EXPECT_EQ(unclaimed(), "8");
    EXPECT_EQ(value("SELECT count(DISTINCT given_back) < 8 FROM jobs"), "t");  // not one by one
    go = true;
    EXPECT_FALSE(run.end());
    EXPECT_EQ(started, 2);
    EXPECT_EQ(worker.statistics().finished, 2u);
    EXPECT_EQ(worker.statistics().handed_back, 8u);
    EXPECT_EQ(value("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL"), "2");
}

TEST_F(Workers, ThatStopTellHandlersWhenTheGraceIsOver) {
    add(2);
    std::atomic<int> started = 0;
    worker<job> worker{factory(), "jobs",
                       [&](const claimed<job>& job, std::stop_token stop) {
                           ++started;
                           while (!stop.stop_requested())
                               std::this_thread::sleep_for(1ms);
                           if (std::get<0>(job.row) == 1) throw std::runtime_error{"interrupted"};
                       },
                       named({.concurrency = 2, .grace = 100ms})};
    running run{worker};
    wait_for(started, 2);
    EXPECT_FALSE(run.end());
    EXPECT_EQ(unclaimed(), "1");
    EXPECT_EQ(stored("last_error IS NULL", 1), "t");
    EXPECT_EQ(stored("finished_at IS NOT NULL", 2), "t");
}

TEST_F(Workers, RenewWhatTakesLongAlsoBeforeItIsStarted) {
    add(3);
    worker<job> worker{factory(), "jobs",
                       [&](const claimed<job>&, std::stop_token stop) {
                           std::this_thread::sleep_for(700ms);
                           EXPECT_FALSE(stop.stop_requested());
                       },
                       named({.prefetch = 2, .ttl = 600ms})};
    running run{worker};
    wait_until_done(3);
    EXPECT_FALSE(run.end());
    EXPECT_EQ(worker.statistics().finished, 3u);
    EXPECT_EQ(value("SELECT max(attempts) FROM jobs"), "1");
}

TEST_F(Workers, HandlersAreToldOfALossAndRefused) {
    add(1);
    std::atomic<int> told = 0;
    worker<job> worker{factory(), "jobs",
                       [&](const claimed<job>& job, std::stop_token stop) {
                           if (job.attempts > 1) return;
                           run_apart("UPDATE jobs SET claim_token = claim_token + 1");
                           while (!stop.stop_requested())
                               std::this_thread::sleep_for(1ms);
                           ++told;
                       },
                       named({.ttl = 600ms})};
    running run{worker};
    wait_for(told, 1);
    wait_until_done(1);
    EXPECT_FALSE(run.end());
    EXPECT_EQ(worker.statistics().lost, 1u);
    EXPECT_EQ(worker.statistics().finished, 1u);
    EXPECT_EQ(stored("attempts", 1), "2");
}

// The server does not answer any more: the loss is told by the clock, before the expiry.
TEST_F(Workers, HandlersAreToldInTimeWhenNoRenewalGetsThrough) {
    add(1);
    std::atomic<int> told = 0, connections = 0;
    std::atomic<bool> broken = false;
    auto connect = [&]() -> std::unique_ptr<pqxx::connection> {
        if (broken) throw std::runtime_error{"no connection"};
        ++connections;
        return this->connect("application_name=broken");
    };
    std::chrono::nanoseconds left{};
    worker<job> worker{connect, "jobs",
                       [&](const claimed<job>& job, std::stop_token stop) {
                           if (job.attempts > 1) return;
                           broken = true;
                           terminate_all("broken");
                           while (!stop.stop_requested())
                               std::this_thread::sleep_for(1ms);
                           left = job.claimed_until - std::chrono::system_clock::now();
                           ++told;
                           broken = false;
                       },
                       named({.ttl = 1s})};
    running run{worker};
    wait_for(told, 1);
    EXPECT_GT(left, 0ns);
    wait_until_done(1);
    EXPECT_FALSE(run.end());
    EXPECT_GT(worker.statistics().troubles, 0u);
}

TEST_F(Workers, GoOnWhenTheirSessionsAreTerminated) {
    add(400);
    std::atomic<int> calls = 0;
    worker<job> worker{as("ended"), "jobs",
                       [&](const claimed<job>&) {
                           ++calls;
                           std::this_thread::sleep_for(2ms);
                       },
                       named({.concurrency = 2, .prefetch = 10, .ttl = 1s})};
    running run{worker};
    for (int i = 1; i <= 4; ++i) {
        wait_for(calls, i * 50);
        terminate_all("ended");
    }
    wait_until_done(400);
    EXPECT_FALSE(run.end());
    auto done = worker.statistics();
    EXPECT_GT(done.troubles, 0u);
    // Those claimed by a statement whose answer was lost came again.
    EXPECT_EQ(done.finished + done.in_doubt, 400u);
    EXPECT_EQ(calls, 400);
}

TEST_F(Workers, WithATransactionWorkExactlyOnce) {
    add(200);
    run("CREATE TABLE done (id int)");
    std::atomic<int> calls = 0;
    worker<job> worker{as("exact"), "jobs",
                       [&](pqxx::dbtransaction& tx, const claimed<job>& job) {
                           tx.exec("INSERT INTO done VALUES (" + job.key.text() + ")");
                           if (++calls % 50 == 7) throw std::runtime_error{"once more"};
                           std::this_thread::sleep_for(1ms);
                       },
                       named({.concurrency = 3, .prefetch = 10, .ttl = 2s})};
    running run{worker};
    wait_for(calls, 100);
    terminate_all("exact");
    wait_until_done(200);
    EXPECT_FALSE(run.end());
    EXPECT_GT(calls, 200);
    EXPECT_EQ(value("SELECT count(*) || ' ' || count(DISTINCT id) FROM done"), "200 200");
    EXPECT_GE(worker.statistics().failed, 3u);
}

// The second row is taken away while it waits for its turn: its handler is not even called.
TEST_F(Workers, WithATransactionThatComesTooLateWriteNothing) {
    add(2);
    run("CREATE TABLE done (id int, attempts int)");
    worker<job> worker{
        factory(), "jobs",
        [&](pqxx::dbtransaction& tx, const claimed<job>& job, std::stop_token) {
            tx.exec("INSERT INTO done VALUES (" + job.key.text() + ", " +
                    std::to_string(job.attempts) + ")");
            if (std::get<0>(job.row) == 1)
                run_apart("UPDATE jobs SET claim_token = claim_token + 1 WHERE id = 2");
        },
        named({.prefetch = 1, .ttl = 600ms})};
    running run{worker};
    wait_until_done(2);
    EXPECT_FALSE(run.end());
    EXPECT_EQ(value("SELECT string_agg(id || '.' || attempts, ' ' ORDER BY id) FROM done"),
              "1.1 2.2");
    EXPECT_EQ(worker.statistics().lost, 1u);
}

TEST_F(Workers, AreWokenByNotificationsAndByTheirOwnProcess) {
    enable("'keep', notify => true");
    std::atomic<int> calls = 0;
    auto options = named();
    options.poll_min = options.poll_max = 1min;
    worker<job> worker{factory(), "jobs", [&](const claimed<job>&) { ++calls; }, options};
    running run{worker};
    wait_until("count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'LISTEN%interlock_claims%'");
    std::this_thread::sleep_for(100ms);
    add(1);
    wait_for(calls, 1);
    EXPECT_FALSE(run.end());

    enable("'keep', notify => false");
    running again{worker};
    std::this_thread::sleep_for(200ms);
    add(1);
    std::this_thread::sleep_for(200ms);
    EXPECT_EQ(calls, 1);
    worker.wake();
    wait_for(calls, 2);
    EXPECT_FALSE(again.end());
    EXPECT_EQ(worker.statistics().finished, 2u);
}

TEST_F(Workers, OfOneGroupAtATime) {
    run("ALTER TABLE jobs ADD customer int");
    enable("'keep', group_by => 'customer'");
    add(60);
    run("UPDATE jobs SET customer = id % 3");
    std::mutex mutex;
    std::map<int, int> last, at_work;
    worker<int> worker{factory(), "jobs",
                       [](const locked_row& row) { return row.get<int>("customer"); },
                       [&](const claimed<int>& job) {
                           {
                               std::lock_guard lock{mutex};
                               EXPECT_EQ(++at_work[job.row], 1);
                               int id = std::stoi(job.key.text());
                               EXPECT_GT(id, last[job.row]);
                               last[job.row] = id;
                           }
                           std::this_thread::sleep_for(1ms);
                           std::lock_guard lock{mutex};
                           --at_work[job.row];
                       },
                       named({.concurrency = 4, .prefetch = 4})};
    running run{worker};
    wait_until_done(60);
    EXPECT_FALSE(run.end());
}

TEST_F(Workers, ThatCannotFinishARowSaySo) {
    add(1);
    run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE 'not yet'; END$$");
    run("CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW "
        "WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION refuse()");
    worker<job> worker{factory(), "jobs", [](const claimed<job>&) {}, named()};
    running run{worker};
    wait_until("dead_at IS NOT NULL FROM jobs");
    EXPECT_FALSE(run.end());
    EXPECT_EQ(stored("last_error LIKE 'it cannot be finished: %not yet%'", 1), "t");
}

TEST_F(Workers, OneLockedRowDoesNotKeepTheOthersFromBeingFinished) {
    add(20);
    worker<job> worker{factory(), "jobs",
                       [](const claimed<job>&) { std::this_thread::sleep_for(1ms); },
                       named({.prefetch = 20, .ttl = 1s})};
    std::optional<pqxx::work> looking;
    auto other = connect();
    std::atomic<int> calls = 0;
    running run{worker};
    wait_until("count(claimed_until) > 0 OR count(finished_at) > 0 FROM jobs");
    looking.emplace(*other);
    looking->exec("SELECT FROM jobs WHERE id = 20 FOR UPDATE");
    wait_until("count(*) >= 19 FROM jobs WHERE finished_at IS NOT NULL");
    looking.reset();
    wait_until_done(20);
    EXPECT_FALSE(run.end());
    EXPECT_EQ(worker.statistics().finished, 20u);
}

TEST_F(Workers, SayWhatIsWrongFromTheBeginning) {
    auto never = [](const claimed<job>&) {};
    auto failure_of = [&](const std::string& table, connection_factory connect) {
        worker<job> worker{std::move(connect), table, never, named()};
        running run{worker};
        try {
            std::rethrow_exception(run.await());
        } catch (const std::exception& e) {
            return sqlstate_of(e);
        }
    };
    run("CREATE TABLE plain (id int PRIMARY KEY)");
    EXPECT_EQ(failure_of("plain", factory()), "55000");
    EXPECT_EQ(failure_of("nothing", factory()), "42P01");
    EXPECT_EQ(failure_of("jobs", [] { return std::make_unique<pqxx::connection>("port=1"); }),
              "08006");
    EXPECT_THROW((worker<job>{factory(), "jobs", never, {}}), std::invalid_argument);
    EXPECT_THROW((worker<job>{factory(), "jobs; DROP", never, named()}), std::invalid_argument);
    EXPECT_THROW((worker<job>{factory(), "jobs", never, named({.concurrency = 0})}),
                 std::invalid_argument);
    EXPECT_THROW((worker<job>{factory(), "jobs", never, named({.ttl = 0s})}),
                 std::invalid_argument);
}

TEST_F(Workers, EndInOrderWhenTheTableIsGone) {
    add(5);
    std::atomic<int> calls = 0;
    worker<job> worker{factory(), "jobs",
                       [&](const claimed<job>&) {
                           if (++calls == 5) run_apart("ALTER TABLE jobs RENAME TO old_jobs");
                       },
                       named()};
    running run{worker};
    auto failure = run.await();
    ASSERT_TRUE(failure);
    EXPECT_EQ(calls, 5);
}

}  // namespace
