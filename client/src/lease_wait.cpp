#include "lease_wait.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "attempt_pace.hpp"
#include "call.hpp"
#include "json.hpp"
#include "text.hpp"

namespace interlock {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr const char* channel = "interlock_leases";

const statement key_type_statement{"interlock_key_type", R"(
    SELECT key_type::pg_catalog.text FROM interlock.lock_namespaces
     WHERE name OPERATOR(pg_catalog.=) $1)"};
// Nobody is told that it was dropped: the attempt says so.
const statement notifies_statement{"interlock_notifies", R"(
    SELECT pg_catalog.bool_and(notify) IS NOT FALSE FROM interlock.lock_namespaces
     WHERE name OPERATOR(pg_catalog.=) $1)"};
const statement bigint_statement{"interlock_bigint_key",
                                 "SELECT $1::pg_catalog.int8::pg_catalog.text"};
const statement uuid_statement{"interlock_uuid_key", "SELECT $1::pg_catalog.uuid::pg_catalog.text"};

class lease_waiter {
  public:
    lease_waiter(const connection_factory& connect, const lease_request& request, lock_wait wait,
                 std::stop_token stop)
        : connect_{connect}, request_{request}, bound_{wait.bound()}, stop_{std::move(stop)} {}

    lease_outcome run();

  private:
    void try_on_connection();
    void listen_and_try(pqxx::connection& connection);
    bool attempt(pqxx::connection& connection);
    std::string key_as_notified(pqxx::connection& connection) const;
    bool notifies(pqxx::connection& connection) const;
    void await_news(pqxx::connection& connection, const bool& released,
                    timer::time_point until) const;
    void pause_after_failure();
    bool over() const;

    const connection_factory& connect_;
    const lease_request& request_;
    const std::optional<nanoseconds> bound_;
    const std::stop_token stop_;
    timer clock_;
    const timer::time_point start_ = clock_.now();
    session_cutter cutter_;
    attempt_pace pace_;
    lease_outcome outcome_;
    bool connected_ = false;
};

bool lease_waiter::over() const {
    return stop_.stop_requested() || (bound_ && clock_.now() - start_ >= *bound_);
}

// A connection that is lost while we wait is no reason to give up. That there never was one is.
lease_outcome lease_waiter::run() {
    std::stop_callback cut{stop_, [this] { cutter_.cut(); }};
    for (;;) {
        try {
            try_on_connection();
            break;
        } catch (...) {
            auto failure = translate(std::current_exception());
            outcome_.connection.reset();
            if (stop_.stop_requested()) break;
            if (!connected_ || over()) std::rethrow_exception(failure);
            try {
                std::rethrow_exception(failure);
            } catch (const connection_lost&) {
                pause_after_failure();
            } catch (const in_doubt&) {
                pause_after_failure();
            }
        }
    }
    if (!outcome_.result.granted) outcome_.connection.reset();
    return std::move(outcome_);
}

void lease_waiter::try_on_connection() {
    auto connection = connect_();
    connected_ = true;
    bridge::forbid_reconnect(*connection);
    cutter_.watch(connection->sock());
    if (!attempt(*connection) && !over()) listen_and_try(*connection);
    cutter_.watch(-1);
    outcome_.connection = std::move(connection);
}

bool lease_waiter::attempt(pqxx::connection& connection) {
    outcome_.sent = clock_.now();
    pqxx::nontransaction tx{connection};
    outcome_.result = try_acquire_lease(tx, request_.lock_namespace, request_.key, request_.holder,
                                        request_.ttl, request_.payload);
    return outcome_.result.granted;
}

// It may have been released before we listened: so first of all again.
void lease_waiter::listen_and_try(pqxx::connection& connection) {
    auto key = key_as_notified(connection);
    bool released = false;
    bridge::listener listener{connection, channel, [&](const std::string& payload) {
                                  bool ours = true;
                                  for (const auto& [name, value] : json_object(payload)) {
                                      if (name == "namespace")
                                          ours &= json_value(value) == request_.lock_namespace;
                                      if (name == "key") ours &= json_value(value) == key;
                                  }
                                  released |= ours;
                              }};
    bool told = notifies(connection);
    while (!attempt(connection) && !over()) {
        await_news(connection, released, pace_.next(clock_.now(), outcome_.result.remaining, told));
        told = released || notifies(connection);  // it may have been altered
        released = false;
    }
}

bool lease_waiter::notifies(pqxx::connection& connection) const {
    pqxx::nontransaction tx{connection};
    return call(tx, notifies_statement, {request_.lock_namespace})[0][0].as<bool>();
}

// As it is in notifications: "007" is key 7 of a namespace of numbers.
std::string lease_waiter::key_as_notified(pqxx::connection& connection) const {
    pqxx::nontransaction tx{connection};
    auto r = call(tx, key_type_statement, {request_.lock_namespace});
    auto type = r.empty() ? std::string{} : r[0][0].as<std::string>();
    if (type != "bigint" && type != "uuid") return request_.key.text();
    return call(tx, type == "uuid" ? uuid_statement : bigint_statement, {request_.key.text()})[0][0]
        .as<std::string>();
}

// Returns at a release, at that time, or when the wait is over.
void lease_waiter::await_news(pqxx::connection& connection, const bool& released,
                              timer::time_point until) const {
    while (!released && !over()) {
        auto left = until - clock_.now();
        if (bound_) left = std::min(left, start_ + *bound_ - clock_.now());
        if (left <= 0ns) return;
        auto time = std::chrono::ceil<std::chrono::milliseconds>(left) + 1ms;
        auto whole = std::chrono::floor<seconds>(time);
        connection.await_notification(whole.count(), microseconds{time - whole}.count());
    }
}

void lease_waiter::pause_after_failure() {
    std::mutex mutex;
    std::unique_lock lock{mutex};
    std::condition_variable_any stopped;
    auto pause = nanoseconds{attempt_pace::shortest};
    if (bound_) pause = std::min(pause, start_ + *bound_ - clock_.now());
    stopped.wait_for(lock, stop_, pause, [] { return false; });
}

}  // namespace

lease_outcome wait_for_lease(const connection_factory& connect, const lease_request& request,
                             lock_wait wait, std::stop_token stop) {
    return lease_waiter{connect, request, wait, std::move(stop)}.run();
}

}  // namespace interlock
