// The planner path: one statement through SPI when it works, and a look at the row when it does
// not.

#include "current_row.hpp"
#include "own_write.hpp"
#include "statement.hpp"
#include "subtransaction.hpp"
#include "version.hpp"

namespace interlock {

// The statement of a write, for one role.
struct Statement {
    Statement* next;
    Operation operation;
    const Key* key;
    const ColumnSet* expected;  // null: the version is expected
    Oid role;
    bool compares;  // skips rows that the changes would leave as they are
    bool bumps;     // the row trigger will not fire (session_replication_role = replica)
    AttrNumber touched;
    SPIPlanPtr plan;
};

namespace {

constexpr int max_attempts = 10;  // against rows that change under a write again and again

bool expects_version(const Write& write) {
    return write.expected.has_value();
}

// Where the parameters of a statement stand, after those of the key.
struct Numbers {
    int token;
    int expected;
    int first_value;
};

Numbers add_parameters(const Write& write, Parameters& parameters) {
    const ColumnSet& set = *write.changes.columns;
    Numbers numbers;
    numbers.token = parameters.add(INT8OID);
    numbers.expected = parameters.add(INT8OID);
    numbers.first_value = parameters.count() + 1;
    for (int i = 0; i < set.count; i++)
        parameters.add(write.table.column(set.attnos[i]).type);
    return numbers;
}

bool changes_only_excepted(const Write& write) {
    const ColumnSet& set = *write.changes.columns;
    for (int i = 0; i < set.count; i++)
        if (!bms_is_member(set.attnos[i], write.table.versioning.except)) return false;
    return true;
}

const char* version_name(const Write& write) {
    return quote_identifier(write.table.column(write.table.versioning.column).name);
}

// ROW(columns now)<between>ROW(columns wanted), of the changed columns that are not excepted; the
// cast keeps an operator between the two from being taken for one between their columns.
void append_comparison(StringInfo sql, const Write& write, const Numbers& numbers) {
    const ColumnSet& set = *write.changes.columns;
    StringInfoData wanted;
    initStringInfo(&wanted);
    const char* separator = "ROW(";
    for (int i = 0; i < set.count; i++) {
        if (bms_is_member(set.attnos[i], write.table.versioning.except)) continue;
        appendStringInfoString(sql, separator);
        append_column(sql, write.table.column(set.attnos[i]));
        appendStringInfo(&wanted, "%s$%d", separator, numbers.first_value + i);
        separator = ", ";
    }
    appendStringInfo(sql, ")::record OPERATOR(pg_catalog.*<>) %s)::record", wanted.data);
}

// What the row trigger would do, where it does not fire.
void append_bump(StringInfo sql, const Write& write, bool compares, const Numbers& numbers) {
    if (write.table.versioning.kind == VersionKind::timestamptz) return;
    if (write.operation == Operation::update && changes_only_excepted(write)) return;
    const char* separator = write.operation == Operation::update ? ", " : "";
    appendStringInfo(sql, "%s%s = t.%s OPERATOR(pg_catalog.+) ", separator, version_name(write),
                     version_name(write));
    if (!compares || write.operation == Operation::touch) return appendStringInfoChar(sql, '1');
    appendStringInfoString(sql, "CASE WHEN ");
    append_comparison(sql, write, numbers);
    appendStringInfoString(sql, " THEN 1 ELSE 0 END");
}

void append_assignments(StringInfo sql, const Write& write, const Numbers& numbers) {
    const ColumnSet& set = *write.changes.columns;
    for (int i = 0; i < set.count; i++) {
        const Column& column = write.table.column(set.attnos[i]);
        appendStringInfo(sql, "%s%s = $%d", i > 0 ? ", " : "", quote_identifier(column.name),
                         numbers.first_value + i);
    }
}

void append_touch(StringInfo sql, const Write& write) {
    const Column& column = write.table.column(touched_column(write.table));
    appendStringInfo(sql, "%s = ", quote_identifier(column.name));
    append_column(sql, column);
}

// Up to here the last condition gets the columns one by one; a function takes 100 arguments.
constexpr int most_probed_columns = 90;

void append_columns_of(StringInfo sql, const Write& write, const ColumnSet& set,
                       const char*& separator) {
    for (int i = 0; i < set.count; i++) {
        appendStringInfoString(sql, separator);
        append_column(sql, write.table.column(set.attnos[i]));
        separator = ", ";
    }
}

// The columns that are compared; their wanted and expected values are with the write that is
// running.
int append_compared(StringInfo sql, const Write& write, bool compares) {
    const char* separator = "";
    int before = sql->len, count = 0;
    if (write.rule) {
        append_columns(sql, write.table, write.rule->columns);
        return bms_num_members(write.rule->columns);
    }
    if (compares) {
        append_columns_of(sql, write, *write.changes.columns, separator);
        count += write.changes.columns->count;
    }
    if (write.expected_values) {
        append_columns_of(sql, write, *write.expected_values->columns, separator);
        count += write.expected_values->columns->count;
    }
    return sql->len == before ? 0 : count;
}

void append_probe(StringInfo sql, const Write& write, bool compares, const Numbers& numbers) {
    StringInfoData columns;
    initStringInfo(&columns);
    int count = append_compared(&columns, write, compares);
    if (count == 0)
        appendStringInfo(sql, "interlock.write_probe($%d, NULL)", numbers.token);
    else if (count <= most_probed_columns)
        appendStringInfo(sql, "interlock.column_probe($%d, %s)", numbers.token, columns.data);
    else
        appendStringInfo(sql, "interlock.write_probe($%d, ROW(%s))", numbers.token, columns.data);
}

void append_conditions(StringInfo sql, const Write& write, bool compares, const Numbers& numbers) {
    Table& table = write.table;
    append_key_condition(sql, table, *write.key.key);
    appendStringInfoString(sql, " AND ");
    if (expects_version(write)) {
        append_column(sql, table.column(table.versioning.column));
        appendStringInfo(sql, " OPERATOR(pg_catalog.=) $%d AND ", numbers.expected);
    }
    append_probe(sql, write, compares, numbers);
}

bool makes_version(const Write& write) {
    return (write.operation == Operation::update || write.operation == Operation::touch) &&
           write.rule == nullptr && write.table.versioning.column != 0 &&
           write.table.versioning.kind != VersionKind::timestamptz;
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

// Nobody but our row trigger decides on the version, so it can say which one it stored.
bool row_trigger_tells(const Write& write) {
    return write.table.relkind == RELKIND_RELATION && write.table.versioning.only_before_update &&
           !write.relation->rd_rel->relhassubclass && write.relation->rd_rules == nullptr;
}

void append_returning(StringInfo sql, Table& table) {
    appendStringInfoString(sql, " RETURNING ");
    append_column(sql, table.column(table.versioning.column));
    appendStringInfoString(sql, "::pg_catalog.int8");
}

void append_update(StringInfo sql, const Write& write, bool compares, bool bumps,
                   const Numbers& numbers) {
    appendStringInfoString(sql, "UPDATE ");
    append_table(sql, write.relation);
    appendStringInfoString(sql, " SET ");
    if (write.operation == Operation::update)
        append_assignments(sql, write, numbers);
    else if (!bumps)
        append_touch(sql, write);
    if (bumps) append_bump(sql, write, compares, numbers);
    appendStringInfoString(sql, " WHERE ");
    append_conditions(sql, write, compares, numbers);
    if (makes_version(write) && (bumps || !row_trigger_tells(write)) &&
        !has_instead_rule(write.relation))
        append_returning(sql, write.table);
}

void append_statement(StringInfo sql, const Write& write, bool compares, bool bumps,
                      const Numbers& numbers) {
    switch (write.operation) {
        case Operation::update:
        case Operation::touch:
            return append_update(sql, write, compares, bumps, numbers);
        case Operation::erase:
            appendStringInfoString(sql, "DELETE FROM ");
            break;
        default:
            appendStringInfoString(sql, "SELECT FROM ");
    }
    append_table(sql, write.relation);
    appendStringInfoString(sql, " WHERE ");
    append_conditions(sql, write, compares, numbers);
    if (write.operation == Operation::check_share) appendStringInfoString(sql, " FOR SHARE OF t");
    if (write.operation == Operation::check_no_key_update)
        appendStringInfoString(sql, " FOR NO KEY UPDATE OF t");
}

SPIPlanPtr prepare_statement(const Write& write, bool compares, bool bumps) {
    Parameters parameters(*write.key.key, 2 + write.changes.columns->count);
    Numbers numbers = add_parameters(write, parameters);
    StringInfoData sql;
    initStringInfo(&sql);
    append_statement(&sql, write, compares, bumps, numbers);
    return prepare_plan(write.table, sql.data, parameters);
}

const ColumnSet* expected_set(const Write& write) {
    return write.expected_values ? write.expected_values->columns : nullptr;
}

Statement* keep_statement(const Write& write, const Statement& planned) {
    auto* statement = allocate_in<Statement>(write.table.context);
    *statement = planned;
    statement->next = write.changes.columns->statements;
    return write.changes.columns->statements = statement;
}

Statement* add_statement(const Write& write, const Statement& wanted) {
    SPIPlanPtr plan = prepare_statement(write, wanted.compares, wanted.bumps);
    Statement planned = wanted;
    planned.plan = plan;
    return keep_statement(write, planned);
}

bool same_statement(const Statement& a, const Statement& b) {
    return a.operation == b.operation && a.key == b.key && a.expected == b.expected &&
           a.role == b.role && a.compares == b.compares && a.bumps == b.bumps &&
           a.touched == b.touched;
}

SPIPlanPtr plan_of(const Write& write, bool compares) {
    bool touches = write.operation == Operation::touch;
    const Versioning& versioning = write.table.versioning;
    Statement wanted = {nullptr,
                        write.operation,
                        write.key.key,
                        expected_set(write),
                        GetUserId(),
                        compares,
                        versioning.column != 0 && !row_trigger_fires(versioning),
                        touches ? touched_column(write.table) : AttrNumber{0},
                        nullptr};
    Statement* statement = write.changes.columns->statements;
    for (; statement; statement = statement->next)
        if (same_statement(*statement, wanted)) return statement->plan;
    return add_statement(write, wanted)->plan;
}

void execute_write(const Write& write, SPIPlanPtr plan, int64 token, Snapshot snapshot) {
    int count = write.changes.columns->count;
    Datum* values = allocate<Datum>(count + 2);
    bool* nulls = allocate<bool>(count + 2);
    values[0] = Int64GetDatum(token);
    values[1] = Int64GetDatum(write.expected.value_or(0));
    if (count > 0) {
        memcpy(values + 2, write.changes.values, sizeof(Datum) * count);
        memcpy(nulls + 2, write.changes.nulls, sizeof(bool) * count);
    }
    execute_plan(plan, write.key, {count + 2, values, nulls}, snapshot, true);
}

// One run of the statement. The new version is missing where a trigger that fires after ours made
// it NULL.
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

// The version of the row as it is, which this transaction has written.
std::optional<int64> read_version(const Write& write) {
    RowValues row;
    if (!read_row(write, bms_make_singleton(write.table.versioning.column), row)) return {};
    return version_in(write.table, row);
}

std::optional<int64> version_after(const Write& write, const OwnWrite& mine) {
    if (write.operation == Operation::erase) return {};
    if (!makes_version(write)) return write.expected;
    if (SPI_tuptable) return returned_version();
    return has_instead_rule(write.relation) ? read_version(write) : mine.stored;
}

// What a rule did instead is no write of ours: the row trigger has not seen it.
bool replaced_by_rule(const Write& write, const OwnWrite& mine) {
    return makes_version(write) && has_instead_rule(write.relation) && !mine.taken &&
           row_trigger_fires(write.table.versioning);
}

void run_statement(const Write& write, Run& run) {
    bool compares = write.operation == Operation::update && may_compare(write);
    SPIPlanPtr plan = plan_of(write, compares);
    OwnWrite mine = own_write(write, compares);
    begin_own_write(mine);
    with_cleanup([&] { execute_write(write, plan, mine.token, run.snapshot); },
                 [&] { end_own_write(mine); });
    run.match = mine.match;
    run.looks = mine.looks;
    if (SPI_processed > 1) raise_several_rows(write);
    if (SPI_processed == 0 || replaced_by_rule(write, mine)) return;
    run.written = true;
    run.version = version_after(write, mine);
}

// After waiting, ExecLockRows() locks the newest row before it looks whether that is a match. A
// check that is not passed must leave no lock.
bool needs_subtransaction(const Write& write) {
    return !IsolationUsesXactSnapshot() && (write.table.moves_rows || is_check(write));
}

SubtransactionEnd run_and_keep(const Write& write, Run& run) {
    run_statement(write, run);
    bool in_vain = is_check(write) && !run.written;
    return in_vain ? SubtransactionEnd::roll_back : SubtransactionEnd::commit;
}

// At READ COMMITTED a row that a concurrent writer moved to another partition is looked up again;
// the executor can only raise 40001 for it.
bool run_unless_moved(const Write& write, Run& run, bool last) {
    if (!needs_subtransaction(write) || last) {
        run_statement(write, run);
        return true;
    }
    bool moved = false;
    in_subtransaction([&] { return run_and_keep(write, run); },
                      [&](const ErrorData& error) { return (moved = is_moved_row(error)); });
    return !moved;
}

WriteOutcome missing() {
    return {WriteStatus::missing, {}, nullptr, nullptr};
}

// Did the statement see the row that is there now, as its snapshot showed it or after waiting for
// another writer? Not where that row is a new one, put in the place of one that was deleted or
// moved.
bool saw_present_row(const Write& write, const Run& run) {
    return run.looks > 1 || !changed_since(write, run.snapshot);
}

// No row was written, and none was found unchanged. A row that looks writable and was not written
// was rejected, if the statement saw it; else the write is tried again.
std::optional<WriteOutcome> explain(const Write& write, const Run& run, MemoryContext memory,
                                    bool last) {
    RowValues row;
    if (!read_row(write, reported_columns(write), row)) return missing();
    require_newest_row(write);
    if (!is_expected(write, row)) return describe(WriteStatus::stale, write, row, memory);
    std::optional<int64> version = version_in(write.table, row);
    if (!last && (run.match == Match::stale || !saw_present_row(write, run))) return {};
    return WriteOutcome{WriteStatus::rejected, version, nullptr, nullptr};
}

bool holds_changes(const Write& write, const RowValues& row) {
    const ColumnValues& changes = write.changes;
    for (int i = 0; i < changes.columns->count; i++) {
        AttrNumber attno = changes.columns->attnos[i];
        if (!row.has(attno) || !same_value(write.table.column(attno), changes.values[i],
                                           changes.nulls[i], row.value(attno), row.is_null(attno)))
            return false;
    }
    return true;
}

// What was found unchanged without a lock must be the newest row. A version that was not expected
// is read, and told only of a row that is still as it was found.
std::optional<WriteOutcome> unchanged(const Write& write, bool last) {
    require_newest_row(write);
    WriteOutcome outcome = {WriteStatus::unchanged, write.expected, nullptr, nullptr};
    if (write.expected || write.table.versioning.column == 0) return outcome;
    RowValues row;
    bool same = read_row(write, reported_columns(write), row) && is_expected(write, row) &&
                holds_changes(write, row);
    if (same) outcome.version = version_in(write.table, row);
    if (!same && !last) return {};
    return outcome;
}

std::optional<WriteOutcome> judge(const Write& write, const Run& run, MemoryContext memory,
                                  bool last) {
    if (run.written && is_check(write))
        return WriteOutcome{WriteStatus::unchanged, write.expected, nullptr, nullptr};
    if (run.written) return WriteOutcome{WriteStatus::written, run.version, nullptr, nullptr};
    if (run.match == Match::same) return unchanged(write, last);
    return explain(write, run, memory, last);
}

bool may_write(const Write& write) {
    if (write.operation == Operation::erase)
        return pg_class_aclcheck(write.table.relid, GetUserId(), ACL_DELETE) == ACLCHECK_OK;
    const ColumnSet& set = *write.changes.columns;
    for (int i = 0; i < set.count; i++)
        if (!may_update(write.table.relid, set.attnos[i])) return false;
    return true;
}

// Who may not write the row is not told what it holds.
void require_write_privilege(const Write& write) {
    if (!may_write(write)) aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, write.table.name);
}

// The values to write are those of the row as it is; the statement makes sure that they still are.
std::optional<WriteOutcome> apply_rule(const Write& write, MemoryContext memory) {
    require_write_privilege(write);
    RowValues row;
    if (!read_row(write, write.rule->columns, row)) return missing();
    if (write.rule->judge(*write.rule, row, write.changes)) return {};
    require_newest_row(write);
    return describe(WriteStatus::stale, write, row, memory);
}

SPIPlanPtr lock_plan(const Write& write) {
    Statement wanted = {};
    wanted.operation = Operation::check_no_key_update;
    wanted.key = write.key.key;
    wanted.role = GetUserId();
    Statement* statement = write.changes.columns->statements;
    for (; statement; statement = statement->next)
        if (same_statement(*statement, wanted)) return statement->plan;
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "SELECT FROM ");
    append_table(&sql, write.relation);
    appendStringInfoString(&sql, " WHERE ");
    append_key_condition(&sql, write.table, *write.key.key);
    appendStringInfoString(&sql, " FOR NO KEY UPDATE OF t NOWAIT");
    wanted.plan = prepare_plan(write.table, sql.data, Parameters(*write.key.key, 0));
    return keep_statement(write, wanted)->plan;
}

// Locks the row for a write that must not wait. False where it is locked by somebody else.
bool lock_without_waiting(const Write& write) {
    bool busy = false;
    in_subtransaction(
        [&] {
            execute_plan(lock_plan(write), write.key, {}, InvalidSnapshot, true);
            return SubtransactionEnd::commit;
        },
        [&](const ErrorData& error) {
            return (busy = error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE);
        });
    return !busy;
}

std::optional<WriteOutcome> attempt(const Write& write, MemoryContext memory, bool last) {
    if (write.rule)
        if (std::optional<WriteOutcome> ended = apply_rule(write, memory)) return ended;
    if (!write.waits && !lock_without_waiting(write))
        return WriteOutcome{WriteStatus::busy, {}, nullptr, nullptr};
    CommandCounterIncrement();
    Run run = {RegisterSnapshot(GetTransactionSnapshot()), Match::none, 0, false, {}};
    std::optional<WriteOutcome> outcome;
    if (run_unless_moved(write, run, last)) outcome = judge(write, run, memory, last);
    UnregisterSnapshot(run.snapshot);
    return outcome;
}

void require_update_privilege(const Write& write) {
    if (!may_update_any(write.table.relid))
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, write.table.name);
}

