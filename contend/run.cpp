#include "run.hpp"

#include <algorithm>

#include "cannot_run.hpp"
#include "progress.hpp"
#include "stop.hpp"
#include "worker.hpp"

namespace contend {
namespace {

using std::chrono::steady_clock;

using workers = std::vector<std::unique_ptr<worker>>;

workers hire(job& job, const connections& connections) {
    workers all;
    for (int number = 1; const auto& connection : connections)
        all.push_back(std::make_unique<worker>(job, number++, *connection));
    return all;
}

void start(job& job, workers& all) {
    try {
        for (auto& worker : all)
            worker->start();
    } catch (...) {
        // Those that have started wait for go, and are joined by their destructors.
        job.stop.request();
        job.go.count_down();
        throw;
    }
    job.start = steady_clock::now();
    job.go.count_down();
}

// Who waits for a lock cannot see that he should stop.
void cancel_waiting(const workers& all, pqxx::connection& manager) {
    for (const auto& worker : all) {
        if (worker->finished()) continue;
        try {
            pqxx::nontransaction tx{manager};
            interlock::bridge::execute(tx, "SELECT pg_cancel_backend($1)",
                                       {std::to_string(worker->pid())});
        } catch (const std::exception&) {
            return;  // the server is gone, and the clients will see that for themselves
        }
    }
}

void show(progress& progress, const workers& all) {
    std::int64_t acknowledged = 0, conflicts = 0;
    for (const auto& worker : all) {
        acknowledged += worker->live.acknowledged.load(std::memory_order_relaxed);
        conflicts += worker->live.conflicts.load(std::memory_order_relaxed);
    }
    progress.show(acknowledged, conflicts);
}

void watch(job& job, const workers& all, pqxx::connection& manager) {
    constexpr auto tick = std::chrono::milliseconds{100};
    std::optional<std::chrono::duration<double>> planned;
    if (!job.opts.operations) planned = job.opts.seconds;
    progress progress{job.strategy.name, planned};
    int ticks_since_stop = 0;
    while (!job.at_work.wait_for_all(tick)) {
        if (signal_caught()) job.stop.request();
        if (job.stop.requested() && ++ticks_since_stop % 10 == 0) cancel_waiting(all, manager);
        show(progress, all);
    }
}

void collect(outcome& result, const job& job, workers& all) {
    auto end = job.start;
    for (auto& worker : all) {
        worker->join();
        result.total.add(worker->counted());
        end = std::max(end, worker->end());
        if (!worker->failure().empty()) result.failures.push_back(worker->failure());
    }
    result.elapsed = end - job.start;
    result.interrupted = job.stop.requested() && result.failures.empty();
}

void work_together(outcome& result, const strategy& strategy, const options& options,
                   const accounts& accounts, const connections& connections,
                   pqxx::connection& manager) {
    job job{strategy, options, accounts.version_column()};
    auto all = hire(job, connections);
    start(job, all);
    watch(job, all, manager);
    collect(result, job, all);
}

}  // namespace

outcome run(const strategy& strategy, const options& options, accounts& accounts,
            const connections& connections, pqxx::connection& manager) {
    outcome result;
    result.strategy = strategy.name;
    result.loses_nothing = strategy.loses_nothing;
    try {
        accounts.prepare(strategy.needs);
        result.sum_before = accounts.sum();
        work_together(result, strategy, options, accounts, connections, manager);
        result.sum_after = accounts.sum();
    } catch (const std::exception& e) {
        result.failures.push_back(in_one_line(e));
    }
    return result;
}

}  // namespace contend
