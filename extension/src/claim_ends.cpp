// What becomes of a claim: it is finished, renewed, given back or has failed; and dead rows begin
// anew. One row or many, raising and telling.

#include "claim_channel.hpp"
#include "claim_marks.hpp"
#include "claim_state.hpp"
#include "current_row.hpp"
#include "key_list.hpp"
#include "lease_arguments.hpp"
#include "outcome.hpp"
#include "results.hpp"
#include "statement.hpp"

extern "C" {
#include <common/pg_prng.h>
#include <mb/pg_wchar.h>
}

namespace interlock {
namespace {

constexpr int longest_error = 10000;  // bytes
constexpr int64 longest_time = int64{366} * USECS_PER_DAY;

enum class Ending : char { finish, renew, give_back, fail, revive };

// In the order of the SQL type interlock.claim_result.
enum class Result { done, lost, missing, busy };

// What is to become of claims, and of which: the token changes from one row of a call to the next.
struct ClaimEnd : RowRule {
    Ending ending;
    const Claiming* claiming;
    int64 token;
    int64 ttl;
    Datum error;
    Delay delay;
    TimestampTz now;
};

ClaimChange change_of(const ClaimEnd& end, const ClaimState& state) {
    switch (end.ending) {
        case Ending::finish:
            return finish_claim(end.now);
        case Ending::renew:
            return renew_claim(end.ttl, end.now);
        case Ending::give_back:
            return return_claim(*end.claiming, state, end.delay.asked, end.now);
        case Ending::fail:
            return fail_claim(*end.claiming, state, end.error, end.delay, end.now);
        default:
            return revive_claim(end.now);
    }
}

int role_of(const Claiming& claiming, AttrNumber attno) {
    int role = 0;
    while (claiming.columns[role] != attno)
        role++;
    return role;
}

void put_values(const Claiming& claiming, const ClaimChange& change, const ColumnValues& values) {
    for (int i = 0; i < values.columns->count; i++) {
        int role = role_of(claiming, values.columns->attnos[i]);
        values.values[i] = change.values[role];
        values.nulls[i] = change.nulls[role];
    }
}

bool may_end(const ClaimEnd& end, const ClaimState& state) {
    if (end.ending == Ending::revive) return state.dead && !state.finished;
    return is_current(state, end.token);
}

bool judge_end(const RowRule& rule, const RowValues& row, const ColumnValues& changes) {
    const auto& end = static_cast<const ClaimEnd&>(rule);
    ClaimState state = claim_state_in(*end.claiming, row);
    if (!may_end(end, state)) return false;
    if (changes.columns->count > 0) put_values(*end.claiming, change_of(end, state), changes);
    return true;
}

// A call for one row or many of a table.
struct Call {
    Relation relation;
    Table& table;
    ClaimEnd end;
    Operation operation;
    ColumnValues changes;
};

// The columns that an ending sets, whatever the row holds.
int roles_of(const Call& call, ClaimColumn* roles) {
    int count = 0;
    auto add = [&](std::initializer_list<ClaimColumn> more) {
        for (ClaimColumn role : more)
            roles[count++] = role;
    };
    switch (call.end.ending) {
        case Ending::finish:
            add({ClaimColumn::finished_at, ClaimColumn::claimed_until});
            break;
        case Ending::renew:
            add({ClaimColumn::claimed_until});
            break;
        case Ending::give_back:
            add({ClaimColumn::attempts, ClaimColumn::claimed_by, ClaimColumn::claimed_until});
            if (call.end.delay.asked && !call.table.claiming.has(ClaimColumn::group))
                add({ClaimColumn::run_at});
            break;
        case Ending::fail:
            add({ClaimColumn::run_at, ClaimColumn::claimed_by, ClaimColumn::claimed_until,
                 ClaimColumn::last_error, ClaimColumn::dead_at});
            break;
        case Ending::revive:
            add({ClaimColumn::run_at, ClaimColumn::attempts, ClaimColumn::claimed_by,
                 ClaimColumn::claimed_until, ClaimColumn::dead_at});
            break;
    }
    return count;
}

ColumnValues values_to_write(const Call& call) {
    if (call.operation == Operation::erase) return no_values(call.table);
    ClaimColumn roles[own_claim_column_count];
    AttrNumber attnos[own_claim_column_count];
    int count = roles_of(call, roles);
    for (int i = 0; i < count; i++)
        attnos[i] = call.table.claiming.column(roles[i]);
    return {&column_set(call.table, Purpose::changes, attnos, count), allocate<Datum>(count),
            allocate<bool>(count), nullptr};
}

Relation open_to_end(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "rel");
    Relation relation = open_claim_table(PG_GETARG_OID(0), RowExclusiveLock, false);
    require_writable(fcinfo, table_of(relation));
    return relation;
}

Call begin_call(FunctionCallInfo fcinfo, Ending ending) {
    Relation relation = open_to_end(fcinfo);
    Table& table = table_of(relation);
    Call call = {relation, table, {}, Operation::update, {}};
    call.end.columns = table.claiming.own;
    call.end.judge = judge_end;
    call.end.ending = ending;
    call.end.claiming = &table.claiming;
    if (ending == Ending::finish && !table.claiming.keeps) call.operation = Operation::erase;
    return call;
}

Call begin_finish(FunctionCallInfo fcinfo) {
    Call call = begin_call(fcinfo, Ending::finish);
    call.changes = values_to_write(call);
    return call;
}

Call begin_renew(FunctionCallInfo fcinfo) {
    int64 ttl = read_ttl(fcinfo, 3);
    Call call = begin_call(fcinfo, Ending::renew);
    call.end.ttl = ttl;
    call.changes = values_to_write(call);
    return call;
}

Call begin_revive(FunctionCallInfo fcinfo) {
    Call call = begin_call(fcinfo, Ending::revive);
    call.changes = values_to_write(call);
    return call;
}

// After how long a row may be claimed again: nothing for NULL.
std::optional<int64> read_retry_in(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(4)) return {};
    int64 time = interval_argument(fcinfo, 4);
    if (time < 0 || time > longest_time)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"retry_in\" must not be negative or longer than 366 days")));
    return time;
}