void require_select(const Write& write, AttrNumber attno) {
    if (!may_select(write.table.relid, attno))
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, write.table.name);
}

void require_expected_privilege(const Write& write) {
    if (expects_version(write)) return require_select(write, write.table.versioning.column);
    const ColumnSet& set = *write.expected_values->columns;
    for (int i = 0; i < set.count; i++)
        require_select(write, set.attnos[i]);
}

// Where the key is not unique, as in an inheritance parent, one of several rows could have the
// version.
void require_one_row(const Write& write) {
    bool is_table =
        write.table.relkind == RELKIND_RELATION || write.table.relkind == RELKIND_PARTITIONED_TABLE;
    RowValues row;
    if (is_table ? has_subclass(write.table.relid) && !write.table.moves_rows
                 : !write.key.key->unique)
        read_row(write, reported_columns(write), row);
}

// No columns to change: there is only the row to judge.
WriteOutcome judge_only(const Write& write, MemoryContext memory) {
    require_update_privilege(write);
    require_expected_privilege(write);
    RowValues row;
    if (!read_row(write, reported_columns(write), row)) return missing();
    require_newest_row(write);
    if (!is_expected(write, row)) return describe(WriteStatus::stale, write, row, memory);
    return {WriteStatus::unchanged, version_in(write.table, row), nullptr, nullptr};
}

