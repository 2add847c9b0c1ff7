// Seeing work tables: how many rows are ready, running, waiting and dead, in bounded time, and
// exactly where that is asked for.

#include "claim_settings.hpp"
#include "errors.hpp"
#include "statement.hpp"

extern "C" {
#include <catalog/pg_statistic.h>
#include <storage/bufmgr.h>
}

namespace interlock {
namespace {

constexpr int most_counted = 10000;       // rows of a table or queue
constexpr int most_queues = 20;           // that are told apart
constexpr BlockNumber most_pages = 1000;  // of a table that is read as a whole

// The columns of claim_table_status(), after which its counts are in the statements' order, too.
enum StatusColumn : int {
    queue,
    ready,
    delayed,
    running,
    expired,
    oldest_ready_age,
    exact,
    dead,
    on_finish,
    max_attempts,
    notifies,
    problem,
    status_columns
};

struct StatusRow {
    Datum values[status_columns];
    bool nulls[status_columns];

    void set(StatusColumn column, Datum value, bool is_null = false) {
        values[column] = value;
        nulls[column] = is_null;
    }
};

bool may_read(Table& table) {
    if (!may_use_schema(get_rel_namespace(table.relid), GetUserId())) return false;
    for (int role = 0; role < claim_column_count; role++) {
        AttrNumber attno = table.claiming.columns[role];
        if (attno != 0 && !may_select(table.relid, attno)) return false;
    }
    for (int i = 0; i < table.key.count; i++)
        if (!may_select(table.relid, table.key.columns[i].attno)) return false;
    return true;
}

// What keeps every session but another, or this server, from reading the table; null: nothing.
const char* why_unreadable(Relation relation) {
    if (RELATION_IS_OTHER_TEMP(relation)) return "is another session's";
    if (RecoveryInProgress() && !RelationIsPermanent(relation)) return "is not on this standby";
    return nullptr;
}

bool may_count(Relation relation, Table& table) {
    return !why_unreadable(relation) && !claim_problem(table) && may_read(table);
}

// The state of each row at the time $1, and when it runs.
void append_states(StringInfo sql, Relation relation, Table& table) {
    const char* run_at = quoted_name(table, ClaimColumn::run_at);
    const char* until = quoted_name(table, ClaimColumn::claimed_until);
    appendStringInfo(sql,
                     "SELECT t.%s AS run_at, CASE WHEN t.%s IS NOT NULL THEN 'dead' "
                     "WHEN t.%s IS NOT NULL THEN 'finished' WHEN t.%s IS NOT NULL THEN "
                     "CASE WHEN t.%s OPERATOR(pg_catalog.>) $1 THEN 'running' ELSE 'expired' END "
                     "WHEN t.%s OPERATOR(pg_catalog.>) $1 OR t.%s OPERATOR(pg_catalog.>) $1 "
                     "THEN 'delayed' ELSE 'ready' END AS state FROM ",
                     run_at, quoted_name(table, ClaimColumn::dead_at),
                     quoted_name(table, ClaimColumn::finished_at),
                     quoted_name(table, ClaimColumn::claimed_by), until, run_at, until);
    append_table(sql, relation);
}

const char* count_of(const char* state) {
    return psprintf("pg_catalog.count(*) FILTER (WHERE state OPERATOR(pg_catalog.=) '%s')", state);
}

// Counts the states that append_states() tells.
void append_counts(StringInfo sql, std::initializer_list<const char*> states) {
    appendStringInfoString(sql, "SELECT ");
    for (const char* state : states)
        appendStringInfo(sql, "%s, ", count_of(state));
}

// In the order of the claim index, so that it is walked, and no further than needed.
char* bounded_counts(Relation relation, Table& table, bool of_queue) {
    const Claiming& claiming = table.claiming;
    ClaimIndexColumns columns = claim_index_columns(claiming, table.key, false);
    StringInfoData sql;
    initStringInfo(&sql);
    append_counts(&sql, {"ready", "delayed", "running", "expired"});
    appendStringInfoString(
        &sql,
        "$1 OPERATOR(pg_catalog.-) pg_catalog.min(run_at) FILTER (WHERE (state "
        "OPERATOR(pg_catalog.=) 'ready' OR state OPERATOR(pg_catalog.=) 'expired') AND "
        "pg_catalog.isfinite(run_at)), "
        "pg_catalog.count(*) FROM (");
    append_states(&sql, relation, table);
    appendStringInfo(&sql, " WHERE t.%s IS NULL AND t.%s IS NULL",
                     quoted_name(table, ClaimColumn::dead_at),
                     quoted_name(table, ClaimColumn::finished_at));
    if (of_queue)
        appendStringInfo(&sql, " AND t.%s::pg_catalog.text OPERATOR(pg_catalog.=) $2",
                         quoted_name(table, ClaimColumn::queue));
    for (int i = 0; i < columns.count; i++) {
        appendStringInfoString(&sql, i == 0 ? " ORDER BY " : ", ");
        append_column(&sql, table.column(columns.attnos[i]));
    }
    appendStringInfo(&sql, " LIMIT %d) AS unfinished", most_counted + 1);
    return sql.data;
}

// The first queue after $2, or, where that is NULL, of all.
char* next_queue_statement(Relation relation, Table& table) {
    const char* name = quoted_name(table, ClaimColumn::queue);
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfo(&sql, "SELECT t.%s::pg_catalog.text FROM ", name);
    append_table(&sql, relation);
    appendStringInfo(&sql,
                     " WHERE t.%s IS NULL AND t.%s IS NULL AND ($2 IS NULL OR "
                     "t.%s::pg_catalog.text OPERATOR(pg_catalog.>) $2) ORDER BY t.%s LIMIT 1",
                     quoted_name(table, ClaimColumn::dead_at),
                     quoted_name(table, ClaimColumn::finished_at), name, name);
    return sql.data;
}

void turn_off(const char* setting) {
    set_config_option(setting, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// Reads with the parameters $1, the time, and $2, a queue or none.
void read(const char* sql, TimestampTz now, Datum queue_name) {
    Oid types[2] = {TIMESTAMPTZOID, TEXTOID};
    Datum values[2] = {TimestampTzGetDatum(now), queue_name};
    const char* nulls = queue_name == 0 ? " n" : "  ";
    int result = SPI_execute_with_args(sql, 2, types, values, nulls, true, 0);
    if (result < 0) elog(ERROR, "could not execute: %s", SPI_result_code_string(result));
}

// The same by the claim index, whatever the planner thinks of a table that it has no statistics of.
void read_by_index(const char* sql, TimestampTz now, Datum queue_name) {
    int nest_level = NewGUCNestLevel();
    for (const char* setting : {"enable_seqscan", "enable_sort", "enable_bitmapscan", "jit"})
        turn_off(setting);
    read(sql, now, queue_name);
    AtEOXact_GUC(true, nest_level);
}

Datum fetched(int column, bool* is_null) {
    return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, is_null);
}

// The queues that have unfinished rows; more than most_queues where they are too many.
List* read_queues(Relation relation, Table& table, TimestampTz now) {
    List* queues = NIL;
    const char* sql = next_queue_statement(relation, table);
    Datum last = 0;
    while (list_length(queues) <= most_queues) {
        CHECK_FOR_INTERRUPTS();
        read_by_index(sql, now, last);
        if (SPI_processed == 0) break;
        bool is_null;
        last = PointerGetDatum(PG_DETOAST_DATUM_COPY(fetched(1, &is_null)));
        queues = lappend(queues, DatumGetPointer(last));
    }
    return queues;
}

struct Seen {
    Relation relation;
    Table& table;
    TimestampTz now;
    ReturnSetInfo& set;
    StatusRow row;
};

// Rows beyond those that were counted are told from the index's statistics as ready, which nearly
// all of them are.
int64 uncounted(const Seen& seen) {
    Relation index = index_open(seen.table.claiming.index, AccessShareLock);
    double entries = index->rd_rel->reltuples;
    index_close(index, AccessShareLock);
    return entries > most_counted ? static_cast<int64>(entries) - most_counted : 0;
}

void count_unfinished(Seen& seen, Datum queue_name) {
    bool of_queue = queue_name != 0;
    read_by_index(bounded_counts(seen.relation, seen.table, of_queue), seen.now, queue_name);
    for (int column = ready; column <= oldest_ready_age; column++)
        seen.row.values[column] = fetched(column, &seen.row.nulls[column]);
    bool is_null;
    bool complete = DatumGetInt64(fetched(oldest_ready_age + 1, &is_null)) <= most_counted;
    seen.row.set(exact, BoolGetDatum(complete));
    if (!complete && !of_queue)
        seen.row.values[ready] =
            Int64GetDatum(DatumGetInt64(seen.row.values[ready]) + uncounted(seen));
}

// What share of the rows has no value there; nothing before the first ANALYZE.
std::optional<double> null_share(Oid relid, AttrNumber attno) {
    HeapTuple tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid), Int16GetDatum(attno),
                                      BoolGetDatum(false));
    if (!HeapTupleIsValid(tuple)) return {};
    double share = reinterpret_cast<Form_pg_statistic>(GETSTRUCT(tuple))->stanullfrac;
    ReleaseSysCache(tuple);
    return share;
}

void estimate_dead(Seen& seen) {
    std::optional<double> share =
        null_share(seen.table.relid, seen.table.claiming.column(ClaimColumn::dead_at));
    double rows = seen.relation->rd_rel->reltuples;
    bool known = share && rows >= 0;
    seen.row.set(dead, Int64GetDatum(known ? static_cast<int64>((1 - *share) * rows) : 0), !known);
}

char* dead_statement(const Seen& seen, bool of_queue) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "SELECT pg_catalog.count(*) FROM ");
    append_table(&sql, seen.relation);
    appendStringInfo(&sql, " WHERE t.%s IS NOT NULL",
                     quoted_name(seen.table, ClaimColumn::dead_at));
    if (of_queue)
        appendStringInfo(&sql, " AND t.%s::pg_catalog.text OPERATOR(pg_catalog.=) $2",
                         quoted_name(seen.table, ClaimColumn::queue));
    return sql.data;
}

