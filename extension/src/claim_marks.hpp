// How far this session has walked a queue: places in the claim index up to which no row was ready.
// They are hints in the session's memory, never the truth. What a rollback made ready again, they
// are set back for.
#pragma once

#include "claim_ahead.hpp"
#include "claim_call.hpp"

namespace interlock {

// Rows come late: a transaction that began before others commits after them. So a walk looks back,
// less often the farther.
constexpr int look_back_levels = 2;

struct LookBack {
    ClaimEntry older;     // where the mark was at the turn before the last one
    ClaimEntry newer;     // and at the last one
    uint64 older_passed;  // how many entries it had passed there
    uint64 newer_passed;
    TimestampTz turned;
};

// Of one priority, or of a queue without any.
struct Mark {
    ClaimEntry here;
    ClaimEntry before;   // this transaction set it
    uint64 transaction;  // that last set it
    uint64 passed;       // entries, since the mark was made
    LookBack look_back[look_back_levels];
};

// The walk from the beginning, a slice at a time: what is below the marks.
struct Sweep {
    bool active;
    bool found;  // the last slice ended where a call had enough: there may be more
    ClaimEntry cursor;
    TimestampTz begun;
    TimestampTz paused;  // the end of the last slice
};

// Groups of which rows that were not ready have been passed.
constexpr int most_parked_groups = 256;
struct ParkedGroup {
    uint64 hash;
    Datum group;
};

constexpr int most_marks = 64;

// Of one queue of a table, for one role.
struct Marks {
    MemoryContext memory;
    char* queue;
    int walk_level;  // of the transaction nesting that a walk is in; 0: none is
    bool forgotten;  // meanwhile
    int count;
    Mark* marks[most_marks];  // in the order of their priorities
    Sweep sweep;
    EntriesAhead ahead;
    TimestampTz walked;  // when, the last time
    bool dry;            // the last walk found fewer rows than it was to
    int parked_count;
    int next_parked;
    ParkedGroup* parked;
};

void initialize_claim_marks();

// What is remembered of the queue, which is text or 0, for a walk. A walk within a walk, as a
// trigger can begin one, remembers nothing.
Marks& begin_walk(const ClaimCall& call, Relation index);
void end_walk(Marks& marks);

// Sets the mark to where it has not been. A rollback sets it back, but for one that is settled:
// the call has claimed nothing.
void set_mark(Marks& marks, Mark& mark, IndexTuple place, bool settled = false);
// A new one, at that number. False where there are too many.
bool add_mark(Marks& marks, int number, IndexTuple place, TimestampTz now, bool settled = false);

// Nothing is known any more of the table: rows were given back below the marks.
void forget_claim_marks(Oid relid);

}  // namespace interlock
