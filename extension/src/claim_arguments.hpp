// The arguments that functions of claims have in common.
#pragma once

#include "postgres.hpp"

#include <optional>

namespace interlock {

// Who works: 1 to 200 characters (22023), as text.
Datum read_worker(FunctionCallInfo fcinfo, int number);

// How long a claim lasts, in microseconds: more than zero, at most 366 days (22023).
int64 read_claim_ttl(FunctionCallInfo fcinfo, int number);

// After how long a row may be claimed again, from zero to 366 days; nothing for NULL.
std::optional<int64> read_retry_in(FunctionCallInfo fcinfo, int number);

}  // namespace interlock
