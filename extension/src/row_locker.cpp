#include "row_locker.hpp"

#include "executor.hpp"

namespace interlock {
namespace {

// Without updated columns, ACL_UPDATE is asked for on any column, as SELECT FOR UPDATE does.
RangeTable lock_privileges(Relation relation, const Bitmapset* columns) {
    return make_range_table(relation, RowShareLock, ACL_SELECT | ACL_UPDATE, columns, nullptr);
}

RangeTable& lock_privileges(Relation relation, Table& table) {
    if (table.lock_privileges) return *table.lock_privileges;
    MemoryContext previous = MemoryContextSwitchTo(table.context);
    auto* privileges = allocate<RangeTable>();
    *privileges = lock_privileges(relation, table.live_columns);
    MemoryContextSwitchTo(previous);
    return *(table.lock_privileges = privileges);
}

}  // namespace

void require_lock_privileges(Relation relation, Table& table) {
    require_permissions(lock_privileges(relation, table));
}

void require_key_lock_privileges(Relation relation, const Table& table) {
    require_permissions(lock_privileges(relation, table.key_columns));
}

RowValues values_of(const LockOutcome& outcome) {
    if (outcome.whole == nullptr) return outcome.row;
    slot_getallattrs(outcome.whole);
    return {outcome.row.columns, outcome.whole->tts_values, outcome.whole->tts_isnull};
}

LockOutcome lock_row(const RowLock& lock, SharedScan& shared) {
    LockOutcome outcome;
    bool direct = direct_lock(lock, shared, outcome);
    count_path(direct);
    if (direct) return outcome;
    end_scan(shared);
    return planner_lock(lock);
}

}  // namespace interlock