// A hand-back, or with an error a failure.
Call begin_release(FunctionCallInfo fcinfo) {
    std::optional<int64> retry_in = read_retry_in(fcinfo);
    Call call = begin_call(fcinfo, PG_ARGISNULL(3) ? Ending::give_back : Ending::fail);
    call.end.delay = {retry_in, pg_prng_double(&pg_global_prng_state)};
    if (!PG_ARGISNULL(3)) {
        text* error = PG_GETARG_TEXT_PP(3);
        int length = pg_mbcliplen(VARDATA_ANY(error), static_cast<int>(VARSIZE_ANY_EXHDR(error)),
                                  longest_error);
        call.end.error = PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(error), length));
    }
    call.changes = values_to_write(call);
    return call;
}

KeyedRow row_of(const Call& call, const KeyValues& key) {
    return {call.relation, call.table, key};
}

[[noreturn]] void raise_rejected(const Call& call, const KeyValues& key,
                                 const WriteOutcome& outcome) {
    raise_write_rejected(report_row(row_of(call, key), {}, outcome));
}

Result end_claim(Call& call, const KeyValues& key, Sharing* sharing) {
    call.end.now = GetCurrentTimestamp();
    Write write = {row_of(call, key), call.operation, {},
                   nullptr,           call.changes,   nullptr,
                   Report::version,   &call.end,      call.end.ending != Ending::renew};
    WriteOutcome outcome = write_row(write, sharing);
    switch (outcome.status) {
        case WriteStatus::written:
            return Result::done;
        case WriteStatus::missing:
            return Result::missing;
        case WriteStatus::busy:
            return Result::busy;
        case WriteStatus::stale:
            return Result::lost;
        default:
            raise_rejected(call, key, outcome);
    }
}

