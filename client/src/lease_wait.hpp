#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "interlock/leases.hpp"
#include "session_cutter.hpp"
#include "timer.hpp"

namespace interlock {

// What a lease is asked for with.
struct lease_request {
    std::string lock_namespace;
    interlock::key key;
    std::string holder;
    std::chrono::nanoseconds ttl;
    std::optional<std::string> payload;
};

// A lease that was had, or the last that was seen of another one's.
struct lease_outcome {
    lease_result result;
    std::unique_ptr<pqxx::connection> connection;  // only of a lease that was had
    timer::time_point sent;                        // before it was asked for
};

// Tries once, or until the wait is over. What it throws is typed.
lease_outcome wait_for_lease(const connection_factory& connect, const lease_request& request,
                             lock_wait wait, std::stop_token stop);

}  // namespace interlock
