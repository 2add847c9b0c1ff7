#include "lease_arguments.hpp"

#include "duration.hpp"
#include "errors.hpp"

extern "C" {
#include <mb/pg_wchar.h>
}

namespace interlock {
namespace {

constexpr int longest_name = 200;  // characters
constexpr int64 longest_time = int64{366} * USECS_PER_DAY;

}  // namespace

const char* read_name(FunctionCallInfo fcinfo, int number, const char* name) {
    require_argument(fcinfo, number, name);
    const char* value = text_to_cstring(PG_GETARG_TEXT_PP(number));
    int length = pg_mbstrlen(value);
    if (length < 1 || length > longest_name)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"%s\" must have 1 to %d characters", name, longest_name)));
    return value;
}

int64 read_ttl(FunctionCallInfo fcinfo, int number) {
    require_argument(fcinfo, number, "ttl");
    int64 ttl = interval_argument(fcinfo, number);
    if (ttl <= 0 || ttl > longest_time)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"ttl\" must be longer than zero and at most 366 days")));
    return ttl;
}

int64 read_delay(FunctionCallInfo fcinfo, int number, const char* name) {
    int64 delay = interval_argument(fcinfo, number);
    if (delay < 0 || delay > longest_time)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"%s\" must not be negative or longer than 366 days", name)));
    return delay;
}

int64 interval_argument(FunctionCallInfo fcinfo, int number) {
    const Interval& interval = *PG_GETARG_INTERVAL_P(number);
    return is_infinite(interval) ? PG_INT64_MAX : microseconds_of(interval);
}

int64 read_token(FunctionCallInfo fcinfo, int number) {
    require_argument(fcinfo, number, "token");
    return PG_GETARG_INT64(number);
}

}  // namespace interlock