// The row of a call for one, and what became of it.
struct One {
    Call call;
    KeyValues key;
    Result result;
};

One end_one(FunctionCallInfo fcinfo, const Call& call, int64 token) {
    One one = {call, read_key(fcinfo, 1, call.relation, call.table), Result::done};
    one.call.end.token = token;
    one.result = end_claim(one.call, one.key, nullptr);
    return one;
}

// Rows that are ready at once are told to those who listen. One that is given back keeps its place,
// which this session's walks may have passed.
void tell(const Call& call, Result result) {
    if (result == Result::done && call.end.ending == Ending::give_back)
        forget_claim_marks(call.table.relid);
    bool ready = call.end.ending == Ending::revive ||
                 (call.end.ending == Ending::give_back && !call.end.delay.asked);
    if (result == Result::done && ready && call.table.claiming.notifies)
        notify_claims(call.relation);
}

void close(const Call& call) {
    table_close(call.relation, NoLock);
}

bool end_and_tell(FunctionCallInfo fcinfo, const Call& call, int64 token) {
    One one = end_one(fcinfo, call, token);
    tell(one.call, one.result);
    close(call);
    return one.result == Result::done;
}

// Those of the columns that the caller may read.
Bitmapset* readable(Table& table, std::initializer_list<ClaimColumn> roles) {
    Bitmapset* columns = nullptr;
    for (ClaimColumn role : roles) {
        AttrNumber attno = table.claiming.column(role);
        if (may_select(table.relid, attno)) columns = bms_add_member(columns, attno);
    }
    return columns;
}

// The row as it is now, as far as the caller may see it.
struct PresentClaim {
    const Claiming& claiming;
    bool missing;
    RowValues row;

    bool has(ClaimColumn role) const {
        AttrNumber attno = claiming.column(role);
        return !missing && row.has(attno) && !row.is_null(attno);
    }
    Datum value(ClaimColumn role) const { return row.value(claiming.column(role)); }
    const char* time(ClaimColumn role) const {
        return pstrdup(timestamptz_to_str(DatumGetTimestampTz(value(role))));
    }
};

PresentClaim present_claim(const One& one) {
    Table& table = one.call.table;
    Bitmapset* columns = readable(table, {ClaimColumn::claimed_by, ClaimColumn::claimed_until,
                                          ClaimColumn::finished_at, ClaimColumn::dead_at});
    HeapTuple tuple = fetch_row(row_of(one.call, one.key), columns);
    PresentClaim present = {table.claiming, tuple == nullptr, {}};
    if (tuple) present.row = deform_row(one.call.relation, columns, tuple);
    return present;
}

void append_owner(StringInfo json, const PresentClaim& present) {
    if (present.missing) appendStringInfoString(json, ", \"missing\": true");
    if (present.has(ClaimColumn::claimed_by)) {
        appendStringInfoString(json, ", \"claimed_by\": ");
        escape_json(json, TextDatumGetCString(present.value(ClaimColumn::claimed_by)));
    }
    for (ClaimColumn role :
         {ClaimColumn::claimed_until, ClaimColumn::finished_at, ClaimColumn::dead_at})
        if (present.has(role))
            appendStringInfo(json, ", \"%s\": \"%s\"", claim_column_name(role), present.time(role));
}

char* lost_detail(const One& one, const RowReport& report, const PresentClaim& present) {
    StringInfoData json = begin_detail(Condition::claim_lost, report);
    appendStringInfo(&json, ", \"token\": " INT64_FORMAT, one.call.end.token);
    append_owner(&json, present);
    appendStringInfoChar(&json, '}');
    return json.data;
}

const char* what_happened(const PresentClaim& present) {
    if (present.missing) return "is lost: the row does not exist";
    if (present.has(ClaimColumn::finished_at)) return "is lost: the row is finished";
    if (present.has(ClaimColumn::dead_at)) return "is lost: the row is dead";
    if (!present.has(ClaimColumn::claimed_by)) return "is lost";
    return psprintf("is lost to \"%s\"",
                    TextDatumGetCString(present.value(ClaimColumn::claimed_by)));
}

