// Leases: held by the clock, not by a transaction or a session, with fencing tokens.

#include "duration.hpp"
#include "errors.hpp"
#include "lease_table.hpp"
#include "results.hpp"
#include "row_holders.hpp"
#include "token.hpp"

#include <optional>

extern "C" {
#include <commands/async.h>
#include <mb/pg_wchar.h>
}

namespace interlock {
namespace {

constexpr const char* channel = "interlock_leases";
constexpr int longest_holder = 200;  // characters
constexpr int64 longest_age = int64{36525} * USECS_PER_DAY;
constexpr int64 longest_ttl = int64{366} * USECS_PER_DAY;

// The arguments that all of them have: namespace text, key anycompatible.
LeaseRow read_row(FunctionCallInfo fcinfo) {
    require_read_write(fcinfo);
    const LockNamespace& entry = open_lock_namespace(namespace_argument(fcinfo));
    return open_leases(entry, read_lock_key(fcinfo, 1, entry));
}

const char* read_holder(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 2, "holder");
    const char* holder = text_to_cstring(PG_GETARG_TEXT_PP(2));
    int length = pg_mbstrlen(holder);
    if (length < 1 || length > longest_holder)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"holder\" must have 1 to %d characters", longest_holder)));
    return holder;
}

int64 read_ttl(FunctionCallInfo fcinfo, int number) {
    require_argument(fcinfo, number, "ttl");
    const Interval& interval = *PG_GETARG_INTERVAL_P(number);
    int64 ttl = is_infinite(interval) ? PG_INT64_MAX : microseconds_of(interval);
    if (ttl <= 0 || ttl > longest_ttl)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"ttl\" must be longer than zero and at most 366 days")));
    return ttl;
}

int64 read_token(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 2, "token");
    return PG_GETARG_INT64(2);
}

// What became of an attempt to take a lease: it is in the row, or somebody else's is.
struct Attempt {
    bool granted;
    int blocking_pid;  // of the session whose open transaction is in the way; 0: it is the lease
};

Lease new_lease(int64 last_token, const char* holder, int64 ttl, Datum payload) {
    TimestampTz now = GetCurrentTimestamp();
    return {next_token(last_token), holder, now, now + ttl, payload};
}

Attempt blocked(List* pids) {
    return {false, linitial_int(pids)};
}

// Judged before the row is locked: a lock on a lease that is not granted would keep its holder from
// renewing it. Then the version that was judged is locked, and no other.
Attempt attempt(LeaseRow& row, const char* holder, int64 ttl, Datum payload) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (!find_lease(row)) {
            List* pids;
            if (add_lease(row, new_lease(0, holder, ttl, payload), &pids)) return {true, 0};
            if (pids != NIL) return blocked(pids);
            continue;
        }
        if (is_held(row.lease)) return {false, 0};
        bool unavailable;
        if (lock_own_row(row.table, LockTupleExclusive, LockWaitSkip, &unavailable)) {
            store_lease(row, new_lease(row.lease.token, holder, ttl, payload));
            return {true, 0};
        }
        List* pids = unavailable ? blockers_of_tuple(row.table.relation, row.table.found->t_self,
                                                     LockTupleExclusive)
                                 : NIL;
        if (pids != NIL) return blocked(pids);
    }
}

// A token counts once its lease cannot be lost any more, whatever synchronous_commit says.
Attempt acquire(FunctionCallInfo fcinfo, LeaseRow& row) {
    const char* holder = read_holder(fcinfo);
    int64 ttl = read_ttl(fcinfo, 3);
    Attempt result = attempt(row, holder, ttl,
                             PG_ARGISNULL(4) ? Datum{0} : JsonbPGetDatum(PG_GETARG_JSONB_P(4)));
    if (result.granted) ForceSyncCommit();
    return result;
}

// Waits for whoever is at it. False where the version that was judged is not the newest any more.
bool lock_version(LeaseRow& row, LockTupleMode mode) {
    CHECK_FOR_INTERRUPTS();
    bool unavailable;
    return lock_own_row(row.table, mode, LockWaitBlock, &unavailable);
}

