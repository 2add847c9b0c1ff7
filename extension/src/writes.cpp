// The writes of a row that the caller has read at some version, raising and telling.

#include "outcome.hpp"

namespace interlock {
namespace {

// The arguments that all of them have: rel regclass, key anycompatible, expected bigint.
Write read_write(FunctionCallInfo fcinfo, Operation operation, Report report) {
    require_argument(fcinfo, 0, "rel");
    require_argument(fcinfo, 2, "expected");
    bool locks = operation == Operation::check_share || operation == Operation::check_no_key_update;
    Relation relation =
        open_versioned_table(PG_GETARG_OID(0), locks ? RowShareLock : RowExclusiveLock);
    Table& table = table_of(relation);
    require_writable(fcinfo, table);
    require_counter(relation, table);
    KeyValues key = read_key(fcinfo, 1, relation, table);
    return {{relation, table, key},
            operation,
            PG_GETARG_INT64(2),
            nullptr,
            no_values(table),
            nullptr,
            report};
}

Write read_update(FunctionCallInfo fcinfo, Report report) {
    require_argument(fcinfo, 3, "changes");
    Write write = read_write(fcinfo, Operation::update, report);
    write.changes = read_changes(write.relation, write.table, PG_GETARG_JSONB_P(3), "changes");
    if (!PG_ARGISNULL(4)) write.base = read_base(write.relation, write.table, PG_GETARG_JSONB_P(4));
    return write;
}

Operation read_lock(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 3, "lock");
    const char* lock = text_to_cstring(PG_GETARG_TEXT_PP(3));
    if (strcmp(lock, "share") == 0) return Operation::check_share;
    if (strcmp(lock, "no key update") == 0) return Operation::check_no_key_update;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"lock\" cannot be \"%s\"", clip(lock, shown_bytes)),
                    errhint("Allowed: \"share\", \"no key update\".")));
    pg_unreachable();
}

WriteOutcome write_or_raise(const Write& write) {
    WriteOutcome outcome = write_row(write);
    raise_unless_done(write, outcome);
    table_close(write.relation, NoLock);
    return outcome;
}

Datum write_and_tell(FunctionCallInfo fcinfo, const Write& write) {
    WriteOutcome outcome = write_row(write);
    table_close(write.relation, NoLock);
    return result_datum(fcinfo, outcome);
}

}  // namespace

// versioned_update(rel regclass, key anycompatible, expected bigint, changes jsonb, base jsonb) →
// bigint
INTERLOCK_FUNCTION(versioned_update) {
    return version_result(fcinfo, write_or_raise(read_update(fcinfo, Report::version)));
}

// try_versioned_update(the same) → interlock.write_result
INTERLOCK_FUNCTION(try_versioned_update) {
    return write_and_tell(fcinfo, read_update(fcinfo, Report::row_and_conflicts));
}

// versioned_delete(rel regclass, key anycompatible, expected bigint) → void
INTERLOCK_FUNCTION(versioned_delete) {
    write_or_raise(read_write(fcinfo, Operation::erase, Report::version));
    PG_RETURN_VOID();
}

// try_versioned_delete(the same) → interlock.write_result
INTERLOCK_FUNCTION(try_versioned_delete) {
    return write_and_tell(fcinfo, read_write(fcinfo, Operation::erase, Report::row_and_conflicts));
}

// versioned_touch(rel regclass, key anycompatible, expected bigint) → bigint
INTERLOCK_FUNCTION(versioned_touch) {
    return version_result(fcinfo,
                          write_or_raise(read_write(fcinfo, Operation::touch, Report::version)));
}

// try_versioned_touch(the same) → interlock.write_result
INTERLOCK_FUNCTION(try_versioned_touch) {
    return write_and_tell(fcinfo, read_write(fcinfo, Operation::touch, Report::row_and_conflicts));
}

// versioned_check(rel regclass, key anycompatible, expected bigint, lock text) → void
INTERLOCK_FUNCTION(versioned_check) {
    write_or_raise(read_write(fcinfo, read_lock(fcinfo), Report::version));
    PG_RETURN_VOID();
}

// try_versioned_check(the same) → interlock.write_result
INTERLOCK_FUNCTION(try_versioned_check) {
    return write_and_tell(fcinfo, read_write(fcinfo, read_lock(fcinfo), Report::row_and_conflicts));
}

}  // namespace interlock
