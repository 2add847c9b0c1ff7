// Where a partitioned table keeps the row with a key.
#pragma once

#include "key.hpp"

namespace interlock {

// The leaf partition that the key belongs to; invalid where there is none, or where the key does
// not decide. The partitioned tables on the way to it are locked in this mode.
Oid leaf_partition(Relation root, Table& table, const KeyValues& key, LOCKMODE lockmode);

// Where the partition keeps the columns of the ancestor, by the ancestor's attribute numbers; null
// where each has the same number. It lives as long as both tables' cache entries.
const AttrNumber* columns_in_partition(const Table& ancestor, Table& partition);

}  // namespace interlock
