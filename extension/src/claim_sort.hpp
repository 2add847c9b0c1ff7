// The rows of a call in the order in which they come up to be claimed.
#pragma once

#include "claim_call.hpp"

namespace interlock {

// A walk finds them so, but for late ones and those of groups.
void sort_claimed_rows(ClaimCall& call, Relation index);

}  // namespace interlock
