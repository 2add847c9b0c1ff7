#include "writer.hpp"

namespace interlock {
namespace {

// How many writes of this session took which path.
int64 direct_writes;
int64 planner_writes;

}  // namespace

WriteOutcome write_row(const Write& write, WriteSequence* sequence) {
    if (std::optional<WriteOutcome> outcome = direct_write(write, sequence)) {
        direct_writes++;
        return *outcome;
    }
    if (sequence) close_sequence(*sequence);
    planner_writes++;
    return planner_write(write);
}

bool may_compare(const Write& write) {
    const ColumnSet& set = *write.changes.columns;
    if (pg_class_aclcheck(write.table.relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK) return true;
    for (int i = 0; i < set.count; i++)
        if (!may_select(write.table.relid, set.attnos[i])) return false;
    return true;
}

AttrNumber touched_column(Table& table) {
    AttrNumber version = table.versioning.column;
    if (may_update(table.relid, version)) return version;
    for (int i = 0; i < table.column_count; i++) {
        const Column& column = table.columns[i];
        if (!column.dropped && !column.always && may_update(table.relid, column.attno))
            return column.attno;
    }
    return version;
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