WriteOutcome run(const Write& write, MemoryContext memory) {
    if (write.operation == Operation::update && write.changes.columns->count == 0)
        return judge_only(write, memory);
    require_one_row(write);
    bool once = IsolationUsesXactSnapshot();
    for (int number = 1;; number++) {
        CHECK_FOR_INTERRUPTS();
        std::optional<WriteOutcome> outcome =
            attempt(write, memory, once || number == max_attempts);
        if (outcome) return *outcome;
    }
}

// Nobody but our own statements knows the token, so their arguments need no further check.
OwnWrite& probed_write(FunctionCallInfo fcinfo) {
    OwnWrite* own = PG_ARGISNULL(0) ? nullptr : find_own_write(PG_GETARG_INT64(0));
    if (own == nullptr || own->write == nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("interlock.%s is part of interlock's own statements",
                               get_func_name(fcinfo->flinfo->fn_oid))));
    return *own;
}

// Does the row differ from what the changes want? `present` has the changed columns.
bool differs(const Write& write, const NullableDatum* present) {
    const ColumnValues& changes = write.changes;
    for (int i = 0; i < changes.columns->count; i++)
        if (!same_value(write.table.column(changes.columns->attnos[i]), present[i].value,
                        present[i].isnull, changes.values[i], changes.nulls[i]))
            return true;
    return false;
}

