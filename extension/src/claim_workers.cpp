// The claims of a worker that is known to be dead, given back at once.

#include "claim_channel.hpp"
#include "claim_ending.hpp"
#include "claim_marks.hpp"
#include "lease_arguments.hpp"
#include "statement.hpp"

namespace interlock {
namespace {

// The rows are locked first, and those that somebody else has locked are left out. A row that was
// at its last attempt is dead, as if its claim had expired.
char* release_statement(Relation relation, Table& table) {
    const char* by = quoted_name(table, ClaimColumn::claimed_by);
    const char* dead = quoted_name(table, ClaimColumn::dead_at);
    const char* error = quoted_name(table, ClaimColumn::last_error);
    const char* exhausted =
        psprintf("t.%s OPERATOR(pg_catalog.>=) %d", quoted_name(table, ClaimColumn::attempts),
                 table.claiming.max_attempts);
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "WITH mine AS MATERIALIZED (SELECT ");
    append_columns(&sql, table, table.key_columns);
    appendStringInfoString(&sql, " FROM ");
    append_table(&sql, relation);
    appendStringInfo(&sql,
                     " WHERE t.%s OPERATOR(pg_catalog.=) $1 AND t.%s IS NULL AND t.%s IS NULL "
                     "FOR NO KEY UPDATE OF t SKIP LOCKED) UPDATE ",
                     by, quoted_name(table, ClaimColumn::finished_at), dead);
    append_table(&sql, relation);
    appendStringInfo(&sql,
                     " SET %s = NULL, %s = NULL, "
                     "%s = CASE WHEN %s THEN pg_catalog.clock_timestamp() END, "
                     "%s = CASE WHEN %s THEN COALESCE(t.%s, 'worker lost') ELSE t.%s END "
                     "FROM mine WHERE ",
                     by, quoted_name(table, ClaimColumn::claimed_until), dead, exhausted, error,
                     exhausted, error, error);
    append_key_join(&sql, table, table.key, "mine");
    return sql.data;
}

int64 release_all(Relation relation, Table& table, Datum worker) {
    Oid types[1] = {TEXTOID};
    Datum values[1] = {worker};
    SPI_connect();
    int result = SPI_execute_with_args(release_statement(relation, table), 1, types, values,
                                       nullptr, false, 0);
    if (result < 0) elog(ERROR, "could not execute: %s", SPI_result_code_string(result));
    auto released = static_cast<int64>(SPI_processed);
    SPI_finish();
    return released;
}

}  // namespace

// release_worker(rel regclass, worker text) → bigint: how many claims it had
INTERLOCK_FUNCTION(release_worker) {
    Datum worker = CStringGetTextDatum(read_name(fcinfo, 1, "worker"));
    Relation relation = open_to_end(fcinfo);
    Table& table = table_of(relation);
    int64 released = release_all(relation, table, worker);
    if (released > 0) forget_claim_marks(table.relid);
    if (released > 0 && table.claiming.notifies) notify_claims(relation);
    table_close(relation, NoLock);
    PG_RETURN_INT64(released);
}

}  // namespace interlock