[[noreturn]] void raise_lost(const One& one) {
    PresentClaim present = present_claim(one);
    RowReport report = report_row(row_of(one.call, one.key));
    raise_lease(Condition::claim_lost,
                psprintf("claim " INT64_FORMAT " of %s %s", one.call.end.token, row_name(report),
                         what_happened(present)),
                lost_detail(one, report, present), one.call.relation);
}

void end_or_raise(FunctionCallInfo fcinfo, const Call& call, int64 token) {
    One one = end_one(fcinfo, call, token);
    if (one.result == Result::lost || one.result == Result::missing) raise_lost(one);
    tell(one.call, one.result);
    close(call);
}

// Until when the claim lasts: renewed just now, or, where the row is locked, as it was.
NullableDatum claimed_until(const One& one) {
    const ColumnValues& changes = one.call.changes;
    if (one.result == Result::done) return {changes.values[0], changes.nulls[0]};
    PresentClaim present = present_claim(one);
    bool known = present.has(ClaimColumn::claimed_until);
    return {known ? present.value(ClaimColumn::claimed_until) : Datum{0}, !known};
}

// The rows of a call for many, in the order of the arguments.
struct Item {
    int position;
    int64 token;
    Result result;
};

struct Batch {
    Call call;
    KeyList keys;
    Item* items;
};

int64* read_tokens(FunctionCallInfo fcinfo, int64 count) {
    require_argument(fcinfo, 2, "tokens");
    ArrayType* array = PG_GETARG_ARRAYTYPE_P(2);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"tokens\" must be an array of one dimension")));
    Datum* elements;
    bool* nulls;
    int length;
    deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements,
                      &nulls, &length);
    if (length != count)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"keys\" and \"tokens\" must have the same length")));
    auto* tokens = allocate_many<int64>(static_cast<size_t>(Max(length, 1)));
    for (int i = 0; i < length; i++) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("\"tokens\" must not contain null")));
        tokens[i] = DatumGetInt64(elements[i]);
    }
    return tokens;
}

Batch read_batch(FunctionCallInfo fcinfo, const Call& call) {
    require_argument(fcinfo, 1, "keys");
    Batch batch = {call, read_keys_as_sent(fcinfo, 1, "keys", call.relation, call.table), nullptr};
    int64* tokens = read_tokens(fcinfo, batch.keys.count);
    batch.items = allocate_many<Item>(static_cast<size_t>(Max(batch.keys.count, 1)));
    for (int i = 0; i < batch.keys.count; i++)
        batch.items[i] = {i, tokens[i], Result::done};
    return batch;
}

int compare_keys_of(const Batch& batch, const Item& left, const Item& right) {
    KeyValues one, other;
    batch.keys.get(left.position, one);
    batch.keys.get(right.position, other);
    return compare_keys(batch.call.table, one, other);
}

int compare_items(const void* left, const void* right, void* argument) {
    const auto& one = *static_cast<const Item*>(left);
    const auto& other = *static_cast<const Item*>(right);
    int order = compare_keys_of(*static_cast<Batch*>(argument), one, other);
    return order != 0 ? order : one.position - other.position;
}

int compare_positions(const void* left, const void* right) {
    return static_cast<const Item*>(left)->position - static_cast<const Item*>(right)->position;
}

