// The error vocabulary: the conditions PostgreSQL has no name for, and how each is reported.
#pragma once

#include "postgres.hpp"

#include <optional>

namespace interlock {

// The conditions of SQLSTATE class IL; errors.cpp has the one table that describes them.
enum class Condition {
    stale_version,
    row_missing,
    merge_conflict,
    write_rejected,
    version_required,
    row_exists,
    lease_held,
    lease_lost,
    claim_lost,
};

const char* condition_name(Condition condition);

// The row an error is about. What the caller may not see is left null and stays out of the report.
struct RowReport {
    Relation relation;
    const char* key_text;  // as in PostgreSQL's own messages: (id)=(1)
    const char* key_json;  // as a JSON object: {"id": 1}
    std::optional<int64> expected;
    std::optional<int64> current;
    List* columns;  // names (char*) of the columns that it is about, or none
};

[[noreturn]] void raise_stale_version(const RowReport& row);
[[noreturn]] void raise_values_changed(
    const RowReport& row);  // IL001, where no version is expected
[[noreturn]] void raise_row_missing(const RowReport& row);
[[noreturn]] void raise_write_rejected(const RowReport& row);
[[noreturn]] void raise_version_required(const RowReport& row);
[[noreturn]] void raise_merge_conflict(const RowReport& row);
[[noreturn]] void raise_row_exists(const RowReport& row);

// IL010, IL011 and IL020, in the words of the caller; of a row that is checked out or claimed with
// its relation.
[[noreturn]] void raise_lease(Condition condition, const char* message, const char* detail,
                              Relation relation = nullptr);

// row (id)=(1) of table "accounts", as far as the report knows the key
char* row_name(const RowReport& row);

// {"condition": …, "schema": …, "table": …, "key": … without its end
StringInfoData begin_detail(Condition condition, const RowReport& row);

// 55P03: the lock on this row, or this table, was not to be had at once or in time. The processes
// (a list of int) are those that were in the way.
[[noreturn]] void raise_row_unavailable(const RowReport& row, List* blocking_pids);
[[noreturn]] void raise_table_unavailable(Oid relid, List* blocking_pids);

// How the rows of a batch failed, each list one of RowReport*.
struct BatchReport {
    Relation relation;
    int rows;
    List* stale;
    List* missing;
    List* rejected;
};

// IL001 where any row is stale, else IL002 where any is missing, else IL004; DETAIL names them all.
[[noreturn]] void raise_batch_failed(const BatchReport& batch);

// Did a conversion fail because of the value? Not where the session or the server is concerned:
// cancellation, memory, conflicts.
bool is_about_the_value(int sqlstate);

// How many bytes of a value a message of ours shows.
constexpr int shown_bytes = 100;

// The text, cut to that many bytes at a character's end.
char* clip(const char* text, int limit);

// Refuses a NULL argument (22004) by its name.
void require_argument(FunctionCallInfo fcinfo, int number, const char* name);

// 25006 in a read-only transaction and on a standby, as for plain SQL.
void require_read_write(FunctionCallInfo fcinfo);

}  // namespace interlock
