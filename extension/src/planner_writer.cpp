#include "current_row.hpp"
#include "own_write.hpp"
#include "statement.hpp"
#include "writer.hpp"

extern "C" {
#include <rewrite/rewriteDefine.h>
}

namespace interlock {

// An UPDATE of one set of columns, for one role.
struct UpdateStatement {
    UpdateStatement* next;
    Oid role;
    bool compares;  // skips rows that the changes would leave as they are
    bool bumps;     // the row trigger will not fire (session_replication_role =
                    // replica)
    SPIPlanPtr plan;
};

namespace {

constexpr int max_attempts = 10;  // against rows that change under a write again and again

// Where the parameters of a statement stand, after those of the key.
struct Numbers {
    int token;
    int expected;
    int first_value;
};

Numbers add_parameters(const Update& update, Parameters& parameters) {
    const ColumnSet& set = *update.changes.columns;
    Numbers numbers;
    numbers.token = parameters.add(INT8OID);
    numbers.expected = parameters.add(INT8OID);
    numbers.first_value = parameters.count() + 1;
    for (int i = 0; i < set.count; i++)
        parameters.add(update.table.column(set.attnos[i]).type);
    return numbers;
}

// ROW(columns now)<between>ROW(columns wanted), of the changed columns outside `without`; the cast
// keeps an operator between the two from being taken for one between their columns.
void append_comparison(StringInfo sql, const Update& update, const Numbers& numbers,
                       const char* between, const Bitmapset* without) {
    const ColumnSet& set = *update.changes.columns;
    StringInfoData wanted;
    initStringInfo(&wanted);
    const char* separator = "ROW(";
    for (int i = 0; i < set.count; i++) {
        if (bms_is_member(set.attnos[i], without)) continue;
        appendStringInfoString(sql, separator);
        append_column(sql, update.table.column(set.attnos[i]));
        appendStringInfo(&wanted, "%s$%d", separator, numbers.first_value + i);
        separator = ", ";
    }
    appendStringInfo(sql, ")::record%s%s)::record", between, wanted.data);
}

bool changes_only_excepted(const Update& update) {
    const ColumnSet& set = *update.changes.columns;
    for (int i = 0; i < set.count; i++)
        if (!bms_is_member(set.attnos[i], update.table.versioning.except)) return false;
    return true;
}

// What the row trigger would do, where it does not fire.
void append_bump(StringInfo sql, const Update& update, bool compares, const Numbers& numbers) {
    if (changes_only_excepted(update)) return;
    const char* version =
        quote_identifier(update.table.column(update.table.versioning.column).name);
    appendStringInfo(sql, ", %s = t.%s OPERATOR(pg_catalog.+) ", version, version);
    if (!compares) return appendStringInfoChar(sql, '1');
    appendStringInfoString(sql, "CASE WHEN ");
    append_comparison(sql, update, numbers, " OPERATOR(pg_catalog.*<>) ",
                      update.table.versioning.except);
    appendStringInfoString(sql, " THEN 1 ELSE 0 END");
}

void append_assignments(StringInfo sql, const Update& update, const Numbers& numbers) {
    const ColumnSet& set = *update.changes.columns;
    for (int i = 0; i < set.count; i++) {
        const Column& column = update.table.column(set.attnos[i]);
        appendStringInfo(sql, "%s%s = $%d", i > 0 ? ", " : "", quote_identifier(column.name),
                         numbers.first_value + i);
    }
}

// Up to here the last condition gets the columns one by one; a function takes 100 arguments.
constexpr int most_probed_columns = 90;

// The columns alone: the wanted values are with the write that is running.
void append_column_probe(StringInfo sql, const Update& update, const Numbers& numbers) {
    const ColumnSet& set = *update.changes.columns;
    appendStringInfo(sql, "interlock.column_probe($%d", numbers.token);
    for (int i = 0; i < set.count; i++) {
        appendStringInfoString(sql, ", ");
        append_column(sql, update.table.column(set.attnos[i]));
    }
    appendStringInfoChar(sql, ')');
}

void append_write_probe(StringInfo sql, const Update& update, bool compares,
                        const Numbers& numbers) {
    appendStringInfo(sql, "interlock.write_probe($%d, ", numbers.token);
    if (compares)
        append_comparison(sql, update, numbers, ", ", nullptr);
    else
        appendStringInfoString(sql, "NULL, NULL");
    appendStringInfoChar(sql, ')');
}

void append_conditions(StringInfo sql, const Update& update, bool compares,
                       const Numbers& numbers) {
    Table& table = update.table;
    append_key_condition(sql, table);
    appendStringInfoString(sql, " AND ");
    append_column(sql, table.column(table.versioning.column));
    appendStringInfo(sql, " OPERATOR(pg_catalog.=) $%d AND ", numbers.expected);
    if (compares && update.changes.columns->count <= most_probed_columns)
        append_column_probe(sql, update, numbers);
    else
        append_write_probe(sql, update, compares, numbers);
}

// Nobody but our row trigger decides on the version, so it can say which one it stored.
bool row_trigger_tells(const Update& update) {
    return update.table.relkind == RELKIND_RELATION && update.table.versioning.only_before_update &&
           !update.relation->rd_rel->relhassubclass && update.relation->rd_rules == nullptr;
}

// PostgreSQL refuses RETURNING where a rule may write something else instead.
bool has_instead_rule(Relation relation) {
    const RuleLock* rules = relation->rd_rules;
    for (int i = 0; rules && i < rules->numLocks; i++)
        if (rules->rules[i]->event == CMD_UPDATE && rules->rules[i]->isInstead &&
            rules->rules[i]->enabled != RULE_DISABLED)
            return true;
    return false;
}

void append_returning(StringInfo sql, Table& table) {
    appendStringInfoString(sql, " RETURNING ");
    append_column(sql, table.column(table.versioning.column));
    appendStringInfoString(sql, "::pg_catalog.int8");
}

SPIPlanPtr prepare_update(const Update& update, bool compares, bool bumps) {
    Table& table = update.table;
    Parameters parameters(table, 2 + update.changes.columns->count);
    Numbers numbers = add_parameters(update, parameters);
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "UPDATE ");
    append_table(&sql, update.relation);
    appendStringInfoString(&sql, " SET ");
    append_assignments(&sql, update, numbers);
    if (bumps) append_bump(&sql, update, compares, numbers);
    appendStringInfoString(&sql, " WHERE ");
    append_conditions(&sql, update, compares, numbers);
    if (bumps || !(row_trigger_tells(update) || has_instead_rule(update.relation)))
        append_returning(&sql, table);
    return prepare_plan(table, sql.data, parameters);
}

UpdateStatement* add_update_statement(const Update& update, bool compares, bool bumps) {
    ColumnSet& set = *update.changes.columns;
    SPIPlanPtr plan = prepare_update(update, compares, bumps);
    auto* statement = allocate_in<UpdateStatement>(update.table.context);
    *statement = {set.statements, GetUserId(), compares, bumps, plan};
    return set.statements = statement;
}

SPIPlanPtr update_plan(const Update& update) {
    bool compares = may_compare(update);
    bool bumps = !row_trigger_fires(update.table.versioning);
    UpdateStatement* statement = update.changes.columns->statements;
    for (; statement; statement = statement->next)
        if (statement->role == GetUserId() && statement->compares == compares &&
            statement->bumps == bumps)
            return statement->plan;
    return add_update_statement(update, compares, bumps)->plan;
}

void execute_update(const Update& update, SPIPlanPtr plan, int64 token, Snapshot snapshot) {
    int count = update.changes.columns->count;
    Datum* values = allocate<Datum>(count + 2);
    bool* nulls = allocate<bool>(count + 2);
    values[0] = Int64GetDatum(token);
    values[1] = Int64GetDatum(update.expected);
    memcpy(values + 2, update.changes.values, sizeof(Datum) * count);
    memcpy(nulls + 2, update.changes.nulls, sizeof(bool) * count);
    execute_plan(plan, update.table, update.key, {count + 2, values, nulls}, snapshot, true);
}

// One run of the UPDATE. The new version is missing where a trigger that fires after ours made it
// NULL.
struct Run {
    Snapshot snapshot;
    Match match;
    int looks;
    bool written;
    std::optional<int64> version;
};

std::optional<int64> returned_version() {
    bool is_null;
    Datum version = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (is_null) return {};
    return DatumGetInt64(version);
}

void run_update(const Update& update, Run& run) {
    SPIPlanPtr plan = update_plan(update);
    OwnWrite mine = own_write(update.table, update.changes, update.expected);
    begin_own_write(mine);
    with_cleanup([&] { execute_update(update, plan, mine.token, run.snapshot); },
                 [&] { end_own_write(mine); });
    run.match = mine.match;
    run.looks = mine.looks;
    if (SPI_processed > 1) raise_several_rows(update);
    // a rule's own statement is not our write
    if (SPI_processed == 0 || (!SPI_tuptable && !mine.taken)) return;
    run.written = true;
    run.version = SPI_tuptable ? returned_version() : mine.stored;
}

// Ends the subtransaction of a failed body, so that an error that goes on finds the transaction as
// it was.
ErrorData* roll_back(MemoryContext memory, ResourceOwner owner) {
    MemoryContextSwitchTo(memory);
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = owner;
    return error;
}

// The executor's own 40001 at READ COMMITTED, not one that a user's trigger raised.
bool is_moved_row(const ErrorData& error) {
    if (error.sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE || error.filename == nullptr)
        return false;
    const char* slash = strrchr(error.filename, '/');
    std::string_view file = slash ? slash + 1 : error.filename;
    return file == "nodeModifyTable.c" || file == "trigger.c" || file == "heapam_handler.c" ||
           file == "execMain.c";
}

// Runs `body` in a subtransaction; false where it met a row that was moved to another partition.
template <typename Body>
bool survives_moved_row(Body body) {
    MemoryContext memory = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        body();
        ReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(memory);
        CurrentResourceOwner = owner;
    }
    PG_CATCH();
    {
        ErrorData* error = roll_back(memory, owner);
        if (!is_moved_row(*error)) ReThrowError(error);
        FreeErrorData(error);
        return false;
    }
    PG_END_TRY();
    return true;
}

