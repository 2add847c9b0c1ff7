// What this transaction touched and bumped of roots, rolled back with its savepoints.
#pragma once

#include "postgres.hpp"

namespace interlock {

// One row of a root. The values of its key follow, each aligned, in the index's order.
struct RowName {
    Oid root;
    Oid index;
    uint32 length;  // of all of it

    const char* values() const {
        return reinterpret_cast<const char*>(this) + MAXALIGN(sizeof(RowName));
    }
};

// A root that this transaction touched. One deferred event is queued for it.
struct Touch {
    RowName* name;
    bool flushed;
    Touch* previous_pending;
    Touch* next_pending;
    Touch* next_touched;  // of the same subtransaction
    Touch* next_flushed;
};

// The touches whose roots are not bumped yet, linked by next_pending.
Touch* pending_touches();

// True where the root was not touched before in this transaction. The name is copied.
bool remember_touch(RowName* name);

void mark_flushed(Touch& touch);

// A bump that the transaction may go on after: where the new row is, and its version.
void remember_bump(Oid relid, ItemPointer tid, int64 version);

// Has the row that version from a bump of this transaction, and nothing written to it since?
bool is_own_bump(Oid relid, HeapTuple row, int64 version);

void initialize_root_touches();

}  // namespace interlock
