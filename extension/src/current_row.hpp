// The row as it is now, as far as the caller may see it, and what of it is contested.
#pragma once

#include "writer.hpp"

namespace interlock {

struct CurrentRow {
    bool found;
    std::optional<int64> version;
    Jsonb* json;       // the readable columns; null unless a full report was asked for
    Jsonb* conflicts;  // per contested column {"mine", "theirs"}, with "base"
                       // where one was given
};

// Reads it with a new snapshot at READ COMMITTED and with the transaction's above. Needs an SPI
// connection; the result is allocated in `memory`.
CurrentRow read_current_row(const Update& update, MemoryContext memory);

// 21000: the key is unique in each inheritance child only.
[[noreturn]] void raise_several_rows(const Update& update);

// A row that the direct path found at another version than the expected one.
WriteOutcome stale_outcome(const Update& update, TupleTableSlot* row, MemoryContext memory);

// Is the row with the key another one now than the snapshot shows: changed, moved, gone or new?
bool changed_since(const Update& update, Snapshot snapshot);

// At REPEATABLE READ and above: 40001 where the row that the snapshot shows is no longer the
// newest.
void require_newest_row(const Update& update);

}  // namespace interlock
