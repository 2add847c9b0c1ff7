// What became of a write, as an SQL value or as an error; and what every write must be allowed.
#pragma once

#include "errors.hpp"
#include "writer.hpp"

namespace interlock {

// 25006 in a read-only transaction, except for temporary tables, as for plain SQL.
void require_writable(FunctionCallInfo fcinfo, const Table& table);

// 0A000 where the version is a timestamp: it is no expected version.
void require_counter(Relation relation, const Table& table);

// The row that an error is about, named by its key.
RowReport report_row(const KeyedRow& row);
RowReport report_row(const KeyedRow& row, std::optional<int64> expected,
                     const WriteOutcome& outcome);

// IL001 to IL006 for an outcome that is none of written, unchanged and merged.
void raise_unless_done(const Write& write, const WriteOutcome& outcome);

// A value of interlock.write_status; the type is the column's that takes it.
Datum status_datum(Oid type, WriteStatus status);

// interlock.write_result
Datum result_datum(FunctionCallInfo fcinfo, const WriteOutcome& outcome);

// The new version as bigint, NULL where a trigger that fires after ours made it NULL.
Datum version_result(FunctionCallInfo fcinfo, const WriteOutcome& outcome);

}  // namespace interlock
