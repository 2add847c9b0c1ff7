#include "row_locker.hpp"

#include "executor.hpp"

namespace interlock {
namespace {

Bitmapset* selected_columns(const Table& table) {
    Bitmapset* columns = nullptr;
    for (int attno = -1; (attno = bms_next_member(table.live_columns, attno)) >= 0;)
        columns = bms_add_member(columns, attno - FirstLowInvalidHeapAttributeNumber);
    return columns;
}

// Without updated columns, ACL_UPDATE is asked for on any column, as SELECT FOR UPDATE does.
RangeTable& lock_privileges(Relation relation, Table& table) {
    if (table.lock_privileges) return *table.lock_privileges;
    MemoryContext previous = MemoryContextSwitchTo(table.context);
    auto* privileges = allocate<RangeTable>();
    *privileges = make_range_table(relation, RowShareLock, ACL_SELECT | ACL_UPDATE,
                                   selected_columns(table), nullptr);
    MemoryContextSwitchTo(previous);
    return *(table.lock_privileges = privileges);
}

}  // namespace

void require_lock_privileges(Relation relation, Table& table) {
    require_permissions(lock_privileges(relation, table));
}

LockOutcome lock_row(const RowLock& lock, SharedScan&) {
    count_path(false);
    return planner_lock(lock);
}

void end_scan(SharedScan&) {}

}  // namespace interlock
