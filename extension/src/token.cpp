#include "token.hpp"

namespace interlock {

int64 next_token(int64 last) {
    if (last == PG_INT64_MAX)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("there is no token after " INT64_FORMAT, last)));
    int64 now = GetCurrentTimestamp() +
                (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * int64{SECS_PER_DAY} * USECS_PER_SEC;
    return Max(last + 1, now);
}

}  // namespace interlock
