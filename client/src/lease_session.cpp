#include "lease_session.hpp"

#include <algorithm>
#include <utility>

namespace interlock {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

// Settings, not parameters of a session: they end with the transaction. Zero would be no bound.
std::string bounds(nanoseconds bound) {
    auto time = std::to_string(std::max(std::chrono::ceil<milliseconds>(bound), 1ms).count());
    return "SET LOCAL statement_timeout = " + time + "; SET LOCAL lock_timeout = " + time;
}

}  // namespace

nanoseconds renewal_bound(nanoseconds ttl) {
    return std::clamp<nanoseconds>(ttl / 6, 1ms, 5s);
}

lease_session::lease_session(connection_factory connect,
                             std::unique_ptr<pqxx::connection> connection, const leased& what,
                             nanoseconds ttl)
    : connect_{std::move(connect)},
      what_{what},
      ttl_{ttl},
      bound_{renewal_bound(ttl)},
      connection_{std::move(connection)} {
    cutter_.watch(connection_->sock());
}

pqxx::connection& lease_session::connected() {
    if (!connection_) {
        connection_ = connect_();
        bridge::forbid_reconnect(*connection_);
        cutter_.watch(connection_->sock());
    }
    return *connection_;
}

// A connection that has failed is not used again: who knows what is the matter with it.
template <class Call>
auto lease_session::bounded(nanoseconds bound, Call call) {
    try {
        auto& connection = connected();
        session_deadline deadline{cutter_, bound + bound / 2};  // the server's own bounds first
        pqxx::work tx{connection};
        tx.exec(bounds(bound));
        auto result = call(tx);
        tx.commit();
        return result;
    } catch (...) {
        auto failure = translate(std::current_exception());
        cutter_.watch(-1);
        connection_.reset();
        std::rethrow_exception(failure);
    }
}

bool lease_session::renew() {
    return bounded(bound_, [this](pqxx::transaction_base& tx) { return what_.renew(tx, ttl_); });
}

// The last renewal may have left a connection that was lost since: a second attempt has a new one.
bool lease_session::release(nanoseconds bound) {
    cutter_.forget_cut();
    auto attempt = [&] {
        return bounded(bound, [this](pqxx::transaction_base& tx) { return what_.release(tx); });
    };
    try {
        return attempt();
    } catch (const connection_lost&) {
        return attempt();
    }
}

}  // namespace interlock