// Does it hold the expected values? `present` has those columns.
bool holds_all(const Write& write, const NullableDatum* present) {
    const ColumnValues& expected = *write.expected_values;
    for (int i = 0; i < expected.columns->count; i++) {
        Column& column = write.table.column(expected.columns->attnos[i]);
        if (!holds(write.table, column, present[i].value, present[i].isnull, expected.values[i],
                   expected.nulls[i], *find_member(expected.json, column.name)))
            return false;
    }
    return true;
}

// Does the row's rule want of it what it wanted of the row that was read before the statement?
// `present` has the columns that it reads.
bool wants_the_same(const Write& write, const NullableDatum* present) {
    RowValues row = {write.rule->columns, allocate<Datum>(write.table.column_count),
                     allocate<bool>(write.table.column_count)};
    for (int attno = -1; (attno = bms_next_member(row.columns, attno)) >= 0; present++) {
        row.values[attno - 1] = present->value;
        row.nulls[attno - 1] = present->isnull;
    }
    const ColumnValues& before = write.changes;
    ColumnValues now = copy_of(before);
    if (!write.rule->judge(*write.rule, row, now)) return false;
    for (int i = 0; i < now.columns->count; i++)
        if (!same_value(write.table.column(now.columns->attnos[i]), before.values[i],
                        before.nulls[i], now.values[i], now.nulls[i]))
            return false;
    return true;
}

