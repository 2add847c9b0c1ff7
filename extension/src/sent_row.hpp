// A row that a caller sends as JSON, its key and version among its columns.
#pragma once

#include "key.hpp"

#include <optional>

namespace interlock {

struct SentRow {
    KeyValues key;
    std::optional<int64> version;  // nothing where it is left out, or null
    ColumnValues others;
};

// A row to update. 22023 without its key, 22004 for a null in it.
SentRow read_row_to_update(Relation relation, Table& table, Jsonb* row, const char* argument);

// A row to insert; it need not have its key, which is left among the others.
SentRow read_row_to_insert(Relation relation, Table& table, Jsonb* row, const char* argument);

}  // namespace interlock
