#include "lease_call.hpp"

#include "lock_call.hpp"

namespace interlock {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

template <class Value>
std::optional<Value> value_in(const pqxx::result& r, int column) {
    if (r[0][column].is_null()) return {};
    return r[0][column].as<Value>();
}

std::optional<nanoseconds> duration_in(const pqxx::result& r, int column) {
    auto count = value_in<std::int64_t>(r, column);
    if (!count) return {};
    return microseconds{*count};
}

std::optional<server_time> time_in(const pqxx::result& r, int column) {
    auto time = duration_in(r, column);
    if (!time) return {};
    return server_time{*time};
}

}  // namespace

lease_result read_lease_result(const pqxx::result& r) {
    return {.granted = r[0][0].as<bool>(),
            .token = value_in<std::int64_t>(r, 2),
            .holder = value_in<std::string>(r, 3).value_or(""),
            .acquired_at = time_in(r, 4),
            .expires_at = time_in(r, 5),
            .remaining = duration_in(r, 6),
            .blocking_pid = value_in<int>(r, 1)};
}

granted_lease read_granted_lease(const pqxx::result& r) {
    return {.token = r[0][0].as<std::int64_t>(),
            .holder = r[0][1].as<std::string>(),
            .acquired_at = time_in(r, 2).value(),
            .expires_at = time_in(r, 3).value(),
            .remaining = duration_in(r, 4).value()};
}

std::optional<server_time> read_expiry(const pqxx::result& r) {
    return time_in(r, 0);
}

std::string ttl_text(nanoseconds ttl) {
    return interval(std::chrono::floor<microseconds>(ttl));
}

}  // namespace interlock
