#include "errors.hpp"

#include "lock_table.hpp"

extern "C" {
#include <mb/pg_wchar.h>
}

namespace interlock {
namespace {

struct ConditionInfo {
    const char* name;
    int sqlstate;
    const char* hint;
};

// In the order of enum Condition. Never class 40 (a generic retry loop would repeat a stale write)
// and never class 23.
constexpr ConditionInfo conditions[] = {
    {"stale_version", MAKE_SQLSTATE('I', 'L', '0', '0', '1'),
     "Read the row again and decide with its present values; the try_ functions return them "
     "together with the columns in conflict."},
    {"row_missing", MAKE_SQLSTATE('I', 'L', '0', '0', '2'),
     "The row was deleted, was never there, or is hidden from this role."},
    {"merge_conflict", MAKE_SQLSTATE('I', 'L', '0', '0', '3'),
     "Both sides changed the same columns: let a person choose between base, mine and theirs."},
    {"write_rejected", MAKE_SQLSTATE('I', 'L', '0', '0', '4'),
     "A trigger that returns NULL or a row-level security policy kept the row from being written."},
    {"version_required", MAKE_SQLSTATE('I', 'L', '0', '0', '5'),
     "Send the version that was read along with the change, or use interlock.versioned_update."},
    {"row_exists", MAKE_SQLSTATE('I', 'L', '0', '0', '6'),
     "Read the row and pass its version to update it."},
    {"lease_held", MAKE_SQLSTATE('I', 'L', '0', '1', '0'), "Try again after it expires."},
    {"lease_lost", MAKE_SQLSTATE('I', 'L', '0', '1', '1'),
     "Stop working: somebody else may hold the lease now."},
    {"claim_lost", MAKE_SQLSTATE('I', 'L', '0', '2', '0'),
     "Stop working: the claim was taken over, given back or finished."},
};

const ConditionInfo& info(Condition condition) {
    return conditions[static_cast<int>(condition)];
}

void append_text(StringInfo json, const char* name, const char* value) {
    appendStringInfo(json, ", \"%s\": ", name);
    escape_json(json, value);
}

void append_version(StringInfo json, const char* name, std::optional<int64> version) {
    if (version) appendStringInfo(json, ", \"%s\": " INT64_FORMAT, name, *version);
}

void append_names(StringInfo json, List* names) {
    const char* separator = ", \"columns\": [";
    ListCell* cell;
    foreach (cell, names) {
        appendStringInfoString(json, separator);
        escape_json(json, static_cast<char*>(lfirst(cell)));
        separator = ", ";
    }
    if (names != NIL) appendStringInfoChar(json, ']');
}

// DETAIL for machines: one JSON object, without row contents, because it reaches the server log.
char* detail_json(Condition condition, const RowReport& row) {
    StringInfoData json = begin_detail(condition, row);
    append_version(&json, "expected", row.expected);
    append_version(&json, "current", row.current);
    append_names(&json, row.columns);
    appendStringInfoChar(&json, '}');
    return json.data;
}

// "stale": [{"key": {"id": 1}, "expected": 7, "current": 8}]
void append_rows(StringInfo json, const char* name, List* rows) {
    appendStringInfo(json, ", \"%s\": [", name);
    const char* separator = "";
    ListCell* cell;
    foreach (cell, rows) {
        auto* row = static_cast<RowReport*>(lfirst(cell));
        appendStringInfo(json, "%s{\"key\": %s", separator, row->key_json);
        append_version(json, "expected", row->expected);
        append_version(json, "current", row->current);
        appendStringInfoChar(json, '}');
        separator = ", ";
    }
    appendStringInfoChar(json, ']');
}

char* batch_detail(Condition condition, const BatchReport& batch) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfo(&json, "{\"condition\": \"%s\"", info(condition).name);
    append_text(&json, "schema", get_namespace_name(RelationGetNamespace(batch.relation)));
    append_text(&json, "table", RelationGetRelationName(batch.relation));
    append_rows(&json, "stale", batch.stale);
    append_rows(&json, "missing", batch.missing);
    append_rows(&json, "rejected", batch.rejected);
    appendStringInfoChar(&json, '}');
    return json.data;
}

void append_count(StringInfo text, List* rows, const char* what) {
    if (rows != NIL)
        appendStringInfo(text, "%s%d %s", text->len > 0 ? ", " : "", list_length(rows), what);
}

char* name_list(List* names) {
    StringInfoData list;
    initStringInfo(&list);
    ListCell* cell;
    foreach (cell, names)
        appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", static_cast<char*>(lfirst(cell)));
    return list.data;
}

[[noreturn]] void raise(Condition condition, const RowReport& row, const char* message) {
    ereport(ERROR, (errcode(info(condition).sqlstate), errmsg_internal("%s", message),
                    errdetail_internal("%s", detail_json(condition, row)),
                    errhint("%s", info(condition).hint), errtable(row.relation)));
    pg_unreachable();
}

char* unavailable_detail(const char* schema, const char* table, const char* key_json, List* pids) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"condition\": \"lock_not_available\"");
    append_text(&json, "schema", schema);
    append_text(&json, "table", table);
    if (key_json) appendStringInfo(&json, ", \"key\": %s", key_json);
    appendStringInfoString(&json, ", \"blocking_pids\": ");
    append_pids(&json, pids);
    appendStringInfoChar(&json, '}');
    return json.data;
}

}  // namespace

const char* condition_name(Condition condition) {
    return info(condition).name;
}

char* row_name(const RowReport& row) {
    const char* table = RelationGetRelationName(row.relation);
    return row.key_text ? psprintf("row %s of table \"%s\"", row.key_text, table)
                        : psprintf("row of table \"%s\"", table);
}

