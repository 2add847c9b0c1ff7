// Rows locked until the transaction ends, in the order of their keys and within a bound of their
// own, raising and telling.

#include "key_list.hpp"
#include "lock_table.hpp"
#include "outcome.hpp"
#include "results.hpp"
#include "row_holders.hpp"
#include "row_locker.hpp"

namespace interlock {
namespace {

LockTupleMode read_mode(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 2, "mode");
    const char* mode = text_to_cstring(PG_GETARG_TEXT_PP(2));
    if (strcmp(mode, "update") == 0) return LockTupleExclusive;
    if (strcmp(mode, "no key update") == 0) return LockTupleNoKeyExclusive;
    if (strcmp(mode, "share") == 0) return LockTupleShare;
    if (strcmp(mode, "key share") == 0) return LockTupleKeyShare;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"mode\" cannot be \"%s\"", clip(mode, shown_bytes)),
                    errhint("Allowed: \"update\", \"no key update\", \"share\", \"key share\".")));
    pg_unreachable();
}

[[noreturn]] void raise_table_unavailable(Oid relid) {
    LOCKTAG tag;
    SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
    interlock::raise_table_unavailable(relid, conflicting_holders(tag, RowShareLock));
}

// A bound is for the lock on the table too, which only ALTER TABLE and its like hold up.
void lock_table(Oid relid, const Wait& wait) {
    if (wait.kind == WaitKind::unbounded || ConditionalLockRelationOid(relid, RowShareLock)) return;
    if (must_not_wait(wait)) raise_table_unavailable(relid);
    or_report_unavailable(
        [&] { until_deadline(wait, [&] { LockRelationOid(relid, RowShareLock); }); },
        [&] { raise_table_unavailable(relid); });
}

// A domain's constraints are for its values, which a row of the table need not be one of.
Oid relation_argument(FunctionCallInfo fcinfo) {
    return relation_of_type(get_fn_expr_argtype(fcinfo->flinfo, 0), "row_type");
}

// A foreign server is sent FOR UPDATE, but not NOWAIT or SKIP LOCKED.
void require_time_to_wait(Relation relation, const Wait& wait) {
    if (relation->rd_rel->relkind != RELKIND_FOREIGN_TABLE || wait.kind != WaitKind::never) return;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("rows of foreign table \"%s\" cannot be locked without waiting",
                           RelationGetRelationName(relation)),
                    errhint("Pass a \"wait\" of more than zero."), errtable(relation)));
}

Relation open_to_lock(FunctionCallInfo fcinfo, const Wait& wait, bool versioned) {
    Oid relid = relation_argument(fcinfo);
    lock_table(relid, wait);
    Relation relation = versioned ? open_versioned_table(relid, RowShareLock)
                                  : open_keyed_table(relid, RowShareLock);
    Table& table = table_of(relation);
    require_writable(fcinfo, table);
    if (versioned) require_counter(relation, table);
    require_time_to_wait(relation, wait);
    require_lock_privileges(relation, table);
    return relation;
}

// The arguments that all of them have, but for the key and the bound.
RowLock read_lock(FunctionCallInfo fcinfo, const Wait& wait, bool tells,
                  std::optional<int64> expected) {
    LockTupleMode mode = read_mode(fcinfo);
    Relation relation = open_to_lock(fcinfo, wait, expected.has_value());
    Table& table = table_of(relation);
    return {{relation, table, {}}, mode, wait, tells, expected, table.live_columns};
}

KeyList read_keys(FunctionCallInfo fcinfo, const RowLock& lock) {
    return read_keys(fcinfo, 1, "keys", lock.relation, lock.table);
}

std::optional<int64> read_expected(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(4)) return {};
    return PG_GETARG_INT64(4);
}

