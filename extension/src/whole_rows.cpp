// Writes of a whole row: as JSON, insert if absent or update by version; and as a value of the
// table's row type.

#include "current_row.hpp"
#include "outcome.hpp"
#include "sent_row.hpp"
#include "version.hpp"

namespace interlock {
namespace {

// What an upsert or a save came to.
struct Result {
    Write write;  // the row it was about, for messages
    WriteOutcome outcome;
    bool has_key;  // not where a trigger rejected the insertion of a row whose key it was to get
};

Write about_row(const KeyedRow& row, Report report) {
    return {row, Operation::update, {}, nullptr, no_values(row.table), nullptr, report};
}

// The row that is in the way of an insertion, or at another version than the one to save.
WriteOutcome describe_present(const Write& write, WriteStatus status) {
    const Bitmapset* columns = reported_columns(write);
    HeapTuple tuple = fetch_row(write, columns);
    if (tuple == nullptr) return {status, {}, nullptr, nullptr};
    return describe(status, write, deform_row(write.relation, columns, tuple),
                    CurrentMemoryContext);
}

// The columns beside the key, which a row that is there can differ in.
ColumnValues contested_values(const Insert& insert) {
    const ColumnSet& set = *insert.row.columns;
    auto* attnos = allocate<AttrNumber>(set.count);
    ColumnValues values = {nullptr, allocate<Datum>(set.count), allocate<bool>(set.count), nullptr};
    int count = 0;
    for (int i = 0; i < set.count; i++) {
        if (insert.table.is_key_column(set.attnos[i])) continue;
        attnos[count] = set.attnos[i];
        values.values[count] = insert.row.values[i];
        values.nulls[count++] = insert.row.nulls[i];
    }
    values.columns = &column_set(insert.table, Purpose::expected, attnos, count);
    return values;
}

Result insert_and_tell(const Insert& insert) {
    InsertOutcome inserted = insert_row(insert);
    Result result = {about_row({insert.relation, insert.table, inserted.key}, insert.report),
                     {inserted.status, inserted.version, nullptr, nullptr},
                     inserted.key.key != nullptr};
    if (inserted.status != WriteStatus::exists) return result;
    result.write.changes = contested_values(insert);
    result.outcome = describe_present(result.write, WriteStatus::exists);
    return result;
}

void raise_unless_done(const Result& result) {
    if (result.has_key) return interlock::raise_unless_done(result.write, result.outcome);
    if (result.outcome.status == WriteStatus::rejected)
        raise_write_rejected({result.write.relation, nullptr, nullptr, {}, {}, NIL});
}

[[noreturn]] void raise_other_version(Relation relation, const Table& table, const char* argument) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("the version in \"%s\" is not the expected one", argument),
                    errhint("Leave it out, or pass it as \"expected\" too."),
                    errtablecol(relation, table.versioning.column)));
    pg_unreachable();
}

Result upsert(FunctionCallInfo fcinfo, Relation relation, Table& table, Report report) {
    Jsonb* row = PG_GETARG_JSONB_P(1);
    if (PG_ARGISNULL(2)) {
        SentRow sent = read_row_to_insert(relation, table, row, "new_row");
        if (sent.version) raise_other_version(relation, table, "new_row");
        return insert_and_tell({relation, table, sent.others, report});
    }
    SentRow sent = read_row_to_update(relation, table, row, "new_row");
    Write write = about_row({relation, table, sent.key}, report);
    write.expected = PG_GETARG_INT64(2);
    if (sent.version && sent.version != write.expected)
        raise_other_version(relation, table, "new_row");
    write.changes = sent.others;
    return {write, write_row(write), true};
}

Result read_upsert(FunctionCallInfo fcinfo, Report report) {
    require_argument(fcinfo, 0, "rel");
    require_argument(fcinfo, 1, "new_row");
    Relation relation = open_versioned_table(PG_GETARG_OID(0), RowExclusiveLock);
    Table& table = table_of(relation);
    require_primary_key(relation);
    require_writable(fcinfo, table);
    require_counter(relation, table);
    return upsert(fcinfo, relation, table, report);
}

// A row that the caller saves, by attribute number.
struct Row {
    Datum* values;
    bool* nulls;
};

Row deform_argument(FunctionCallInfo fcinfo, Relation relation) {
    HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(0);
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    TupleDesc desc = RelationGetDescr(relation);
    Row row = {allocate<Datum>(desc->natts), allocate<bool>(desc->natts)};
    heap_deform_tuple(&tuple, desc, row.values, row.nulls);
    return row;
}

// A value of a composite type cannot leave a column out: a NULL that the column could not hold
// stands for its default.
bool takes_default(Relation relation, const Column& column, const Row& row) {
    Form_pg_attribute form = attribute(RelationGetDescr(relation), column.attno);
    bool has_default = form->atthasdef || form->attidentity != '\0';
    return row.nulls[column.attno - 1] && form->attnotnull && has_default;
}

ColumnValues new_values(Relation relation, Table& table, const Row& row) {
    auto* attnos = allocate<AttrNumber>(table.column_count);
    ColumnValues values = {nullptr, allocate<Datum>(table.column_count),
                           allocate<bool>(table.column_count), nullptr};
    int count = 0;
    for (int i = 0; i < table.column_count; i++) {
        const Column& column = table.columns[i];
        if (column.dropped || column.always || column.attno == table.versioning.column ||
            takes_default(relation, column, row))
            continue;
        attnos[count] = column.attno;
        values.values[count] = row.values[i];
        values.nulls[count++] = row.nulls[i];
    }
    values.columns = &column_set(table, Purpose::expected, attnos, count);
    return values;
}

