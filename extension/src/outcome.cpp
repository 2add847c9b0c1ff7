#include "outcome.hpp"

#include "results.hpp"

namespace interlock {
namespace {

EnumLabels status_labels = {{"written", "unchanged", "merged", "stale", "missing", "conflict",
                             "exists", "rejected", "held_back"},
                            InvalidOid,
                            0,
                            {}};

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
    if (!table.temporary) require_read_write(fcinfo);
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

RowReport report_row(const KeyedRow& row) {
    return {row.relation, key_text(row.table, row.key), key_json(row.table, row.key), {}, {}, NIL};
}

RowReport report_row(const KeyedRow& row, std::optional<int64> expected,
                     const WriteOutcome& outcome) {
    RowReport report = report_row(row);
    report.expected = expected;
    report.current = outcome.version;
    report.columns = contested_columns(outcome);
    return report;
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
    return enum_datum(status_labels, type, static_cast<int>(status));
}

Datum result_datum(FunctionCallInfo fcinfo, const WriteOutcome& outcome) {
    TupleDesc desc = result_type(fcinfo);
    Datum values[4] = {status_datum(attribute(desc, 1)->atttypid, outcome.status),
                       Int64GetDatum(outcome.version.value_or(0)), JsonbPGetDatum(outcome.current),
                       JsonbPGetDatum(outcome.conflicts)};
    bool nulls[4] = {false, !outcome.version, outcome.current == nullptr,
                     outcome.conflicts == nullptr};
    return make_result(desc, values, nulls);
}

Datum version_result(FunctionCallInfo fcinfo, const WriteOutcome& outcome) {
    if (!outcome.version) PG_RETURN_NULL();
    PG_RETURN_INT64(*outcome.version);
}

}  // namespace interlock
