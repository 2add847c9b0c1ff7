// The stored checkouts: leases of rows, by the relation that the rows' guard belongs to and key.
#pragma once

#include "checkout_key.hpp"
#include "errors.hpp"
#include "lease_changes.hpp"

namespace interlock {

// The checkout of the row with this key, which the relation's guard is about.
LeaseRow open_checkout(const Table& table, std::string_view key);

// IL010: `report` says which row it is that somebody else has.
[[noreturn]] void raise_checked_out(const RowReport& report, const LeaseRow& row,
                                    const Attempt& attempt);

// Removes what is stored of checkouts that ended before, of tables that the current role owns, and
// of those that were dropped, and says how many there were.
int64 delete_ended_checkouts(TimestampTz before);

// Removes all of a relation's.
void delete_checkouts(Oid relid);

// Removes those of dropped tables.
void delete_orphaned_checkouts();

}  // namespace interlock
