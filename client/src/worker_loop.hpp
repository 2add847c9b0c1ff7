#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "bounded_session.hpp"
#include "claim_ender.hpp"
#include "claim_keeper.hpp"
#include "claim_listener.hpp"
#include "growing_pause.hpp"
#include "interlock/worker.hpp"
#include "worker_tally.hpp"

namespace interlock {

// The renewals of a worker's claims.
class claim_renewals final : public claim_line {
  public:
    claim_renewals(connection_factory connect, std::string table, std::chrono::nanoseconds ttl)
        : table_{std::move(table)}, ttl_{ttl}, session_{std::move(connect)} {}

    std::vector<claim_result> renew(const std::vector<claim>& claims) override;
    void cut() noexcept override { session_.cut(); }

  private:
    const std::string table_;
    const std::chrono::nanoseconds ttl_;
    bounded_session session_;
};

// What a worker is made of.
struct worker_parts {
    connection_factory connect;
    std::string table;
    detail::row_handler handler;
    bool in_transaction;
    worker_options options;
};

// From the claims to their ends, once: the caller's thread claims, and others work.
class worker_run {
  public:
    worker_run(const worker_parts& parts, worker_tally& tally);
    ~worker_run();

    void run(std::stop_token stop);
    void wake();

  private:
    using time_point = timer::time_point;

    void open();
    void claim_until_stopped();
    int await_demand(time_point next);
    int demand() const;
    int claim_some(int n);
    void begin_to_stop();
    void end();
    void release_waiting();
    void await_handlers();

    void handle_until_stopped();
    held_claim_ptr take();
    void done();
    void handle(const held_claim_ptr& claim, std::unique_ptr<pqxx::connection>& connection);
    void handle_in_transaction(const held_claim_ptr& claim,
                               std::unique_ptr<pqxx::connection>& connection);
    void handler_failed(const held_claim_ptr& claim, const std::exception_ptr& failure);
    bool connect_handler(const held_claim_ptr& claim,
                         std::unique_ptr<pqxx::connection>& connection);

    const worker_parts& parts_;
    const worker_options& options_;
    worker_tally& tally_;
    timer clock_;

    bounded_session session_;
    std::optional<work_table> table_;  // nothing after a failure: it may have changed

    mutable std::mutex mutex_;
    std::condition_variable changed_;  // for who claims, and who waits for handlers
    std::condition_variable work_;     // for handlers
    std::deque<held_claim_ptr> waiting_;
    int busy_ = 0;
    bool woken_ = false;
    bool stopping_ = false;
    bool told_handlers_ = false;

    // In the order in which they are needed: their threads use what is above them.
    claim_renewals renewals_;
    claim_keeper keeper_;
    claim_ender ender_;
    std::optional<claim_listener> listener_;
    std::vector<std::thread> handlers_;
};

// What detail::any_worker hides.
class worker_loop {
  public:
    explicit worker_loop(worker_parts parts);

    void run(std::stop_token stop);
    void wake() noexcept;
    worker_statistics statistics() const { return tally_.counts(); }

  private:
    const worker_parts parts_;
    worker_tally tally_;
    std::mutex mutex_;
    worker_run* running_ = nullptr;
};

}  // namespace interlock
