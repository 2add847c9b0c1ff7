#pragma once

#include <string>
#include <string_view>

#include "interlock/leases.hpp"

namespace interlock {

inline constexpr const char* no_longer_current = "its token is no longer the current one";

// lease "nightly" of namespace "cron"
std::string name_of_lease(std::string_view lock_namespace, const key& key);

[[noreturn]] void throw_held(const lease_result& found, std::string_view lock_namespace,
                             const key& key);
[[noreturn]] void throw_lost(std::string_view lock_namespace, const key& key, std::int64_t token,
                             lease_loss reason, const std::string& why);

}  // namespace interlock
