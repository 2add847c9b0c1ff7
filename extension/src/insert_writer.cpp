// The insertion of a row, through SPI: INSERT … ON CONFLICT (key) DO NOTHING.

#include "current_row.hpp"
#include "statement.hpp"
#include "version.hpp"

namespace interlock {

// The statement that inserts one set of columns, for one role.
struct InsertStatement {
    InsertStatement* next;
    Oid role;
    SPIPlanPtr plan;
};

namespace {

constexpr int max_attempts = 10;  // against rows that come and go

// Is every key column given, so that the row that is in the way can be found?
bool gives_key(const Insert& insert) {
    const Key& key = insert.table.key;
    for (int i = 0; i < key.count; i++)
        if (insert.row.columns->position(key.columns[i].attno) < 0) return false;
    return true;
}

// A key column that is NULL is no key: the constraint says so, unless a trigger fills it in.
bool has_key(const Insert& insert) {
    if (!gives_key(insert)) return false;
    const Key& key = insert.table.key;
    for (int i = 0; i < key.count; i++)
        if (insert.row.nulls[insert.row.columns->position(key.columns[i].attno)]) return false;
    return true;
}

KeyValues key_of(const Insert& insert) {
    KeyValues key = {&insert.table.key, {}};
    for (int i = 0; i < key.key->count; i++)
        key.values[i] = insert.row.values[insert.row.columns->position(key.key->columns[i].attno)];
    return key;
}

bool is_deferrable(const Insert& insert) {
    Relation index = index_open(insert.table.key.index, AccessShareLock);
    bool deferrable = !index->rd_index->indimmediate;
    index_close(index, AccessShareLock);
    return deferrable;
}

bool has_write_rules(Relation relation) {
    const RuleLock* rules = relation->rd_rules;
    for (int i = 0; rules && i < rules->numLocks; i++)
        if (rules->rules[i]->event == CMD_INSERT || rules->rules[i]->event == CMD_UPDATE)
            return true;
    return false;
}

// Does PostgreSQL take the key for ON CONFLICT?
bool is_arbiter(const Insert& insert) {
    return !is_deferrable(insert) && !has_write_rules(insert.relation);
}

void append_names(StringInfo sql, const Insert& insert) {
    const ColumnSet& set = *insert.row.columns;
    for (int i = 0; i < set.count; i++)
        appendStringInfo(sql, "%s%s", i > 0 ? ", " : "",
                         quote_identifier(insert.table.column(set.attnos[i]).name));
}

void append_values(StringInfo sql, const Insert& insert) {
    if (insert.row.columns->count == 0) return appendStringInfoString(sql, " DEFAULT VALUES");
    appendStringInfoString(sql, " (");
    append_names(sql, insert);
    appendStringInfoString(sql, ") VALUES (");
    for (int i = 0; i < insert.row.columns->count; i++)
        appendStringInfo(sql, "%s$%d", i > 0 ? ", " : "", i + 1);
    appendStringInfoChar(sql, ')');
}

void append_key_names(StringInfo sql, const Insert& insert) {
    const Key& key = insert.table.key;
    for (int i = 0; i < key.count; i++)
        appendStringInfo(sql, "%s%s", i > 0 ? ", " : "",
                         quote_identifier(insert.table.column(key.columns[i].attno).name));
}

SPIPlanPtr prepare_insert(const Insert& insert) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "INSERT INTO ");
    append_table(&sql, insert.relation);
    append_values(&sql, insert);
    if (gives_key(insert) && is_arbiter(insert)) {
        appendStringInfoString(&sql, " ON CONFLICT (");
        append_key_names(&sql, insert);
        appendStringInfoString(&sql, ") DO NOTHING");
    }
    appendStringInfoString(&sql, " RETURNING ");
    append_key_names(&sql, insert);
    appendStringInfo(&sql, ", %s",
                     quote_identifier(insert.table.column(insert.table.versioning.column).name));
    Key none = {};
    Parameters parameters(none, insert.row.columns->count);
    for (int i = 0; i < insert.row.columns->count; i++)
        parameters.add(insert.table.column(insert.row.columns->attnos[i]).type);
    return prepare_plan(insert.table, sql.data, parameters);
}

