#include "lock_manager.hpp"

#include "errors.hpp"
#include "known_keys.hpp"
#include "lock_table.hpp"
#include "namespace_usage.hpp"

extern "C" {
#include <utils/resowner.h>
}

namespace interlock {
namespace {

constexpr bool for_session = false;

// Locks belong to the transaction, not to the portal of the statement that takes them: so they can
// be given back from wherever we are in it.
template <typename Body>
auto as_transaction(Body body) {
    ResourceOwner owner = CurrentResourceOwner;
    CurrentResourceOwner = CurTransactionResourceOwner;
    auto result = body();
    CurrentResourceOwner = owner;
    return result;
}

LockAcquireResult acquire(const LOCKTAG& tag, LOCKMODE mode, bool no_wait) {
    return as_transaction([&] { return LockAcquire(&tag, mode, for_session, no_wait); });
}

void release(const LOCKTAG& tag, LOCKMODE mode) {
    as_transaction([&] { return LockRelease(&tag, mode, for_session); });
}

// CONTEXT of a deadlock, a cancellation and a full lock table.
void add_context(void* argument) {
    const auto& lock = *static_cast<const NamespaceLock*>(argument);
    errcontext("while acquiring lock %s of namespace \"%s\"", show_lock_key(lock.key),
               lock.lock_namespace.name);
}

template <typename Body>
auto in_context(const NamespaceLock& lock, Body body) {
    ErrorContextCallback context = {error_context_stack, add_context,
                                    const_cast<NamespaceLock*>(&lock)};
    error_context_stack = &context;
    auto result = body();
    error_context_stack = context.previous;
    return result;
}

void count(const NamespaceLock& lock, LockAcquireResult result) {
    if (result == LOCKACQUIRE_OK) count_transaction_lock(lock.lock_namespace);
}

// How many of them, from the first on, it could take without waiting.
std::size_t take_at_once(std::span<const NamespaceLock> locks) {
    for (std::size_t i = 0; i < locks.size(); i++) {
        CHECK_FOR_INTERRUPTS();
        require_room(locks[i].lock_namespace, locks[i].tag);
        if (!take_at_once(locks[i])) return i;
    }
    return locks.size();
}

void give_back(std::span<const NamespaceLock> locks) {
    for (const NamespaceLock& lock : locks)
        give_back(lock);
}

// Waits for each in turn; `at_hand` is the one it is at.
void take_each(std::span<const NamespaceLock> locks, const NamespaceLock* volatile* at_hand) {
    for (const NamespaceLock& lock : locks) {
        CHECK_FOR_INTERRUPTS();
        *at_hand = &lock;
        require_room(lock.lock_namespace, lock.tag);
        take(lock);
    }
}

void wait_for_all(std::span<const NamespaceLock> locks, const Wait& wait) {
    const NamespaceLock* volatile at_hand = locks.data();
    or_report_unavailable([&] { until_deadline(wait, [&] { take_each(locks, &at_hand); }); },
                          [&] { raise_unavailable(*at_hand); });
}

bool wait_and_tell(std::span<const NamespaceLock> locks, const Wait& wait) {
    const NamespaceLock* volatile at_hand;
    return obtained_in_time(wait, [&] { take_each(locks, &at_hand); });
}

}  // namespace

NamespaceLock namespace_lock(const LockNamespace& entry, const LockKey& key, bool shared) {
    return {entry, key, advisory_tag(static_cast<LockClass>(entry.id), key.bits),
            shared ? ShareLock : ExclusiveLock};
}

std::optional<LOCKTAG> builtin_tag(const NamespaceLock& lock) {
    const LockNamespace& entry = lock.lock_namespace;
    if (entry.also_builtin == BuiltinLock::none || lock.tag.locktag_field4 != entry.id) return {};
    if (entry.also_builtin == BuiltinLock::int8)
        return advisory_tag(builtin_bigint_class, lock.key.bits);
    auto key = static_cast<int64>(lock.key.bits);
    if (key != static_cast<int32>(key))
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("key " INT64_FORMAT " of lock namespace \"%s\" is out of range for "
                               "its built-in lock of type integer",
                               key, entry.name)));
    uint64 high = static_cast<uint32>(entry.builtin_class);
    return advisory_tag(builtin_int4_class, high << 32 | static_cast<uint32>(key));
}

