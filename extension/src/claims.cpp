// Claiming rows of a work table.

#include "claim_taker.hpp"
#include "claim_walk.hpp"
#include "errors.hpp"
#include "lease_arguments.hpp"
#include "outcome.hpp"

namespace interlock {
namespace {

constexpr int most_rows = 10000;

int read_count(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 2, "n");
    int count = PG_GETARG_INT32(2);
    if (count < 1 || count > most_rows)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"n\" must be from 1 to %d", most_rows)));
    return count;
}

Datum read_queue(FunctionCallInfo fcinfo, const ClaimCall& call) {
    bool has_queues = call.claiming().has(ClaimColumn::queue);
    if (has_queues) require_argument(fcinfo, 4, "queue");
    if (PG_ARGISNULL(4)) return 0;
    if (!has_queues)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("table \"%s\" has no queues", call.table.name),
                        errhint("Leave out \"queue\", or name a queue_column to "
                                "interlock.enable_claims."),
                        errtable(call.relation)));
    return PointerGetDatum(PG_GETARG_TEXT_PP(4));
}

ClaimCall read_call(FunctionCallInfo fcinfo) {
    Datum worker = CStringGetTextDatum(read_name(fcinfo, 1, "worker"));
    int wanted = read_count(fcinfo);
    int64 ttl = read_ttl(fcinfo, 3);
    Oid relid = relation_of_type(get_fn_expr_argtype(fcinfo->flinfo, 0), "row_type");
    Relation relation = open_claim_table(relid, RowExclusiveLock);
    Table& table = table_of(relation);
    require_writable(fcinfo, table);
    ClaimCall call = {relation, table, worker, ttl, 0,       wanted,
                      0,        false, false,  0,   nullptr, nullptr};
    call.now = GetCurrentTimestamp();
    return call;
}

}  // namespace

// claim_rows(row_type anyelement, worker text, n integer, ttl interval, queue text) → setof
// anyelement
INTERLOCK_FUNCTION(claim_rows) {
    ClaimCall call = read_call(fcinfo);
    call.queue = read_queue(fcinfo, call);
    require_claim_privileges(call);
    InitMaterializedSRF(fcinfo, 0);
    auto& set = *reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    call.rows = set.setResult;
    call.desc = set.setDesc;
    claim_ready_rows(call);
    table_close(call.relation, NoLock);
    return 0;
}

}  // namespace interlock
