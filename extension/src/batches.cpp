// Many rows by version in one call: in the order of their keys, all or nothing.

#include "outcome.hpp"

namespace interlock {
namespace {

// One row of the batch: what it says of itself, and what became of it.
struct Item {
    KeyValues key;
    int64 expected;
    Jsonb* row;
    WriteOutcome outcome;
};

struct Batch {
    Relation relation;
    Table& table;
    int count;
    Item* items;
    bool failed;  // one of them at least
};

[[noreturn]] void raise_bad_item(const Batch& batch, int number, const char* problem) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("row %d of \"changes\" %s", number, problem),
                    errhint("Each row is a JSON object of its key, its version as it was read, and "
                            "the changed columns."),
                    errtable(batch.relation)));
    pg_unreachable();
}

Item read_item(const Batch& batch, Jsonb* row, int number) {
    if (!is_object(row)) raise_bad_item(batch, number, "is not a JSON object");
    std::optional<int64> version = read_row_version(batch.relation, batch.table, row);
    if (!version) raise_bad_item(batch, number, "has no version");
    return {read_row_key(batch.relation, batch.table, row), *version, row, {}};
}

void read_items(Batch& batch, Jsonb* json) {
    if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"changes\" must be a JSON array of objects")));
    batch.items = allocate_many<Item>(JB_ROOT_COUNT(json));
    JsonbIterator* iterator = JsonbIteratorInit(&json->root);
    JsonbValue value;
    JsonbIteratorNext(&iterator, &value, true);  // WJB_BEGIN_ARRAY
    while (JsonbIteratorNext(&iterator, &value, true) == WJB_ELEM) {
        CHECK_FOR_INTERRUPTS();
        Item item = read_item(batch, JsonbValueToJsonb(&value), batch.count + 1);
        batch.items[batch.count++] = item;
    }
}

int compare_items(const void* left, const void* right, void* table) {
    return compare_keys(*static_cast<Table*>(table), static_cast<const Item*>(left)->key,
                        static_cast<const Item*>(right)->key);
}

void sort_items(Batch& batch) {
    qsort_arg(batch.items, batch.count, sizeof(Item), compare_items, &batch.table);
    for (int i = 1; i < batch.count; i++)
        if (compare_items(&batch.items[i - 1], &batch.items[i], &batch.table) == 0)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("\"changes\" has more than one row %s",
                                   key_text(batch.table, batch.items[i].key)),
                            errtable(batch.relation)));
}

bool is_done(const WriteOutcome& outcome) {
    return outcome.status == WriteStatus::written || outcome.status == WriteStatus::unchanged;
}

Jsonb* copy_into(MemoryContext memory, Jsonb* json) {
    if (json == nullptr) return nullptr;
    auto* copy = static_cast<Jsonb*>(MemoryContextAlloc(memory, VARSIZE(json)));
    memcpy(copy, json, VARSIZE(json));
    return copy;
}

// What a row takes to be written is forgotten with it.
void write_item(Batch& batch, Item& item, Report report, WriteSequence* sequence,
                MemoryContext scratch) {
    MemoryContext memory = MemoryContextSwitchTo(scratch);
    Write write = {{batch.relation, batch.table, item.key},
                   Operation::update,
                   item.expected,
                   nullptr,
                   read_row_changes(batch.relation, batch.table, item.row, "changes"),
                   nullptr,
                   report};
    WriteOutcome outcome = write_row(write, sequence);
    outcome.current = copy_into(memory, outcome.current);
    outcome.conflicts = copy_into(memory, outcome.conflicts);
    MemoryContextSwitchTo(memory);
    MemoryContextReset(scratch);
    item.outcome = outcome;
    batch.failed |= !is_done(outcome);
}

void write_items(Batch& batch, Report report) {
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "interlock batch", ALLOCSET_DEFAULT_SIZES);
    WriteSequence* sequence = begin_writes();
    for (int i = 0; i < batch.count; i++) {
        CHECK_FOR_INTERRUPTS();
        write_item(batch, batch.items[i], report, sequence, scratch);
    }
    end_writes(sequence);
    MemoryContextDelete(scratch);
}