bool take_at_once(const NamespaceLock& lock) {
    std::optional<LOCKTAG> builtin = builtin_tag(lock);
    LockAcquireResult result = in_context(lock, [&] { return acquire(lock.tag, lock.mode, true); });
    if (result == LOCKACQUIRE_NOT_AVAIL) return false;
    count(lock, result);
    if (builtin && acquire(*builtin, lock.mode, true) == LOCKACQUIRE_NOT_AVAIL) {
        release(lock.tag, lock.mode);
        return false;
    }
    remember_key(lock);
    return true;
}

void take(const NamespaceLock& lock) {
    std::optional<LOCKTAG> builtin = builtin_tag(lock);
    count(lock, in_context(lock, [&] {
              LockAcquireResult result = acquire(lock.tag, lock.mode, false);
              if (builtin) acquire(*builtin, lock.mode, false);
              return result;
          }));
    remember_key(lock);
}

void give_back(const NamespaceLock& lock) {
    release(lock.tag, lock.mode);
    if (std::optional<LOCKTAG> builtin = builtin_tag(lock)) release(*builtin, lock.mode);
}

void obtain(std::span<const NamespaceLock> locks, const Wait& asked) {
    Wait wait = within_lock_timeout(asked);
    std::size_t taken = take_at_once(locks);
    if (taken == locks.size()) return;
    if (wait.kind == WaitKind::never) raise_unavailable(locks[taken]);
    wait_for_all(locks.subspan(taken), wait);
    warn_of_old_snapshot(locks[taken]);
}

bool try_to_obtain(std::span<const NamespaceLock> locks, const Wait& asked) {
    Wait wait = within_lock_timeout(asked);
    std::size_t taken = take_at_once(locks);
    if (taken == locks.size()) return true;
    if (wait.kind != WaitKind::never && wait_and_tell(locks.subspan(taken), wait)) {
        warn_of_old_snapshot(locks[taken]);
        return true;
    }
    give_back(locks.first(taken));
    return false;
}

void raise_unavailable(const NamespaceLock& lock) {
    const LockNamespace& entry = lock.lock_namespace;
    const char* key = show_lock_key(lock.key);
    WantedLock wanted[] = {{lock.tag, lock.mode},
                           {builtin_tag(lock).value_or(lock.tag), lock.mode}};
    List* pids = conflicting_holders(wanted);
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"condition\": \"lock_not_available\", \"namespace\": ");
    escape_json(&json, entry.name);
    appendStringInfo(&json, ", \"key\": %s, \"mode\": \"%s\", \"blocking_pids\": ",
                     lock_key_json(lock.key), lock.mode == ShareLock ? "share" : "exclusive");
    append_pids(&json, pids);
    appendStringInfoChar(&json, '}');
    ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                    errmsg("could not obtain lock %s of namespace \"%s\"", key, entry.name),
                    errdetail_internal("%s", json.data),
                    errhint("Try again later, or wait longer; DETAIL names the sessions that "
                            "hold it.")));
    pg_unreachable();
}

void warn_of_old_snapshot(const NamespaceLock& lock) {
    if (!IsolationUsesXactSnapshot()) return;
    ereport(WARNING,
            (errcode(ERRCODE_WARNING),
             errmsg("waited for lock %s of namespace \"%s\", but this transaction reads what was "
                    "committed before",
                    show_lock_key(lock.key), lock.lock_namespace.name),
             errhint("Take the lock in a transaction at READ COMMITTED, in a statement of its "
                     "own before those that read.")));
}

}  // namespace interlock
