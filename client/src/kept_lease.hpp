#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>

#include "heartbeat.hpp"
#include "lease_session.hpp"
#include "timer.hpp"

namespace interlock {

// What a lease or a checkout was granted on, which stays its own.
struct granted_session {
    connection_factory connect;
    std::unique_ptr<pqxx::connection> connection;
    timer::time_point sent;  // before it was asked for
};

// As the server counts it; std::invalid_argument if nothing is left.
std::chrono::nanoseconds whole_microseconds(std::chrono::nanoseconds ttl);

// The times of a heartbeat, the margin by default a fifth of the ttl; std::invalid_argument for one
// that makes no sense.
heartbeat_times times_of(std::chrono::nanoseconds ttl,
                         const std::optional<std::chrono::nanoseconds>& margin);

// A lease that is renewed until it is lost or this object goes. In the order in which they are
// needed: the heartbeat's threads use what is above it.
class kept_lease {
  public:
    kept_lease(granted_session session, std::unique_ptr<const leased> what,
               const heartbeat_times& times, std::function<void(lease_loss)> on_loss,
               std::unique_ptr<timer> clock = std::make_unique<timer>());
    // Gives it back if it can, and is soon done: what cannot be given back now expires.
    ~kept_lease();

    bool held() const { return beat_.held(); }
    std::stop_token stop_token() const { return beat_.stop_token(); }

    // Throws lease_lost if it was lost before. After any other exception it may be tried again.
    void release();
    // Renews no more, and does not give it back. Throws lease_lost if it was lost before.
    void leave();

  private:
    void stop_and_report();

    std::unique_ptr<timer> clock_;
    std::unique_ptr<const leased> what_;
    bool over_ = false;
    lease_session session_;
    heartbeat beat_;
};

}  // namespace interlock