// After one row failed, the others were not written either.
void hold_back(Batch& batch) {
    for (int i = 0; i < batch.count; i++)
        if (is_done(batch.items[i].outcome))
            batch.items[i].outcome = {WriteStatus::held_back, batch.items[i].expected, nullptr,
                                      nullptr};
}

// An error ends the subtransaction with everything else.
void write_all_or_nothing(Batch& batch) {
    MemoryContext memory = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    write_items(batch, Report::row_and_conflicts);
    if (batch.failed)
        RollbackAndReleaseCurrentSubTransaction();
    else
        ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = owner;
    if (batch.failed) hold_back(batch);
}

void add_report(List** list, const Batch& batch, const Item& item) {
    auto* report = allocate_many<RowReport>(1);
    *report = {
        batch.relation,       nullptr, json_text(key_object(batch.table, item.key)), item.expected,
        item.outcome.version, NIL};
    *list = lappend(*list, report);
}

void raise_failures(const Batch& batch) {
    BatchReport report = {batch.relation, batch.count, NIL, NIL, NIL};
    for (int i = 0; i < batch.count; i++) {
        const Item& item = batch.items[i];
        if (item.outcome.status == WriteStatus::stale)
            add_report(&report.stale, batch, item);
        else if (item.outcome.status == WriteStatus::missing)
            add_report(&report.missing, batch, item);
        else if (item.outcome.status == WriteStatus::rejected)
            add_report(&report.rejected, batch, item);
    }
    raise_batch_failed(report);
}

Batch read_batch(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "rel");
    require_argument(fcinfo, 1, "changes");
    Relation relation = open_versioned_table(PG_GETARG_OID(0), RowExclusiveLock);
    Batch batch = {relation, table_of(relation), 0, nullptr, false};
    require_primary_key(relation);
    require_writable(fcinfo, batch.table);
    require_counter(relation, batch.table);
    read_items(batch, PG_GETARG_JSONB_P(1));
    sort_items(batch);
    return batch;
}

ReturnSetInfo& begin_set(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
    return *reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
}

void put_version(ReturnSetInfo& set, const Batch& batch, const Item& item) {
    Datum values[2] = {JsonbPGetDatum(key_object(batch.table, item.key)),
                       Int64GetDatum(item.outcome.version.value_or(0))};
    bool nulls[2] = {false, !item.outcome.version};
    tuplestore_putvalues(set.setResult, set.setDesc, values, nulls);
}

void put_outcome(ReturnSetInfo& set, const Batch& batch, const Item& item) {
    const WriteOutcome& outcome = item.outcome;
    Datum values[5] = {JsonbPGetDatum(key_object(batch.table, item.key)),
                       status_datum(attribute(set.setDesc, 2)->atttypid, outcome.status),
                       Int64GetDatum(outcome.version.value_or(0)), JsonbPGetDatum(outcome.current),
                       JsonbPGetDatum(outcome.conflicts)};
    bool nulls[5] = {false, false, !outcome.version, outcome.current == nullptr,
                     outcome.conflicts == nullptr};
    tuplestore_putvalues(set.setResult, set.setDesc, values, nulls);
}

}  // namespace

// versioned_update_many(rel regclass, changes jsonb) → setof (key jsonb, version bigint)
INTERLOCK_FUNCTION(versioned_update_many) {
    Batch batch = read_batch(fcinfo);
    write_items(batch, Report::version);
    if (batch.failed) raise_failures(batch);
    ReturnSetInfo& set = begin_set(fcinfo);
    for (int i = 0; i < batch.count; i++)
        put_version(set, batch, batch.items[i]);
    table_close(batch.relation, NoLock);
    return 0;
}

// try_versioned_update_many(rel regclass, changes jsonb, partial boolean) → setof (key jsonb,
// status interlock.write_status, version bigint, current jsonb, conflicts jsonb)
INTERLOCK_FUNCTION(try_versioned_update_many) {
    require_argument(fcinfo, 2, "partial");
    Batch batch = read_batch(fcinfo);
    if (PG_GETARG_BOOL(2))
        write_items(batch, Report::row_and_conflicts);
    else
        write_all_or_nothing(batch);
    ReturnSetInfo& set = begin_set(fcinfo);
    for (int i = 0; i < batch.count; i++)
        put_outcome(set, batch, batch.items[i]);
    table_close(batch.relation, NoLock);
    return 0;
}

}  // namespace interlock
