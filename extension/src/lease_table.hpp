// The stored leases, of keys of a lock namespace and of rows of a table: one row a key, which stays
// when the lease is over, so that its token never comes again.
#pragma once

#include "own_table.hpp"

namespace interlock {

struct Lease {
    int64 token;
    const char* holder;  // null: released
    TimestampTz acquired_at;
    TimestampTz expires_at;
    Datum note;  // what the holder added, in the type of the table's column; or 0
};

struct LeaseRow;

// A table of leases, as the script made it: (scope, key, token, holder, acquired_at, expires_at,
// note), the first two being its primary key.
struct LeaseTable {
    const char* name;
    Oid types[7];
    RegProcedure equal_scope;
    // Makes sure that nobody else inserts a first lease of the key before this transaction ends.
    // False where another session is in the way, which `pids` names, or where it is to be looked
    // for again. Null: who takes a lease is the only one to do so as it is.
    bool (*reserve)(LeaseRow& row, List** pids);
};

// The lease of one key, as it was found.
struct LeaseRow {
    OwnTable table;
    const LeaseTable* leases;
    Datum scope;
    Datum key;
    Lease lease;
};

// Opens the table for a key. 22023 for a key that is too long to be stored.
LeaseRow open_leases(const LeaseTable& leases, Datum scope, std::string_view key);
void close_leases(const LeaseRow& row);

// Can a key of that many bytes have a lease?
bool can_be_leased(std::size_t key_length);

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

// The same for one that was not locked. False where it is not the newest state any more, or where
// a transaction, this one included, has a lock on it or is changing it (`unavailable`).
bool replace_lease(LeaseRow& row, const Lease& lease, bool* unavailable);

// Inserts the first lease of the key. False where another session is doing it, which `pids` names,
// or has done it.
bool add_lease(LeaseRow& row, const Lease& lease, List** pids);

// The parts of delete_ended_leases().
OwnTable open_lease_table(const LeaseTable& leases);
struct EndedLease {
    bool ended;
    Datum scope;
};
EndedLease read_ended_lease(const OwnTable& table, TimestampTz before);

// Removes the rows of leases that ended before, in the scopes that `may_delete` allows, and says
// how many; none that an open transaction is using, none whose token a new one could repeat.
template <typename MayDelete>
int64 delete_ended_leases(const LeaseTable& leases, TimestampTz before, MayDelete may_delete) {
    OwnTable table = open_lease_table(leases);
    int64 deleted = 0;
    visit_own_rows(table, [&] {
        EndedLease lease = read_ended_lease(table, before);
        bool unavailable;
        if (!lease.ended || !may_delete(lease.scope) ||
            !lock_own_row(table, LockTupleExclusive, LockWaitSkip, &unavailable))
            return;
        delete_own_row(table);
        deleted++;
    });
    close_own_table(table);
    return deleted;
}

}  // namespace interlock