bool may_meet_moved_row(const Update& update) {
    return !IsolationUsesXactSnapshot() && (update.table.relkind == RELKIND_PARTITIONED_TABLE ||
                                            update.relation->rd_rel->relispartition);
}

// At READ COMMITTED a row that a concurrent writer moved to another partition is looked up again;
// the executor can only raise 40001 for it.
bool run_unless_moved(const Update& update, Run& run, bool last) {
    if (!may_meet_moved_row(update) || last) {
        run_update(update, run);
        return true;
    }
    return survives_moved_row([&] { run_update(update, run); });
}

WriteOutcome describe(WriteStatus status, const CurrentRow& row) {
    return {status, row.version, row.json, row.conflicts};
}

bool is_expected(const CurrentRow& row, const Update& update) {
    return row.found && row.version == update.expected;
}

WriteOutcome missing() {
    return {WriteStatus::missing, {}, nullptr, nullptr};
}

// Did the UPDATE see the row that is there now, as its snapshot showed it or after waiting for
// another writer? Not where that row is a new one, put in the place of one that was deleted or
// moved.
bool saw_present_row(const Update& update, const Run& run) {
    return run.looks > 1 || !changed_since(update, run.snapshot);
}

// No row was written, and none was found unchanged. A row that looks writable and was not written
// was rejected, if the UPDATE saw it; else the write is tried again.
std::optional<WriteOutcome> explain(const Update& update, const Run& run, MemoryContext memory,
                                    bool last) {
    CurrentRow row = read_current_row(update, memory);
    if (!row.found) return missing();
    require_newest_row(update);
    if (!is_expected(row, update)) return describe(WriteStatus::stale, row);
    if (!last && !saw_present_row(update, run)) return {};
    return WriteOutcome{WriteStatus::rejected, row.version, nullptr, nullptr};
}

