// Slots: at most so many transactions at a time have one of a key (a counting semaphore).
//
// Each slot is a lock of its own. Those who must wait stand in line for a gate, a lock too, and
// only the one that has passed it waits for a slot. The lock manager cannot wait for whichever of
// several locks is free first, so that one waits for each in turn, a short while: it is woken at
// once by the slot at hand, and finds any other a few milliseconds later. To the lock manager it is
// blocked by that one slot's holder only. Were that one waiting for us, it would see a deadlock
// where any other slot can still be freed: so we never stand in the line of who waits himself.

#include "errors.hpp"
#include "lock_manager.hpp"
#include "lock_table.hpp"
#include "namespace_usage.hpp"

extern "C" {
#include <storage/latch.h>
#include <utils/wait_event.h>
}

namespace interlock {
namespace {

constexpr int longest_label = 160;
constexpr int64 shortest_turn = 1000;  // microseconds
constexpr int64 longest_turn = 25000;

struct Slots {
    const LockNamespace& lock_namespace;
    LockKey key;
    int count;
    const char* shown;  // the key, in quotes where it is a text
    const char* plain;  // without
    char* label;        // of the slot at hand
};

const char* plain_text(const LockKey& key) {
    if (key.text.data() == nullptr) return show_lock_key(key);
    return clip(pnstrdup(key.text.data(), key.text.size()), shown_bytes);
}

Slots read_slots(FunctionCallInfo fcinfo) {
    const LockNamespace& entry = open_lock_namespace(namespace_argument(fcinfo));
    LockKey key = read_lock_key(fcinfo, 1, entry);
    int count = read_slot_count(fcinfo, 2);
    return {entry, key, count, show_lock_key(key), plain_text(key), allocate<char>(longest_label)};
}

NamespaceLock lock_of_slots(const Slots& slots, const LockKey& key, LOCKMODE mode) {
    auto lock_class = static_cast<LockClass>(slots.lock_namespace.id + 1);
    return {slots.lock_namespace, key, advisory_tag(lock_class, key.bits), mode};
}

// Those who only look share it; who waits has it alone.
NamespaceLock gate(const Slots& slots, LOCKMODE mode) {
    return lock_of_slots(slots, slots.key, mode);
}

// Its label is good until the next one's. It is shown in quotes, as any key's text.
NamespaceLock slot(const Slots& slots, int number) {
    int size = snprintf(slots.label, longest_label, "%s #%d", slots.plain, number);
    std::string_view label(slots.label, static_cast<std::size_t>(size));
    return lock_of_slots(slots, {slot_bits(slots.key, number), label}, ExclusiveLock);
}

// The same transaction gets the same slot again.
int held_slot(const Slots& slots) {
    for (int number = 1; number <= slots.count; number++)
        if (holds_lock(slot(slots, number).tag, ExclusiveLock)) return number;
    return 0;
}

int take_free_slot(const Slots& slots) {
    for (int number = 1; number <= slots.count; number++) {
        CHECK_FOR_INTERRUPTS();
        if (take_at_once(slot(slots, number))) return number;
    }
    return 0;
}

// Without waiting, and not before those who wait. 0: there is none.
int take_slot_at_once(const Slots& slots) {
    if (int number = held_slot(slots)) {
        take_at_once(slot(slots, number));
        return number;
    }
    NamespaceLock looking = gate(slots, ShareLock);
    require_room(slots.lock_namespace, looking.tag);
    if (!take_at_once(looking)) return 0;
    int number = take_free_slot(slots);
    give_back(looking);
    return number;
}

enum class Turn { taken, passed, deadlock };

Turn wait_for_slot(const Slots& slots, int number, int64 microseconds) {
    Turn turn = Turn::passed;
    auto take_it = [&] {
        until_deadline(wait_for(microseconds), [&] { take(slot(slots, number)); });
        return SubtransactionEnd::commit;
    };
    auto absorb = [&](const ErrorData& error) {
        if (error.sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED) turn = Turn::deadlock;
        return turn == Turn::deadlock || error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
    };
    if (in_subtransaction(take_it, absorb)) return Turn::taken;
    heed_cancellation();
    return turn;
}

[[noreturn]] void raise_deadlock(const Slots& slots) {
    ereport(ERROR, (errcode(ERRCODE_T_R_DEADLOCK_DETECTED), errmsg("deadlock detected"),
                    errdetail("Every session that has a slot of %s of namespace \"%s\" waits for "
                              "this one.",
                              slots.shown, slots.lock_namespace.name)));
    pg_unreachable();
}

// Looks for a deadlock at once, in each slot's line. It is one only if none of them can be freed.
int check_for_deadlock(const Slots& slots) {
    int deadlocks = 0;
    for (int number = 1; number <= slots.count; number++) {
        Turn turn = wait_for_slot(slots, number, longest_turn);
        if (turn == Turn::taken) return number;
        if (turn == Turn::passed) return 0;
        deadlocks++;
    }
    if (deadlocks == slots.count) raise_deadlock(slots);
    return 0;
}

int look_for_deadlock(const Slots& slots) {
    int timeout = DeadlockTimeout;
    int number = 0;
    DeadlockTimeout = 1;
    with_cleanup([&] { number = check_for_deadlock(slots); }, [&] { DeadlockTimeout = timeout; });
    return number;
}

// From that slot on, the first whose holder does not wait himself; 0 where all do.
int slot_to_await(const Slots& slots, int from) {
    for (int i = 0; i < slots.count; i++) {
        int number = 1 + (from + i) % slots.count;
        if (!holders_wait(slot(slots, number).tag, ExclusiveLock)) return number;
    }
    return 0;
}

void sleep_for(int64 microseconds) {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
              static_cast<long>((microseconds + 999) / 1000), PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
}

// All holders wait: this can be a deadlock.
int wait_for_holders(const Slots& slots, int64 turn, TimestampTz& looked) {
    sleep_for(turn);
    if (!TimestampDifferenceExceeds(looked, GetCurrentTimestamp(), DeadlockTimeout)) return 0;
    int number = look_for_deadlock(slots);
    looked = GetCurrentTimestamp();
    return number;
}

int wait_turn_by_turn(const Slots& slots) {
    int64 turn = shortest_turn;
    TimestampTz looked = GetCurrentTimestamp();
    for (int i = 0;; i++) {
        CHECK_FOR_INTERRUPTS();
        if (int number = take_free_slot(slots)) return number;
        int awaited = slot_to_await(slots, i);
        if (awaited && wait_for_slot(slots, awaited, turn) == Turn::taken) return awaited;
        int freed = awaited ? 0 : wait_for_holders(slots, turn, looked);
        if (freed) return freed;
        turn = Min(2 * turn, longest_turn);
    }
}

// In line for the gate, first come, first served. An only slot is a lock like any other.
int wait_in_line(const Slots& slots) {
    NamespaceLock alone = gate(slots, ExclusiveLock);
    take(alone);
    int number = 1;
    if (slots.count == 1)
        take(slot(slots, number));
    else
        noting_cancellations([&] { number = wait_turn_by_turn(slots); });
    give_back(alone);
    return number;
}

List* holders(const Slots& slots) {
    auto* wanted = allocate<WantedLock>(slots.count);
    for (int number = 1; number <= slots.count; number++)
        wanted[number - 1] = {slot(slots, number).tag, ExclusiveLock};
    return conflicting_holders({wanted, static_cast<std::size_t>(slots.count)});
}

[[noreturn]] void raise_no_slot(const Slots& slots) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"condition\": \"lock_not_available\", \"namespace\": ");
    escape_json(&json, slots.lock_namespace.name);
    appendStringInfo(&json,
                     ", \"key\": %s, \"slots\": %d, \"blocking_pids\": ", lock_key_json(slots.key),
                     slots.count);
    append_pids(&json, holders(slots));
    appendStringInfoChar(&json, '}');
    ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                    errmsg("could not obtain a slot of lock %s of namespace \"%s\"", slots.shown,
                           slots.lock_namespace.name),
                    errdetail_internal("%s", json.data),
                    errhint("Try again later, or wait longer; DETAIL names the sessions that have "
                            "one.")));
    pg_unreachable();
}

}  // namespace

