#include "outcome.hpp"

#include <iterator>

namespace interlock {
namespace {

constexpr const char* status_labels[] = {"written",  "unchanged", "merged",   "stale",    "missing",
                                         "conflict", "exists",    "rejected", "held_back"};

// The labels of interlock.write_status that were looked up, until an enum changes.
struct StatusOids {
    Oid type;
    Oid labels[std::size(status_labels)];
};
StatusOids status_oids;

void enum_invalidated(Datum, int, uint32) {
    status_oids = {};
}

void forget_with_enums() {
    static bool registered;
    if (!registered) CacheRegisterSyscacheCallback(ENUMTYPOIDNAME, enum_invalidated, 0);
    registered = true;
}

// The contested columns of an outcome, by name.
List* contested_columns(const WriteOutcome& outcome) {
    List* names = NIL;
    if (outcome.conflicts == nullptr) return names;
    for (JsonMembers members(outcome.conflicts); members.next();)
        names = lappend(names, pnstrdup(members.name().data(), members.name().size()));
    return names;
}

}  // namespace

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
             errhint("Use interlock.compare_and_update with the timestamp among the expected "
                     "values, or version the table by a counter."),
             errtable(relation)));
}

RowReport report_row(const KeyedRow& row, std::optional<int64> expected,
                     const WriteOutcome& outcome) {
    return {row.relation,    key_text(row.table, row.key), key_json(row.table, row.key), expected,
            outcome.version, contested_columns(outcome)};
}

void raise_unless_done(const Write& write, const WriteOutcome& outcome) {
    switch (outcome.status) {
        case WriteStatus::stale:
            if (write.expected_values)
                raise_values_changed(report_row(write, write.expected, outcome));
            raise_stale_version(report_row(write, write.expected, outcome));
        case WriteStatus::missing:
            raise_row_missing(report_row(write, write.expected, outcome));
        case WriteStatus::conflict:
            raise_merge_conflict(report_row(write, write.expected, outcome));
        case WriteStatus::exists:
            raise_row_exists(report_row(write, write.expected, outcome));
        case WriteStatus::rejected:
            raise_write_rejected(report_row(write, write.expected, outcome));
        default:
            return;
    }
}

Datum status_datum(Oid type, WriteStatus status) {
    int number = static_cast<int>(status);
    if (status_oids.type == type && OidIsValid(status_oids.labels[number]))
        return ObjectIdGetDatum(status_oids.labels[number]);
    forget_with_enums();
    Oid label = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type),
                                CStringGetDatum(status_labels[number]));
    if (status_oids.type != type) status_oids = {type, {}};
    status_oids.labels[number] = label;
    return ObjectIdGetDatum(label);
}

Datum result_datum(FunctionCallInfo fcinfo, const WriteOutcome& outcome) {
    TupleDesc desc = lookup_rowtype_tupdesc(get_func_rettype(fcinfo->flinfo->fn_oid), -1);
    Datum values[4] = {status_datum(attribute(desc, 1)->atttypid, outcome.status),
                       Int64GetDatum(outcome.version.value_or(0)), JsonbPGetDatum(outcome.current),
                       JsonbPGetDatum(outcome.conflicts)};
    bool nulls[4] = {false, !outcome.version, outcome.current == nullptr,
                     outcome.conflicts == nullptr};
    HeapTuple tuple = heap_form_tuple(desc, values, nulls);
    ReleaseTupleDesc(desc);
    return HeapTupleGetDatum(tuple);
}

Datum version_result(FunctionCallInfo fcinfo, const WriteOutcome& outcome) {
    if (!outcome.version) PG_RETURN_NULL();
    PG_RETURN_INT64(*outcome.version);
}

}  // namespace interlock
