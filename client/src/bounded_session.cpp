#include "bounded_session.hpp"

#include <algorithm>
#include <utility>

namespace interlock {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

nanoseconds renewal_bound(nanoseconds ttl) {
    return std::clamp<nanoseconds>(ttl / 6, 1ms, 5s);
}

bounded_session::bounded_session(connection_factory connect,
                                 std::unique_ptr<pqxx::connection> connection)
    : connect_{std::move(connect)}, connection_{std::move(connection)} {
    if (connection_) cutter_.watch(connection_->sock());
}

pqxx::connection& bounded_session::connected() {
    if (!connection_) {
        connection_ = connect_();
        bridge::forbid_reconnect(*connection_);
        cutter_.watch(connection_->sock());
    }
    return *connection_;
}

void bounded_session::disconnect() {
    cutter_.watch(-1);
    connection_.reset();
}

// Settings, not parameters of a session: they end with the transaction. Zero would be no bound.
std::string bounded_session::bounds(nanoseconds bound) {
    auto time = std::to_string(std::max(std::chrono::ceil<milliseconds>(bound), 1ms).count());
    return "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = " + time +
           "; SET LOCAL lock_timeout = " + time;
}

}  // namespace interlock
