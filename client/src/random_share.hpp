#pragma once

namespace interlock {

// Evenly from [0, 1).
double random_share();

}  // namespace interlock
