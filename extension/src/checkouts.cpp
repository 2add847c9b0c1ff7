// Checkouts: leases of rows, which every writer of the table respects.

#include "checkout_guard.hpp"
#include "current_row.hpp"
#include "lease_arguments.hpp"
#include "outcome.hpp"
#include "row_holders.hpp"
#include "row_locker.hpp"
#include "stored_checkouts.hpp"
#include "table.hpp"

namespace interlock {
namespace {

void require_checkouts(Relation relation, const Table& table) {
    const CheckoutGuard& guard = table.checkout_guard;
    if (guard.triggered && fires_now(guard.fires)) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" %s", table.name,
                           guard.triggered ? "has its checkout trigger disabled"
                                           : "is not set up for checkouts"),
                    errhint(guard.triggered ? "Enable its triggers."
                                            : "Call interlock.enable_checkout for it."),
                    errtable(relation)));
}

// The arguments that all of them have: rel regclass, key anycompatible.
KeyedRow read_row(FunctionCallInfo fcinfo) {
    require_read_write(fcinfo);
    require_argument(fcinfo, 0, "rel");
    Relation relation = open_keyed_table(PG_GETARG_OID(0), RowShareLock);
    Table& table = table_of(relation);
    require_checkouts(relation, table);
    require_key_lock_privileges(relation, table);
    return {relation, table, read_key(fcinfo, 1, relation, table)};
}

void close(const KeyedRow& row, const LeaseRow& checkout) {
    close_leases(checkout);
    relation_close(row.relation, NoLock);
}

KeyValues key_in(const KeyedRow& row, const RowValues& values) {
    KeyValues key = row.key;
    for (int i = 0; i < key.key->count; i++)
        key.values[i] = values.value(key.key->columns[i].attno);
    return key;
}

// Its key can be written in another way than the argument, where that is not all the same.
KeyValues stored_key(const KeyedRow& row) {
    if (has_one_text(*row.key.key)) return row.key;
    const Bitmapset* columns = row.table.key_columns;
    HeapTuple tuple = fetch_row(row, columns);
    return tuple ? key_in(row, deform_row(row.relation, columns, tuple)) : row.key;
}

LeaseRow open_checkout(const KeyedRow& row) {
    return open_checkout(row.table, checkout_key(stored_key(row)));
}

// Who has a row is nothing for those from whom policies hide it.
bool is_hidden(const KeyedRow& row) {
    return check_enable_rls(row.table.relid, InvalidOid, true) == RLS_ENABLED &&
           fetch_row(row, nullptr) == nullptr;
}

// Where it is found to be somebody else's, nothing is waited for.
std::optional<Attempt> refusal(const KeyedRow& row, const Applicant& applicant,
                               LeaseRow& checkout) {
    if (is_hidden(row)) return {};
    checkout = open_checkout(row);
    bool taken = find_lease(checkout) && is_held(checkout.lease) &&
                 strcmp(checkout.lease.holder, applicant.holder) != 0;
    if (taken) return Attempt{false, 0};
    close_leases(checkout);
    return {};
}

// Waits for writers who were there first.
LeaseRow lock_and_open(const KeyedRow& row) {
    RowLock lock = {row, LockTupleNoKeyExclusive, {WaitKind::unbounded, 0}, false,
                    {},  row.table.key_columns};
    SharedScan shared = {CurrentMemoryContext, nullptr, row.key.values, 1};
    LockOutcome outcome = lock_row(lock, shared);
    if (outcome.status == LockStatus::missing) raise_row_missing(report_row(row));
    LeaseRow checkout = open_checkout(row.table, checkout_key(key_in(row, values_of(outcome))));
    end_scan(shared);
    return checkout;
}

LeaseRow lock_and_open_or_report(const KeyedRow& row) {
    LeaseRow checkout;
    or_report_unavailable([&] { checkout = lock_and_open(row); },
                          [&] {
                              raise_row_unavailable(report_row(row),
                                                    blockers_of_row(row, LockTupleNoKeyExclusive));
                          });
    return checkout;
}

// checkout(rel regclass, key anycompatible, holder text, ttl interval, note text)
Attempt check_out(FunctionCallInfo fcinfo, const KeyedRow& row, LeaseRow& checkout) {
    const char* holder = read_name(fcinfo, 2, "holder");
    Datum note = PG_ARGISNULL(4) ? Datum{0} : PG_GETARG_DATUM(4);
    Applicant applicant = {holder, read_ttl(fcinfo, 3), note, true};
    require_no_children(row.relation);
    if (auto refused = refusal(row, applicant, checkout)) return *refused;
    checkout = lock_and_open_or_report(row);
    return take_lease(checkout, applicant);
}

