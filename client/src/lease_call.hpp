#pragma once

#include <chrono>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "interlock/leases.hpp"

namespace interlock {

inline constexpr const char* no_longer_current = "its token is no longer the current one";

// What a statement asks of r, an interlock.lease or interlock.lease_result. Times as microseconds
// since 1970, what is left as microseconds by the server's clock.
inline constexpr const char* lease_columns = R"(r.token, r.holder,
           (EXTRACT(epoch FROM r.acquired_at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8,
           (EXTRACT(epoch FROM r.expires_at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8,
           (EXTRACT(epoch FROM r.expires_at OPERATOR(pg_catalog.-) pg_catalog.clock_timestamp())
            OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8)";
// The same of the expires_at that r, a function, returned.
inline constexpr const char* expiry_column =
    "(EXTRACT(epoch FROM r.expires_at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8";

// granted, blocking_pid, lease_columns
lease_result read_lease_result(const pqxx::result& r);
// lease_columns
granted_lease read_granted_lease(const pqxx::result& r);
// expiry_column
std::optional<server_time> read_expiry(const pqxx::result& r);

// As a parameter of type interval, in whole microseconds.
std::string ttl_text(std::chrono::nanoseconds ttl);

[[noreturn]] void throw_held(const lease_result& found, std::string_view lock_namespace,
                             const key& key);
[[noreturn]] void throw_lost(std::string_view lock_namespace, const key& key, std::int64_t token,
                             lease_loss reason, const std::string& why);

}  // namespace interlock
