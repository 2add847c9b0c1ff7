#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "interlock/error.hpp"
#include "timer.hpp"

namespace interlock {

// How a heartbeat reaches the server.
class lease_line {
  public:
    virtual ~lease_line() = default;
    // False: the token is no longer the current one. Throws where it did not get through.
    virtual bool renew() = 0;
    // From any thread: a renewal that hangs fails, and so does any that comes after.
    virtual void cut() noexcept = 0;
};

struct heartbeat_times {
    std::chrono::nanoseconds ttl;
    std::chrono::nanoseconds margin;  // before the expiry
    std::chrono::nanoseconds pause;   // after a renewal that failed
    std::chrono::nanoseconds grace;   // for a renewal that is under way when we stop
};

// Renews a lease until it is lost or stopped, on one thread; another one keeps the time and tells
// of the loss, because a renewal may hang.
class heartbeat {
  public:
    using time_point = timer::time_point;

    // sent: before the lease was asked for.
    heartbeat(lease_line& line, timer& clock, const heartbeat_times& times, time_point sent,
              std::function<void(lease_loss)> on_loss);
    ~heartbeat();

    bool held() const;
    std::optional<lease_loss> lost() const;
    // What the last renewal that failed said.
    std::string last_failure() const;
    std::stop_token stop_token() const { return stop_.get_token(); }
    // On the thread that tells of the loss.
    bool telling() const { return std::this_thread::get_id() == watching_.get_id(); }

    // Ends both threads. From then on there is no renewal, and nobody is told anything.
    void stop() noexcept;

  private:
    void renew_until_over();
    void renew_once(std::unique_lock<std::mutex>& lock);
    void watch();
    void tell(lease_loss reason);
    void renewed(time_point sent);
    void lose(lease_loss reason);
    bool over() const { return stopping_ || loss_; }

    lease_line& line_;
    timer& clock_;
    const heartbeat_times times_;
    const std::function<void(lease_loss)> on_loss_;
    std::stop_source stop_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    time_point next_renewal_;
    time_point lost_at_;
    std::optional<lease_loss> loss_;
    std::string last_failure_;
    bool renewing_ = false;
    bool stopping_ = false;

    std::thread renewing_thread_;
    std::thread watching_;
};

}  // namespace interlock