SPIPlanPtr insert_plan(const Insert& insert) {
    ColumnSet& set = *insert.row.columns;
    for (auto* statement = set.insert_statements; statement; statement = statement->next)
        if (statement->role == GetUserId()) return statement->plan;
    SPIPlanPtr plan = prepare_insert(insert);
    auto* statement = allocate_in<InsertStatement>(insert.table.context);
    *statement = {set.insert_statements, GetUserId(), plan};
    set.insert_statements = statement;
    return plan;
}

Datum returned_value(int number, bool* is_null) {
    return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, is_null);
}

// The key as it was stored: defaults and triggers may have given it.
KeyValues returned_key(const Insert& insert, MemoryContext memory) {
    KeyValues key = {&insert.table.key, {}};
    MemoryContext previous = MemoryContextSwitchTo(memory);
    for (int i = 0; i < key.key->count; i++) {
        const Column& column = insert.table.column(key.key->columns[i].attno);
        bool is_null;
        key.values[i] = datumCopy(returned_value(i + 1, &is_null), column.by_value, column.length);
    }
    MemoryContextSwitchTo(previous);
    return key;
}

std::optional<int64> returned_version(const Insert& insert) {
    const Versioning& versioning = insert.table.versioning;
    bool is_null;
    Datum version = returned_value(insert.table.key.count + 1, &is_null);
    if (is_null || versioning.kind == VersionKind::timestamptz) return {};
    return version_number(versioning.kind, version);
}

bool row_is_there(const Insert& insert) {
    RowValues row;
    return has_key(insert) &&
           read_row({insert.relation, insert.table, key_of(insert)}, nullptr, row);
}

InsertOutcome attempt(const Insert& insert, MemoryContext memory) {
    Key none = {};
    KeyValues no_key = {&none, {}};
    execute_plan(insert_plan(insert), no_key,
                 {insert.row.columns->count, insert.row.values, insert.row.nulls}, InvalidSnapshot,
                 true);
    if (SPI_processed > 0)
        return {WriteStatus::written, returned_version(insert), returned_key(insert, memory)};
    if (row_is_there(insert)) return {WriteStatus::exists, {}, key_of(insert)};
    return {WriteStatus::rejected, {}, has_key(insert) ? key_of(insert) : KeyValues{}};
}

// Could somebody else's trigger have kept the row out? It must not fire once more for that.
bool may_be_rejected(const Insert& insert) {
    if (insert.table.partitioned()) return true;
    TriggerFunctions ours = trigger_functions();
    const TriggerDesc* triggers = insert.relation->trigdesc;
    for (int i = 0; triggers && i < triggers->numtriggers; i++) {
        const Trigger& trigger = triggers->triggers[i];
        if (TRIGGER_FOR_ROW(trigger.tgtype) && TRIGGER_FOR_BEFORE(trigger.tgtype) &&
            TRIGGER_FOR_INSERT(trigger.tgtype) && !ours.versions(trigger))
            return true;
    }
    return false;
}

// Where the key is no arbiter: look first, and let the constraint find who comes between. A row
// that was in the way and is gone is no obstacle any more.
InsertOutcome run(const Insert& insert, MemoryContext memory) {
    if (!is_arbiter(insert) && row_is_there(insert))
        return {WriteStatus::exists, {}, key_of(insert)};
    int attempts = may_be_rejected(insert) ? 1 : max_attempts;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        InsertOutcome outcome = attempt(insert, memory);
        if (outcome.status != WriteStatus::rejected || --attempts == 0) return outcome;
    }
}

}  // namespace

InsertOutcome insert_row(const Insert& insert) {
    MemoryContext memory = CurrentMemoryContext;
    SPI_connect();
    InsertOutcome outcome = run(insert, memory);
    SPI_finish();
    return outcome;
}

}  // namespace interlock
