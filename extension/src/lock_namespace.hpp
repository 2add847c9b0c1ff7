// The registered namespaces of locks, read from their registry and cached; dropped by invalidation
// that a trigger on the registry itself sends.
#pragma once

#include "lock_tag.hpp"

namespace interlock {

enum class LockKeyType : char { int8, text, uuid };

// The built-in lock that processes which do not use namespaces yet take for the same thing.
enum class BuiltinLock : char { none, int8, int4 };

// What a session has taken of a namespace: never less than it holds (see namespace_usage.cpp).
struct NamespaceUsage {
    int id;
    uint64 transaction;
    int64 transaction_locks;
    int64 session_locks;
};

struct LockNamespace {
    int id;
    const char* name;
    std::size_t name_size;
    LockKeyType key_type;
    BuiltinLock also_builtin;
    int32 builtin_class;
    int max_locks;  // 0: interlock.max_namespace_locks
    bool notify;    // is told who waits for its leases?
    bool open;      // to everyone
    std::span<const char*> roles;
    Oid allowed;  // the role that was allowed last
    uint64 allowed_generation;
    NamespaceUsage* usage;
};

void initialize_lock_namespaces();

// The namespace of that name: 42704 with the nearest names where there is none. Lives until the
// next look-up.
LockNamespace& find_lock_namespace(std::string_view name);

// The same, which the current role may use: else 42501.
LockNamespace& open_lock_namespace(std::string_view name);

// The first argument of all that take a lock, `namespace text`: 22004 for NULL.
std::string_view namespace_argument(FunctionCallInfo fcinfo);

// By id; null where there is none.
LockNamespace* find_lock_namespace_by_id(int id);

// Is the current role a member of its roles, as a superuser is of all, also of those there are not?
bool may_use(LockNamespace& lock_namespace);
bool may_use(std::span<const char*> roles);

// The elements of a text[]; a null is a name that no role has, the empty one.
std::span<const char*> role_names(Datum roles);

// The registry's OID.
Oid lock_namespace_registry();

// bigint, text or uuid
const char* key_type_name(LockKeyType type);

// How also_builtin is written: bigint, or int4:CLASS. False where it is not.
bool parse_builtin(const char* text, BuiltinLock& builtin, int32& builtin_class);

}  // namespace interlock
