// Claims the rows that a walk comes to, without ever waiting for one.
#pragma once

#include "claim_call.hpp"
#include "executor.hpp"

namespace interlock {

// A statement that claims one row after the other. Made within begin_statement().
struct ClaimTaker {
    ClaimCall& call;
    bool direct;        // by the executor's pieces; else each row by statements of its own
    bool fires_before;  // other triggers than our markers may see the row before it is stored
    bool fires_after;
    EState* estate;
    ResultRelInfo* result;
    TupleTableSlot* row;  // as it is stored
};

// A slot for a row of the table.
TupleTableSlot* make_slot(const ClaimCall& call);

// 42501 without SELECT on all columns and UPDATE on those that a claim sets.
void require_claim_privileges(const ClaimCall& call);

ClaimTaker* begin_taking(ClaimCall& call);
void end_taking(ClaimTaker* taker);

// Claims the row and puts it among the call's; or makes it dead, where its last attempt expired.
// False where it is another's, changed or gone meanwhile, or a trigger kept it as it is.
bool take_row(ClaimTaker& taker, TupleTableSlot* found, const ClaimState& state);

// The same on the planner path (claim_statement.cpp).
bool take_by_statement(ClaimCall& call, TupleTableSlot* found);

}  // namespace interlock