// advisory_xact_slot(namespace text, key anycompatible, slots integer, wait interval) → integer
INTERLOCK_FUNCTION(advisory_xact_slot) {
    Slots slots = read_slots(fcinfo);
    Wait wait = within_lock_timeout(read_wait(fcinfo, 3));
    int number = take_slot_at_once(slots);
    if (number) PG_RETURN_INT32(number);
    if (wait.kind == WaitKind::never) raise_no_slot(slots);
    or_report_unavailable([&] { until_deadline(wait, [&] { number = wait_in_line(slots); }); },
                          [&] { raise_no_slot(slots); });
    warn_of_old_snapshot(slot(slots, number));
    PG_RETURN_INT32(number);
}

// try_advisory_xact_slot(the same) → integer, or NULL
INTERLOCK_FUNCTION(try_advisory_xact_slot) {
    Slots slots = read_slots(fcinfo);
    Wait wait = within_lock_timeout(read_wait(fcinfo, 3));
    int number = take_slot_at_once(slots);
    if (number) PG_RETURN_INT32(number);
    if (wait.kind == WaitKind::never ||
        !obtained_in_time(wait, [&] { number = wait_in_line(slots); }))
        PG_RETURN_NULL();
    warn_of_old_snapshot(slot(slots, number));
    PG_RETURN_INT32(number);
}

}  // namespace interlock
