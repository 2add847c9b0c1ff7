// How long a job waits for a worker that has nothing else to do.
//
//     pickup TABLE JOBS MEAN
//
// Inserts that many jobs into TABLE (id, payload), one at a time on a connection of its own, with
// random pauses of MEAN milliseconds in the mean, while an interlock::worker with the options that
// it has if one says nothing works on them. Prints a line for each job: the milliseconds to the
// start of its handler from the moment before the INSERT was sent, and from the return of its
// commit; where the handler was first, that is 0. Fails unless each job was handled just once.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <interlock/interlock.hpp>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace interlock;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;
using milliseconds = std::chrono::duration<double, std::milli>;

struct moments {
    clock_type::time_point sent, committed;
    std::atomic<clock_type::rep> started{0};
    std::atomic<int> handled{0};
};

class pickup {
  public:
    using job = std::tuple<std::int64_t, std::int64_t>;  // id, payload: which of the jobs it is

    pickup(std::string table, std::size_t count, milliseconds mean)
        : table_{std::move(table)}, mean_{mean}, jobs_(count) {}

    void run() {
        worker<job> worker{
            connect, table_, [this](const claimed<job>& job) { handle(job); }, {.name = "pickup"}};
        std::exception_ptr failure;
        std::jthread working{[&](std::stop_token stop) {
            try {
                worker.run(stop);
            } catch (...) {
                failure = std::current_exception();
            }
        }};
        insert_all();
        await_all();
        working.request_stop();
        working.join();
        if (failure) std::rethrow_exception(failure);
    }

    void print() const {
        for (const auto& job : jobs_) {
            clock_type::time_point started{clock_type::duration{job.started}};
            std::cout << milliseconds{started - job.sent}.count() << '\t'
                      << std::max(0.0, milliseconds{started - job.committed}.count()) << '\n';
        }
    }

    [[nodiscard]] bool each_once() const {
        return std::ranges::all_of(jobs_, [](const auto& job) { return job.handled == 1; });
    }

  private:
    static std::unique_ptr<pqxx::connection> connect() {
        return std::make_unique<pqxx::connection>();
    }

    void handle(const claimed<job>& claimed) {
        auto now = clock_type::now();
        auto& job = jobs_.at(static_cast<std::size_t>(std::get<1>(claimed.row)));
        job.started = now.time_since_epoch().count();
        ++job.handled;
    }

    void insert_all() {
        auto connection = connect();
        std::this_thread::sleep_for(500ms);  // until the worker listens, and has found nothing
        pqxx::nontransaction session{*connection};
        std::exponential_distribution<double> pause{1 / mean_.count()};
        std::mt19937 random{std::random_device{}()};
        for (std::size_t i = 0; i < jobs_.size(); ++i) {
            std::this_thread::sleep_for(milliseconds{pause(random)});
            jobs_[i].sent = clock_type::now();
            session.exec("INSERT INTO " + table_ + " (payload) VALUES (" + std::to_string(i) + ")");
            jobs_[i].committed = clock_type::now();
        }
    }

    // A job that is not handled in this time is none that is late, but one that was lost.
    void await_all() const {
        auto end = clock_type::now() + 30s;
        auto handled = [](const auto& job) { return job.handled > 0; };
        while (!std::ranges::all_of(jobs_, handled) && clock_type::now() < end)
            std::this_thread::sleep_for(10ms);
    }

    const std::string table_;
    const milliseconds mean_;
    std::vector<moments> jobs_;
};

}  // namespace

int main(int count, char** arguments) try {
    if (count != 4) throw std::invalid_argument{"three arguments are needed"};
    pickup measured{arguments[1], std::stoul(arguments[2]), milliseconds{std::stod(arguments[3])}};
    measured.run();
    if (!measured.each_once()) throw std::runtime_error{"not every job was handled just once"};
    measured.print();
} catch (const std::exception& e) {
    std::cerr << "pickup: " << e.what() << "\n";
    return 1;
}