// Locks the row of a lease with this token for what is to become of it. False where it is another
// one's by now, or nobody's.
bool lock_current(LeaseRow& row, int64 token, LockTupleMode mode) {
    do
        if (!find_lease(row) || !is_current(row.lease, token)) return false;
    while (!lock_version(row, mode));
    return true;
}

// {"namespace": "cron", "key": "nightly"}
void notify(const LeaseRow& row) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"namespace\": ");
    escape_json(&json, row.lock_namespace.name);
    appendStringInfoString(&json, ", \"key\": ");
    escape_json(&json, TextDatumGetCString(row.key_text));
    appendStringInfoChar(&json, '}');
    Async_Notify(channel, json.data);
}

void end_lease(LeaseRow& row) {
    Lease ended = row.lease;
    ended.holder = nullptr;
    ended.expires_at = GetCurrentTimestamp();
    ended.payload = 0;
    store_lease(row, ended);
    notify(row);
}

std::optional<TimestampTz> renew(FunctionCallInfo fcinfo) {
    LeaseRow row = read_row(fcinfo);
    int64 token = read_token(fcinfo);
    int64 ttl = read_ttl(fcinfo, 3);
    bool current = lock_current(row, token, LockTupleNoKeyExclusive);
    if (current) {
        ForceSyncCommit();  // nor may a renewal be lost that its holder relies on
        Lease renewed = row.lease;
        renewed.expires_at = GetCurrentTimestamp() + ttl;
        store_lease(row, renewed);
    }
    close_leases(row);
    if (!current) return {};
    return row.lease.expires_at;
}

const char* name_of(const LeaseRow& row) {
    return psprintf("lease %s of namespace \"%s\"", show_lock_key(row.key),
                    row.lock_namespace.name);
}

StringInfoData detail_of(const LeaseRow& row, Condition condition) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfo(&json, "{\"condition\": \"%s\", \"namespace\": ", condition_name(condition));
    escape_json(&json, row.lock_namespace.name);
    appendStringInfo(&json, ", \"key\": %s", lock_key_json(row.key));
    return json;
}

[[noreturn]] void raise_held(const LeaseRow& row, const Attempt& result) {
    StringInfoData json = detail_of(row, Condition::lease_held);
    const char* message = psprintf("%s is being taken by another session", name_of(row));
    if (row.lease.holder) {
        const char* until = timestamptz_to_str(row.lease.expires_at);
        message = psprintf("%s is held by \"%s\" until %s", name_of(row), row.lease.holder, until);
        appendStringInfoString(&json, ", \"holder\": ");
        escape_json(&json, row.lease.holder);
        appendStringInfo(&json, ", \"expires_at\": \"%s\"", until);
    }
    if (result.blocking_pid) appendStringInfo(&json, ", \"blocking_pid\": %d", result.blocking_pid);
    appendStringInfoChar(&json, '}');
    raise_lease(Condition::lease_held, message, json.data);
}

[[noreturn]] void raise_lost(FunctionCallInfo fcinfo) {
    LeaseRow row = read_row(fcinfo);
    StringInfoData json = detail_of(row, Condition::lease_lost);
    appendStringInfo(&json, ", \"token\": " INT64_FORMAT "}", read_token(fcinfo));
    raise_lease(Condition::lease_lost,
                psprintf("token " INT64_FORMAT " is no longer the one of %s", read_token(fcinfo),
                         name_of(row)),
                json.data);
}

// interlock.lease
Datum lease_datum(FunctionCallInfo fcinfo, const Lease& lease) {
    Datum values[] = {Int64GetDatum(lease.token), CStringGetTextDatum(lease.holder),
                      TimestampTzGetDatum(lease.acquired_at),
                      TimestampTzGetDatum(lease.expires_at)};
    bool nulls[4] = {};
    return make_result(result_type(fcinfo), values, nulls);
}

