// What tables in mode 'observe' would have refused.
#pragma once

#include "errors.hpp"

namespace interlock {

// Counts one more write that would have raised `condition`, by table, user and application_name.
void observe(Oid relid, Condition condition);

}  // namespace interlock