std::optional<WriteOutcome> judge(const Update& update, const Run& run, MemoryContext memory,
                                  bool last) {
    if (run.written) return WriteOutcome{WriteStatus::written, run.version, nullptr, nullptr};
    if (run.match != Match::same) return explain(update, run, memory, last);
    require_newest_row(update);
    return WriteOutcome{WriteStatus::unchanged, update.expected, nullptr, nullptr};
}

std::optional<WriteOutcome> attempt(const Update& update, MemoryContext memory, bool last) {
    CommandCounterIncrement();
    Run run = {RegisterSnapshot(GetTransactionSnapshot()), Match::none, 0, false, {}};
    std::optional<WriteOutcome> outcome;
    if (run_unless_moved(update, run, last)) outcome = judge(update, run, memory, last);
    UnregisterSnapshot(run.snapshot);
    return outcome;
}

void require_update_privilege(const Update& update) {
    Oid relid = update.table.relid;
    if (pg_class_aclcheck(relid, GetUserId(), ACL_UPDATE) == ACLCHECK_OK) return;
    if (pg_attribute_aclcheck_all(relid, GetUserId(), ACL_UPDATE, ACLMASK_ANY) == ACLCHECK_OK)
        return;
    aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, update.table.name);
}

void require_version_privilege(const Update& update) {
    if (!may_select(update.table.relid, update.table.versioning.column))
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, update.table.name);
}

