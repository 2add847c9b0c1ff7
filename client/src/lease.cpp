#include <algorithm>
#include <stdexcept>
#include <utility>

#include "heartbeat.hpp"
#include "interlock/leases.hpp"
#include "lease_call.hpp"
#include "lease_session.hpp"
#include "lease_wait.hpp"

namespace interlock {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

void demand(bool good, const char* what) {
    if (!good) throw std::invalid_argument{what};
}

nanoseconds margin_of(const lease_options& options, nanoseconds ttl) {
    auto margin = options.margin.value_or(ttl / 5);
    demand(margin >= 0ns, "lease: the margin must not be negative");
    demand(margin < ttl - ttl / 3, "lease: the margin must be less than two thirds of the ttl");
    return margin;
}

// As the server counts it.
nanoseconds whole_microseconds(nanoseconds ttl) {
    auto whole = std::chrono::floor<std::chrono::microseconds>(ttl);
    demand(whole > 0ns, "lease: the ttl must be a microsecond at least");
    return whole;
}

heartbeat_times times_of(nanoseconds ttl, nanoseconds margin) {
    return {.ttl = ttl,
            .margin = margin,
            .pause = std::clamp<nanoseconds>(ttl / 30, 1ms, 1s),
            .grace = std::min<nanoseconds>(ttl / 10, 500ms)};
}

}  // namespace

// In the order in which they are needed: the heartbeat's threads use what is above it.
class lease::running {
  public:
    running(connection_factory connect, lease_identity identity, lease_outcome won,
            const heartbeat_times& times, std::function<void(lease_loss)> on_loss)
        : identity{identity},
          session{std::move(connect), std::move(won.connection), std::move(identity), times.ttl},
          beat{session, clock, times, won.sent, std::move(on_loss)} {}

    // Tries, and is soon back: what cannot be given back now expires.
    ~running() {
        beat.stop();
        if (released || beat.lost() || session.is_cut()) return;
        try {
            session.release(std::min<nanoseconds>(session.bound(), 1s));
        } catch (...) {
            // It expires.
        }
    }

    void release() {
        if (beat.telling()) throw std::logic_error{"a lease cannot be released by its callback"};
        beat.stop();
        if (auto loss = beat.lost()) {
            auto why = *loss == lease_loss::superseded
                           ? std::string{no_longer_current}
                           : "it could not be renewed in time: " + beat.last_failure();
            throw_lost(identity.lock_namespace, identity.key, identity.token, *loss, why);
        }
        bool current = session.release(session.bound());
        released = true;
        if (!current)
            throw_lost(identity.lock_namespace, identity.key, identity.token,
                       lease_loss::superseded, no_longer_current);
    }

    const lease_identity identity;
    bool released = false;
    timer clock;
    lease_session session;
    heartbeat beat;
};

lease::lease(std::string_view lock_namespace, const interlock::key& key, std::string_view holder)
    : lock_namespace_{lock_namespace}, key_{key}, holder_{holder} {}

lease::lease(connection_factory connect, std::string_view lock_namespace, const interlock::key& key,
             std::string_view holder, nanoseconds ttl, lease_options options)
    : lease{lock_namespace, key, holder} {
    auto seen = acquire(std::move(connect), ttl, std::move(options));
    if (!seen.granted) throw_held(seen, lock_namespace, key);
}

std::optional<lease> try_lease(connection_factory connect, std::string_view lock_namespace,
                               const key& key, std::string_view holder, nanoseconds ttl,
                               lease_options options) {
    std::optional taken{lease{lock_namespace, key, holder}};
    if (!taken->acquire(std::move(connect), ttl, std::move(options)).granted) return {};
    return taken;
}

lease_result lease::acquire(connection_factory connect, nanoseconds ttl, lease_options options) {
    ttl = whole_microseconds(ttl);
    auto times = times_of(ttl, margin_of(options, ttl));
    auto outcome = wait_for_lease(connect, {lock_namespace_, key_, holder_, ttl, options.payload},
                                  options.wait, options.stop);
    auto result = outcome.result;
    if (result.granted)
        running_ = std::make_unique<running>(std::move(connect),
                                             lease_identity{lock_namespace_, key_, *result.token},
                                             std::move(outcome), times, std::move(options.on_loss));
    return result;
}

lease::~lease() = default;
lease::lease(lease&& other) noexcept = default;
lease& lease::operator=(lease&& other) noexcept = default;

lease::running& lease::not_empty() const {
    if (!running_) throw std::logic_error{"the lease was released, or moved from"};
    return *running_;
}

bool lease::held() const noexcept {
    return running_ && running_->beat.held();
}

std::stop_token lease::stop_token() const {
    return not_empty().beat.stop_token();
}

void lease::guard(pqxx::transaction_base& tx) const {
    check_lease(tx, lock_namespace_, key_, not_empty().identity.token);
}

void lease::release() {
    not_empty().release();
    running_.reset();
}

std::int64_t lease::token() const noexcept {
    return running_ ? running_->identity.token : 0;
}

}  // namespace interlock
