#include "current_row.hpp"

#include "owner.hpp"
#include "statement.hpp"
#include "version.hpp"

namespace interlock {

// A plan that reads some columns of the row with a given key, for one role.
struct ReadStatement {
    ReadStatement* next;
    Oid role;
    const Key* key;
    Bitmapset* columns;
    bool identity;  // reads where the row is, not what it holds
    SPIPlanPtr plan;
};

namespace {

SPIPlanPtr prepare_read(const KeyedRow& row, const Bitmapset* columns, bool identity) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "SELECT ");
    if (identity) appendStringInfoString(&sql, "t.tableoid, t.ctid");
    append_columns(&sql, row.table, columns);
    appendStringInfoString(&sql, " FROM ");
    append_table(&sql, row.relation);
    appendStringInfoString(&sql, " WHERE ");
    append_key_condition(&sql, row.table, *row.key.key);
    return prepare_plan(row.table, sql.data, Parameters(*row.key.key, 0));
}

ReadStatement* add_read_statement(const KeyedRow& row, const Bitmapset* columns, bool identity) {
    Table& table = row.table;
    SPIPlanPtr plan = prepare_read(row, columns, identity);
    MemoryContext previous = MemoryContextSwitchTo(table.context);
    auto* statement = allocate<ReadStatement>();
    *statement = {table.read_statements, GetUserId(), row.key.key,
                  bms_copy(columns),     identity,    plan};
    MemoryContextSwitchTo(previous);
    return table.read_statements = statement;
}

SPIPlanPtr read_plan(const KeyedRow& row, const Bitmapset* columns, bool identity) {
    for (ReadStatement* statement = row.table.read_statements; statement;
         statement = statement->next)
        if (statement->role == GetUserId() && statement->key == row.key.key &&
            statement->identity == identity && bms_equal(statement->columns, columns))
            return statement->plan;
    return add_read_statement(row, columns, identity)->plan;
}

Bitmapset* add_readable(Bitmapset* columns, Table& table, AttrNumber attno) {
    bool readable = attno != 0 && may_select(table.relid, attno);
    return readable ? bms_add_member(columns, attno) : columns;
}

// The version, and what is compared with the caller's values.
Bitmapset* judged_columns(const Write& write) {
    Bitmapset* columns = add_readable(nullptr, write.table, write.table.versioning.column);
    if (write.rule) return bms_add_members(columns, write.rule->columns);
    if (write.expected_values == nullptr) return columns;
    const ColumnSet& set = *write.expected_values->columns;
    for (int i = 0; i < set.count; i++)
        columns = add_readable(columns, write.table, set.attnos[i]);
    return columns;
}

// Does a column still hold what the caller expects of it?
bool holds_expected(const Write& write, const RowValues& row, int i) {
    const ColumnValues& expected = *write.expected_values;
    Column& column = write.table.column(expected.columns->attnos[i]);
    return row.has(column.attno) &&
           holds(write.table, column, row.value(column.attno), row.is_null(column.attno),
                 expected.values[i], expected.nulls[i], *find_member(expected.json, column.name));
}

// Both sides changed it.
bool is_contested(const Write& write, Column& column, JsonbValue& base, int i,
                  const Conflict& conflict) {
    bool base_null;
    Datum value = read_value(write.relation, write.table, column, base, &base_null);
    return !holds(write.table, column, write.changes.values[i], write.changes.nulls[i], value,
                  base_null, base) &&
           !holds(write.table, column, conflict.theirs, conflict.theirs_null, value, base_null,
                  base);
}

// A changed column that holds something else than the caller wants there.
void add_changed(JsonObject& conflicts, const Write& write, const RowValues& row, int i) {
    const ColumnValues& mine = write.changes;
    Column& column = write.table.column(mine.columns->attnos[i]);
    if (!row.has(column.attno)) return;
    JsonbValue* base = base_member(write.base, column);
    Conflict conflict = {base,
                         true,
                         mine.values[i],
                         mine.nulls[i],
                         row.value(column.attno),
                         row.is_null(column.attno)};
    if (same_value(column, mine.values[i], mine.nulls[i], conflict.theirs, conflict.theirs_null))
        return;
    if (base && !is_contested(write, column, *base, i, conflict)) return;
    conflicts.add(column.name, show_conflict(write, column, conflict));
}

// A column that no longer holds what the caller expects, with what the caller wants there.
void add_not_held(JsonObject& conflicts, const Write& write, const RowValues& row, int i) {
    if (holds_expected(write, row, i)) return;
    const ColumnValues& expected = *write.expected_values;
    Column& column = write.table.column(expected.columns->attnos[i]);
    if (!row.has(column.attno)) return;
    int changed = write.changes.columns->position(column.attno);
    bool has_mine = changed >= 0;
    Conflict conflict = {find_member(expected.json, column.name),
                         has_mine,
                         has_mine ? write.changes.values[changed] : 0,
                         has_mine && write.changes.nulls[changed],
                         row.value(column.attno),
                         row.is_null(column.attno)};
    conflicts.add(column.name, show_conflict(write, column, conflict));
}

