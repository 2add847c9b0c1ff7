// What becomes of a claim: it is finished, renewed, given back or has failed; and dead rows begin
// anew. One row, raising and telling.

#include "claim_ending.hpp"
#include "claim_lost.hpp"
#include "errors.hpp"
#include "lease_arguments.hpp"
#include "outcome.hpp"

namespace interlock {
namespace {

// The row of a call for one, and what became of it.
struct One {
    EndingCall call;
    KeyValues key;
    ClaimResult result;
};

One end_one(FunctionCallInfo fcinfo, const EndingCall& call, int64 token) {
    One one = {call, read_key(fcinfo, 1, call.relation, call.table), ClaimResult::done};
    one.call.end.token = token;
    one.result = end_claim(one.call, one.key, nullptr);
    return one;
}

bool end_and_tell(FunctionCallInfo fcinfo, const EndingCall& call, int64 token) {
    One one = end_one(fcinfo, call, token);
    tell_ended(one.call, one.result);
    close_call(call);
    return one.result == ClaimResult::done;
}

bool is_lost(const One& one) {
    return one.result == ClaimResult::lost || one.result == ClaimResult::missing;
}

[[noreturn]] void raise_lost(const One& one) {
    raise_claim_lost(row_of(one.call, one.key), one.call.end.token);
}

void end_or_raise(FunctionCallInfo fcinfo, const EndingCall& call, int64 token) {
    One one = end_one(fcinfo, call, token);
    if (is_lost(one)) raise_lost(one);
    tell_ended(one.call, one.result);
    close_call(call);
}

// Until when the claim lasts: renewed just now, or, where the row is locked, as it was.
NullableDatum claimed_until(const One& one) {
    const ColumnValues& changes = one.call.changes;
    if (one.result == ClaimResult::done) return {changes.values[0], changes.nulls[0]};
    return present_claimed_until(row_of(one.call, one.key));
}

[[noreturn]] void raise_not_dead(const One& one) {
    const EndingCall& call = one.call;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("row %s of table \"%s\" is not dead", key_text(call.table, one.key),
                           call.table.name),
                    errhint("Only rows that failed as often as they may are revived."),
                    errtable(call.relation)));
    pg_unreachable();
}

}  // namespace

// finish_claim(rel regclass, key anycompatible, token bigint) → void
INTERLOCK_FUNCTION(finish_claim) {
    end_or_raise(fcinfo, begin_finish(fcinfo), read_token(fcinfo, 2));
    PG_RETURN_VOID();
}

// try_finish_claim(the same) → boolean
INTERLOCK_FUNCTION(try_finish_claim) {
    PG_RETURN_BOOL(end_and_tell(fcinfo, begin_finish(fcinfo), read_token(fcinfo, 2)));
}

// renew_claim(rel regclass, key anycompatible, token bigint, ttl interval) → timestamptz
INTERLOCK_FUNCTION(renew_claim) {
    One one = end_one(fcinfo, begin_renew(fcinfo), read_token(fcinfo, 2));
    if (is_lost(one)) raise_lost(one);
    NullableDatum until = claimed_until(one);
    close_call(one.call);
    fcinfo->isnull = until.isnull;
    return until.value;
}

// try_renew_claim(the same) → timestamptz, NULL where the claim is lost
INTERLOCK_FUNCTION(try_renew_claim) {
    One one = end_one(fcinfo, begin_renew(fcinfo), read_token(fcinfo, 2));
    NullableDatum until = is_lost(one) ? NullableDatum{0, true} : claimed_until(one);
    close_call(one.call);
    fcinfo->isnull = until.isnull;
    return until.value;
}

// release_claim(rel regclass, key anycompatible, token bigint, error text, retry_in interval) →
// void
INTERLOCK_FUNCTION(release_claim) {
    end_or_raise(fcinfo, begin_release(fcinfo), read_token(fcinfo, 2));
    PG_RETURN_VOID();
}

// try_release_claim(the same) → boolean
INTERLOCK_FUNCTION(try_release_claim) {
    PG_RETURN_BOOL(end_and_tell(fcinfo, begin_release(fcinfo), read_token(fcinfo, 2)));
}

// revive_claim(rel regclass, key anycompatible) → void
INTERLOCK_FUNCTION(revive_claim) {
    One one = end_one(fcinfo, begin_revive(fcinfo), 0);
    if (one.result == ClaimResult::missing)
        raise_row_missing(report_row(row_of(one.call, one.key)));
    if (one.result == ClaimResult::lost) raise_not_dead(one);
    tell_ended(one.call, one.result);
    close_call(one.call);
    PG_RETURN_VOID();
}

// try_revive_claim(the same) → boolean
INTERLOCK_FUNCTION(try_revive_claim) {
    PG_RETURN_BOOL(end_and_tell(fcinfo, begin_revive(fcinfo), 0));
}

}  // namespace interlock