// Locks one row after the other, and shows each to `visit` before the next; until that says no.
// What a row takes to be locked is forgotten with it.
template <typename Visit>
bool lock_each(RowLock& lock, const KeyList& keys, Visit visit) {
    MemoryContext memory = CurrentMemoryContext;
    MemoryContext scratch =
        AllocSetContextCreate(memory, "interlock row lock", ALLOCSET_DEFAULT_SIZES);
    SharedScan shared = {memory, nullptr, nullptr, 0};
    bool goes_on = true;
    for (int64 i = 0; goes_on && i < keys.count; i++) {
        CHECK_FOR_INTERRUPTS();
        keys.get(i, lock.key);
        shared.ahead = keys.from(i);
        shared.keys_ahead = keys.count - i;
        MemoryContextSwitchTo(scratch);
        goes_on = visit(lock_row(lock, shared));
        MemoryContextSwitchTo(memory);
        MemoryContextReset(scratch);
    }
    end_scan(shared);
    MemoryContextDelete(scratch);
    return goes_on;
}

RowReport report_lock(const RowLock& lock, std::optional<int64> current) {
    RowReport report = report_row(lock);
    report.expected = lock.expected;
    report.current = current;
    return report;
}

[[noreturn]] void raise_unavailable(const RowLock& lock) {
    raise_row_unavailable(report_lock(lock, {}), blockers_of_row(lock, lock.mode));
}

// The same, raising where a row is not to be had. `visit` says whether it is content with none.
template <typename Visit>
void lock_each_or_raise(RowLock& lock, const KeyList& keys, Visit visit) {
    bool done = true;
    or_report_unavailable([&] { done = lock_each(lock, keys, visit); },
                          [&] { raise_unavailable(lock); });
    if (!done) raise_unavailable(lock);
}

[[noreturn]] void raise_missing(const RowLock& lock) {
    raise_row_missing(report_lock(lock, {}));
}

[[noreturn]] void raise_stale(const RowLock& lock, const RowValues& row) {
    raise_stale_version(report_lock(lock, version_in(lock.table, row)));
}

Datum row_datum(const RowLock& lock, const RowValues& row) {
    return HeapTupleGetDatum(
        heap_form_tuple(RelationGetDescr(lock.relation), row.values, row.nulls));
}

// The same, in memory that outlives the row.
Datum row_datum_in(MemoryContext memory, const RowLock& lock, const RowValues& row) {
    MemoryContext previous = MemoryContextSwitchTo(memory);
    Datum datum = row_datum(lock, row);
    MemoryContextSwitchTo(previous);
    return datum;
}

bool has_row(const LockOutcome& outcome) {
    return outcome.status == LockStatus::locked || outcome.status == LockStatus::stale;
}

Datum status_datum(Oid type, LockStatus status) {
    static EnumLabels labels = {{"locked", "stale", "missing", "unavailable"}, InvalidOid, 0, {}};
    return enum_datum(labels, type, static_cast<int>(status));
}

ReturnSetInfo& begin_set(FunctionCallInfo fcinfo) {
    InitMaterializedSRF(fcinfo, 0);
    return *reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
}

KeyList one_key(KeyValues& key) {
    return {key.key, 1, key.values};
}

// What lock_rows leaves out instead of raising.
struct LeftOut {
    bool locked;
    bool missing;
};

LeftOut read_left_out(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 4, "skip_locked");
    require_argument(fcinfo, 5, "missing_ok");
    LeftOut left_out = {PG_GETARG_BOOL(4), PG_GETARG_BOOL(5)};
    if (left_out.locked && !PG_ARGISNULL(3))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"wait\" cannot be combined with \"skip_locked\""),
                        errhint("Rows that are locked are left out at once, without waiting.")));
    return left_out;
}

void put(ReturnSetInfo& set, const LockOutcome& outcome) {
    if (outcome.whole)
        tuplestore_puttupleslot(set.setResult, outcome.whole);
    else
        tuplestore_putvalues(set.setResult, set.setDesc, outcome.row.values, outcome.row.nulls);
}

// False where the row is not to be had, and not to be left out.
bool put_row(ReturnSetInfo& set, const RowLock& lock, const LockOutcome& outcome,
             const LeftOut& left_out) {
    switch (outcome.status) {
        case LockStatus::missing:
            if (!left_out.missing) raise_missing(lock);
            return true;
        case LockStatus::unavailable:
            return left_out.locked;
        default:
            put(set, outcome);
            return true;
    }
}

