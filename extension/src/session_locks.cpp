#include "session_locks.hpp"

#include "namespace_usage.hpp"

namespace interlock {
namespace {

constexpr bool for_session = true;

HTAB* session_locks;

void create_session_locks() {
    HASHCTL settings = {};
    settings.keysize = sizeof(SessionLockTag);
    settings.entrysize = sizeof(SessionLock);
    session_locks = hash_create("interlock session locks", 32, &settings, HASH_ELEM | HASH_BLOBS);
}

SessionLock* find(const LOCKTAG& tag, LOCKMODE mode, HASHACTION action) {
    if (session_locks == nullptr) create_session_locks();
    SessionLockTag key = {tag, mode};
    bool found;
    auto* lock = static_cast<SessionLock*>(hash_search(session_locks, &key, action, &found));
    if (action == HASH_ENTER && !found) {
        lock->holds = 0;
        lock->builtin_holds = 0;
    }
    return lock;
}

void forget(const SessionLock& lock) {
    find(lock.tag.tag, lock.tag.mode, HASH_REMOVE);
}

// Null, and forgotten, where the lock manager knows better. It still counts: whether it was
// counted out already is not known, and a count may be too high.
SessionLock* find_held(const LOCKTAG& tag, LOCKMODE mode) {
    SessionLock* lock = find(tag, mode, HASH_FIND);
    if (lock == nullptr || holds_lock(tag, mode)) return lock;
    forget(*lock);
    return nullptr;
}

// Sessions that never unlock what DISCARD ALL drops for them remember no more than twice what they
// hold.
void forget_all_dropped() {
    static long most = 64;
    if (hash_get_num_entries(session_locks) < most) return;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, session_locks);
    while (auto* lock = static_cast<SessionLock*>(hash_seq_search(&scan)))
        if (!holds_lock(lock->tag.tag, lock->tag.mode)) forget(*lock);
    most = Max(64, 2 * hash_get_num_entries(session_locks));
}

void remember(const NamespaceLock& lock, SessionLock& held) {
    if (held.holds++ > 0) return;
    held.since = GetCurrentTimestamp();
    count_session_locks(lock.lock_namespace.id, 1);
}

void hold_builtin(SessionLock& held, const LOCKTAG& builtin, LOCKMODE mode) {
    if (held.builtin_holds > 0 && !is_same(held.builtin, builtin)) return;
    LockAcquire(&builtin, mode, for_session, false);
    held.builtin = builtin;
    held.builtin_holds++;
}

}  // namespace

void forget_if_dropped(const NamespaceLock& lock) {
    find_held(lock.tag, lock.mode);
}

void hold_for_session(const NamespaceLock& lock) {
    std::optional<LOCKTAG> builtin = builtin_tag(lock);
    CHECK_FOR_INTERRUPTS();
    HOLD_INTERRUPTS();
    SessionLock* held = find(lock.tag, lock.mode, HASH_ENTER);
    LockAcquire(&lock.tag, lock.mode, for_session, false);
    remember(lock, *held);
    if (builtin) hold_builtin(*held, *builtin, lock.mode);
    give_back(lock);
    forget_all_dropped();
    RESUME_INTERRUPTS();
}

// The built-in lock is kept as long as it can be: it goes with the last holds.
bool release_from_session(const LOCKTAG& tag, LOCKMODE mode) {
    SessionLock* lock = find_held(tag, mode);
    if (lock == nullptr) return false;
    bool released = LockRelease(&tag, mode, for_session);
    if (lock->builtin_holds >= lock->holds) {
        LockRelease(&lock->builtin, mode, for_session);
        lock->builtin_holds--;
    }
    if (released && --lock->holds > 0) return true;
    // What is still held, in the other mode or by the transaction, goes on to count.
    if (released && !holds_lock(tag))
        count_session_locks(namespace_of_class(tag.locktag_field4), -1);
    forget(*lock);
    return released;
}

int64 release_all_from_session(int namespace_id) {
    if (session_locks == nullptr) return 0;
    int64 released = 0;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, session_locks);
    while (auto* lock = static_cast<SessionLock*>(hash_seq_search(&scan))) {
        if (lock->tag.tag.locktag_field4 != namespace_id) continue;
        SessionLockTag key = lock->tag;
        while (release_from_session(key.tag, key.mode))
            released++;
    }
    return released;
}

const SessionLock* session_lock(const LOCKTAG& tag, LOCKMODE mode) {
    return session_locks ? find_held(tag, mode) : nullptr;
}

// Only the session itself knows whether it holds a lock for its transaction; of another one that is
// in no transaction, it is plain.
const char* lock_scope(const LockInstanceData& lock, const SessionLock* held) {
    if (lock.pid == MyProcPid) return held ? "session" : "transaction";
    if (lock.pid == 0) return "transaction";  // a prepared one
    return is_in_transaction(lock) ? nullptr : "session";
}

}  // namespace interlock
