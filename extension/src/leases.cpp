// Leases: held by the clock, not by a transaction or a session, with fencing tokens.

#include "errors.hpp"
#include "lease_arguments.hpp"
#include "lease_changes.hpp"
#include "lock_key.hpp"
#include "lock_table.hpp"
#include "stored_checkouts.hpp"

extern "C" {
#include <commands/async.h>
}

namespace interlock {
namespace {

constexpr const char* channel = "interlock_leases";
constexpr int64 longest_age = int64{36525} * USECS_PER_DAY;

bool reserve(LeaseRow& row, List** pids);

constexpr LeaseTable lease_registry = {
    "lease_registry",
    {INT4OID, TEXTOID, INT8OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID},
    F_INT4EQ,
    reserve};

// The lease of a key of a namespace.
struct KeyLease : LeaseRow {
    LockNamespace lock_namespace;
    LockKey lock_key;
};

// Two who insert the same key meet here, not in the index, where one would have to wait.
LOCKTAG insertion_tag(const KeyLease& row) {
    uint64 id = static_cast<uint64>(row.lock_namespace.id);
    return advisory_tag(lease_insertion_class, row.lock_key.bits ^ (id << 48));
}

bool obtain(const LOCKTAG& tag, LOCKMODE mode, List** pids) {
    if (LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL) return true;
    *pids = conflicting_holders(tag, mode);
    return false;
}

// The namespace stays until this transaction ends, and is still there. Looking it up can move it.
bool keep_namespace(KeyLease& row, List** pids) {
    if (!obtain(lease_namespace_tag(row.lock_namespace.id), RowShareLock, pids)) return false;
    const char* name = row.lock_namespace.name = pstrdup(row.lock_namespace.name);
    if (find_lock_namespace_by_id(row.lock_namespace.id) == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("lock namespace \"%s\" does not exist", name)));
    return true;
}

bool reserve(LeaseRow& lease, List** pids) {
    auto& row = static_cast<KeyLease&>(lease);
    LOCKTAG tag = insertion_tag(row);
    if (!obtain(tag, ExclusiveLock, pids)) return false;
    if (!find_lease(row) && keep_namespace(row, pids)) return true;
    LockRelease(&tag, ExclusiveLock, false);
    return false;
}

std::string_view stored_key(const LockKey& key) {
    if (key.text.data() != nullptr) return key.text;
    return psprintf(INT64_FORMAT, static_cast<int64>(key.bits));
}

// The arguments that all of them have: namespace text, key anycompatible.
KeyLease read_row(FunctionCallInfo fcinfo) {
    require_read_write(fcinfo);
    const LockNamespace& entry = open_lock_namespace(namespace_argument(fcinfo));
    LockKey key = read_lock_key(fcinfo, 1, entry);
    return {open_leases(lease_registry, Int32GetDatum(entry.id), stored_key(key)), entry, key};
}

Attempt acquire(FunctionCallInfo fcinfo, KeyLease& row) {
    Datum payload = PG_ARGISNULL(4) ? Datum{0} : JsonbPGetDatum(PG_GETARG_JSONB_P(4));
    const char* holder = read_name(fcinfo, 2, "holder");
    return take_lease(row, {holder, read_ttl(fcinfo, 3), payload, false});
}

// {"namespace": "cron", "key": "nightly"}. A transaction that notifies commits under a lock that
// all who notify share (PreCommit_Notify).
void notify(const KeyLease& row) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"namespace\": ");
    escape_json(&json, row.lock_namespace.name);
    appendStringInfoString(&json, ", \"key\": ");
    escape_json(&json, TextDatumGetCString(row.key));
    appendStringInfoChar(&json, '}');
    Async_Notify(channel, json.data);
}

void end(KeyLease& row) {
    end_lease(row);
    if (row.lock_namespace.notify) notify(row);
}

