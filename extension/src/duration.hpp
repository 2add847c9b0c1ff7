// Intervals as times.
#pragma once

#include "postgres.hpp"

namespace interlock {

// Of a finite interval: a month is 30 days, a day 24 hours; the longest there is where it is
// longer.
int64 microseconds_of(const Interval& interval);

}  // namespace interlock