// Dead rows are in no index: a small table is read, of a large one the statistics are.
void count_dead(Seen& seen, Datum queue_name) {
    if (RelationGetNumberOfBlocks(seen.relation) > most_pages) {
        if (queue_name != 0) return seen.row.set(dead, 0, true);
        return estimate_dead(seen);
    }
    read(dead_statement(seen, queue_name != 0), seen.now, queue_name);
    bool is_null;
    Datum count = fetched(1, &is_null);
    seen.row.set(dead, count);
}

void put_settings(StatusRow& row, const Claiming& claiming) {
    row.set(on_finish, CStringGetTextDatum(claiming.keeps ? "keep" : "delete"));
    row.set(max_attempts, Int32GetDatum(claiming.max_attempts));
    row.set(notifies, BoolGetDatum(claiming.notifies));
}

void put_problem(StatusRow& row, Relation relation, const Table& table) {
    const char* found = why_unreadable(relation);
    if (!found) found = claim_problem(table);
    if (!found) return;
    row.set(problem, CStringGetTextDatum(psprintf("table \"%s\" %s", table.name, found)));
}

void put(Seen& seen, Datum queue_name) {
    seen.row.set(queue, queue_name, queue_name == 0);
    if (may_count(seen.relation, seen.table)) {
        count_unfinished(seen, queue_name);
        count_dead(seen, queue_name);
    }
    tuplestore_putvalues(seen.set.setResult, seen.set.setDesc, seen.row.values, seen.row.nulls);
}

