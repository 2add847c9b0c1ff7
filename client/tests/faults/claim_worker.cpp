// A worker on the table `jobs` in a process of its own, so that a test can really kill it, pause
// it, and restart the server beneath it.
//
//     interlock_claim_worker NAME EVENTS exact|loose MILLISECONDS PAUSE
//
// A loose one appends "did ID TOKEN ATTEMPT" to EVENTS for each job that it has worked on; an exact
// one inserts (ID, TOKEN) into the table `done`, in the transaction that finishes the claim. Each
// job takes up to PAUSE milliseconds, and one in fifty fails; from a second on it takes just that.
// Ends in order at SIGTERM, and says then what it has counted.

#include <csignal>
#include <interlock/interlock.hpp>
#include <iostream>
#include <random>
#include <thread>

#include "event_file.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

volatile std::sig_atomic_t asked_to_end = 0;

void ask_to_end(int) {
    asked_to_end = 1;
}

class claim_worker {
  public:
    using job = std::tuple<std::int64_t>;

    claim_worker(std::string name, const std::string& events, milliseconds ttl, int pause)
        : name_{std::move(name)}, events_{events}, ttl_{ttl}, pause_{pause} {}

    // Who cannot even begin does so because of a fault: once more.
    void run(bool exact) {
        auto connect = [this] {
            return std::make_unique<pqxx::connection>("application_name='" + name_ + "'");
        };
        worker_options options{.name = name_,
                               .concurrency = 4,
                               .prefetch = 20,
                               .ttl = ttl_,
                               .poll_max = 200ms,
                               .grace = 5s};
        auto loosely = [this](const claimed<job>& job) { work(job); };
        auto exactly = [this](pqxx::dbtransaction& tx, const claimed<job>& job) { book(tx, job); };
        if (exact)
            until_asked(worker<job>{connect, "jobs", exactly, options});
        else
            until_asked(worker<job>{connect, "jobs", loosely, options});
    }

  private:
    template <class Worker>
    void until_asked(Worker&& worker) {
        std::jthread running{[&](std::stop_token stop) {
            while (!stop.stop_requested()) {
                try {
                    worker.run(stop);
                } catch (const std::exception& e) {
                    events_.add("failure", e.what());
                    std::this_thread::sleep_for(100ms);
                }
            }
        }};
        while (!asked_to_end && !orphaned())
            std::this_thread::sleep_for(10ms);
        running.request_stop();
        running.join();
        auto all = worker.statistics();
        events_.add("counted", "claimed", all.claimed, "finished", all.finished, "failed",
                    all.failed, "handed_back", all.handed_back, "lost", all.lost, "in_doubt",
                    all.in_doubt, "abandoned", all.abandoned);
    }

    void pause_and_perhaps_fail() {
        if (pause_ >= 1000) return std::this_thread::sleep_for(milliseconds{pause_});
        thread_local std::mt19937 random{std::random_device{}()};
        auto below = [&](int bound) { return std::uniform_int_distribution{0, bound - 1}(random); };
        std::this_thread::sleep_for(std::chrono::microseconds{below(pause_ * 1000 + 1)});
        if (!below(50)) throw std::runtime_error{"by chance"};
    }

    void work(const claimed<job>& job) {
        pause_and_perhaps_fail();
        events_.add("did", job.key.text(), job.token, job.attempts);
    }

    void book(pqxx::dbtransaction& tx, const claimed<job>& job) {
        tx.exec("INSERT INTO done VALUES (" + job.key.text() + ", " + std::to_string(job.token) +
                ")");
        pause_and_perhaps_fail();
    }

    const std::string name_;
    event_file events_;
    const milliseconds ttl_;
    const int pause_;
};

}  // namespace

int main(int count, char** arguments) try {
    if (count != 6) throw std::invalid_argument{"five arguments are needed"};
    std::signal(SIGTERM, ask_to_end);
    claim_worker{arguments[1], arguments[2], milliseconds{std::stoi(arguments[4])},
                 std::stoi(arguments[5])}
        .run(arguments[3] == std::string_view{"exact"});
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