// interlock.lease_result; somebody else's token is nobody's business.
Datum attempt_datum(FunctionCallInfo fcinfo, const Lease& lease, const Attempt& result) {
    bool known = lease.holder != nullptr;
    Datum values[] = {BoolGetDatum(result.granted),
                      Int64GetDatum(lease.token),
                      known ? CStringGetTextDatum(lease.holder) : Datum{0},
                      TimestampTzGetDatum(lease.acquired_at),
                      TimestampTzGetDatum(lease.expires_at),
                      Int32GetDatum(result.blocking_pid)};
    bool nulls[] = {false, !result.granted, !known, !known, !known, result.blocking_pid == 0};
    return make_result(result_type(fcinfo), values, nulls);
}

bool check(FunctionCallInfo fcinfo) {
    LeaseRow row = read_row(fcinfo);
    bool current = lock_current(row, read_token(fcinfo), LockTupleKeyShare);
    close_leases(row);
    return current;
}

}  // namespace

// acquire_lease(namespace text, key anycompatible, holder text, ttl interval, payload jsonb) →
// interlock.lease
INTERLOCK_FUNCTION(acquire_lease) {
    LeaseRow row = read_row(fcinfo);
    Attempt result = acquire(fcinfo, row);
    if (!result.granted) raise_held(row, result);
    close_leases(row);
    return lease_datum(fcinfo, row.lease);
}

// try_acquire_lease(the same) → interlock.lease_result
INTERLOCK_FUNCTION(try_acquire_lease) {
    LeaseRow row = read_row(fcinfo);
    Attempt result = acquire(fcinfo, row);
    close_leases(row);
    return attempt_datum(fcinfo, row.lease, result);
}

// renew_lease(namespace text, key anycompatible, token bigint, ttl interval) → timestamptz
INTERLOCK_FUNCTION(renew_lease) {
    std::optional<TimestampTz> expires_at = renew(fcinfo);
    if (!expires_at) raise_lost(fcinfo);
    PG_RETURN_TIMESTAMPTZ(*expires_at);
}

// try_renew_lease(the same) → timestamptz, or NULL
INTERLOCK_FUNCTION(try_renew_lease) {
    std::optional<TimestampTz> expires_at = renew(fcinfo);
    if (!expires_at) PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(*expires_at);
}

// release_lease(namespace text, key anycompatible, token bigint) → boolean
INTERLOCK_FUNCTION(release_lease) {
    LeaseRow row = read_row(fcinfo);
    bool current = lock_current(row, read_token(fcinfo), LockTupleExclusive);
    if (current) end_lease(row);
    close_leases(row);
    PG_RETURN_BOOL(current);
}

// check_lease(namespace text, key anycompatible, token bigint) → void
INTERLOCK_FUNCTION(check_lease) {
    if (!check(fcinfo)) raise_lost(fcinfo);
    PG_RETURN_VOID();
}

// try_check_lease(the same) → boolean
INTERLOCK_FUNCTION(try_check_lease) {
    PG_RETURN_BOOL(check(fcinfo));
}

// break_lease(namespace text, key anycompatible) → boolean
INTERLOCK_FUNCTION(break_lease) {
    LeaseRow row = read_row(fcinfo);
    bool held;
    do
        held = find_lease(row) && row.lease.holder;
    while (held && !lock_version(row, LockTupleExclusive));
    if (held) end_lease(row);
    close_leases(row);
    PG_RETURN_BOOL(held);
}

// prune_leases(older interval) → bigint
INTERLOCK_FUNCTION(prune_leases) {
    require_read_write(fcinfo);
    require_argument(fcinfo, 0, "older");
    const Interval& interval = *PG_GETARG_INTERVAL_P(0);
    int64 older = is_infinite(interval) ? -1 : microseconds_of(interval);
    if (older < 0 || older > longest_age)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"older\" must not be negative or longer than 100 years")));
    PG_RETURN_INT64(delete_ended_leases(GetCurrentTimestamp() - older));
}

}  // namespace interlock
