#include "writer.hpp"

namespace interlock {
namespace {

// How many writes of this session took which path.
int64 direct_writes;
int64 planner_writes;

}  // namespace

WriteOutcome update_row(const Update& update) {
    if (std::optional<WriteOutcome> outcome = direct_update(update)) {
        direct_writes++;
        return *outcome;
    }
    planner_writes++;
    return planner_update(update);
}

bool may_compare(const Update& update) {
    const ColumnSet& set = *update.changes.columns;
    if (pg_class_aclcheck(update.table.relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK) return true;
    for (int i = 0; i < set.count; i++)
        if (!may_select(update.table.relid, set.attnos[i])) return false;
    return true;
}

// write_paths(OUT direct bigint, OUT planner bigint): this session's writes
INTERLOCK_FUNCTION(write_paths) {
    TupleDesc desc;
    get_call_result_type(fcinfo, nullptr, &desc);
    Datum values[2] = {Int64GetDatum(direct_writes), Int64GetDatum(planner_writes)};
    bool nulls[2] = {};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

}  // namespace interlock
