// Writes that name no version: a three-way merge by column, and an update that says which values
// columns must still hold.

#include "current_row.hpp"
#include "outcome.hpp"

namespace interlock {
namespace {

// A caller's changes, to be merged with what others did to the row since it was read as `base`.
struct Merge : KeyedRow {
    ColumnValues mine;
    Jsonb* base;
};

// What is left to write of the changes, into the columns as they are now; and what the row must
// still hold for that: those columns, and the version, so that what happens to others is noticed.
struct Merged {
    int count;
    AttrNumber* attnos;
    ColumnValues wanted;
    int present_count;
    ColumnValues present;
    JsonObject conflicts;
    bool contested;
};

[[noreturn]] void raise_not_in_base(const Merge& merge, const Column& column) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("\"base\" lacks the changed column \"%s\" of table \"%s\"", column.name,
                    merge.table.name),
             errhint("Pass the row as it was read, or at least every column of \"changes\"."),
             errtablecol(merge.relation, column.attno)));
    pg_unreachable();
}

[[noreturn]] void raise_no_privilege(const Merge& merge) {
    aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(merge.relation->rd_rel->relkind),
                   merge.table.name);
    pg_unreachable();
}

// Merging tells the caller what the columns hold, and a conflict is for those to see who could have
// written.
void check_merge(const Merge& merge) {
    const ColumnSet& set = *merge.mine.columns;
    for (int i = 0; i < set.count; i++) {
        const Column& column = merge.table.column(set.attnos[i]);
        if (base_member(merge.base, column) == nullptr) raise_not_in_base(merge, column);
        if (!may_select(merge.table.relid, column.attno) ||
            !may_update(merge.table.relid, column.attno))
            raise_no_privilege(merge);
    }
    if (!may_update_any(merge.table.relid)) raise_no_privilege(merge);
}

bool holds_base(const Merge& merge, Column& column, JsonbValue& base, Datum value, bool is_null) {
    bool base_null;
    Datum wanted = read_value(merge.relation, merge.table, column, base, &base_null);
    return holds(merge.table, column, value, is_null, wanted, base_null, base);
}

// Did somebody change a column that the caller read?
bool others_changed(const Merge& merge, const RowValues& row) {
    for (JsonMembers members(merge.base); members.next();) {
        Column& column = *find_column(merge.table, members.name());
        if (row.has(column.attno) &&
            !holds_base(merge, column, members.value(), row.value(column.attno),
                        row.is_null(column.attno)))
            return true;
    }
    return false;
}

void add_present(Merged& merged, const RowValues& row, AttrNumber attno) {
    merged.attnos[merged.present_count] = attno;
    merged.present.values[merged.present_count] = row.value(attno);
    merged.present.nulls[merged.present_count++] = row.is_null(attno);
}

void add_merged(Merged& merged, const Merge& merge, const RowValues& row, int i) {
    add_present(merged, row, merge.mine.columns->attnos[i]);
    merged.wanted.values[merged.count] = merge.mine.values[i];
    merged.wanted.nulls[merged.count++] = merge.mine.nulls[i];
}

// Did the caller send back what he read? Then what the column holds may stay in the form it has,
// which JSON need not show (an array's lower bounds, a json column's white space).
bool sent_back(const Merge& merge, const Column& column, JsonbValue& base) {
    Jsonb* mine = JsonbValueToJsonb(find_member(merge.mine.json, column.name));
    Jsonb* read = JsonbValueToJsonb(&base);
    return VARSIZE(mine) == VARSIZE(read) && memcmp(mine, read, VARSIZE(mine)) == 0;
}

// One column: mine, where the other side left it alone; theirs, where the caller did.
void merge_column(Merged& merged, const Merge& merge, const RowValues& row, int i) {
    Column& column = merge.table.column(merge.mine.columns->attnos[i]);
    JsonbValue* base = base_member(merge.base, column);
    Conflict conflict = {base,
                         true,
                         merge.mine.values[i],
                         merge.mine.nulls[i],
                         row.value(column.attno),
                         row.is_null(column.attno)};
    if (same_value(column, conflict.mine, conflict.mine_null, conflict.theirs,
                   conflict.theirs_null) ||
        sent_back(merge, column, *base))
        return;
    if (holds_base(merge, column, *base, conflict.theirs, conflict.theirs_null))
        return add_merged(merged, merge, row, i);
    if (holds_base(merge, column, *base, conflict.mine, conflict.mine_null)) return;
    merged.contested = true;
    merged.conflicts.add(column.name, show_conflict(merge, column, conflict));
}

ColumnValues values_for(int count) {
    return {nullptr, allocate<Datum>(count), allocate<bool>(count), nullptr};
}

// The values that the columns hold now, as the expectation of the write.
Jsonb* show_present(Table& table, const Merged& merged) {
    JsonObject object;
    for (int i = 0; i < merged.present_count; i++) {
        Column& column = table.column(merged.attnos[i]);
        object.add(column.name,
                   show_or_null(table, column, merged.present.values[i], merged.present.nulls[i]));
    }
    return object.finish();
}

Merged merge_columns(const Merge& merge, const RowValues& row) {
    int count = merge.mine.columns->count;
    Merged merged = {
        0, allocate<AttrNumber>(count + 1), values_for(count), 0, values_for(count + 1), {}, false};
    for (int i = 0; i < count; i++)
        merge_column(merged, merge, row, i);
    AttrNumber version = merge.table.versioning.column;
    if (row.has(version)) add_present(merged, row, version);
    merged.wanted.columns = &column_set(merge.table, Purpose::changes, merged.attnos, merged.count);
    merged.present.columns =
        &column_set(merge.table, Purpose::expected, merged.attnos, merged.present_count);
    merged.present.json = show_present(merge.table, merged);
    return merged;
}

