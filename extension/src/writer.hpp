// The write engine: update, delete or lock a row by its key, or insert one, and say what happened.
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
    held_back,
    busy  // no SQL value: a write that must not wait would have had to
};

// How much of the present row a caller wants to hear of when the write did not happen.
enum class Report : char { version, row_and_conflicts };

// touch makes a new version and changes nothing else; the checks lock the row and change nothing.
enum class Operation : char { update, touch, erase, check_share, check_no_key_update };

struct RowValues;  // current_row.hpp

// A condition on what a row holds, and what is to become of it, both by a pure function of the row:
// whoever writes it can judge a row again that was changed meanwhile.
struct RowRule {
    const Bitmapset* columns;  // that it reads: not before the caller is allowed to
    // False where the row is not to be written; else the values of these columns are put in.
    bool (*judge)(const RowRule& rule, const RowValues& row, const ColumnValues& changes);
};

// A row of a relation, by its key.
struct KeyedRow {
    Relation relation;
    Table& table;
    KeyValues key;
};

// What is to become of it, if it is still as the caller expects: at this version, or with these
// values in its columns.
struct Write : KeyedRow {
    Operation operation;
    std::optional<int64> expected;
    const ColumnValues* expected_values;  // null: the version is expected
    ColumnValues changes;                 // of an update; none otherwise
    Jsonb* base;                          // the row as the caller read it, or null
    Report report;
    const RowRule* rule = nullptr;  // instead of a version or values that are expected
    bool waits = true;              // for a row that is locked
};

inline bool is_check(const Write& write) {
    return write.operation == Operation::check_share ||
           write.operation == Operation::check_no_key_update;
}

struct WriteOutcome {
    WriteStatus status;
    std::optional<int64> version;
    Jsonb* current;
    Jsonb* conflicts;
};

struct Execution;  // direct_writer.cpp

// What the rows of a batch share, kept from one to the next in memory that outlives them all.
struct Sharing {
    MemoryContext memory;
    Execution* execution;  // null at first
};

// Writes on the direct path where that is exactly equivalent, else on the planner path.
WriteOutcome write_row(const Write& write, Sharing* sharing = nullptr);

// Counts a write, or a row lock, in write_paths().
void count_path(bool direct);

// After the last row of a batch.
void end_sharing(Sharing* sharing);

// The planner path, an SPI plan: works wherever the statement works.
WriteOutcome planner_write(const Write& write);

// The direct path, the executor's own pieces: nothing where it is not equivalent, and then nothing
// was done.
std::optional<WriteOutcome> direct_write(const Write& write, Sharing* sharing);

// The insertion of a row that must not be there yet.
struct Insert {
    Relation relation;
    Table& table;
    ColumnValues row;
    Report report;
};

struct InsertOutcome {
    WriteStatus status;  // written, exists or rejected
    std::optional<int64> version;
    KeyValues key;  // of the row that was written, or is there; without a key where rejected
};

// `exists` is told for the primary key; other unique constraints raise 23505.
InsertOutcome insert_row(const Insert& insert);

// Comparing tells the caller what the columns hold, so it must be allowed to read them.
bool may_compare(const Write& write);

// The column that touch sets to itself in its UPDATE: the version where the caller may update it,
// else the first column that it may both update and see. One that it may only update would need
// SELECT (42501), as SET c = c does.
AttrNumber touched_column(Table& table);

}  // namespace interlock
