// Advisory locks in namespaces, for a transaction or a session.

#include "errors.hpp"
#include "session_locks.hpp"
#include "settings.hpp"

#include <algorithm>
#include <new>

namespace interlock {
namespace {

// The arguments that all of them have: namespace text, key anycompatible or its array, shared
// boolean.
bool read_shared(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 2, "shared");
    return PG_GETARG_BOOL(2);
}

NamespaceLock read_lock(FunctionCallInfo fcinfo) {
    const LockNamespace& entry = open_lock_namespace(namespace_argument(fcinfo));
    return namespace_lock(entry, read_lock_key(fcinfo, 1, entry), read_shared(fcinfo));
}

std::span<LockKey> in_tag_order(std::span<LockKey> keys) {
    auto less = [](const LockKey& left, const LockKey& right) { return left.bits < right.bits; };
    auto same = [](const LockKey& left, const LockKey& right) { return left.bits == right.bits; };
    std::sort(keys.begin(), keys.end(), less);
    return keys.first(std::unique(keys.begin(), keys.end(), same) - keys.begin());
}

// In the order of their tags, whatever the caller's: so two of them cannot wait for each other.
std::span<const NamespaceLock> read_locks(FunctionCallInfo fcinfo) {
    const LockNamespace& entry = open_lock_namespace(namespace_argument(fcinfo));
    std::span<LockKey> keys = in_tag_order(read_lock_keys(fcinfo, 1, entry));
    bool shared = read_shared(fcinfo);
    auto* locks = static_cast<NamespaceLock*>(MemoryContextAllocExtended(
        CurrentMemoryContext, sizeof(NamespaceLock) * keys.size(), MCXT_ALLOC_HUGE));
    for (std::size_t i = 0; i < keys.size(); i++)
        new (&locks[i]) NamespaceLock(namespace_lock(entry, keys[i], shared));
    return {locks, keys.size()};
}

// The namespace of a lock to be given back: also for a role that may no longer take it.
NamespaceLock read_lock_to_release(FunctionCallInfo fcinfo) {
    const LockNamespace& entry = find_lock_namespace(namespace_argument(fcinfo));
    return namespace_lock(entry, read_lock_key(fcinfo, 1, entry), read_shared(fcinfo));
}

// 0A000: behind a pooler that hands connections from one transaction to the next, the lock would
// outlive its client, and another one's session would be asked to unlock it.
void require_session_locks() {
    if (session_locks_enabled()) return;
    ereport(
        ERROR,
        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("session locks are off in this database"),
         errhint("Use interlock.advisory_xact_lock, or a lease for what lasts longer than "
                 "a transaction. See interlock.session_locks.")));
}

std::span<const NamespaceLock> only(const NamespaceLock& lock) {
    return {&lock, 1};
}

}  // namespace

// advisory_xact_lock(namespace text, key anycompatible, shared boolean, wait interval) → void
INTERLOCK_FUNCTION(advisory_xact_lock) {
    NamespaceLock lock = read_lock(fcinfo);
    obtain(only(lock), read_wait(fcinfo, 3));
    PG_RETURN_VOID();
}

// try_advisory_xact_lock(the same) → boolean
INTERLOCK_FUNCTION(try_advisory_xact_lock) {
    NamespaceLock lock = read_lock(fcinfo);
    PG_RETURN_BOOL(try_to_obtain(only(lock), read_wait(fcinfo, 3)));
}

// advisory_xact_lock_many(namespace text, keys anycompatiblearray, shared boolean, wait interval) →
// void
INTERLOCK_FUNCTION(advisory_xact_lock_many) {
    Wait wait = read_wait(fcinfo, 3);
    obtain(read_locks(fcinfo), wait);
    PG_RETURN_VOID();
}

// try_advisory_xact_lock_many(the same) → boolean
INTERLOCK_FUNCTION(try_advisory_xact_lock_many) {
    Wait wait = read_wait(fcinfo, 3);
    PG_RETURN_BOOL(try_to_obtain(read_locks(fcinfo), wait));
}

// advisory_session_lock(as advisory_xact_lock) → void
INTERLOCK_FUNCTION(advisory_session_lock) {
    require_session_locks();
    NamespaceLock lock = read_lock(fcinfo);
    forget_if_dropped(lock);
    obtain(only(lock), read_wait(fcinfo, 3));
    hold_for_session(lock);
    PG_RETURN_VOID();
}

// try_advisory_session_lock(the same) → boolean
INTERLOCK_FUNCTION(try_advisory_session_lock) {
    require_session_locks();
    NamespaceLock lock = read_lock(fcinfo);
    forget_if_dropped(lock);
    bool obtained = try_to_obtain(only(lock), read_wait(fcinfo, 3));
    if (obtained) hold_for_session(lock);
    PG_RETURN_BOOL(obtained);
}

// advisory_session_unlock(namespace text, key anycompatible, shared boolean) → boolean
INTERLOCK_FUNCTION(advisory_session_unlock) {
    NamespaceLock lock = read_lock_to_release(fcinfo);
    bool released = release_from_session(lock.tag, lock.mode);
    if (!released)
        ereport(WARNING, (errcode(ERRCODE_WARNING),
                          errmsg("this session does not hold lock %s of namespace \"%s\" %s",
                                 show_lock_key(lock.key), lock.lock_namespace.name,
                                 lock.mode == ShareLock ? "shared" : "exclusively")));
    PG_RETURN_BOOL(released);
}

// advisory_session_unlock_all(namespace text) → bigint
INTERLOCK_FUNCTION(advisory_session_unlock_all) {
    int id = find_lock_namespace(namespace_argument(fcinfo)).id;
    PG_RETURN_INT64(release_all_from_session(id));
}

}  // namespace interlock
