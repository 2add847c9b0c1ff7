// A row of one of our own tables. Nobody has rights on them: who calls a function has been judged
// by it, so the row is read and written here without asking. At every isolation level it is the row
// as the newest commit left it, or as this transaction did.
#pragma once

#include "postgres.hpp"

namespace interlock {

struct OwnTable {
    Relation relation;
    Oid index;        // of its primary key
    HeapTuple found;  // null: there is no such row
};

// The OID of a table of schema interlock. 42P01 where it is not there.
Oid own_table(const char* name);

// Its owner could have altered it: 55000 where it is no heap, or has other columns than these. Read
// or written all the same, it would be memory that is misread.
void require_columns(Relation relation, std::span<const Oid> types);

// Opens it, for reading or writing. 55000 where it is not as the script made it.
OwnTable open_own_table(const char* name, LOCKMODE lockmode, std::span<const Oid> types);

// With the lock kept until the transaction ends.
void close_own_table(const OwnTable& table);

// The columns of the primary key are the first ones; `conditions` are on them, in their order.
bool find_own_row(OwnTable& table, std::span<ScanKeyData> conditions);

// Visits all rows, each as `found`, as they were when it began.
template <typename Visit>
void visit_own_rows(OwnTable& table, Visit visit) {
    CommandCounterIncrement();
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(table.relation, InvalidOid, false, snapshot, 0, nullptr);
    while (HeapTupleIsValid(table.found = systable_getnext(scan))) {
        CHECK_FOR_INTERRUPTS();
        visit();
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
}

// Locks the very version that was found, and what a transaction in flight makes of it where that is
// no conflict; nothing else. False where it is not the newest any more, or had to be waited for:
// find it again. Where it must not wait and had to, `unavailable` is set.
bool lock_own_row(OwnTable& table, LockTupleMode mode, LockWaitPolicy policy, bool* unavailable);

// Did this transaction write the version that was found, or lock it? Not where that was rolled
// back.
bool is_own(const OwnTable& table);

// Its columns, all of them.
void read_own_row(const OwnTable& table, Datum* values, bool* nulls);

// Writes the row that was found and locked; its key stays as it is.
void update_own_row(OwnTable& table, const Datum* values, const bool* nulls);
void delete_own_row(OwnTable& table);

// The same for a row that was found and not locked. False where it is not the newest any more, or
// where a transaction, this one included, has a lock on it or is changing it (`unavailable`).
bool replace_own_row(OwnTable& table, const Datum* values, const bool* nulls, bool* unavailable);

// The caller makes sure that nobody else inserts it.
void insert_own_row(OwnTable& table, const Datum* values, const bool* nulls);

}  // namespace interlock