// Of an inheritance parent's rows with one key, only one may have the version.
void require_one_row(const Update& update, MemoryContext memory) {
    if (update.table.relkind == RELKIND_RELATION && has_subclass(update.table.relid))
        read_current_row(update, memory);
}

// No columns to change: there is only the version to judge.
WriteOutcome check_only(const Update& update, MemoryContext memory) {
    require_update_privilege(update);
    require_version_privilege(update);
    CurrentRow row = read_current_row(update, memory);
    if (!row.found) return missing();
    require_newest_row(update);
    if (!is_expected(row, update)) return describe(WriteStatus::stale, row);
    return {WriteStatus::unchanged, row.version, nullptr, nullptr};
}

WriteOutcome write(const Update& update, MemoryContext memory) {
    if (update.changes.columns->count == 0) return check_only(update, memory);
    require_one_row(update, memory);
    bool once = IsolationUsesXactSnapshot();
    for (int number = 1;; number++) {
        CHECK_FOR_INTERRUPTS();
        std::optional<WriteOutcome> outcome =
            attempt(update, memory, once || number == max_attempts);
        if (outcome) return *outcome;
    }
}

// Nobody but our own statements knows the token, so their arguments need no further check.
OwnWrite& probed_write(FunctionCallInfo fcinfo) {
    OwnWrite* write = PG_ARGISNULL(0) ? nullptr : find_own_write(PG_GETARG_INT64(0));
    if (write == nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("interlock.%s is part of interlock's own statements",
                               get_func_name(fcinfo->flinfo->fn_oid))));
    return *write;
}

bool report_match(OwnWrite& write, bool differs) {
    write.looks++;
    write.match = differs ? Match::differs : Match::same;
    return differs;
}

// record_image_ne() checks the two rows' types itself, and keeps what it learned in our fn_extra.
bool rows_differ(FunctionCallInfo fcinfo) {
    LOCAL_FCINFO(call, 2);
    InitFunctionCallInfoData(*call, fcinfo->flinfo, 2, InvalidOid, nullptr, nullptr);
    call->args[0] = fcinfo->args[1];
    call->args[1] = fcinfo->args[2];
    return DatumGetBool(record_image_ne(call));
}

}  // namespace

// column_probe(bigint, VARIADIC "any") → boolean: the last condition of our UPDATE, reached by the
// row that has the key and the version. True where the columns differ from the wanted values.
INTERLOCK_FUNCTION(column_probe) {
    OwnWrite& write = probed_write(fcinfo);
    const ColumnSet& set = *write.changes.columns;
    bool differs = false;
    for (int i = 0; i < set.count && !differs; i++) {
        const NullableDatum& present = fcinfo->args[i + 1];
        differs = !same_value(write.table.column(set.attnos[i]), present.value, present.isnull,
                              write.changes.values[i], write.changes.nulls[i]);
    }
    PG_RETURN_BOOL(report_match(write, differs));
}

// write_probe(bigint, record, record) → boolean: the same for more columns than a function takes,
// as rows (the columns now, the columns wanted), and for columns that are not compared (NULL,
// NULL).
INTERLOCK_FUNCTION(write_probe) {
    OwnWrite& write = probed_write(fcinfo);
    PG_RETURN_BOOL(report_match(write, PG_ARGISNULL(1) || PG_ARGISNULL(2) || rows_differ(fcinfo)));
}

WriteOutcome planner_update(const Update& update) {
    MemoryContext memory = CurrentMemoryContext;
    SPI_connect();
    WriteOutcome outcome = write(update, memory);
    SPI_finish();
    return outcome;
}

}  // namespace interlock
