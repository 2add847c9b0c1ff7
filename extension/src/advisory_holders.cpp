// Who holds the lock of one key, or its slots: for those who were told that they cannot have it,
// and for a session that wants to know whether it still has what it took.

#include "errors.hpp"
#include "session_locks.hpp"

#include <algorithm>

namespace interlock {
namespace {

struct NamedTag {
    const char* kind;
    LOCKTAG tag;
};

NamespaceLock read_lock(FunctionCallInfo fcinfo) {
    const LockNamespace& entry = open_lock_namespace(namespace_argument(fcinfo));
    return namespace_lock(entry, read_lock_key(fcinfo, 1, entry), false);
}

std::span<const NamedTag> tags_of_slots(const NamespaceLock& lock, int count) {
    auto* tags = allocate_many<NamedTag>(count);
    auto slot_class = static_cast<LockClass>(lock.lock_namespace.id + 1);
    for (int i = 0; i < count; i++)
        tags[i] = {"slot", advisory_tag(slot_class, slot_bits(lock.key, i + 1))};
    return {tags, static_cast<std::size_t>(count)};
}

std::span<const NamedTag> tags_of_lock(const NamespaceLock& lock) {
    auto* tags = allocate_many<NamedTag>(2);
    std::size_t count = 0;
    tags[count++] = {"lock", lock.tag};
    if (std::optional<LOCKTAG> builtin = builtin_tag(lock)) tags[count++] = {"built-in", *builtin};
    return {tags, count};
}

const NamedTag* find(std::span<const NamedTag> tags, const LOCKTAG& tag) {
    if (tag.locktag_type != LOCKTAG_ADVISORY) return nullptr;
    auto found = std::find_if(tags.begin(), tags.end(),
                              [&](const NamedTag& one) { return is_same(one.tag, tag); });
    return found == tags.end() ? nullptr : &*found;
}

enum Column { kind, mode, scope, holds, pid, column_count };

void put_holder(ReturnSetInfo& set, const NamedTag& named, const LockInstanceData& lock,
                LOCKMODE held_mode) {
    Datum values[column_count] = {};
    bool nulls[column_count] = {false, false, true, true, lock.pid == 0};
    values[kind] = CStringGetTextDatum(named.kind);
    values[mode] = CStringGetTextDatum(held_mode == ShareLock ? "share" : "exclusive");
    values[pid] = Int32GetDatum(lock.pid);
    bool ours = lock.pid == MyProcPid;
    const SessionLock* session = ours ? session_lock(lock.locktag, held_mode) : nullptr;
    // Of the built-in lock that goes with it, only the lock manager keeps count.
    if (const char* known = lock_scope(lock, session);
        known && strcmp(named.kind, "built-in") != 0) {
        values[scope] = CStringGetTextDatum(known);
        nulls[scope] = false;
    }
    if (session) {
        values[holds] = Int64GetDatum(session->holds);
        nulls[holds] = false;
    }
    tuplestore_putvalues(set.setResult, set.setDesc, values, nulls);
}

}  // namespace

// advisory_lock_holders(namespace text, key anycompatible, slots integer) → setof record
INTERLOCK_FUNCTION(advisory_lock_holders) {
    NamespaceLock lock = read_lock(fcinfo);
    std::span<const NamedTag> tags =
        PG_ARGISNULL(2) ? tags_of_lock(lock) : tags_of_slots(lock, read_slot_count(fcinfo, 2));
    InitMaterializedSRF(fcinfo, 0);
    auto& set = *reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const LockData* locks = GetLockStatusData();
    for (int i = 0; i < locks->nelements; i++) {
        CHECK_FOR_INTERRUPTS();
        const LockInstanceData& one = locks->locks[i];
        const NamedTag* named = one.holdMask ? find(tags, one.locktag) : nullptr;
        for (LOCKMODE held : {ShareLock, ExclusiveLock})
            if (named && (one.holdMask & LOCKBIT_ON(held))) put_holder(set, *named, one, held);
    }
    return Datum{0};
}

}  // namespace interlock
