// Our lock tags: which classes of advisory lock tag are ours, all of them here. A tag is
// LOCKTAG_ADVISORY with the class in field 4, the full 64 bits of the key in fields 2 and 3.
// pg_advisory_lock() has the classes 1 (bigint) and 2 (two integers), Citus 4 to 16, TimescaleDB
// 29749. pg_locks shows the class as a signed smallint, objsubid.
#pragma once

#include "postgres.hpp"

namespace interlock {

using LockClass = uint16;

// pg_advisory_lock(bigint) and pg_advisory_lock(integer, integer)
constexpr LockClass builtin_bigint_class = 1;
constexpr LockClass builtin_int4_class = 2;

// Taken while the first lease of a key is inserted, and shared on the id of its namespace, which is
// then not dropped.
constexpr LockClass lease_insertion_class = 1000;
constexpr LockClass lease_namespace_class = 1001;

// Taken while a row of a group is claimed: the table and the group, hashed.
constexpr LockClass claim_group_class = 1002;

// A namespace has two: its id for its locks, the next one for its slots. The interlock script's
// sequence has the same bounds.
constexpr int first_namespace = 1024;
constexpr int last_namespace = 29000;

inline bool is_namespace_class(int lock_class) {
    return lock_class >= first_namespace && lock_class <= last_namespace + 1;
}

inline int namespace_of_class(int lock_class) {
    return lock_class & ~1;
}

inline bool is_slot_class(int lock_class) {
    return lock_class & 1;
}

inline LOCKTAG advisory_tag(LockClass lock_class, uint64 key) {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(key >> 32),
                         static_cast<uint32>(key), lock_class);
    return tag;
}

inline bool is_same(const LOCKTAG& left, const LOCKTAG& right) {
    return memcmp(&left, &right, sizeof left) == 0;
}

inline LOCKTAG lease_namespace_tag(int id) {
    return advisory_tag(lease_namespace_class, static_cast<uint64>(id));
}

inline uint64 tag_key(const LOCKTAG& tag) {
    return static_cast<uint64>(tag.locktag_field2) << 32 | tag.locktag_field3;
}

// A tag of this database in a namespace.
inline bool is_namespace_tag(const LOCKTAG& tag) {
    return tag.locktag_type == LOCKTAG_ADVISORY && tag.locktag_field1 == MyDatabaseId &&
           is_namespace_class(tag.locktag_field4);
}

}  // namespace interlock
