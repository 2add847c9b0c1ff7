// Who keeps a row from being locked, as the heap and the lock manager know it now.
#pragma once

#include "writer.hpp"

namespace interlock {

// The processes (as conflicting_holders() lists them) of the transactions that changed or locked
// the newest version of the row in conflict with this mode, and of those that are next in line for
// it. Needs no SPI connection.
List* blockers_of_row(const KeyedRow& row, LockTupleMode mode);

// The same for a version of a row of an open heap.
List* blockers_of_tuple(Relation relation, const ItemPointerData& tid, LockTupleMode mode);

}  // namespace interlock