StringInfoData begin_detail(Condition condition, const RowReport& row) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfo(&json, "{\"condition\": \"%s\"", info(condition).name);
    append_text(&json, "schema", get_namespace_name(RelationGetNamespace(row.relation)));
    append_text(&json, "table", RelationGetRelationName(row.relation));
    if (row.key_json) appendStringInfo(&json, ", \"key\": %s", row.key_json);
    return json;
}

void raise_stale_version(const RowReport& row) {
    const char* name = row_name(row);
    char* message = psprintf("%s is not at version " INT64_FORMAT, name, row.expected.value_or(0));
    if (!row.expected)
        message = psprintf("%s cannot be updated with no version", name);
    else if (row.current)
        message = psprintf("%s is at version " INT64_FORMAT ", not " INT64_FORMAT, name,
                           *row.current, *row.expected);
    raise(Condition::stale_version, row, message);
}

void raise_row_missing(const RowReport& row) {
    raise(Condition::row_missing, row, psprintf("%s does not exist", row_name(row)));
}

void raise_write_rejected(const RowReport& row) {
    raise(Condition::write_rejected, row, psprintf("write to %s was rejected", row_name(row)));
}

void raise_version_required(const RowReport& row) {
    raise(Condition::version_required, row,
          psprintf("%s was updated without a version", row_name(row)));
}

void raise_values_changed(const RowReport& row) {
    raise(Condition::stale_version, row,
          row.columns == NIL ? psprintf("%s no longer holds the expected values", row_name(row))
                             : psprintf("%s no longer holds the expected values of (%s)",
                                        row_name(row), name_list(row.columns)));
}

void raise_merge_conflict(const RowReport& row) {
    raise(Condition::merge_conflict, row,
          psprintf("%s was changed by both sides in (%s)", row_name(row), name_list(row.columns)));
}

void raise_row_exists(const RowReport& row) {
    raise(Condition::row_exists, row, psprintf("%s already exists", row_name(row)));
}

void raise_lease(Condition condition, const char* message, const char* detail, Relation relation) {
    ereport(ERROR, (errcode(info(condition).sqlstate), errmsg_internal("%s", message),
                    errdetail_internal("%s", detail), errhint("%s", info(condition).hint),
                    relation ? errtable(relation) : 0));
    pg_unreachable();
}

void raise_row_unavailable(const RowReport& row, List* blocking_pids) {
    const char* schema = get_namespace_name(RelationGetNamespace(row.relation));
    const char* table = RelationGetRelationName(row.relation);
    ereport(
        ERROR,
        (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("could not obtain lock on %s", row_name(row)),
         errdetail_internal("%s", unavailable_detail(schema, table, row.key_json, blocking_pids)),
         errhint("Another transaction holds it: try again, or pass a longer \"wait\"."),
         errtable(row.relation)));
    pg_unreachable();
}

void raise_table_unavailable(Oid relid, List* blocking_pids) {
    const char* schema = get_namespace_name(get_rel_namespace(relid));
    const char* table = get_rel_name(relid);
    ereport(ERROR,
            (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
             errmsg("could not obtain lock on table \"%s\"", table),
             errdetail_internal("%s", unavailable_detail(schema, table, nullptr, blocking_pids)),
             errhint("Another transaction holds it: try again, or pass a longer \"wait\"."),
             err_generic_string(PG_DIAG_SCHEMA_NAME, schema),
             err_generic_string(PG_DIAG_TABLE_NAME, table)));
    pg_unreachable();
}

void raise_batch_failed(const BatchReport& batch) {
    Condition condition = batch.stale != NIL     ? Condition::stale_version
                          : batch.missing != NIL ? Condition::row_missing
                                                 : Condition::write_rejected;
    StringInfoData counts;
    initStringInfo(&counts);
    append_count(&counts, batch.stale, "stale");
    append_count(&counts, batch.missing, "missing");
    append_count(&counts, batch.rejected, "rejected");
    int failed =
        list_length(batch.stale) + list_length(batch.missing) + list_length(batch.rejected);
    ereport(ERROR, (errcode(info(condition).sqlstate),
                    errmsg("%d of %d rows of table \"%s\" cannot be updated: %s", failed,
                           batch.rows, RelationGetRelationName(batch.relation), counts.data),
                    errdetail_internal("%s", batch_detail(condition, batch)),
                    errhint("%s", info(condition).hint), errtable(batch.relation)));
    pg_unreachable();
}

bool is_about_the_value(int sqlstate) {
    switch (ERRCODE_TO_CATEGORY(sqlstate)) {
        case ERRCODE_TRANSACTION_ROLLBACK:
        case ERRCODE_INSUFFICIENT_RESOURCES:
        case ERRCODE_OPERATOR_INTERVENTION:
        case ERRCODE_SYSTEM_ERROR:
        case ERRCODE_INTERNAL_ERROR:
            return false;
        default:
            return true;
    }
}

char* clip(const char* text, int limit) {
    int length = static_cast<int>(strlen(text));
    if (length <= limit) return pstrdup(text);
    return psprintf("%.*s...", pg_mbcliplen(text, length, limit), text);
}

void require_read_write(FunctionCallInfo fcinfo) {
    if (!XactReadOnly && !IsInParallelMode()) return;
    const char* function = psprintf("interlock.%s()", get_func_name(fcinfo->flinfo->fn_oid));
    PreventCommandIfReadOnly(function);
    PreventCommandIfParallelMode(function);
}

void require_argument(FunctionCallInfo fcinfo, int number, const char* name) {
    if (PG_ARGISNULL(number))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("argument \"%s\" of %s must not be null", name,
                               get_func_name(fcinfo->flinfo->fn_oid))));
}

}  // namespace interlock
