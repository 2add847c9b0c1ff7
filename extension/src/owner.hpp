// The rights of a relation's owner, for a while.
#pragma once

#include "postgres.hpp"

namespace interlock {

// Runs `body` as the relation's owner, with row-level security not applied, as referential actions
// are (see ri_PerformCheck()): it cannot become another role. An error restores the caller's role
// with the transaction.
template <typename Body>
void as_owner(Relation relation, Body body) {
    Oid role;
    int context;
    GetUserIdAndSecContext(&role, &context);
    SetUserIdAndSecContext(relation->rd_rel->relowner,
                           context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
    body();
    SetUserIdAndSecContext(role, context);
}

}  // namespace interlock
