#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <pqxx/pqxx>
#include <set>
#include <stop_token>
#include <thread>
#include <vector>

#include "heartbeat.hpp"
#include "interlock/claims.hpp"
#include "timer.hpp"

namespace interlock {

// A claim of this worker, from when it was had until the server has taken its end.
struct held_claim {
    held_claim(interlock::claim c, pqxx::result r, int place)
        : claim{std::move(c)}, rows{std::move(r)}, row{place} {}

    const interlock::claim claim;
    const pqxx::result rows;  // its row is one of these
    const int row;
    std::stop_source stop;

  private:
    friend class claim_keeper;
    timer::time_point renewed;  // sent
    bool told = false;          // that it is lost
    bool superseded = false;    // the server says so
};

using held_claim_ptr = std::shared_ptr<held_claim>;

// How the keeper reaches the server.
class claim_line {
  public:
    virtual ~claim_line() = default;
    // One result for each. Throws where it did not get through.
    virtual std::vector<claim_result> renew(const std::vector<claim>& claims) = 0;
    // From any thread: a renewal that hangs fails, and so does any that comes after.
    virtual void cut() noexcept = 0;
};

// The one heartbeat of a worker: renews all claims that it has, on one thread; another one keeps
// the time and tells handlers of losses, because a renewal may hang.
class claim_keeper {
  public:
    using time_point = timer::time_point;

    claim_keeper(claim_line& line, timer& clock, const heartbeat_times& times,
                 std::function<void(std::exception_ptr)> on_failure);
    ~claim_keeper();

    // sent: before they were asked for.
    void keep(const std::vector<held_claim_ptr>& claims, time_point sent);
    // Whatever becomes of it now.
    void forget(const held_claim_ptr& claim);

    // Its handler was told to stop, or is about to be.
    bool lost(const held_claim_ptr& claim) const;
    // The server has said that the token is no longer the current one.
    bool superseded(const held_claim_ptr& claim) const;

    // Tells all handlers to stop, for another reason than a loss.
    void request_stop();

    // Ends both threads. From then on there is no renewal, and nobody is told anything.
    void stop() noexcept;

  private:
    void renew_until_stopped();
    void renew_due(std::unique_lock<std::mutex>& lock);
    void note(const std::vector<held_claim_ptr>& claims, const std::vector<claim_result>& results,
              time_point sent);
    void watch();
    std::vector<held_claim_ptr> newly_lost();
    time_point next_renewal() const;
    time_point next_loss() const;
    bool expired(const held_claim& claim) const;

    claim_line& line_;
    timer& clock_;
    const heartbeat_times times_;
    const std::function<void(std::exception_ptr)> on_failure_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::set<held_claim_ptr> claims_;
    time_point not_before_{};  // after a renewal that has failed
    bool renewing_ = false;
    bool stopping_ = false;

    std::thread renewing_thread_;
    std::thread watching_;
};

}  // namespace interlock
