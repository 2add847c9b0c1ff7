#include "duration.hpp"

namespace interlock {

int64 microseconds_of(const Interval& interval) {
    int64 days = int64{interval.month} * DAYS_PER_MONTH + interval.day;
    int64 time;
    if (__builtin_mul_overflow(days, USECS_PER_DAY, &time) ||
        __builtin_add_overflow(time, interval.time, &time))
        return days < 0 ? PG_INT64_MIN : PG_INT64_MAX;
    return time;
}

}  // namespace interlock