KeyValues key_in(Relation relation, Table& table, const Row& row) {
    KeyValues key = {&table.key, {}};
    for (int i = 0; i < table.key.count; i++) {
        AttrNumber attno = table.key.columns[i].attno;
        if (row.nulls[attno - 1]) raise_null_key_column(relation, table, i);
        key.values[i] = row.values[attno - 1];
    }
    return key;
}

// The columns in which the row that is there differs from the one to save.
ColumnValues edited_values(const KeyedRow& name, const Row& row, const RowValues* present) {
    Table& table = name.table;
    auto* attnos = allocate<AttrNumber>(table.column_count);
    ColumnValues values = {nullptr, allocate<Datum>(table.column_count),
                           allocate<bool>(table.column_count), nullptr};
    int count = 0;
    for (int i = 0; i < table.column_count; i++) {
        const Column& column = table.columns[i];
        if (column.dropped || column.always || column.attno == table.versioning.column ||
            table.is_key_column(column.attno))
            continue;
        if (present &&
            same_value(column, row.values[i], row.nulls[i], present->values[i], present->nulls[i]))
            continue;
        attnos[count] = column.attno;
        values.values[count] = row.values[i];
        values.nulls[count++] = row.nulls[i];
    }
    values.columns = &column_set(table, Purpose::changes, attnos, count);
    return values;
}

// Only what was edited is written. What was edited in a row at another version nobody knows, nor
// which privileges that would take: such a row is judged alone, and then compared as a whole.
Result update_saved(const KeyedRow& name, const Row& row, int64 expected, Report report) {
    Write write = about_row(name, report);
    write.expected = expected;
    const Bitmapset* columns = name.table.live_columns;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (HeapTuple tuple = fetch_row(name, columns)) {
            RowValues present = deform_row(name.relation, columns, tuple);
            if (version_in(name.table, present) == expected) {
                write.changes = edited_values(name, row, &present);
                return {write, write_row(write), true};
            }
        }
        WriteOutcome outcome = write_row(write);
        if (outcome.status == WriteStatus::unchanged) continue;  // it has come to that version
        if (outcome.status != WriteStatus::stale) return {write, outcome, true};
        write.changes = edited_values(name, row, nullptr);
        return {write, describe_present(write, WriteStatus::stale), true};
    }
}

Relation open_saved_table(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "new_row");
    Oid type = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, 0));
    return open_versioned_table(relation_of_type(type, "new_row"), RowExclusiveLock);
}

Result save(FunctionCallInfo fcinfo, Relation relation, Report report) {
    Table& table = table_of(relation);
    require_primary_key(relation);
    require_writable(fcinfo, table);
    require_counter(relation, table);
    Row row = deform_argument(fcinfo, relation);
    int version = table.versioning.column - 1;
    if (row.nulls[version])
        return insert_and_tell({relation, table, new_values(relation, table, row), report});
    return update_saved({relation, table, key_in(relation, table, row)}, row,
                        version_number(table.versioning.kind, row.values[version]), report);
}

bool is_done(const Result& result) {
    WriteStatus status = result.outcome.status;
    return status == WriteStatus::written || status == WriteStatus::unchanged;
}

// The row as it was stored, by defaults and triggers too.
HeapTuple stored_row(const Result& result) {
    return fetch_row(result.write, result.write.table.live_columns);
}

Jsonb* show_tuple(const KeyedRow& name, HeapTuple tuple) {
    const Bitmapset* columns = readable_columns(name.table);
    return show_row(name.table, deform_row(name.relation, columns, tuple));
}

}  // namespace

// versioned_upsert(rel regclass, new_row jsonb, expected bigint) → bigint
INTERLOCK_FUNCTION(versioned_upsert) {
    Result result = read_upsert(fcinfo, Report::version);
    raise_unless_done(result);
    table_close(result.write.relation, NoLock);
    return version_result(fcinfo, result.outcome);
}

// try_versioned_upsert(the same) → interlock.write_result
INTERLOCK_FUNCTION(try_versioned_upsert) {
    Result result = read_upsert(fcinfo, Report::row_and_conflicts);
    table_close(result.write.relation, NoLock);
    return result_datum(fcinfo, result.outcome);
}

// versioned_save(new_row anyelement) → anyelement
INTERLOCK_FUNCTION(versioned_save) {
    Relation relation = open_saved_table(fcinfo);
    Result result = save(fcinfo, relation, Report::version);
    raise_unless_done(result);
    HeapTuple stored = stored_row(result);
    if (stored == nullptr) raise_row_missing(report_row(result.write, {}, result.outcome));
    Datum row = heap_copy_tuple_as_datum(stored, RelationGetDescr(relation));
    table_close(relation, NoLock);
    return row;
}

// try_versioned_save(new_row anyelement) → interlock.write_result, with the row as it was stored
INTERLOCK_FUNCTION(try_versioned_save) {
    Relation relation = open_saved_table(fcinfo);
    Result result = save(fcinfo, relation, Report::row_and_conflicts);
    if (is_done(result))
        if (HeapTuple stored = stored_row(result))
            result.outcome.current = show_tuple(result.write, stored);
    table_close(relation, NoLock);
    return result_datum(fcinfo, result.outcome);
}

}  // namespace interlock
