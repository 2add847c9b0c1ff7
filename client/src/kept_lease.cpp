#include "kept_lease.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "lease_call.hpp"

namespace interlock {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

void demand(bool good, const char* what) {
    if (!good) throw std::invalid_argument{what};
}

nanoseconds checked_margin(nanoseconds margin, nanoseconds ttl) {
    demand(margin >= 0ns, "lease: the margin must not be negative");
    demand(margin < ttl - ttl / 3, "lease: the margin must be less than two thirds of the ttl");
    return margin;
}

}  // namespace

nanoseconds whole_microseconds(nanoseconds ttl) {
    auto whole = std::chrono::floor<std::chrono::microseconds>(ttl);
    demand(whole > 0ns, "lease: the ttl must be a microsecond at least");
    return whole;
}

heartbeat_times times_of(nanoseconds ttl, const std::optional<nanoseconds>& margin) {
    return {.ttl = ttl,
            .margin = checked_margin(margin.value_or(ttl / 5), ttl),
            .pause = std::clamp<nanoseconds>(ttl / 30, 1ms, 1s),
            .grace = std::min<nanoseconds>(ttl / 10, 500ms)};
}

kept_lease::kept_lease(granted_session session, std::unique_ptr<const leased> what,
                       const heartbeat_times& times, std::function<void(lease_loss)> on_loss,
                       std::unique_ptr<timer> clock)
    : clock_{std::move(clock)},
      what_{std::move(what)},
      session_{std::move(session.connect), std::move(session.connection), *what_, times.ttl},
      beat_{session_, *clock_, times, session.sent, std::move(on_loss)} {}

kept_lease::~kept_lease() {
    beat_.stop();
    if (over_ || beat_.lost() || session_.is_cut()) return;
    try {
        session_.release(std::min<nanoseconds>(session_.bound(), 1s));
    } catch (...) {
        // It expires.
    }
}

void kept_lease::stop_and_report() {
    if (beat_.telling()) throw std::logic_error{"a lease cannot be released by its callback"};
    beat_.stop();
    auto loss = beat_.lost();
    if (!loss) return;
    what_->throw_lost(*loss, *loss == lease_loss::superseded
                                 ? std::string{no_longer_current}
                                 : "it could not be renewed in time: " + beat_.last_failure());
}

void kept_lease::release() {
    stop_and_report();
    bool current = session_.release(session_.bound());
    over_ = true;
    if (!current) what_->throw_lost(lease_loss::superseded, no_longer_current);
}

void kept_lease::leave() {
    stop_and_report();
    over_ = true;
}

}  // namespace interlock
