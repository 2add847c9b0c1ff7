#include "lease_changes.hpp"

#include "results.hpp"
#include "row_holders.hpp"
#include "token.hpp"

namespace interlock {
namespace {

Lease new_lease(int64 last_token, const Applicant& applicant) {
    TimestampTz now = GetCurrentTimestamp();
    return {next_token(last_token), applicant.holder, now, now + applicant.ttl, applicant.note};
}

Lease renewed(const Lease& lease, int64 ttl) {
    Lease renewed = lease;
    renewed.expires_at = GetCurrentTimestamp() + ttl;
    return renewed;
}

Attempt blocked(List* pids) {
    return {false, linitial_int(pids)};
}

// Writes the lease over the version that was judged, and no other. Nothing where that is no longer
// the newest.
std::optional<Attempt> replace(LeaseRow& row, const Lease& lease, LockTupleMode mode) {
    bool unavailable;
    if (lock_own_row(row.table, mode, LockWaitSkip, &unavailable)) {
        store_lease(row, lease);
        return Attempt{true, 0};
    }
    List* pids =
        unavailable ? blockers_of_tuple(row.table.relation, row.table.found->t_self, mode) : NIL;
    if (pids != NIL) return blocked(pids);
    return {};
}

std::optional<Attempt> add(LeaseRow& row, const Applicant& applicant) {
    List* pids;
    if (add_lease(row, new_lease(0, applicant), &pids)) return Attempt{true, 0};
    if (pids != NIL) return blocked(pids);
    return {};
}

std::optional<Attempt> reenter(LeaseRow& row, const Applicant& applicant) {
    Lease lease = renewed(row.lease, applicant.ttl);
    if (applicant.note) lease.note = applicant.note;
    return replace(row, lease, LockTupleNoKeyExclusive);
}

// Judged before the row is locked: a lock on a lease that is not granted would keep its holder from
// renewing it.
std::optional<Attempt> attempt(LeaseRow& row, const Applicant& applicant) {
    if (!find_lease(row)) return add(row, applicant);
    if (!is_held(row.lease))
        return replace(row, new_lease(row.lease.token, applicant), LockTupleExclusive);
    if (applicant.reenters && strcmp(row.lease.holder, applicant.holder) == 0)
        return reenter(row, applicant);
    return Attempt{false, 0};
}

Lease ended(const Lease& lease) {
    Lease ended = lease;
    ended.holder = nullptr;
    ended.expires_at = GetCurrentTimestamp();
    ended.note = 0;
    return ended;
}

std::optional<Attempt> end_expired(LeaseRow& row) {
    if (!find_lease(row) || !row.lease.holder) return Attempt{true, 0};
    if (is_held(row.lease)) return Attempt{false, 0};
    return replace(row, ended(row.lease), LockTupleExclusive);
}

// Until it is not in vain: what was judged was no longer the newest.
template <typename Try>
Attempt repeat(Try attempt) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (std::optional<Attempt> result = attempt()) return *result;
    }
}

// Waits for whoever is at it. False where the version that was judged is not the newest any more.
bool lock_version(LeaseRow& row, LockTupleMode mode) {
    CHECK_FOR_INTERRUPTS();
    bool unavailable;
    return lock_own_row(row.table, mode, LockWaitBlock, &unavailable);
}

template <typename Predicate>
bool lock_lease(LeaseRow& row, LockTupleMode mode, Predicate predicate) {
    do
        if (!find_lease(row) || !predicate(row.lease)) return false;
    while (!lock_version(row, mode));
    return true;
}

}  // namespace

Attempt take_lease(LeaseRow& row, const Applicant& applicant) {
    Attempt result = repeat([&] { return attempt(row, applicant); });
    if (result.granted) ForceSyncCommit();
    return result;
}

bool lock_current(LeaseRow& row, int64 token, LockTupleMode mode) {
    return lock_lease(row, mode, [&](const Lease& lease) { return is_current(lease, token); });
}

bool lock_held(LeaseRow& row, LockTupleMode mode) {
    return lock_lease(row, mode, [](const Lease& lease) { return lease.holder != nullptr; });
}

// Written at once where nobody, ourselves included, has a lock on the row; else it is locked first.
bool renew_lease(LeaseRow& row, int64 token, int64 ttl) {
    for (bool done = false; !done;) {
        if (!find_lease(row) || !is_current(row.lease, token)) return false;
        bool unavailable;
        done = replace_lease(row, renewed(row.lease, ttl), &unavailable);
        if (unavailable && lock_version(row, LockTupleNoKeyExclusive)) {
            store_lease(row, renewed(row.lease, ttl));
            done = true;
        }
    }
    ForceSyncCommit();  // nor may a renewal be lost that its holder relies on
    return true;
}

void end_lease(LeaseRow& row) {
    store_lease(row, ended(row.lease));
}

Attempt end_expired_lease(LeaseRow& row) {
    return repeat([&] { return end_expired(row); });
}

Datum lease_datum(FunctionCallInfo fcinfo, const Lease& lease) {
    Datum values[] = {Int64GetDatum(lease.token), CStringGetTextDatum(lease.holder),
                      TimestampTzGetDatum(lease.acquired_at),
                      TimestampTzGetDatum(lease.expires_at)};
    bool nulls[4] = {};
    return make_result(result_type(fcinfo), values, nulls);
}

Datum attempt_datum(FunctionCallInfo fcinfo, const Lease& lease, const Attempt& attempt) {
    bool known = lease.holder != nullptr;
    Datum values[] = {BoolGetDatum(attempt.granted),
                      Int64GetDatum(lease.token),
                      known ? CStringGetTextDatum(lease.holder) : Datum{0},
                      TimestampTzGetDatum(lease.acquired_at),
                      TimestampTzGetDatum(lease.expires_at),
                      Int32GetDatum(attempt.blocking_pid)};
    bool nulls[] = {false, !attempt.granted, !known, !known, !known, attempt.blocking_pid == 0};
    return make_result(result_type(fcinfo), values, nulls);
}

void append_holder(StringInfo json, const Lease& lease, const Attempt& attempt) {
    if (lease.holder) {
        appendStringInfoString(json, ", \"holder\": ");
        escape_json(json, lease.holder);
        appendStringInfo(json, ", \"expires_at\": \"%s\"", timestamptz_to_str(lease.expires_at));
    }
    if (attempt.blocking_pid)
        appendStringInfo(json, ", \"blocking_pid\": %d", attempt.blocking_pid);
}

}  // namespace interlock
