// Groups of rows that are claimed one at a time and in order.
#pragma once

#include "claim_marks.hpp"
#include "claim_taker.hpp"

namespace interlock {

// What a call knows of groups.
struct ClaimGroups {
    ClaimCall& call;
    MemoryContext memory;
    Relation index;
    TupleTableSlot* row;
    FmgrInfo hash;
    ScanKeyData equal;
    Oid collation;
    HTAB* seen;  // groups that this call has judged
    int locks;   // that it took and keeps
};

ClaimGroups* begin_groups(ClaimCall& call);
void end_groups(ClaimGroups* groups);

// What became of a group.
enum class GroupOutcome {
    taken,   // its first row was claimed
    closed,  // a row of it runs or waits, or is being claimed; or this call had a row of it before
    empty    // none of its rows is due
};

// Claims the first row of the group where none runs and none waits. `found`: the row that led to
// it, null where none did.
GroupOutcome take_from_group(ClaimGroups& groups, ClaimTaker& taker, Datum group,
                             TupleTableSlot* found);

uint64 hash_group(ClaimGroups& groups, Datum group);

// The group has rows that were passed: it is looked at again in later calls.
void park_group(ClaimGroups& groups, Marks& marks, Datum group);
// Some of them, or all.
void take_from_parked_groups(ClaimGroups& groups, ClaimTaker& taker, Marks& marks, bool all);

}  // namespace interlock
