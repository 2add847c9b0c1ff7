// The key of a row as its checkout is stored under it: text that is the same in every session,
// whatever its settings.
#pragma once

#include "key.hpp"

namespace interlock {

// [1], or [7, "2026-11-22"]: a JSON array of the values in the key's order
std::string_view checkout_key(const KeyValues& key);

}  // namespace interlock