Jsonb* show_conflicts(const Write& write, const RowValues& row) {
    JsonObject conflicts;
    if (write.expected_values) {
        for (int i = 0; i < write.expected_values->columns->count; i++)
            add_not_held(conflicts, write, row, i);
    } else {
        for (int i = 0; i < write.changes.columns->count; i++)
            add_changed(conflicts, write, row, i);
    }
    return conflicts.finish();
}

ItemPointer pointer_to_tid(Datum tid) {
    return reinterpret_cast<ItemPointer>(DatumGetPointer(tid));
}

// As the table's owner: column grants do not cover ctid, and a policy
// must not make a row look changed.
RowIdentity row_identity(const KeyedRow& row, Snapshot snapshot) {
    as_owner(row.relation,
             [&] { execute_plan(read_plan(row, nullptr, true), row.key, {}, snapshot); });
    RowIdentity identity = {};
    if (SPI_processed == 0) return identity;
    bool is_null;
    HeapTuple tuple = SPI_tuptable->vals[0];
    identity.found = true;
    identity.relid = DatumGetObjectId(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &is_null));
    ItemPointerCopy(pointer_to_tid(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &is_null)),
                    &identity.tid);
    return identity;
}

bool table_changed_since(const KeyedRow& row, Snapshot snapshot) {
    RowIdentity then = row_identity(row, snapshot);
    RowIdentity now = row_identity(row, GetLatestSnapshot());
    if (!then.found || !now.found) return then.found != now.found;
    return then.relid != now.relid || !ItemPointerEquals(&then.tid, &now.tid);
}

[[noreturn]] void raise_untraceable(const KeyedRow& row, const Column& shown) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("column \"%s\" of view \"%s\" is no column of a table, and identifies "
                           "no row at this isolation level",
                           shown.name, row.table.name),
                    errtablecol(row.relation, shown.attno)));
    pg_unreachable();
}

// The first column of a view's key that is no column of its base; null where all are.
const Column* untraceable_column(const KeyedRow& row) {
    for (int i = 0; i < row.key.key->count; i++) {
        const Column& shown = row.table.column(row.key.key->columns[i].attno);
        if (row.table.base.columns[shown.attno - 1] == 0) return &shown;
    }
    return nullptr;
}

// The columns of the base that a view's key columns are.
Jsonb* key_of_base(const KeyedRow& row, Table& base) {
    JsonObject object;
    for (int i = 0; i < row.key.key->count; i++) {
        Column& shown = row.table.column(row.key.key->columns[i].attno);
        AttrNumber attno = row.table.base.columns[shown.attno - 1];
        object.add(base.column(attno).name, show_value(row.table, shown, row.key.values[i]));
    }
    return object.finish();
}

// Calls `body` with the row below a view's row.
template <typename Body>
void with_base_row(const KeyedRow& row, Body body) {
    Relation relation = relation_open(row.table.base.relid, AccessShareLock);
    Table& base = table_of(relation);
    body(KeyedRow{relation, base, read_named_key(relation, base, key_of_base(row, base))});
    relation_close(relation, NoLock);
}

// A view's row is as old as the one below it.
bool view_changed_since(const KeyedRow& row, Snapshot snapshot) {
    if (const Column* column = untraceable_column(row)) {
        if (IsolationUsesXactSnapshot()) raise_untraceable(row, *column);
        return false;
    }
    bool changed = false;
    with_base_row(row, [&](const KeyedRow& base) { changed = changed_since(base, snapshot); });
    return changed;
}

}  // namespace

ColumnValues copy_of(const ColumnValues& values) {
    int count = values.columns->count;
    if (count == 0) return values;
    ColumnValues copy = {values.columns, allocate<Datum>(count), allocate<bool>(count), nullptr};
    memcpy(copy.values, values.values, sizeof(Datum) * count);
    memcpy(copy.nulls, values.nulls, sizeof(bool) * count);
    return copy;
}

RowValues fetch_values(Table& table, const Bitmapset* columns) {
    RowValues row = {columns, allocate<Datum>(table.column_count),
                     allocate<bool>(table.column_count)};
    int position = 0;
    for (int attno = -1; (attno = bms_next_member(columns, attno)) >= 0;)
        row.values[attno - 1] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
                                              ++position, &row.nulls[attno - 1]);
    return row;
}

bool read_row(const KeyedRow& row, const Bitmapset* columns, RowValues& values) {
    execute_plan(read_plan(row, columns, false), row.key, {}, InvalidSnapshot);
    if (SPI_processed > 1) raise_several_rows(row);
    if (SPI_processed == 0) return false;
    values = fetch_values(row.table, columns);
    return true;
}

HeapTuple fetch_row(const KeyedRow& row, const Bitmapset* columns) {
    MemoryContext memory = CurrentMemoryContext;
    HeapTuple tuple = nullptr;
    SPI_connect();
    RowValues values;
    if (read_row(row, columns, values)) {
        MemoryContext previous = MemoryContextSwitchTo(memory);
        for (int i = 0; i < row.table.column_count; i++)
            if (!bms_is_member(i + 1, columns)) values.nulls[i] = true;
        tuple = heap_form_tuple(RelationGetDescr(row.relation), values.values, values.nulls);
        MemoryContextSwitchTo(previous);
    }
    SPI_finish();
    return tuple;
}

