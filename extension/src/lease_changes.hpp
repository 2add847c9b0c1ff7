// What becomes of a lease: taken, renewed, fenced, given back. Judged by its newest committed
// state, and by this transaction's own changes, at every isolation level, and by the clock.
#pragma once

#include "lease_table.hpp"

#include <optional>

namespace interlock {

// Who wants a lease.
struct Applicant {
    const char* holder;
    int64 ttl;  // microseconds
    Datum note;
    bool reenters;  // has it renewed, with the token that it has, where it is this holder's
};

// What became of an attempt to take a lease: it is in the row, or somebody else's is.
struct Attempt {
    bool granted;
    int blocking_pid;  // of the session whose open transaction is in the way; 0: it is the lease
};

// Never waits. A lease that is not granted is not locked. One that is has a token that counts once
// it cannot be lost any more, so the commit will be synchronous, whatever synchronous_commit says.
Attempt take_lease(LeaseRow& row, const Applicant& applicant);

// Locks the row of a lease with this token for what is to become of it, and waits for whoever is at
// it. False where the lease is another one's by now, or nobody's.
bool lock_current(LeaseRow& row, int64 token, LockTupleMode mode);

// The same for the lease of whoever has it. False where nobody has.
bool lock_held(LeaseRow& row, LockTupleMode mode);

// Has the lease with this token expire after `ttl` from now; also one that has expired, if nobody
// took it. False where the token is no longer the current one.
bool renew_lease(LeaseRow& row, int64 token, int64 ttl);

// After lock_current() or lock_held() for update.
void end_lease(LeaseRow& row);

// Ends the lease that has expired. Not granted where it is held again, or where a transaction that
// is open keeps it. Never waits.
Attempt end_expired_lease(LeaseRow& row);

// interlock.lease
Datum lease_datum(FunctionCallInfo fcinfo, const Lease& lease);

// interlock.lease_result; somebody else's token is nobody's business.
Datum attempt_datum(FunctionCallInfo fcinfo, const Lease& lease, const Attempt& attempt);

// , "holder": "ann", "expires_at": "…", "blocking_pid": 17: as far as they are known
void append_holder(StringInfo json, const Lease& lease, const Attempt& attempt);

}  // namespace interlock