// Without a change left there is still a row to verify, and the privilege to update it.
Write write_of(const Merge& merge, const Merged& merged) {
    return {merge,   Operation::update,        {}, &merged.present, merged.wanted,
            nullptr, Report::row_and_conflicts};
}

void require_newest(const KeyedRow& row) {
    SPI_connect();
    require_newest_row(row);
    SPI_finish();
}

WriteOutcome conflict_outcome(const Merge& merge, const RowValues& row, Merged& merged) {
    require_newest(merge);
    return {WriteStatus::conflict, version_in(merge.table, row), show_row(merge.table, row),
            merged.conflicts.finish()};
}

// Nothing where the row changed between the look and the write.
std::optional<WriteOutcome> attempt(const Merge& merge) {
    const Bitmapset* columns = readable_columns(merge.table);
    HeapTuple tuple = fetch_row(merge, columns);
    if (tuple == nullptr) return WriteOutcome{WriteStatus::missing, {}, nullptr, nullptr};
    RowValues row = deform_row(merge.relation, columns, tuple);
    Merged merged = merge_columns(merge, row);
    if (merged.contested) return conflict_outcome(merge, row, merged);
    WriteOutcome outcome = write_row(write_of(merge, merged));
    if (outcome.status == WriteStatus::stale) return {};
    if (outcome.status == WriteStatus::written && others_changed(merge, row))
        outcome.status = WriteStatus::merged;
    return outcome;
}

// The write expects the row that was merged with, so one that changes again is merged again.
WriteOutcome merge_row(const Merge& merge) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (std::optional<WriteOutcome> outcome = attempt(merge)) return *outcome;
    }
}

Merge read_merge(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "rel");
    require_argument(fcinfo, 2, "base");
    require_argument(fcinfo, 3, "changes");
    Relation relation = open_versioned_table(PG_GETARG_OID(0), RowExclusiveLock);
    Table& table = table_of(relation);
    require_writable(fcinfo, table);
    Merge merge = {{relation, table, read_key(fcinfo, 1, relation, table)},
                   read_changes(relation, table, PG_GETARG_JSONB_P(3), "changes"),
                   read_base(relation, table, PG_GETARG_JSONB_P(2))};
    check_merge(merge);
    return merge;
}

// An error about the row that was to be merged.
Write as_write(const Merge& merge) {
    return {merge, Operation::update, {}, nullptr, merge.mine, merge.base, Report::version};
}

struct Comparison {
    ColumnValues expected;
    Write write;
};

void read_comparison(FunctionCallInfo fcinfo, Comparison& comparison) {
    const KeyedRow& row = comparison.write;
    comparison.expected = read_expected(row.relation, row.table, PG_GETARG_JSONB_P(2));
    if (comparison.expected.columns->count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"expected\" must name a column"), errtable(row.relation)));
    comparison.write.expected_values = &comparison.expected;
    comparison.write.changes =
        read_changes(row.relation, row.table, PG_GETARG_JSONB_P(3), "changes");
}

KeyedRow read_row_name(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "rel");
    require_argument(fcinfo, 2, "expected");
    require_argument(fcinfo, 3, "changes");
    Relation relation = open_keyed_table(PG_GETARG_OID(0), RowExclusiveLock);
    Table& table = table_of(relation);
    require_writable(fcinfo, table);
    return {relation, table, read_key(fcinfo, 1, relation, table)};
}

Comparison new_comparison(const KeyedRow& row) {
    return {{}, {row, Operation::update, {}, nullptr, {}, nullptr, Report::row_and_conflicts}};
}

}  // namespace

// versioned_merge(rel regclass, key anycompatible, base jsonb, changes jsonb) → bigint
INTERLOCK_FUNCTION(versioned_merge) {
    Merge merge = read_merge(fcinfo);
    WriteOutcome outcome = merge_row(merge);
    raise_unless_done(as_write(merge), outcome);
    table_close(merge.relation, NoLock);
    return version_result(fcinfo, outcome);
}

// try_versioned_merge(the same) → interlock.write_result
INTERLOCK_FUNCTION(try_versioned_merge) {
    Merge merge = read_merge(fcinfo);
    WriteOutcome outcome = merge_row(merge);
    table_close(merge.relation, NoLock);
    return result_datum(fcinfo, outcome);
}

// compare_and_update(rel regclass, key anycompatible, expected jsonb, changes jsonb) → void
INTERLOCK_FUNCTION(compare_and_update) {
    Comparison comparison = new_comparison(read_row_name(fcinfo));
    read_comparison(fcinfo, comparison);
    raise_unless_done(comparison.write, write_row(comparison.write));
    table_close(comparison.write.relation, NoLock);
    PG_RETURN_VOID();
}

// try_compare_and_update(the same) → interlock.write_result
INTERLOCK_FUNCTION(try_compare_and_update) {
    Comparison comparison = new_comparison(read_row_name(fcinfo));
    read_comparison(fcinfo, comparison);
    WriteOutcome outcome = write_row(comparison.write);
    table_close(comparison.write.relation, NoLock);
    return result_datum(fcinfo, outcome);
}

}  // namespace interlock
