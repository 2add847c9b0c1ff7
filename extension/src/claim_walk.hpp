// The walk along the claim index: from priority to priority, past rows that are claimed, delayed,
// locked or gone, to those that are ready.
#pragma once

#include "claim_call.hpp"

namespace interlock {

// Claims as many rows as are wanted, as far as there are any.
void claim_ready_rows(ClaimCall& call);

}  // namespace interlock
