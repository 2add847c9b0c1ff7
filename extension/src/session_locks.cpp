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
        lock->also_builtin = false;
        lock->holds = 0;
    }
    return lock;
}

void forget(const SessionLock& lock) {
    count_session_locks(namespace_of_class(lock.tag.tag.locktag_field4), -1);
    find(lock.tag.tag, lock.tag.mode, HASH_REMOVE);
}

// Null, and forgotten, where the lock manager knows better.
SessionLock* find_held(const LOCKTAG& tag, LOCKMODE mode) {
    SessionLock* lock = find(tag, mode, HASH_FIND);
    if (lock == nullptr || holds_lock(tag, mode)) return lock;
    forget(*lock);
    return nullptr;
}

void remember(const NamespaceLock& lock, SessionLock& held, std::optional<LOCKTAG> builtin) {
    if (held.holds++ > 0) return;
    held.since = GetCurrentTimestamp();
    held.also_builtin = builtin.has_value();
    if (builtin) held.builtin = *builtin;
    count_session_locks(lock.lock_namespace.id, 1);
}

}  // namespace

void hold_for_session(const NamespaceLock& lock) {
    std::optional<LOCKTAG> builtin = builtin_tag(lock);
    find_held(lock.tag, lock.mode);
    SessionLock* held = find(lock.tag, lock.mode, HASH_ENTER);
    CHECK_FOR_INTERRUPTS();
    HOLD_INTERRUPTS();
    LockAcquire(&lock.tag, lock.mode, for_session, false);
    if (builtin) LockAcquire(&*builtin, lock.mode, for_session, false);
    remember(lock, *held, builtin);
    give_back(lock);
    RESUME_INTERRUPTS();
}

bool release_from_session(const LOCKTAG& tag, LOCKMODE mode) {
    SessionLock* lock = find_held(tag, mode);
    if (lock == nullptr || lock->holds == 0) return false;
    bool released = LockRelease(&tag, mode, for_session);
    if (lock->also_builtin) LockRelease(&lock->builtin, mode, for_session);
    if (--lock->holds == 0 || !released) forget(*lock);
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
