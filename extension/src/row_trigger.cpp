// The row trigger of a versioned table: BEFORE INSERT OR UPDATE, named to fire last.

#include "columns.hpp"
#include "errors.hpp"
#include "key.hpp"
#include "observations.hpp"
#include "own_write.hpp"
#include "root_touches.hpp"
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

// The key of the row in PostgreSQL's own form, or null where the caller may not see it.
void report_key(RowReport& report, const Firing& firing) {
    if (firing.table.key.count == 0) return;
    KeyValues key = {&firing.table.key, {}};
    for (int i = 0; i < firing.table.key.count; i++) {
        AttrNumber attno = firing.table.key.columns[i].attno;
        if (!may_report(firing.table.relid, attno)) return;
        bool is_null;
        key.values[i] = slot_getattr(firing.old_row, attno, &is_null);
        if (is_null) return;
    }
    report.key_text = key_text(firing.table, key);
    report.key_json = key_json(firing.table, key);
}

RowReport report_row(const Firing& firing) {
    RowReport report = {firing.relation, nullptr, nullptr, {}, {}, NIL};
    report_key(report, firing);
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

// Two on-disk TOAST pointers to the same value need not be followed.
bool same_toast_pointer(const Column& column, Datum left, Datum right) {
    if (column.length != -1) return false;
    auto* a = reinterpret_cast<varlena*>(DatumGetPointer(left));
    auto* b = reinterpret_cast<varlena*>(DatumGetPointer(right));
    return VARATT_IS_EXTERNAL_ONDISK(a) && VARATT_IS_EXTERNAL_ONDISK(b) &&
           memcmp(a, b, VARSIZE_EXTERNAL(a)) == 0;
}

bool column_changed(const Firing& firing, const Column& column) {
    bool old_null, new_null;
    Datum before = slot_getattr(firing.old_row, column.attno, &old_null);
    Datum after = slot_getattr(firing.new_row, column.attno, &new_null);
    if (!old_null && !new_null && same_toast_pointer(column, before, after)) return false;
    return !same_value(column, before, old_null, after, new_null);
}

// Stored generated columns are still NULL in the new row; they follow from the others.
bool counts_as_change(const Firing& firing, const Column& column) {
    return !column.dropped && !column.generated && column.attno != firing.settings.column &&
           !bms_is_member(column.attno, firing.settings.except) && column_changed(firing, column);
}

bool any_column_changed(const Firing& firing) {
    for (int i = 0; i < firing.table.column_count; i++)
        if (counts_as_change(firing, firing.table.columns[i])) return true;
    return false;
}

template <typename Predicate>
bool any_set_column(const Firing& firing, Predicate predicate) {
    int member = -1;
    while ((member = bms_next_member(firing.data->tg_updatedcols, member)) >= 0) {
        int attno = member + FirstLowInvalidHeapAttributeNumber;
        if (attno > 0 && predicate(firing.table.column(static_cast<AttrNumber>(attno))))
            return true;
    }
    return false;
}

// Where no other trigger can have touched the new row, only the SET list can have changed it.
bool set_column_changed(const Firing& firing) {
    return any_set_column(firing,
                          [&](const Column& column) { return counts_as_change(firing, column); });
}

// A column that the writer may not read: the version must not tell whether its guess was right.
bool sets_unreadable_column(const Firing& firing) {
    return any_set_column(firing, [&](const Column& column) {
        return column.attno != firing.settings.column &&
               !bms_is_member(column.attno, firing.settings.except) &&
               !may_select_through(firing.table.relid, column.attno);
    });
}

bool row_changed(const Firing& firing) {
    bool changed = firing.settings.only_before_update ? set_column_changed(firing)
                                                      : any_column_changed(firing);
    return changed || sets_unreadable_column(firing);
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
