#include "lease_session.hpp"

#include <utility>

namespace interlock {

using std::chrono::nanoseconds;

lease_session::lease_session(connection_factory connect,
                             std::unique_ptr<pqxx::connection> connection, const leased& what,
                             nanoseconds ttl)
    : session_{std::move(connect), std::move(connection)},
      what_{what},
      ttl_{ttl},
      bound_{renewal_bound(ttl)} {}

bool lease_session::renew() {
    return session_.run(bound_,
                        [this](pqxx::transaction_base& tx) { return what_.renew(tx, ttl_); });
}

// The last renewal may have left a connection that was lost since: a second attempt has a new one.
bool lease_session::release(nanoseconds bound) {
    session_.forget_cut();
    auto attempt = [&] {
        return session_.run(bound,
                            [this](pqxx::transaction_base& tx) { return what_.release(tx); });
    };
    try {
        return attempt();
    } catch (const connection_lost&) {
        return attempt();
    }
}

}  // namespace interlock
