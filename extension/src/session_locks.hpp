// The locks that this session holds beyond its transactions. What is remembered here is never
// believed: pg_advisory_unlock_all() and DISCARD ALL drop them too, so the lock manager is asked.
#pragma once

#include "lock_manager.hpp"

namespace interlock {

struct SessionLockTag {
    LOCKTAG tag;
    LOCKMODE mode;
};

struct SessionLock {
    SessionLockTag tag;
    LOCKTAG builtin;
    bool also_builtin;
    int64 holds;
    TimestampTz since;
};

// Holds for the session what obtain() took for the transaction, and gives that back. In between
// nothing can fail or be cancelled: nobody is told of an error and holds the lock all the same.
void hold_for_session(const NamespaceLock& lock);

// Gives one hold back. False where the session has none.
bool release_from_session(const LOCKTAG& tag, LOCKMODE mode);

// Gives back all holds of a namespace, and says how many there were.
int64 release_all_from_session(int namespace_id);

// What the session holds in that mode; null where it does not.
const SessionLock* session_lock(const LOCKTAG& tag, LOCKMODE mode);

// "session", "transaction", or null where that cannot be told: of another session's lock, while it
// is in a transaction. `held`: what this session holds, as session_lock() says.
const char* lock_scope(const LockInstanceData& lock, const SessionLock* held);

}  // namespace interlock
