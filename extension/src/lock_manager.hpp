// Our advisory locks in PostgreSQL's lock manager: taking them within a bound, for the transaction
// or the session, and giving them back.
#pragma once

#include "lock_key.hpp"
#include "wait.hpp"

#include <optional>

namespace interlock {

// A lock of a namespace on a key: what it is called, and its tag.
struct NamespaceLock {
    const LockNamespace& lock_namespace;
    LockKey key;
    LOCKTAG tag;
    LOCKMODE mode;
};

NamespaceLock namespace_lock(const LockNamespace& lock_namespace, const LockKey& key, bool shared);

// The built-in lock that belongs to it where the namespace says so. 22003 for a key that it cannot
// have.
std::optional<LOCKTAG> builtin_tag(const NamespaceLock& lock);

// Takes them for the transaction, in the order given: all, or it raises 55P03 with who blocks it.
// 53400 beyond the bound of the namespace. Warns of a wait under the transaction's snapshot.
void obtain(std::span<const NamespaceLock> locks, const Wait& wait);

// The same that tells: false where it has none of them.
bool try_to_obtain(std::span<const NamespaceLock> locks, const Wait& wait);

// Takes it without waiting; false where somebody has it, or waits for it.
bool take_at_once(const NamespaceLock& lock);

// Waits for it within until_deadline() or lock_timeout.
void take(const NamespaceLock& lock);

// Gives back what take() or take_at_once() took in this (sub)transaction.
void give_back(const NamespaceLock& lock);

[[noreturn]] void raise_unavailable(const NamespaceLock& lock);

// 01000, at REPEATABLE READ and above: what is read next is from before the wait.
void warn_of_old_snapshot(const NamespaceLock& lock);

}  // namespace interlock