RowValues deform_row(Relation relation, const Bitmapset* columns, HeapTuple tuple) {
    TupleDesc desc = RelationGetDescr(relation);
    RowValues values = {columns, allocate<Datum>(desc->natts), allocate<bool>(desc->natts)};
    heap_deform_tuple(tuple, desc, values.values, values.nulls);
    return values;
}

const Bitmapset* readable_columns(Table& table) {
    if (pg_class_aclcheck(table.relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
        return table.live_columns;
    Bitmapset* columns = nullptr;
    for (int attno = -1; (attno = bms_next_member(table.live_columns, attno)) >= 0;)
        columns = add_readable(columns, table, static_cast<AttrNumber>(attno));
    return columns;
}

const Bitmapset* reported_columns(const Write& write) {
    return write.report == Report::version ? judged_columns(write) : readable_columns(write.table);
}

std::optional<int64> version_in(const Table& table, const RowValues& row) {
    const Versioning& versioning = table.versioning;
    if (versioning.column == 0 || versioning.kind == VersionKind::timestamptz) return {};
    if (!row.has(versioning.column) || row.is_null(versioning.column)) return {};
    return version_number(versioning.kind, row.value(versioning.column));
}

bool is_expected(const Write& write, const RowValues& row) {
    if (write.expected) return version_in(write.table, row) == write.expected;
    if (write.rule) return write.rule->judge(*write.rule, row, copy_of(write.changes));
    for (int i = 0; i < write.expected_values->columns->count; i++)
        if (!holds_expected(write, row, i)) return false;
    return true;
}

WriteOutcome describe(WriteStatus status, const Write& write, const RowValues& row,
                      MemoryContext memory) {
    MemoryContext previous = MemoryContextSwitchTo(memory);
    WriteOutcome outcome = {status, version_in(write.table, row), nullptr, nullptr};
    if (write.report == Report::row_and_conflicts) {
        outcome.current = show_row(write.table, row);
        outcome.conflicts = show_conflicts(write, row);
    }
    MemoryContextSwitchTo(previous);
    return outcome;
}

Jsonb* show_row(Table& table, const RowValues& row) {
    JsonObject object;
    for (int attno = -1; (attno = bms_next_member(row.columns, attno)) >= 0;) {
        Column& column = table.column(static_cast<AttrNumber>(attno));
        object.add(column.name,
                   show_or_null(table, column, row.value(column.attno), row.is_null(column.attno)));
    }
    return object.finish();
}

JsonbValue* base_member(Jsonb* base, const Column& column) {
    return base ? find_member(base, column.name) : nullptr;
}

Jsonb* show_conflict(const KeyedRow& row, Column& column, const Conflict& conflict) {
    Table& table = row.table;
    JsonObject object;
    if (conflict.base) {
        bool is_null;
        Datum base = read_value(row.relation, table, column, *conflict.base, &is_null);
        object.add("base", show_or_null(table, column, base, is_null));
    }
    if (conflict.has_mine)
        object.add("mine", show_or_null(table, column, conflict.mine, conflict.mine_null));
    object.add("theirs", show_or_null(table, column, conflict.theirs, conflict.theirs_null));
    return object.finish();
}

bool changed_since(const KeyedRow& row, Snapshot snapshot) {
    switch (row.relation->rd_rel->relkind) {
        case RELKIND_VIEW:
            return OidIsValid(row.table.base.relid) && view_changed_since(row, snapshot);
        case RELKIND_FOREIGN_TABLE:
            return false;  // its server has a snapshot of its own, and raises 40001 itself
        default:
            return table_changed_since(row, snapshot);
    }
}

RowIdentity newest_identity(const KeyedRow& row) {
    RowIdentity identity = {};
    switch (row.relation->rd_rel->relkind) {
        case RELKIND_VIEW:
            if (OidIsValid(row.table.base.relid) && untraceable_column(row) == nullptr)
                with_base_row(row, [&](const KeyedRow& base) { identity = newest_identity(base); });
            return identity;
        case RELKIND_RELATION:
        case RELKIND_PARTITIONED_TABLE:
            return row_identity(row, GetLatestSnapshot());
        default:
            return identity;
    }
}

void require_newest_row(const KeyedRow& row) {
    if (IsolationUsesXactSnapshot() && changed_since(row, GetTransactionSnapshot()))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not serialize access due to concurrent update")));
}

void raise_several_rows(const KeyedRow& row) {
    bool table = row.table.relkind == RELKIND_RELATION;
    ereport(ERROR,
            (errcode(ERRCODE_CARDINALITY_VIOLATION),
             table ? errmsg("more than one row %s in table \"%s\" and its inheritance children",
                            key_text(row.table, row.key), row.table.name)
                   : errmsg("more than one row %s in \"%s\"", key_text(row.table, row.key),
                            row.table.name),
             errtable(row.relation)));
    pg_unreachable();
}

}  // namespace interlock