// In the order of the keys, so that two such calls never wait for each other.
void end_all(Batch& batch) {
    auto count = static_cast<size_t>(batch.keys.count);
    qsort_arg(batch.items, count, sizeof(Item), compare_items, &batch);
    MemoryContext memory = CurrentMemoryContext;
    MemoryContext scratch =
        AllocSetContextCreate(memory, "interlock claims", ALLOCSET_DEFAULT_SIZES);
    Sharing sharing = {memory, nullptr};
    for (size_t i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        // a statement does not see what it did to a row itself
        if (i > 0 && compare_keys_of(batch, batch.items[i - 1], batch.items[i]) == 0)
            end_sharing(&sharing);
        KeyValues key;
        batch.keys.get(batch.items[i].position, key);
        batch.call.end.token = batch.items[i].token;
        MemoryContextSwitchTo(scratch);
        batch.items[i].result = end_claim(batch.call, key, &sharing);
        MemoryContextSwitchTo(memory);
        MemoryContextReset(scratch);
    }
    end_sharing(&sharing);
    MemoryContextDelete(scratch);
    qsort(batch.items, count, sizeof(Item), compare_positions);
}

Datum result_datum(Oid type, Result result) {
    static EnumLabels labels = {{"done", "lost", "missing", "busy"}, InvalidOid, 0, {}};
    return enum_datum(labels, type, static_cast<int>(result));
}

Datum end_batch(FunctionCallInfo fcinfo, const Call& call) {
    Batch batch = read_batch(fcinfo, call);
    end_all(batch);
    InitMaterializedSRF(fcinfo, 0);
    auto& set = *reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    Oid type = attribute(set.setDesc, 2)->atttypid;
    for (int i = 0; i < batch.keys.count; i++) {
        KeyValues key;
        batch.keys.get(i, key);
        Datum values[2] = {JsonbPGetDatum(key_object(call.table, key)),
                           result_datum(type, batch.items[i].result)};
        bool nulls[2] = {};
        tuplestore_putvalues(set.setResult, set.setDesc, values, nulls);
    }
    close(call);
    return 0;
}

[[noreturn]] void raise_not_dead(const One& one) {
    const Call& call = one.call;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("row %s of table \"%s\" is not dead", key_text(call.table, one.key),
                           call.table.name),
                    errhint("Only rows that failed as often as they may are revived."),
                    errtable(call.relation)));
    pg_unreachable();
}

// The rows are locked first, and those that somebody else has locked are left out. A row that was
// at its last attempt is dead, as if its claim had expired.
char* release_statement(Relation relation, Table& table) {
    const char* by = quoted_name(table, ClaimColumn::claimed_by);
    const char* dead = quoted_name(table, ClaimColumn::dead_at);
    const char* error = quoted_name(table, ClaimColumn::last_error);
    const char* exhausted =
        psprintf("t.%s OPERATOR(pg_catalog.>=) %d", quoted_name(table, ClaimColumn::attempts),
                 table.claiming.max_attempts);
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "WITH mine AS MATERIALIZED (SELECT ");
    append_columns(&sql, table, table.key_columns);
    appendStringInfoString(&sql, " FROM ");
    append_table(&sql, relation);
    appendStringInfo(&sql,
                     " WHERE t.%s OPERATOR(pg_catalog.=) $1 AND t.%s IS NULL AND t.%s IS NULL "
                     "FOR NO KEY UPDATE OF t SKIP LOCKED) UPDATE ",
                     by, quoted_name(table, ClaimColumn::finished_at), dead);
    append_table(&sql, relation);
    appendStringInfo(&sql,
                     " SET %s = NULL, %s = NULL, "
                     "%s = CASE WHEN %s THEN pg_catalog.clock_timestamp() END, "
                     "%s = CASE WHEN %s THEN COALESCE(t.%s, 'worker lost') ELSE t.%s END "
                     "FROM mine WHERE ",
                     by, quoted_name(table, ClaimColumn::claimed_until), dead, exhausted, error,
                     exhausted, error, error);
    append_key_join(&sql, table, table.key, "mine");
    return sql.data;
}

int64 release_all(Relation relation, Table& table, Datum worker) {
    Oid types[1] = {TEXTOID};
    Datum values[1] = {worker};
    SPI_connect();
    int result = SPI_execute_with_args(release_statement(relation, table), 1, types, values,
                                       nullptr, false, 0);
    if (result < 0) elog(ERROR, "could not execute: %s", SPI_result_code_string(result));
    auto released = static_cast<int64>(SPI_processed);
    SPI_finish();
    return released;
}

}  // namespace

