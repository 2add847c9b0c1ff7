#include "current_row.hpp"

#include "statement.hpp"
#include "version.hpp"

namespace interlock {

// A plan that reads some columns of the row with a given key, for one role.
struct ReadStatement {
    ReadStatement* next;
    Oid role;
    Bitmapset* columns;
    bool identity;  // reads where the row is, not what it holds
    SPIPlanPtr plan;
};

namespace {

Bitmapset* readable_columns(Table& table) {
    bool all = pg_class_aclcheck(table.relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
    Bitmapset* columns = nullptr;
    for (int i = 0; i < table.column_count; i++) {
        const Column& column = table.columns[i];
        if (!column.dropped && (all || may_select(table.relid, column.attno)))
            columns = bms_add_member(columns, column.attno);
    }
    return columns;
}

Bitmapset* version_only(Table& table) {
    AttrNumber attno = table.versioning.column;
    return may_select(table.relid, attno) ? bms_make_singleton(attno) : nullptr;
}

void append_columns(StringInfo sql, Table& table, const Bitmapset* columns) {
    const char* separator = "";
    for (int attno = -1; (attno = bms_next_member(columns, attno)) >= 0; separator = ", ") {
        appendStringInfoString(sql, separator);
        append_column(sql, table.column(static_cast<AttrNumber>(attno)));
    }
}

SPIPlanPtr prepare_read(const Update& update, const Bitmapset* columns, bool identity) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "SELECT ");
    if (identity) appendStringInfoString(&sql, "t.tableoid, t.ctid");
    append_columns(&sql, update.table, columns);
    appendStringInfoString(&sql, " FROM ");
    append_table(&sql, update.relation);
    appendStringInfoString(&sql, " WHERE ");
    append_key_condition(&sql, update.table);
    return prepare_plan(update.table, sql.data, Parameters(update.table, 0));
}

ReadStatement* add_read_statement(const Update& update, const Bitmapset* columns, bool identity) {
    Table& table = update.table;
    SPIPlanPtr plan = prepare_read(update, columns, identity);
    MemoryContext previous = MemoryContextSwitchTo(table.context);
    auto* statement = allocate<ReadStatement>();
    *statement = {table.read_statements, GetUserId(), bms_copy(columns), identity, plan};
    MemoryContextSwitchTo(previous);
    return table.read_statements = statement;
}

SPIPlanPtr read_plan(const Update& update, const Bitmapset* columns, bool identity) {
    for (ReadStatement* statement = update.table.read_statements; statement;
         statement = statement->next)
        if (statement->role == GetUserId() && statement->identity == identity &&
            bms_equal(statement->columns, columns))
            return statement->plan;
    return add_read_statement(update, columns, identity)->plan;
}

std::optional<int64> version_value(const Table& table, Datum value, bool is_null) {
    if (is_null || table.versioning.kind == VersionKind::timestamptz) return {};
    return version_number(table.versioning.kind, value);
}

// The values that were read, by attribute number.
struct RowValues {
    const Bitmapset* columns;
    Datum* values;
    bool* nulls;

    Datum value(AttrNumber attno) const { return values[attno - 1]; }
    bool is_null(AttrNumber attno) const { return nulls[attno - 1]; }
};

RowValues fetch_values(Table& table, const Bitmapset* columns) {
    RowValues row = {columns, allocate<Datum>(table.column_count),
                     allocate<bool>(table.column_count)};
    int position = 0;
    for (int attno = -1; (attno = bms_next_member(columns, attno)) >= 0;)
        row.values[attno - 1] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
                                              ++position, &row.nulls[attno - 1]);
    return row;
}

Jsonb* show_row(Table& table, const RowValues& row) {
    JsonObject object;
    for (int attno = -1; (attno = bms_next_member(row.columns, attno)) >= 0;) {
        Column& column = table.column(static_cast<AttrNumber>(attno));
        object.add(column.name, row.is_null(column.attno)
                                    ? nullptr
                                    : show_value(table, column, row.value(column.attno)));
    }
    return object.finish();
}

// The caller's base for a column: present, and what it was.
struct Base {
    bool given;
    Datum value;
    bool is_null;
};

Base base_value(const Update& update, Column& column) {
    Base base = {};
    JsonbValue* member = update.base ? find_member(update.base, column.name) : nullptr;
    if (member == nullptr) return base;
    base.given = true;
    base.value = read_value(update.relation, update.table, column, *member, &base.is_null);
    return base;
}

// Both sides changed it.
bool is_contested(const Column& column, const Base& base, Datum mine, bool mine_null, Datum theirs,
                  bool theirs_null) {
    return !same_value(column, base.value, base.is_null, mine, mine_null) &&
           !same_value(column, base.value, base.is_null, theirs, theirs_null);
}

