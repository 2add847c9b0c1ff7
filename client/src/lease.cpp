#include <stdexcept>
#include <utility>

#include "interlock/leases.hpp"
#include "kept_lease.hpp"
#include "lease_call.hpp"
#include "lease_wait.hpp"

namespace interlock {

using std::chrono::nanoseconds;

namespace {

class leased_key final : public leased {
  public:
    leased_key(std::string lock_namespace, const key& key, std::int64_t token)
        : lock_namespace_{std::move(lock_namespace)}, key_{key}, token_{token} {}

    bool renew(pqxx::transaction_base& tx, nanoseconds ttl) const override {
        return try_renew_lease(tx, lock_namespace_, key_, token_, ttl).has_value();
    }
    bool release(pqxx::transaction_base& tx) const override {
        return release_lease(tx, lock_namespace_, key_, token_);
    }
    [[noreturn]] void throw_lost(lease_loss reason, const std::string& why) const override {
        interlock::throw_lost(lock_namespace_, key_, token_, reason, why);
    }

  private:
    const std::string lock_namespace_;
    const key key_;
    const std::int64_t token_;
};

}  // namespace

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
    auto times = times_of(ttl, options.margin);
    auto outcome = wait_for_lease(connect, {lock_namespace_, key_, holder_, ttl, options.payload},
                                  options.wait, options.stop);
    auto result = outcome.result;
    if (!result.granted) return result;
    token_ = *result.token;
    kept_ = std::make_unique<kept_lease>(
        granted_session{std::move(connect), std::move(outcome.connection), outcome.sent},
        std::make_unique<leased_key>(lock_namespace_, key_, token_), times,
        std::move(options.on_loss));
    return result;
}

lease::~lease() = default;
lease::lease(lease&& other) noexcept = default;
lease& lease::operator=(lease&& other) noexcept = default;

kept_lease& lease::not_empty() const {
    if (!kept_) throw std::logic_error{"the lease was released, or moved from"};
    return *kept_;
}

bool lease::held() const noexcept {
    return kept_ && kept_->held();
}

std::stop_token lease::stop_token() const {
    return not_empty().stop_token();
}

void lease::guard(pqxx::transaction_base& tx) const {
    not_empty();
    check_lease(tx, lock_namespace_, key_, token_);
}

void lease::release() {
    not_empty().release();
    kept_.reset();
}

std::int64_t lease::token() const noexcept {
    return kept_ ? token_ : 0;
}

}  // namespace interlock
