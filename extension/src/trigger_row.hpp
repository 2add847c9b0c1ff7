// What a BEFORE row trigger sees of the row that it fires for: what an UPDATE changes in it, and
// how it is reported.
#pragma once

#include "errors.hpp"
#include "key.hpp"

namespace interlock {

struct RowChange {
    const TriggerData* data;
    Table& table;
    TupleTableSlot* old_row;
    TupleTableSlot* new_row;
    AttrNumber version;       // is not looked at, or 0
    const Bitmapset* except;  // nor are these
    bool only_set_columns;    // no other trigger can have touched the new row
};

// Does a value change that is looked at? What is set in a column that the writer may not read
// counts as changed: the answer must not tell whether its guess was right.
bool row_changed(const RowChange& change);

// The report of the row, with its key as far as the current role may see it.
RowReport report_row(Relation relation, Table& table, TupleTableSlot* row);

}  // namespace interlock
