#include "stored_checkouts.hpp"

#include "owner_statement.hpp"

namespace interlock {
namespace {

// Who checks a row out holds its lock: nobody else inserts a checkout of it at the same time.
constexpr LeaseTable checkout_registry = {
    "checkout_registry",
    {OIDOID, TEXTOID, INT8OID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID},
    F_OIDEQ,
    nullptr};

bool may_prune(Datum relation) {
    Oid relid = DatumGetObjectId(relation);
    return get_rel_name(relid) == nullptr || owns_relation(relid, GetUserId());
}

void run(const char* sql, std::span<const Parameter> parameters) {
    as_owner_of(own_table(checkout_registry.name), [&] { run_as_owner(sql, parameters); });
}

}  // namespace

LeaseRow open_checkout(const Table& table, std::string_view key) {
    return open_leases(checkout_registry, ObjectIdGetDatum(table.checkout_guard.scope), key);
}

void raise_checked_out(const RowReport& report, const LeaseRow& row, const Attempt& attempt) {
    StringInfoData json = begin_detail(Condition::lease_held, report);
    append_holder(&json, row.lease, attempt);
    if (row.lease.note) {
        appendStringInfoString(&json, ", \"note\": ");
        escape_json(&json, TextDatumGetCString(row.lease.note));
    }
    appendStringInfoChar(&json, '}');
    const char* message = psprintf("%s is being checked out by another session", row_name(report));
    if (row.lease.holder)
        message = psprintf("%s is checked out by \"%s\" until %s", row_name(report),
                           row.lease.holder, timestamptz_to_str(row.lease.expires_at));
    raise_lease(Condition::lease_held, message, json.data, report.relation);
}

int64 delete_ended_checkouts(TimestampTz before) {
    return delete_ended_leases(checkout_registry, before, may_prune);
}

void delete_checkouts(Oid relid) {
    Parameter parameter = {OIDOID, ObjectIdGetDatum(relid), false};
    run("DELETE FROM interlock.checkout_registry WHERE relation OPERATOR(pg_catalog.=) $1",
        {&parameter, 1});
}

void delete_orphaned_checkouts() {
    run("DELETE FROM interlock.checkout_registry AS c WHERE NOT EXISTS "
        "(SELECT FROM pg_catalog.pg_class AS r WHERE r.oid OPERATOR(pg_catalog.=) c.relation)",
        {});
}

}  // namespace interlock