// finish_claim(rel regclass, key anycompatible, token bigint) → void
INTERLOCK_FUNCTION(finish_claim) {
    end_or_raise(fcinfo, begin_finish(fcinfo), read_token(fcinfo, 2));
    PG_RETURN_VOID();
}

// try_finish_claim(the same) → boolean
INTERLOCK_FUNCTION(try_finish_claim) {
    PG_RETURN_BOOL(end_and_tell(fcinfo, begin_finish(fcinfo), read_token(fcinfo, 2)));
}

// finish_claims(rel regclass, keys anycompatiblearray, tokens bigint[]) → setof (key jsonb, status
// interlock.claim_result)
INTERLOCK_FUNCTION(finish_claims) {
    return end_batch(fcinfo, begin_finish(fcinfo));
}

// renew_claim(rel regclass, key anycompatible, token bigint, ttl interval) → timestamptz
INTERLOCK_FUNCTION(renew_claim) {
    One one = end_one(fcinfo, begin_renew(fcinfo), read_token(fcinfo, 2));
    if (one.result == Result::lost || one.result == Result::missing) raise_lost(one);
    NullableDatum until = claimed_until(one);
    close(one.call);
    fcinfo->isnull = until.isnull;
    return until.value;
}

// try_renew_claim(the same) → timestamptz, NULL where the claim is lost
INTERLOCK_FUNCTION(try_renew_claim) {
    One one = end_one(fcinfo, begin_renew(fcinfo), read_token(fcinfo, 2));
    bool lost = one.result == Result::lost || one.result == Result::missing;
    NullableDatum until = lost ? NullableDatum{0, true} : claimed_until(one);
    close(one.call);
    fcinfo->isnull = until.isnull;
    return until.value;
}

// renew_claims(rel regclass, keys anycompatiblearray, tokens bigint[], ttl interval) → setof (key
// jsonb, status interlock.claim_result)
INTERLOCK_FUNCTION(renew_claims) {
    return end_batch(fcinfo, begin_renew(fcinfo));
}

// release_claim(rel regclass, key anycompatible, token bigint, error text, retry_in interval) →
// void
INTERLOCK_FUNCTION(release_claim) {
    end_or_raise(fcinfo, begin_release(fcinfo), read_token(fcinfo, 2));
    PG_RETURN_VOID();
}

// try_release_claim(the same) → boolean
INTERLOCK_FUNCTION(try_release_claim) {
    PG_RETURN_BOOL(end_and_tell(fcinfo, begin_release(fcinfo), read_token(fcinfo, 2)));
}

// revive_claim(rel regclass, key anycompatible) → void
INTERLOCK_FUNCTION(revive_claim) {
    One one = end_one(fcinfo, begin_revive(fcinfo), 0);
    if (one.result == Result::missing) raise_row_missing(report_row(row_of(one.call, one.key)));
    if (one.result == Result::lost) raise_not_dead(one);
    tell(one.call, one.result);
    close(one.call);
    PG_RETURN_VOID();
}

// try_revive_claim(the same) → boolean
INTERLOCK_FUNCTION(try_revive_claim) {
    PG_RETURN_BOOL(end_and_tell(fcinfo, begin_revive(fcinfo), 0));
}

// release_worker(rel regclass, worker text) → bigint: how many claims it had
INTERLOCK_FUNCTION(release_worker) {
    Datum worker = CStringGetTextDatum(read_name(fcinfo, 1, "worker"));
    Relation relation = open_to_end(fcinfo);
    Table& table = table_of(relation);
    int64 released = release_all(relation, table, worker);
    if (released > 0) forget_claim_marks(table.relid);
    if (released > 0 && table.claiming.notifies) notify_claims(relation);
    table_close(relation, NoLock);
    PG_RETURN_INT64(released);
}

}  // namespace interlock