void put_outcome(ReturnSetInfo& set, const RowLock& lock, const LockOutcome& outcome) {
    Datum values[3] = {JsonbPGetDatum(key_object(lock.table, lock.key)),
                       status_datum(attribute(set.setDesc, 2)->atttypid, outcome.status), 0};
    bool nulls[3] = {false, false, !has_row(outcome)};
    if (has_row(outcome)) values[2] = row_datum(lock, values_of(outcome));
    tuplestore_putvalues(set.setResult, set.setDesc, values, nulls);
}

Datum outcome_datum(FunctionCallInfo fcinfo, LockStatus status, Datum row) {
    TupleDesc desc;
    get_call_result_type(fcinfo, nullptr, &desc);
    desc = BlessTupleDesc(desc);
    Datum values[2] = {status_datum(attribute(desc, 1)->atttypid, status), row};
    bool nulls[2] = {false, row == 0};
    return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

}  // namespace

// lock_row(row_type anyelement, key anycompatible, mode text, wait interval, expected bigint) →
// anyelement
INTERLOCK_FUNCTION(lock_row) {
    RowLock lock = read_lock(fcinfo, read_wait(fcinfo, 3), false, read_expected(fcinfo));
    KeyValues key = read_key(fcinfo, 1, lock.relation, lock.table);
    MemoryContext memory = CurrentMemoryContext;
    Datum row = 0;
    lock_each_or_raise(lock, one_key(key), [&](const LockOutcome& outcome) {
        if (outcome.status == LockStatus::missing) raise_missing(lock);
        if (outcome.status == LockStatus::stale) raise_stale(lock, values_of(outcome));
        if (outcome.status == LockStatus::locked)
            row = row_datum_in(memory, lock, values_of(outcome));
        return outcome.status == LockStatus::locked;
    });
    table_close(lock.relation, NoLock);
    return row;
}

// try_lock_row(the same) → (status interlock.lock_status, row anyelement)
INTERLOCK_FUNCTION(try_lock_row) {
    RowLock lock = read_lock(fcinfo, read_wait(fcinfo, 3), true, read_expected(fcinfo));
    KeyValues key = read_key(fcinfo, 1, lock.relation, lock.table);
    MemoryContext memory = CurrentMemoryContext;
    LockStatus status = LockStatus::missing;
    Datum row = 0;
    lock_each(lock, one_key(key), [&](const LockOutcome& outcome) {
        status = outcome.status;
        if (has_row(outcome)) row = row_datum_in(memory, lock, values_of(outcome));
        return true;
    });
    table_close(lock.relation, NoLock);
    return outcome_datum(fcinfo, status, row);
}

// lock_rows(row_type anyelement, keys anycompatiblearray, mode text, wait interval, skip_locked
// boolean, missing_ok boolean) → setof anyelement
INTERLOCK_FUNCTION(lock_rows) {
    require_argument(fcinfo, 1, "keys");
    LeftOut left_out = read_left_out(fcinfo);
    Wait wait = left_out.locked ? Wait{WaitKind::never, 0} : read_wait(fcinfo, 3);
    RowLock lock = read_lock(fcinfo, wait, left_out.locked, {});
    KeyList keys = read_keys(fcinfo, lock);
    ReturnSetInfo& set = begin_set(fcinfo);
    lock_each_or_raise(lock, keys, [&](const LockOutcome& outcome) {
        return put_row(set, lock, outcome, left_out);
    });
    table_close(lock.relation, NoLock);
    return 0;
}

// try_lock_rows(row_type anyelement, keys anycompatiblearray, mode text, wait interval) → setof
// (key jsonb, status interlock.lock_status, row anyelement)
INTERLOCK_FUNCTION(try_lock_rows) {
    require_argument(fcinfo, 1, "keys");
    RowLock lock = read_lock(fcinfo, read_wait(fcinfo, 3), true, {});
    KeyList keys = read_keys(fcinfo, lock);
    ReturnSetInfo& set = begin_set(fcinfo);
    lock_each(lock, keys, [&](const LockOutcome& outcome) {
        put_outcome(set, lock, outcome);
        return true;
    });
    table_close(lock.relation, NoLock);
    return 0;
}

}  // namespace interlock
