#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "bounded_session.hpp"
#include "claim_keeper.hpp"
#include "growing_pause.hpp"
#include "worker_tally.hpp"

namespace interlock {

// How claims end: collected, and sent together, on a thread and a connection of its own.
struct ending_times {
    std::chrono::nanoseconds bound;   // of a statement
    std::chrono::nanoseconds within;  // how long one waits for others
    std::size_t batch;                // how many do not wait for more
};

class claim_ender {
  public:
    claim_ender(connection_factory connect, std::string table, const ending_times& times,
                claim_keeper& keeper, worker_tally& tally);
    ~claim_ender();

    void finish(held_claim_ptr claim);
    // in_doubt: it may be finished.
    void release(held_claim_ptr claim, release_options options, bool in_doubt = false);
    // There is nobody to wait for.
    void hurry();
    // Sends what there is, and ends. What the server has not taken by then is left to expire.
    void drain(timer::time_point until) noexcept;

  private:
    struct ending {
        held_claim_ptr held;
        std::optional<release_options> release;  // else it is finished
        timer::time_point added;
        timer::time_point not_before{};  // after a failure
        bool in_doubt = false;           // it may have ended
    };
    using endings = std::vector<ending>;

    static std::vector<claim> claims_of(std::span<const ending> some);

    void add(ending one);
    void send_until_drained();
    bool at_once() const;
    timer::time_point due(const ending& one) const;
    timer::time_point next_due() const;
    endings take_due();
    void send(endings batch);
    void finish_all(endings& batch);
    void release_all(endings& batch);
    void send_finishes(const endings& batch);
    void send_releases(const endings& batch);
    void ended_all(const endings& batch, const std::vector<keyed_claim_result>& results);
    template <class Send>
    void attempt(endings& batch, Send send);
    void failed(ending one, const std::exception_ptr& failure, std::chrono::nanoseconds pause);
    void ended(const ending& one, claim_result result);
    void give_up();
    void drop_superseded(endings& batch);
    bool too_late() const;

    const std::string table_;
    const ending_times times_;
    claim_keeper& keeper_;
    worker_tally& tally_;
    timer clock_;
    bounded_session session_;
    growing_pause pause_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<ending> waiting_;
    timer::time_point sleeping_until_{};
    bool hurry_ = false;
    std::optional<timer::time_point> drain_until_;

    std::thread thread_;
};

}  // namespace interlock
