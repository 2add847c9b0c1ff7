// Whom a claim is lost to: the row as it is now, as far as the caller may see it.
#pragma once

#include "writer.hpp"

namespace interlock {

// IL020, with the present owner.
[[noreturn]] void raise_claim_lost(const KeyedRow& row, int64 token);

// Until when the present claim lasts, whosever it is; NULL where that is not to be seen.
NullableDatum present_claimed_until(const KeyedRow& row);

}  // namespace interlock
