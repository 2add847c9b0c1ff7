// The texts behind hashed keys, for people who look at locks: what this session locked, and where
// the library is in shared_preload_libraries, what the whole server did. The oldest are forgotten.
#pragma once

#include "lock_manager.hpp"

namespace interlock {

// In _PG_init(), while shared libraries are preloaded.
void reserve_known_keys();

void remember_key(LockClass lock_class, uint64 bits, std::string_view text);

// Only keys that their bits do not tell.
inline void remember_key(const NamespaceLock& lock) {
    if (lock.key.text.data()) remember_key(lock.tag.locktag_field4, lock.key.bits, lock.key.text);
}

// A copy of the text, cut where it is long; null where it is not known.
char* known_key(LockClass lock_class, uint64 bits);

}  // namespace interlock
