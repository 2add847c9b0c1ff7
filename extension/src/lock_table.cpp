#include "lock_table.hpp"

#include "lock_tag.hpp"

namespace interlock {
namespace {

int by_pid(const ListCell* left, const ListCell* right) {
    return lfirst_int(left) - lfirst_int(right);
}

bool is_same(const LOCKTAG& left, const LOCKTAG& right) {
    return memcmp(&left, &right, sizeof left) == 0;
}

bool is_in_conflict(const LockInstanceData& lock, const WantedLock& wanted) {
    LOCKMASK conflicts = GetLockTagsMethodTable(&wanted.tag)->conflictTab[wanted.mode];
    return (lock.holdMask & conflicts) && is_same(lock.locktag, wanted.tag);
}

bool is_in_conflict(const LockInstanceData& lock, std::span<const WantedLock> wanted) {
    for (const WantedLock& one : wanted)
        if (is_in_conflict(lock, one)) return true;
    return false;
}

template <typename Wanted>
List* pids_where(Wanted wanted) {
    const LockData* locks = GetLockStatusData();
    List* pids = NIL;
    for (int i = 0; i < locks->nelements; i++)
        if (wanted(locks->locks[i])) pids = list_append_unique_int(pids, locks->locks[i].pid);
    list_sort(pids, by_pid);
    return pids;
}

}  // namespace

List* conflicting_holders(const LOCKTAG& tag, LOCKMODE mode) {
    WantedLock wanted = {tag, mode};
    return conflicting_holders({&wanted, 1});
}

List* conflicting_holders(std::span<const WantedLock> wanted) {
    return pids_where([&](const LockInstanceData& lock) {
        return lock.pid != MyProcPid && is_in_conflict(lock, wanted);
    });
}

List* namespace_users(int id) {
    return pids_where([&](const LockInstanceData& lock) {
        return is_namespace_tag(lock.locktag) &&
               namespace_of_class(lock.locktag.locktag_field4) == id;
    });
}

void append_pids(StringInfo json, List* pids) {
    appendStringInfoChar(json, '[');
    ListCell* cell;
    foreach (cell, pids)
        appendStringInfo(json, "%s%d", foreach_current_index(cell) > 0 ? ", " : "",
                         lfirst_int(cell));
    appendStringInfoChar(json, ']');
}

}  // namespace interlock