void put_all(Seen& seen) {
    List* queues = NIL;
    const Claiming& claiming = seen.table.claiming;
    if (claiming.has(ClaimColumn::queue) && may_count(seen.relation, seen.table))
        queues = read_queues(seen.relation, seen.table, seen.now);
    if (queues == NIL || list_length(queues) > most_queues) return put(seen, 0);
    ListCell* cell;
    foreach (cell, queues)
        put(seen, PointerGetDatum(lfirst(cell)));
}

void show(Relation relation, Table& table, ReturnSetInfo& set) {
    Seen seen = {relation, table, GetCurrentTimestamp(), set, {}};
    memset(seen.row.nulls, true, sizeof seen.row.nulls);
    put_settings(seen.row, table.claiming);
    put_problem(seen.row, relation, table);
    SPI_connect();
    put_all(seen);
    SPI_finish();
}

char* exact_counts(Relation relation, Table& table) {
    StringInfoData sql;
    initStringInfo(&sql);
    append_counts(&sql, {"ready", "delayed", "running", "expired", "dead"});
    appendStringInfo(&sql, "%s FROM (", count_of("finished"));
    append_states(&sql, relation, table);
    appendStringInfoString(&sql, ") AS rows");
    return sql.data;
}

}  // namespace

// claim_table_status(rel regclass) → setof record, the rows of claim_status for one table. A table
// that is gone since it was listed has none.
INTERLOCK_FUNCTION(claim_table_status) {
    require_argument(fcinfo, 0, "rel");
    InitMaterializedSRF(fcinfo, 0);
    auto& set = *reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    Relation relation = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
    if (relation == nullptr) return 0;
    Table& table = table_of(relation);
    if (table.claiming.enabled) show(relation, table, set);
    relation_close(relation, NoLock);
    return 0;
}

// claim_counts(rel regclass) → (ready, delayed, running, expired, dead, finished bigint)
INTERLOCK_FUNCTION(claim_counts) {
    require_argument(fcinfo, 0, "rel");
    TupleDesc desc;
    get_call_result_type(fcinfo, nullptr, &desc);
    desc = BlessTupleDesc(desc);
    Relation relation = open_claim_table(PG_GETARG_OID(0), AccessShareLock, false);
    Datum values[6];
    bool nulls[6];
    SPI_connect();
    read(exact_counts(relation, table_of(relation)), GetCurrentTimestamp(), 0);
    for (int i = 0; i < 6; i++)
        values[i] = fetched(i + 1, &nulls[i]);
    SPI_finish();
    table_close(relation, NoLock);
    return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

}  // namespace interlock
