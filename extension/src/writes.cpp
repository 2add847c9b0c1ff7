// The writes by version, raising and telling.

#include "errors.hpp"
#include "writer.hpp"

namespace interlock {
namespace {

// As for plain SQL: temporary tables may be written in a read-only transaction.
void require_writable(FunctionCallInfo fcinfo, const Table& table) {
    if (table.temporary || (!XactReadOnly && !IsInParallelMode())) return;
    const char* function = psprintf("interlock.%s()", get_func_name(fcinfo->flinfo->fn_oid));
    PreventCommandIfReadOnly(function);
    PreventCommandIfParallelMode(function);
}

void require_counter(Relation relation, const Table& table) {
    if (table.versioning.kind != VersionKind::timestamptz) return;
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("table \"%s\" is versioned by a timestamp, which is no expected version",
                    table.name),
             errhint("Compare the timestamp in a WHERE clause, or version the table by a counter."),
             errtable(relation)));
}

Update read_update(FunctionCallInfo fcinfo, Report report) {
    require_argument(fcinfo, 0, "rel");
    require_argument(fcinfo, 2, "expected");
    require_argument(fcinfo, 3, "changes");
    Relation relation = open_versioned_table(PG_GETARG_OID(0), RowExclusiveLock);
    Table& table = table_of(relation);
    require_writable(fcinfo, table);
    require_counter(relation, table);
    Update update = {relation, table, {}, PG_GETARG_INT64(2), {}, nullptr, report};
    update.key = read_key(fcinfo, 1, relation, table);
    update.changes = read_changes(relation, table, PG_GETARG_JSONB_P(3), "changes");
    if (!PG_ARGISNULL(4)) update.base = read_base(relation, table, PG_GETARG_JSONB_P(4));
    return update;
}

RowReport report_row(const Update& update, const WriteOutcome& outcome) {
    return {update.relation, key_text(update.table, update.key), key_json(update.table, update.key),
            update.expected, outcome.version};
}

void raise_unless_done(const Update& update, const WriteOutcome& outcome) {
    switch (outcome.status) {
        case WriteStatus::stale:
            raise_stale_version(report_row(update, outcome));
        case WriteStatus::missing:
            raise_row_missing(report_row(update, outcome));
        case WriteStatus::rejected:
            raise_write_rejected(report_row(update, outcome));
        default:
            return;
    }
}

const char* status_label(WriteStatus status) {
    constexpr const char* labels[] = {"written",  "unchanged", "merged",   "stale",    "missing",
                                      "conflict", "exists",    "rejected", "held_back"};
    return labels[static_cast<int>(status)];
}

Datum status_datum(Oid type, WriteStatus status) {
    return ObjectIdGetDatum(GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
                                            ObjectIdGetDatum(type),
                                            CStringGetDatum(status_label(status))));
}

// interlock.write_result
Datum result_datum(FunctionCallInfo fcinfo, const WriteOutcome& outcome) {
    TupleDesc desc;
    get_call_result_type(fcinfo, nullptr, &desc);
    desc = BlessTupleDesc(desc);
    Datum values[4] = {status_datum(attribute(desc, 1)->atttypid, outcome.status),
                       Int64GetDatum(outcome.version.value_or(0)), JsonbPGetDatum(outcome.current),
                       JsonbPGetDatum(outcome.conflicts)};
    bool nulls[4] = {false, !outcome.version, outcome.current == nullptr,
                     outcome.conflicts == nullptr};
    return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

}  // namespace

// versioned_update(rel regclass, key anycompatible, expected bigint, changes jsonb, base jsonb) →
// bigint
INTERLOCK_FUNCTION(versioned_update) {
    Update update = read_update(fcinfo, Report::version);
    WriteOutcome outcome = update_row(update);
    raise_unless_done(update, outcome);
    table_close(update.relation, NoLock);
    if (!outcome.version) PG_RETURN_NULL();  // a trigger that fires after ours made it NULL
    PG_RETURN_INT64(*outcome.version);
}

// try_versioned_update(the same) → interlock.write_result
INTERLOCK_FUNCTION(try_versioned_update) {
    Update update = read_update(fcinfo, Report::row_and_conflicts);
    WriteOutcome outcome = update_row(update);
    table_close(update.relation, NoLock);
    return result_datum(fcinfo, outcome);
}

}  // namespace interlock
