// Entries of the claim index that a walk has read and not come to. A scan reads a page of the index
// at a time, and a call claims a row or a few of it: the next one would read the same page again.
// So they are kept for a moment, as hints: what a row is now is judged when it is come to, and what
// has come between them meanwhile is found by looking back.
#pragma once

#include "claim_index.hpp"

namespace interlock {

struct Mark;  // claim_marks.hpp

struct EntriesAhead {
    const Mark* mark;  // of their run; null: there are none
    char* room;
    Size used;
    Size next;
};

inline void forget_ahead(EntriesAhead& ahead) {
    ahead.mark = nullptr;
}

// Keeps some of those that the scan at hand would come to next, up to one that is not due yet.
void read_ahead(EntriesAhead& ahead, const Mark& mark, ClaimIndex& index, TimestampTz now,
                MemoryContext memory);

// Goes to the next one of them; false after the last one.
bool next_ahead(EntriesAhead& ahead, ClaimIndex& index);

}  // namespace interlock
