// The row trigger of a versioned table: BEFORE INSERT OR UPDATE, named to fire last.

#include "observations.hpp"
#include "own_write.hpp"
#include "root_touches.hpp"
#include "trigger_row.hpp"
#include "version.hpp"

namespace interlock {
namespace {

// One firing: the row before (UPDATE only) and the row that is about to be stored.
struct Firing {
    TriggerData* data;
    Relation relation;
    Table& table;
    const Versioning& settings;
    TupleTableSlot* old_row;
    TupleTableSlot* new_row;

    bool sets(AttrNumber attno) const {
        return bms_is_member(attno - FirstLowInvalidHeapAttributeNumber, data->tg_updatedcols);
    }
};

struct Version {
    Datum value;
    bool is_null;
};

Version version_in(const Firing& firing, TupleTableSlot* row) {
    Version version;
    version.value = slot_getattr(row, firing.settings.column, &version.is_null);
    return version;
}

RowReport report_row(const Firing& firing) {
    RowReport report = report_row(firing.relation, firing.table, firing.old_row);
    Version version = version_in(firing, firing.old_row);
    if (!version.is_null && may_report(firing.table.relid, firing.settings.column))
        report.current = version_number(firing.settings.kind, version.value);
    return report;
}

void refuse_stale(const Firing& firing, std::optional<int64> expected) {
    if (firing.settings.observe) return observe(firing.table.relid, Condition::stale_version);
    RowReport report = report_row(firing);
    // an increment of 8 says that 7 was read
    if (expected && firing.settings.accept == Accept::increment && *expected > PG_INT64_MIN)
        expected = *expected - 1;
    report.expected = expected;
    raise_stale_version(report);
}

void refuse_versionless(const Firing& firing) {
    if (firing.settings.observe) return observe(firing.table.relid, Condition::version_required);
    raise_version_required(report_row(firing));
}

bool row_changed(const Firing& firing) {
    return row_changed(RowChange{firing.data, firing.table, firing.old_row, firing.new_row,
                                 firing.settings.column, firing.settings.except,
                                 firing.settings.only_before_update});
}

HeapTuple store_version(const Firing& firing, HeapTuple tuple, Datum value) {
    int column = firing.settings.column;
    bool is_null = false;
    return heap_modify_tuple_by_cols(tuple, RelationGetDescr(firing.relation), 1, &column, &value,
                                     &is_null);
}

// The new row with this version, or as it is where it has it already.
HeapTuple with_counter(const Firing& firing, int64 value) {
    Version version = version_in(firing, firing.new_row);
    if (!version.is_null && version_number(firing.settings.kind, version.value) == value)
        return firing.data->tg_newtuple;
    return store_version(firing, firing.data->tg_newtuple,
                         version_datum(firing.settings.kind, value));
}

[[noreturn]] void raise_overflow(const Firing& firing) {
    const Column& column = firing.table.column(firing.settings.column);
    const char* remedy = column.type == INT8OID ? "set the versions to lower numbers"
                                                : "change the column's type to bigint";
    ereport(
        ERROR,
        (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
         errmsg("version column \"%s\" of table \"%s\" is at the last %s", column.name,
                firing.table.name, format_type_be(column.type)),
         errhint(
             "Call interlock.disable_versioning, %s, and call interlock.enable_versioning again.",
             remedy),
         errtablecol(firing.relation, column.attno)));
    pg_unreachable();
}

int64 next_counter(const Firing& firing, int64 old_version) {
    if (old_version >= largest_version(firing.settings.kind)) raise_overflow(firing);
    return old_version + 1;
}

bool accepts_echo(const Versioning& settings) {
    return settings.accept != Accept::increment;
}
bool accepts_increment(const Versioning& settings) {
    return settings.accept != Accept::echo;
}

// The row has its version from a bump of a root in this transaction, which the writer does not know
// of: it sends what it read before, or that plus one.
bool is_before_own_bump(const Firing& firing, int64 old_version, int64 expected) {
    bool believed = (expected == old_version && accepts_increment(firing.settings)) ||
                    (expected == old_version - 1 && accepts_echo(firing.settings));
    return believed &&
           is_own_bump(RelationGetRelid(firing.relation), firing.data->tg_trigtuple, old_version);
}

// The version is in the SET list: the writer says which one it read.
HeapTuple judge_version(const Firing& firing, int64 old_version, Version sent) {
    std::optional<int64> expected;
    if (!sent.is_null) expected = version_number(firing.settings.kind, sent.value);
    if (expected && is_before_own_bump(firing, old_version, *expected))
        return with_counter(firing, old_version);
    if (expected == old_version && accepts_echo(firing.settings))
        return with_counter(firing,
                            row_changed(firing) ? next_counter(firing, old_version) : old_version);
    if (old_version < largest_version(firing.settings.kind) && expected == old_version + 1 &&
        accepts_increment(firing.settings))
        return firing.data->tg_newtuple;
    refuse_stale(firing, expected);
    int64 next = next_counter(firing, old_version);
    return with_counter(firing, expected ? Max(*expected, next) : next);
}

// The version is not in the SET list: a referential action's, or a write without a version.
HeapTuple judge_versionless(const Firing& firing, int64 old_version) {
    bool changed = row_changed(firing);
    if (changed && firing.settings.require_version && !InNoForceRLSOperation())
        refuse_versionless(firing);
    return with_counter(firing, changed ? next_counter(firing, old_version) : old_version);
}

// The version was judged before the statement reached the row.
HeapTuple store_own_write(const Firing& firing, int64 old_version, OwnWrite& own) {
    bool changed = own.forces || row_changed(firing);
    own.stored = changed ? next_counter(firing, old_version) : old_version;
    return with_counter(firing, own.stored);
}

constexpr int64 microseconds_to_1970 =
    (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * static_cast<int64>(SECS_PER_DAY) * USECS_PER_SEC;

// The clock's is the number that the column's DEFAULT gives, see versioning.cpp.
int64 first_version(const Firing& firing) {
    return firing.settings.starts_at_clock ? GetCurrentTimestamp() + microseconds_to_1970 : 1;
}

// A row that has no version yet, as a write with triggers off can leave it, gets the first one.
HeapTuple update_without_counter(const Firing& firing) {
    int64 first = first_version(firing);
    Version sent = version_in(firing, firing.new_row);
    if (firing.sets(firing.settings.column) && !sent.is_null &&
        version_number(firing.settings.kind, sent.value) != first)
        refuse_stale(firing, version_number(firing.settings.kind, sent.value));
    return with_counter(firing, first);
}

HeapTuple update_counter(const Firing& firing) {
    Version before = version_in(firing, firing.old_row);
    if (before.is_null) return update_without_counter(firing);
    int64 old_version = version_number(firing.settings.kind, before.value);
    if (OwnWrite* own = firing.sets(firing.settings.column)
                            ? take_forced_write(firing.relation, old_version)
                            : take_own_write(firing.relation, old_version))
        return store_own_write(firing, old_version, *own);
    if (!firing.sets(firing.settings.column)) return judge_versionless(firing, old_version);
    return judge_version(firing, old_version, version_in(firing, firing.new_row));
}

TimestampTz next_timestamp(const Firing& firing, TimestampTz old_version) {
    TimestampTz now = GetCurrentTimestamp();
    if (old_version < now) return now;
    if (TIMESTAMP_IS_NOEND(old_version) || !IS_VALID_TIMESTAMP(old_version + 1))
        ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                        errmsg("version column \"%s\" of table \"%s\" is at the last timestamp",
                               firing.table.column(firing.settings.column).name, firing.table.name),
                        errhint("Set the column to an earlier time with the triggers disabled."),
                        errtablecol(firing.relation, firing.settings.column)));
    return old_version + 1;
}

// A later timestamp is kept: some frameworks set it themselves. Nothing is ever refused.
HeapTuple update_timestamp(const Firing& firing) {
    Version before = version_in(firing, firing.old_row);
    Version sent = version_in(firing, firing.new_row);
    if (before.is_null)
        return sent.is_null ? store_version(firing, firing.data->tg_newtuple,
                                            TimestampTzGetDatum(GetCurrentTimestamp()))
                            : firing.data->tg_newtuple;
    TimestampTz old_version = DatumGetTimestampTz(before.value);
    if (firing.sets(firing.settings.column) && !sent.is_null &&
        DatumGetTimestampTz(sent.value) > old_version)
        return firing.data->tg_newtuple;
    bool makes_version = take_forced_write(firing.relation, 0) || row_changed(firing);
    TimestampTz version = makes_version ? next_timestamp(firing, old_version) : old_version;
    if (!sent.is_null && DatumGetTimestampTz(sent.value) == version)
        return firing.data->tg_newtuple;
    return store_version(firing, firing.data->tg_newtuple, TimestampTzGetDatum(version));
}

HeapTuple update(const Firing& firing) {
    return firing.settings.kind == VersionKind::timestamptz ? update_timestamp(firing)
                                                            : update_counter(firing);
}

// A supplied version is kept: COPY, restore, a move between partitions and replication depend on
// it.
HeapTuple insert(const Firing& firing) {
    if (!version_in(firing, firing.new_row).is_null) return firing.data->tg_trigtuple;
    Datum first = firing.settings.kind == VersionKind::timestamptz
                      ? TimestampTzGetDatum(GetCurrentTimestamp())
                      : version_datum(firing.settings.kind, first_version(firing));
    return store_version(firing, firing.data->tg_trigtuple, first);
}

void require_row_trigger(FunctionCallInfo fcinfo) {
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_BEFORE(data->tg_event) &&
        TRIGGER_FIRED_FOR_ROW(data->tg_event) && !TRIGGER_FIRED_BY_DELETE(data->tg_event))
        return;
    ereport(
        ERROR,
        (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
         errmsg("interlock.row_version must be called as a BEFORE INSERT OR UPDATE row trigger"),
         errhint("Call interlock.enable_versioning instead of creating the trigger.")));
}

