#include "claim_ending.hpp"

#include "claim_channel.hpp"
#include "claim_marks.hpp"
#include "lease_arguments.hpp"
#include "outcome.hpp"

extern "C" {
#include <common/pg_prng.h>
#include <mb/pg_wchar.h>
}

namespace interlock {
namespace {

constexpr int longest_error = 10000;  // bytes

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

// The columns that an ending sets, whatever the row holds.
int roles_of(const EndingCall& call, ClaimColumn* roles) {
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

ColumnValues values_to_write(const EndingCall& call) {
    if (call.operation == Operation::erase) return no_values(call.table);
    ClaimColumn roles[own_claim_column_count];
    AttrNumber attnos[own_claim_column_count];
    int count = roles_of(call, roles);
    for (int i = 0; i < count; i++)
        attnos[i] = call.table.claiming.column(roles[i]);
    return {&column_set(call.table, Purpose::changes, attnos, count), allocate<Datum>(count),
            allocate<bool>(count), nullptr};
}

EndingCall begin_call(FunctionCallInfo fcinfo, Ending ending, std::optional<int64> retry_in = {}) {
    Relation relation = open_to_end(fcinfo);
    Table& table = table_of(relation);
    EndingCall call = {relation, table, {}, Operation::update, {}};
    call.end.columns = table.claiming.own;
    call.end.judge = judge_end;
    call.end.ending = ending;
    call.end.claiming = &table.claiming;
    call.end.delay.asked = retry_in;
    if (ending == Ending::finish && !table.claiming.keeps) call.operation = Operation::erase;
    call.changes = values_to_write(call);
    return call;
}

// After how long a row may be claimed again: nothing for NULL.
std::optional<int64> read_retry_in(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(4)) return {};
    return read_delay(fcinfo, 4, "retry_in");
}

// What each row has for itself: its time, and its share of the backoff, so that rows which failed
// in one call do not come back together.
void begin_row(ClaimEnd& end) {
    end.now = GetCurrentTimestamp();
    if (end.ending == Ending::fail) end.delay.jitter = pg_prng_double(&pg_global_prng_state);
}

[[noreturn]] void raise_rejected(const EndingCall& call, const KeyValues& key,
                                 const WriteOutcome& outcome) {
    raise_write_rejected(report_row(row_of(call, key), {}, outcome));
}

}  // namespace

Relation open_to_end(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "rel");
    Relation relation = open_claim_table(PG_GETARG_OID(0), RowExclusiveLock, false);
    require_writable(fcinfo, table_of(relation));
    return relation;
}

EndingCall begin_finish(FunctionCallInfo fcinfo) {
    return begin_call(fcinfo, Ending::finish);
}

EndingCall begin_renew(FunctionCallInfo fcinfo) {
    int64 ttl = read_ttl(fcinfo, 3);
    EndingCall call = begin_call(fcinfo, Ending::renew);
    call.end.ttl = ttl;
    return call;
}

EndingCall begin_revive(FunctionCallInfo fcinfo) {
    return begin_call(fcinfo, Ending::revive);
}

EndingCall begin_release(FunctionCallInfo fcinfo) {
    std::optional<int64> retry_in = read_retry_in(fcinfo);
    EndingCall call =
        begin_call(fcinfo, PG_ARGISNULL(3) ? Ending::give_back : Ending::fail, retry_in);
    if (!PG_ARGISNULL(3)) {
        text* error = PG_GETARG_TEXT_PP(3);
        int length = pg_mbcliplen(VARDATA_ANY(error), static_cast<int>(VARSIZE_ANY_EXHDR(error)),
                                  longest_error);
        call.end.error = PointerGetDatum(cstring_to_text_with_len(VARDATA_ANY(error), length));
    }
    return call;
}

KeyedRow row_of(const EndingCall& call, const KeyValues& key) {
    return {call.relation, call.table, key};
}

ClaimResult end_claim(EndingCall& call, const KeyValues& key, Sharing* sharing) {
    begin_row(call.end);
    Write write = {row_of(call, key), call.operation, {},
                   nullptr,           call.changes,   nullptr,
                   Report::version,   &call.end,      call.end.ending != Ending::renew};
    WriteOutcome outcome = write_row(write, sharing);
    switch (outcome.status) {
        case WriteStatus::written:
            return ClaimResult::done;
        case WriteStatus::missing:
            return ClaimResult::missing;
        case WriteStatus::busy:
            return ClaimResult::busy;
        case WriteStatus::stale:
            return ClaimResult::lost;
        default:
            raise_rejected(call, key, outcome);
    }
}

// Rows that are ready at once are told to those who listen. One that is given back keeps its place,
// which this session's walks may have passed.
void tell_ended(const EndingCall& call, ClaimResult result) {
    if (result == ClaimResult::done && call.end.ending == Ending::give_back)
        forget_claim_marks(call.table.relid);
    bool ready = call.end.ending == Ending::revive ||
                 (call.end.ending == Ending::give_back && !call.end.delay.asked);
    if (result == ClaimResult::done && ready && call.table.claiming.notifies)
        notify_claims(call.relation);
}

void close_call(const EndingCall& call) {
    table_close(call.relation, NoLock);
}

}  // namespace interlock