Match judge_columns(const OwnWrite& own, const NullableDatum* present) {
    const Write& write = *own.write;
    if (write.rule) return wants_the_same(write, present) ? Match::differs : Match::stale;
    bool differing = !own.compares || differs(write, present);
    if (own.compares) present += write.changes.columns->count;
    if (write.expected_values && !holds_all(write, present)) return Match::stale;
    return differing ? Match::differs : Match::same;
}

// The condition's value: shall the statement write the row?
bool report_match(OwnWrite& own, Match match) {
    own.looks++;
    own.match = match;
    return match == Match::differs;
}

NullableDatum* fields_of(Datum record) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(record);
    TupleDesc desc =
        lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    auto* fields = allocate<NullableDatum>(desc->natts);
    for (int i = 0; i < desc->natts; i++)
        fields[i].value = heap_getattr(&tuple, i + 1, desc, &fields[i].isnull);
    ReleaseTupleDesc(desc);
    return fields;
}

}  // namespace

// column_probe(bigint, VARIADIC "any") → boolean: the last condition of our statements, reached by
// the row that has the key and the version. True where it is to be written.
INTERLOCK_FUNCTION(column_probe) {
    OwnWrite& own = probed_write(fcinfo);
    PG_RETURN_BOOL(report_match(own, judge_columns(own, fcinfo->args + 1)));
}

// write_probe(bigint, record) → boolean: the same for more columns than a function takes, and for
// none (NULL).
INTERLOCK_FUNCTION(write_probe) {
    OwnWrite& own = probed_write(fcinfo);
    if (PG_ARGISNULL(1)) PG_RETURN_BOOL(report_match(own, Match::differs));
    PG_RETURN_BOOL(report_match(own, judge_columns(own, fields_of(PG_GETARG_DATUM(1)))));
}

WriteOutcome planner_write(const Write& write) {
    MemoryContext memory = CurrentMemoryContext;
    SPI_connect();
    WriteOutcome outcome = run(write, memory);
    SPI_finish();
    return outcome;
}

}  // namespace interlock
