// Advisory locks for people: what a tag in a deadlock report means, and who holds and awaits what.

#include "known_keys.hpp"
#include "session_locks.hpp"

namespace interlock {
namespace {

// What of a tag can be shown: the key itself where the bits are it, else its text where it is
// known.
const char* describe_key(const LockNamespace& entry, const LOCKTAG& tag) {
    LockClass lock_class = tag.locktag_field4;
    uint64 bits = tag_key(tag);
    if (char* text = known_key(lock_class, bits)) return psprintf("\"%s\"", text);
    auto number = static_cast<int64>(bits);
    if (entry.key_type == LockKeyType::int8 && !is_slot_class(lock_class))
        return psprintf(INT64_FORMAT, number);
    return psprintf("with hash " INT64_FORMAT, number);
}

char* describe_namespace_lock(const LOCKTAG& tag) {
    int id = namespace_of_class(tag.locktag_field4);
    LockNamespace* entry = find_lock_namespace_by_id(id);
    if (entry == nullptr)
        return psprintf("a lock of a namespace that is not registered here (id %d)", id);
    if (!may_use(*entry))
        return psprintf("a lock of a namespace that this role may not use (id %d)", id);
    const char* kind = is_slot_class(tag.locktag_field4) ? "slot" : "lock";
    return psprintf("%s %s of namespace \"%s\"", kind, describe_key(*entry, tag), entry->name);
}

char* describe(const LOCKTAG& tag) {
    auto number = static_cast<int64>(tag_key(tag));
    switch (tag.locktag_field4) {
        case builtin_bigint_class:
            return psprintf("pg_advisory_lock(" INT64_FORMAT ")", number);
        case builtin_int4_class:
            return psprintf("pg_advisory_lock(%d, %d)", static_cast<int32>(tag.locktag_field2),
                            static_cast<int32>(tag.locktag_field3));
        default:
            if (is_namespace_tag(tag)) return describe_namespace_lock(tag);
            return psprintf("an advisory lock that is not interlock's (objsubid %d)",
                            static_cast<int16>(tag.locktag_field4));
    }
}

// One line of interlock.advisory_locks: a lock that a process holds in one mode, or awaits.
struct Line {
    ReturnSetInfo* result;
    const LockInstanceData& lock;
    const LockNamespace& entry;
    LOCKMODE mode;
    bool granted;
};

enum Column {
    name,
    key,
    key_text,
    kind,
    mode,
    granted,
    scope,
    holds,
    pid,
    waiting_since,
    held_since,
    column_count
};

void set(NullableDatum& column, Datum value) {
    column = {value, false};
}

void set_text(NullableDatum& column, const char* text) {
    if (text) set(column, CStringGetTextDatum(text));
}

void add_holding(const Line& line, NullableDatum* columns) {
    bool ours = line.lock.pid == MyProcPid;
    const SessionLock* held = ours ? session_lock(line.lock.locktag, line.mode) : nullptr;
    set_text(columns[scope], lock_scope(line.lock, held));
    if (held == nullptr) return;
    set(columns[holds], Int64GetDatum(held->holds));
    set(columns[held_since], TimestampTzGetDatum(held->since));
}

void add_line(const Line& line) {
    const LOCKTAG& tag = line.lock.locktag;
    NullableDatum columns[column_count];
    for (NullableDatum& column : columns)
        column = {0, true};
    set_text(columns[name], line.entry.name);
    set(columns[key], Int64GetDatum(static_cast<int64>(tag_key(tag))));
    set_text(columns[key_text], known_key(tag.locktag_field4, tag_key(tag)));
    set_text(columns[kind], is_slot_class(tag.locktag_field4) ? "slot" : "lock");
    set_text(columns[mode], line.mode == ShareLock ? "share" : "exclusive");
    set(columns[granted], BoolGetDatum(line.granted));
    if (line.lock.pid != 0) set(columns[pid], Int32GetDatum(line.lock.pid));
    if (line.granted)
        add_holding(line, columns);
    else if (line.lock.waitStart != 0)
        set(columns[waiting_since], TimestampTzGetDatum(line.lock.waitStart));
    Datum values[column_count];
    bool nulls[column_count];
    for (int i = 0; i < column_count; i++) {
        values[i] = columns[i].value;
        nulls[i] = columns[i].isnull;
    }
    tuplestore_putvalues(line.result->setResult, line.result->setDesc, values, nulls);
}

void add_lock(ReturnSetInfo* result, const LockInstanceData& lock) {
    LockNamespace* entry =
        find_lock_namespace_by_id(namespace_of_class(lock.locktag.locktag_field4));
    if (entry == nullptr || !may_use(*entry)) return;
    for (LOCKMODE held : {ShareLock, ExclusiveLock})
        if (lock.holdMask & LOCKBIT_ON(held)) add_line({result, lock, *entry, held, true});
    if (lock.waitLockMode != NoLock) add_line({result, lock, *entry, lock.waitLockMode, false});
}

}  // namespace

// describe_advisory_lock(classid oid, objid oid, objsubid smallint) → text
INTERLOCK_FUNCTION(describe_advisory_lock) {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, PG_GETARG_OID(0), PG_GETARG_OID(1),
                         static_cast<uint16>(PG_GETARG_INT16(2)));
    PG_RETURN_TEXT_P(cstring_to_text(describe(tag)));
}

// advisory_lock_status() → setof record
INTERLOCK_FUNCTION(advisory_lock_status) {
    InitMaterializedSRF(fcinfo, 0);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const LockData* locks = GetLockStatusData();
    for (int i = 0; i < locks->nelements; i++) {
        CHECK_FOR_INTERRUPTS();
        if (is_namespace_tag(locks->locks[i].locktag)) add_lock(result, locks->locks[i]);
    }
    return Datum{0};
}

}  // namespace interlock
