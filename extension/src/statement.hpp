// The texts and plans of the statements that reach a row by its key.
#pragma once

#include "key.hpp"

namespace interlock {

// The table, quoted and qualified, under the alias t.
void append_table(StringInfo sql, Relation relation);

// k1 = $1 AND k2 = $2, with the operators of the key's index, found by no search_path.
void append_key_condition(StringInfo sql, Table& table, const Key& key);

// The same with the columns of that name of another relation.
void append_key_join(StringInfo sql, Table& table, const Key& key, const char* other);

// The column, quoted and qualified by t.
void append_column(StringInfo sql, const Column& column);

// The columns, separated by commas.
void append_columns(StringInfo sql, Table& table, const Bitmapset* columns);

// The parameters of a statement: the key first, then what add() appends.
class Parameters {
  public:
    Parameters(const Key& key, int more);
    int add(Oid type);  // the number to write after $
    const Oid* types() const { return types_; }
    int count() const { return count_; }

  private:
    Oid* types_;
    int count_;
};

// Prepares and saves a plan that lives as long as the table's cache entry.
SPIPlanPtr prepare_plan(Table& table, const char* sql, const Parameters& parameters);

// The values of the parameters after the key.
struct Values {
    int count;
    const Datum* values;
    const bool* nulls;
};

// Runs it as a statement of its own; with a snapshot that is not its own where one is given, and
// then (InvalidSnapshot apart) without writing unless `writes`.
void execute_plan(SPIPlanPtr plan, const KeyValues& key, const Values& more, Snapshot snapshot,
                  bool writes = false);

// The executor's own 40001 at READ COMMITTED for a row that a concurrent writer moved to another
// partition, which it does not look up again; not one that a user's trigger raised.
bool is_moved_row(const ErrorData& error);

}  // namespace interlock
