// Telling workers that listen that a table has rows to claim.
#pragma once

#include "postgres.hpp"

namespace interlock {

// Notifies channel interlock_claims with {"schema": "public", "table": "jobs"}, once a transaction
// and table.
void notify_claims(Relation relation);

}  // namespace interlock