std::optional<TimestampTz> renew(FunctionCallInfo fcinfo) {
    KeyLease row = read_row(fcinfo);
    int64 token = read_token(fcinfo, 2);
    bool current = renew_lease(row, token, read_ttl(fcinfo, 3));
    close_leases(row);
    if (!current) return {};
    return row.lease.expires_at;
}

const char* name_of(const KeyLease& row) {
    return psprintf("lease %s of namespace \"%s\"", show_lock_key(row.lock_key),
                    row.lock_namespace.name);
}

StringInfoData detail_of(const KeyLease& row, Condition condition) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfo(&json, "{\"condition\": \"%s\", \"namespace\": ", condition_name(condition));
    escape_json(&json, row.lock_namespace.name);
    appendStringInfo(&json, ", \"key\": %s", lock_key_json(row.lock_key));
    return json;
}

[[noreturn]] void raise_held(const KeyLease& row, const Attempt& attempt) {
    StringInfoData json = detail_of(row, Condition::lease_held);
    append_holder(&json, row.lease, attempt);
    appendStringInfoChar(&json, '}');
    const char* message = psprintf("%s is being taken by another session", name_of(row));
    if (row.lease.holder)
        message = psprintf("%s is held by \"%s\" until %s", name_of(row), row.lease.holder,
                           timestamptz_to_str(row.lease.expires_at));
    raise_lease(Condition::lease_held, message, json.data);
}

[[noreturn]] void raise_lost(FunctionCallInfo fcinfo) {
    KeyLease row = read_row(fcinfo);
    int64 token = read_token(fcinfo, 2);
    StringInfoData json = detail_of(row, Condition::lease_lost);
    appendStringInfo(&json, ", \"token\": " INT64_FORMAT "}", token);
    raise_lease(Condition::lease_lost,
                psprintf("token " INT64_FORMAT " is no longer the one of %s", token, name_of(row)),
                json.data);
}

bool check(FunctionCallInfo fcinfo) {
    KeyLease row = read_row(fcinfo);
    bool current = lock_current(row, read_token(fcinfo, 2), LockTupleKeyShare);
    close_leases(row);
    return current;
}

bool may_prune(Datum id) {
    LockNamespace* entry = find_lock_namespace_by_id(DatumGetInt32(id));
    return entry && may_use(*entry);
}

}  // namespace

// acquire_lease(namespace text, key anycompatible, holder text, ttl interval, payload jsonb) →
// interlock.lease
INTERLOCK_FUNCTION(acquire_lease) {
    KeyLease row = read_row(fcinfo);
    Attempt attempt = acquire(fcinfo, row);
    if (!attempt.granted) raise_held(row, attempt);
    close_leases(row);
    return lease_datum(fcinfo, row.lease);
}

// try_acquire_lease(the same) → interlock.lease_result
INTERLOCK_FUNCTION(try_acquire_lease) {
    KeyLease row = read_row(fcinfo);
    Attempt attempt = acquire(fcinfo, row);
    close_leases(row);
    return attempt_datum(fcinfo, row.lease, attempt);
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
    KeyLease row = read_row(fcinfo);
    bool current = lock_current(row, read_token(fcinfo, 2), LockTupleExclusive);
    if (current) end(row);
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
    KeyLease row = read_row(fcinfo);
    bool held = lock_held(row, LockTupleExclusive);
    if (held) end(row);
    close_leases(row);
    PG_RETURN_BOOL(held);
}

// prune_leases(older interval) → bigint
INTERLOCK_FUNCTION(prune_leases) {
    require_read_write(fcinfo);
    require_argument(fcinfo, 0, "older");
    int64 older = interval_argument(fcinfo, 0);
    if (older < 0 || older > longest_age)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"older\" must not be negative or longer than 100 years")));
    TimestampTz before = GetCurrentTimestamp() - older;
    PG_RETURN_INT64(delete_ended_leases(lease_registry, before, may_prune) +
                    delete_ended_checkouts(before));
}

}  // namespace interlock
