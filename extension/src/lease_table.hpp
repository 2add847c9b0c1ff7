// The stored leases: one row a key, which stays when the lease is over, so that its token never
// comes again.
#pragma once

#include "lock_key.hpp"
#include "own_table.hpp"

namespace interlock {

struct Lease {
    int64 token;
    const char* holder;  // null: released
    TimestampTz acquired_at;
    TimestampTz expires_at;
    Datum payload;  // or 0
};

// The lease of one key, as it was found.
struct LeaseRow {
    OwnTable table;
    LockNamespace lock_namespace;
    LockKey key;
    Datum key_text;
    Lease lease;
};

// Its OID.
Oid lease_table();

// Opens the table. 22023 for a key that is too long to be stored.
LeaseRow open_leases(const LockNamespace& lock_namespace, const LockKey& key);
void close_leases(const LeaseRow& row);

// Reads the newest state; false where the key has never had a lease.
bool find_lease(LeaseRow& row);

// Not yet over by the clock.
inline bool is_held(const Lease& lease) {
    return lease.holder && lease.expires_at > GetCurrentTimestamp();
}

// Is the token the one of the lease, given back by nobody?
inline bool is_current(const Lease& lease, int64 token) {
    return lease.holder && lease.token == token;
}

// Writes the lease over the row that was found and locked.
void store_lease(LeaseRow& row, const Lease& lease);

// Inserts the first lease of the key. False where another session is doing it or drops the
// namespace, which `pids` names, or has inserted it. 42704 where the namespace is gone.
bool add_lease(LeaseRow& row, const Lease& lease, List** pids);

// Removes the rows of leases that ended before, in the namespaces that the current role may use,
// and says how many; none that an open transaction is using, none whose token a new one could
// repeat.
int64 delete_ended_leases(TimestampTz before);

}  // namespace interlock
