// The arguments that functions on leases share.
#pragma once

#include "postgres.hpp"

namespace interlock {

// A name of 1 to 200 characters: 22004 for NULL, 22023 outside of that.
const char* read_name(FunctionCallInfo fcinfo, int number, const char* name);

// `ttl interval` in microseconds: 22004 for NULL, 22023 for what is not longer than zero or longer
// than 366 days.
int64 read_ttl(FunctionCallInfo fcinfo, int number);

// An interval in microseconds, which may be zero: 22023 for a negative one, and for what is longer
// than 366 days.
int64 read_delay(FunctionCallInfo fcinfo, int number, const char* name);

// An interval in microseconds, finite or not.
int64 interval_argument(FunctionCallInfo fcinfo, int number);

// `token bigint`: 22004 for NULL.
int64 read_token(FunctionCallInfo fcinfo, int number);

}  // namespace interlock
