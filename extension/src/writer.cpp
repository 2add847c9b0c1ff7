#include "writer.hpp"

namespace interlock {
namespace {

// How many writes and row locks of this session took which path.
int64 direct_writes;
int64 planner_writes;

}  // namespace

WriteOutcome write_row(const Write& write, Sharing* sharing) {
    if (std::optional<WriteOutcome> outcome = direct_write(write, sharing)) {
        count_path(true);
        return *outcome;
    }
    count_path(false);
    return planner_write(write);
}

void count_path(bool direct) {
    (direct ? direct_writes : planner_writes)++;
}

bool may_compare(const Write& write) {
    const ColumnSet& set = *write.changes.columns;
    if (pg_class_aclcheck(write.table.relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK) return true;
    for (int i = 0; i < set.count; i++)
        if (!may_select(write.table.relid, set.attnos[i])) return false;
    return true;
}

AttrNumber touched_column(Table& table) {
    AttrNumber version = table.versioning.column, writable = 0;
    if (may_update(table.relid, version)) return version;
    for (int i = 0; i < table.column_count; i++) {
        const Column& column = table.columns[i];
        if (column.dropped || column.always || !may_update(table.relid, column.attno)) continue;
        if (may_select(table.relid, column.attno)) return column.attno;
        if (writable == 0) writable = column.attno;
    }
    return writable ? writable : version;
}

// write_paths(OUT direct bigint, OUT planner bigint): this session's writes and row locks
INTERLOCK_FUNCTION(write_paths) {
    TupleDesc desc;
    get_call_result_type(fcinfo, nullptr, &desc);
    Datum values[2] = {Int64GetDatum(direct_writes), Int64GetDatum(planner_writes)};
    bool nulls[2] = {};
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

}  // namespace interlock
