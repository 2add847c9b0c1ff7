#include "claim_arguments.hpp"

#include "duration.hpp"
#include "errors.hpp"

extern "C" {
#include <mb/pg_wchar.h>
}

namespace interlock {
namespace {

constexpr int longest_worker = 200;  // characters
constexpr int64 longest_time = int64{366} * USECS_PER_DAY;

int64 microseconds_argument(FunctionCallInfo fcinfo, int number) {
    const Interval& interval = *PG_GETARG_INTERVAL_P(number);
    return is_infinite(interval) ? PG_INT64_MAX : microseconds_of(interval);
}

}  // namespace

Datum read_worker(FunctionCallInfo fcinfo, int number) {
    require_argument(fcinfo, number, "worker");
    text* worker = PG_GETARG_TEXT_PP(number);
    int length =
        pg_mbstrlen_with_len(VARDATA_ANY(worker), static_cast<int>(VARSIZE_ANY_EXHDR(worker)));
    if (length < 1 || length > longest_worker)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"worker\" must have 1 to %d characters", longest_worker)));
    return PointerGetDatum(worker);
}

int64 read_claim_ttl(FunctionCallInfo fcinfo, int number) {
    require_argument(fcinfo, number, "ttl");
    int64 ttl = microseconds_argument(fcinfo, number);
    if (ttl <= 0 || ttl > longest_time)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"ttl\" must be longer than zero and at most 366 days")));
    return ttl;
}

std::optional<int64> read_retry_in(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) return {};
    int64 time = microseconds_argument(fcinfo, number);
    if (time < 0 || time > longest_time)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"retry_in\" must not be negative or longer than 366 days")));
    return time;
}

}  // namespace interlock