Jsonb* show_or_null(Table& table, Column& column, Datum value, bool is_null) {
    return is_null ? nullptr : show_value(table, column, value);
}

void add_conflict(JsonObject& conflicts, const Update& update, const RowValues& row, int i) {
    Table& table = update.table;
    const Changes& mine = update.changes;
    Column& column = table.column(mine.columns->attnos[i]);
    if (!bms_is_member(column.attno, row.columns)) return;
    Datum theirs = row.value(column.attno);
    bool theirs_null = row.is_null(column.attno);
    if (same_value(column, mine.values[i], mine.nulls[i], theirs, theirs_null)) return;
    Base base = base_value(update, column);
    if (base.given &&
        !is_contested(column, base, mine.values[i], mine.nulls[i], theirs, theirs_null))
        return;
    JsonObject conflict;
    if (base.given) conflict.add("base", show_or_null(table, column, base.value, base.is_null));
    conflict.add("mine", show_or_null(table, column, mine.values[i], mine.nulls[i]));
    conflict.add("theirs", show_or_null(table, column, theirs, theirs_null));
    conflicts.add(column.name, conflict.finish());
}

Jsonb* show_conflicts(const Update& update, const RowValues& row) {
    JsonObject conflicts;
    for (int i = 0; i < update.changes.columns->count; i++)
        add_conflict(conflicts, update, row, i);
    return conflicts.finish();
}

void fill(CurrentRow& current, const Update& update, const RowValues& row) {
    AttrNumber version = update.table.versioning.column;
    current.found = true;
    if (bms_is_member(version, row.columns))
        current.version = version_value(update.table, row.value(version), row.is_null(version));
    if (update.report == Report::version) return;
    current.json = show_row(update.table, row);
    current.conflicts = show_conflicts(update, row);
}

Bitmapset* reported_columns(const Update& update) {
    return update.report == Report::version ? version_only(update.table)
                                            : readable_columns(update.table);
}

ItemPointer pointer_to_tid(Datum tid) {
    return reinterpret_cast<ItemPointer>(DatumGetPointer(tid));
}

// Where the row with the key is.
struct RowIdentity {
    bool found;
    Oid relid;
    ItemPointerData tid;
};

// As the table's owner, as ri_PerformCheck() does: column grants do not cover ctid, and a policy
// must not make a row look changed.
RowIdentity row_identity(const Update& update, Snapshot snapshot) {
    Oid role;
    int context;
    GetUserIdAndSecContext(&role, &context);
    SetUserIdAndSecContext(update.relation->rd_rel->relowner,
                           context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
    execute_plan(read_plan(update, nullptr, true), update.table, update.key, {}, snapshot);
    SetUserIdAndSecContext(role, context);
    RowIdentity identity = {};
    if (SPI_processed == 0) return identity;
    bool is_null;
    HeapTuple row = SPI_tuptable->vals[0];
    identity.found = true;
    identity.relid = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null));
    ItemPointerCopy(pointer_to_tid(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null)),
                    &identity.tid);
    return identity;
}

}  // namespace

WriteOutcome stale_outcome(const Update& update, TupleTableSlot* row, MemoryContext memory) {
    slot_getallattrs(row);
    CurrentRow current = {};
    MemoryContext previous = MemoryContextSwitchTo(memory);
    fill(current, update, {reported_columns(update), row->tts_values, row->tts_isnull});
    MemoryContextSwitchTo(previous);
    return {WriteStatus::stale, current.version, current.json, current.conflicts};
}

CurrentRow read_current_row(const Update& update, MemoryContext memory) {
    Table& table = update.table;
    Bitmapset* columns = reported_columns(update);
    execute_plan(read_plan(update, columns, false), table, update.key, {}, InvalidSnapshot);
    CurrentRow current = {};
    if (SPI_processed > 1) raise_several_rows(update);
    if (SPI_processed == 0) return current;
    MemoryContext previous = MemoryContextSwitchTo(memory);
    fill(current, update, fetch_values(table, columns));
    MemoryContextSwitchTo(previous);
    return current;
}

bool changed_since(const Update& update, Snapshot snapshot) {
    RowIdentity then = row_identity(update, snapshot);
    RowIdentity now = row_identity(update, GetLatestSnapshot());
    return then.found != now.found || then.relid != now.relid ||
           !ItemPointerEquals(&then.tid, &now.tid);
}

void require_newest_row(const Update& update) {
    if (IsolationUsesXactSnapshot() && changed_since(update, GetTransactionSnapshot()))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not serialize access due to concurrent update")));
}

void raise_several_rows(const Update& update) {
    ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
                    errmsg("more than one row %s in table \"%s\" and its inheritance children",
                           key_text(update.table, update.key), update.table.name),
                    errtable(update.relation)));
    pg_unreachable();
}

}  // namespace interlock
