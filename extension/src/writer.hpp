// The write engine: update a row by its key and say what happened.
#pragma once

#include "columns.hpp"
#include "key.hpp"

#include <optional>

namespace interlock {

// In the order of the SQL type interlock.write_status.
enum class WriteStatus {
    written,
    unchanged,
    merged,
    stale,
    missing,
    conflict,
    exists,
    rejected,
    held_back
};

// How much of the present row a caller wants to hear of when the write did not happen.
enum class Report { version, row_and_conflicts };

struct Update {
    Relation relation;
    Table& table;
    KeyValues key;
    int64 expected;
    Changes changes;
    Jsonb* base;  // the row as the caller read it, or null
    Report report;
};

struct WriteOutcome {
    WriteStatus status;
    std::optional<int64> version;
    Jsonb* current;
    Jsonb* conflicts;
};

// Updates on the direct path where that is exactly equivalent, else on the
// planner path.
WriteOutcome update_row(const Update& update);

// The planner path, an SPI plan: works wherever an UPDATE works.
WriteOutcome planner_update(const Update& update);

// The direct path, the executor's own pieces: nothing where it is not
// equivalent, and then nothing was done.
std::optional<WriteOutcome> direct_update(const Update& update);

// Comparing tells the caller what the columns hold, so it must be allowed to
// read them.
bool may_compare(const Update& update);

}  // namespace interlock
