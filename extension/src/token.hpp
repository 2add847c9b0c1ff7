// Fencing tokens of leases and claims.
#pragma once

#include "postgres.hpp"

namespace interlock {

// Larger than the last one of the key or row, and than those of which nothing is left (pruned,
// dumped or lost): the clock in microseconds. 22003 after the last number there is.
int64 next_token(int64 last);

}  // namespace interlock