void require_version_column(const Firing& firing) {
    if (firing.settings.column != 0) return;
    const char* schema = get_namespace_name(RelationGetNamespace(firing.relation));
    const char* name = quote_literal_cstr(quote_qualified_identifier(schema, firing.table.name));
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("table \"%s\" has lost its version column", firing.table.name),
             errhint("Call interlock.disable_versioning(%s), or interlock.enable_versioning(%s).",
                     name, name),
             errtable(firing.relation)));
}

}  // namespace

INTERLOCK_FUNCTION(row_version) {
    require_row_trigger(fcinfo);
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    Table& table = table_of(data->tg_relation);
    Firing firing = {
        data, data->tg_relation, table, table.versioning, data->tg_trigslot, data->tg_trigslot};
    require_known_settings(data->tg_relation, table.versioning);
    require_version_column(firing);
    if (TRIGGER_FIRED_BY_INSERT(data->tg_event)) return PointerGetDatum(insert(firing));
    firing.new_row = data->tg_newslot;
    return PointerGetDatum(update(firing));
}

// The marker triggers, BEFORE UPDATE OF columns WHEN (false), hold column names; they never fire.
INTERLOCK_FUNCTION(marker) {
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BY_UPDATE(data->tg_event))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("interlock.%s must be called as an UPDATE trigger",
                               get_func_name(fcinfo->flinfo->fn_oid))));
    return PointerGetDatum(data->tg_newtuple);
}

}  // namespace interlock