[[noreturn]] void raise_lost(FunctionCallInfo fcinfo) {
    KeyedRow row = read_row(fcinfo);
    int64 token = read_token(fcinfo, 2);
    RowReport report = report_row(row);
    StringInfoData json = begin_detail(Condition::lease_lost, report);
    appendStringInfo(&json, ", \"token\": " INT64_FORMAT "}", token);
    raise_lease(Condition::lease_lost,
                psprintf("token " INT64_FORMAT " is no longer the one of the checkout of %s", token,
                         row_name(report)),
                json.data, row.relation);
}

std::optional<TimestampTz> renew(FunctionCallInfo fcinfo) {
    KeyedRow row = read_row(fcinfo);
    int64 token = read_token(fcinfo, 2);
    LeaseRow checkout = open_checkout(row);
    bool current = renew_lease(checkout, token, read_ttl(fcinfo, 3));
    close(row, checkout);
    if (!current) return {};
    return checkout.lease.expires_at;
}

bool use(FunctionCallInfo fcinfo) {
    KeyedRow row = read_row(fcinfo);
    LeaseRow checkout = open_checkout(row);
    bool current = lock_current(checkout, read_token(fcinfo, 2), LockTupleKeyShare);
    close(row, checkout);
    return current;
}

// Of the relation that the guard belongs to, also where a partition of it was named.
void require_may_break(const KeyedRow& row) {
    Oid scope = row.table.checkout_guard.scope;
    if (owns_relation(scope, GetUserId()) || passes_checkouts(row.relation)) return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied to break a checkout of table \"%s\"", row.table.name),
                    errdetail("Only its owner and members of its bypass roles may.")));
}

}  // namespace

// checkout(rel regclass, key anycompatible, holder text, ttl interval, note text) → interlock.lease
INTERLOCK_FUNCTION(checkout) {
    KeyedRow row = read_row(fcinfo);
    LeaseRow checkout;
    Attempt attempt = check_out(fcinfo, row, checkout);
    if (!attempt.granted) raise_checked_out(report_row(row), checkout, attempt);
    close(row, checkout);
    return lease_datum(fcinfo, checkout.lease);
}

// try_checkout(the same) → interlock.lease_result
INTERLOCK_FUNCTION(try_checkout) {
    KeyedRow row = read_row(fcinfo);
    LeaseRow checkout;
    Attempt attempt = check_out(fcinfo, row, checkout);
    close(row, checkout);
    return attempt_datum(fcinfo, checkout.lease, attempt);
}

// renew_checkout(rel regclass, key anycompatible, token bigint, ttl interval) → timestamptz
INTERLOCK_FUNCTION(renew_checkout) {
    std::optional<TimestampTz> expires_at = renew(fcinfo);
    if (!expires_at) raise_lost(fcinfo);
    PG_RETURN_TIMESTAMPTZ(*expires_at);
}

// try_renew_checkout(the same) → timestamptz, or NULL
INTERLOCK_FUNCTION(try_renew_checkout) {
    std::optional<TimestampTz> expires_at = renew(fcinfo);
    if (!expires_at) PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(*expires_at);
}

// use_checkout(rel regclass, key anycompatible, token bigint) → void
INTERLOCK_FUNCTION(use_checkout) {
    if (!use(fcinfo)) raise_lost(fcinfo);
    PG_RETURN_VOID();
}

// try_use_checkout(the same) → boolean
INTERLOCK_FUNCTION(try_use_checkout) {
    PG_RETURN_BOOL(use(fcinfo));
}

// checkin(rel regclass, key anycompatible, token bigint) → boolean
INTERLOCK_FUNCTION(checkin) {
    KeyedRow row = read_row(fcinfo);
    LeaseRow checkout = open_checkout(row);
    bool current = lock_current(checkout, read_token(fcinfo, 2), LockTupleExclusive);
    if (current) end_lease(checkout);
    close(row, checkout);
    PG_RETURN_BOOL(current);
}

// break_checkout(rel regclass, key anycompatible) → boolean
INTERLOCK_FUNCTION(break_checkout) {
    KeyedRow row = read_row(fcinfo);
    require_may_break(row);
    LeaseRow checkout = open_checkout(row);
    bool held = lock_held(checkout, LockTupleExclusive);
    if (held) end_lease(checkout);
    close(row, checkout);
    PG_RETURN_BOOL(held);
}

}  // namespace interlock
