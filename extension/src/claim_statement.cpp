// The planner path of claims: a row that the walk comes to is locked with SKIP LOCKED's effect and
// updated, each by a statement of its own. Works wherever UPDATE … RETURNING works.

#include "claim_taker.hpp"
#include "row_locker.hpp"
#include "statement.hpp"

namespace interlock {

// An UPDATE of these of the claim columns, for one role.
struct ClaimStatement {
    ClaimStatement* next;
    Oid role;
    uint32 columns;  // a bit for each
    SPIPlanPtr plan;
};

namespace {

uint32 columns_of(const ClaimChange& change) {
    uint32 columns = 0;
    for (int role = 0; role < own_claim_column_count; role++)
        if (change.set[role]) columns |= 1u << role;
    return columns;
}

void append_changes(StringInfo sql, const ClaimCall& call, const ClaimChange& change,
                    Parameters& parameters) {
    const char* separator = "";
    for (int role = 0; role < own_claim_column_count; role++) {
        if (!change.set[role]) continue;
        const Column& column = call.table.column(call.claiming().columns[role]);
        appendStringInfo(sql, "%s%s = $%d", separator, quote_identifier(column.name),
                         parameters.add(column.type));
        separator = ", ";
    }
}

SPIPlanPtr prepare_claim(const ClaimCall& call, const Key& key, const ClaimChange& change) {
    StringInfoData sql;
    initStringInfo(&sql);
    Parameters parameters(key, own_claim_column_count);
    appendStringInfoString(&sql, "UPDATE ");
    append_table(&sql, call.relation);
    appendStringInfoString(&sql, " SET ");
    append_changes(&sql, call, change, parameters);
    appendStringInfoString(&sql, " WHERE ");
    append_key_condition(&sql, call.table, key);
    appendStringInfoString(&sql, " RETURNING ");
    append_columns(&sql, call.table, call.table.live_columns);
    return prepare_plan(call.table, sql.data, parameters);
}

SPIPlanPtr claim_plan(const ClaimCall& call, const Key& key, const ClaimChange& change) {
    ClaimAccess& access = call.access();
    uint32 columns = columns_of(change);
    for (ClaimStatement* statement = access.statements; statement; statement = statement->next)
        if (statement->role == GetUserId() && statement->columns == columns) return statement->plan;
    SPIPlanPtr plan = prepare_claim(call, key, change);
    auto* statement = allocate_in<ClaimStatement>(call.table.context);
    *statement = {access.statements, GetUserId(), columns, plan};
    return (access.statements = statement)->plan;
}

// At REPEATABLE READ and above, a row that changed since the snapshot is passed over.
LockOutcome lock_or_skip(const RowLock& lock) {
    LockOutcome outcome = {LockStatus::unavailable, {}, nullptr};
    if (!IsolationUsesXactSnapshot()) return planner_lock(lock);
    in_subtransaction(
        [&] {
            outcome = planner_lock(lock);
            return SubtransactionEnd::commit;
        },
        [](const ErrorData& error) {
            return error.sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE;
        });
    return outcome;
}

void put_row(ClaimCall& call) {
    RowValues row = fetch_values(call.table, call.table.live_columns);
    for (int i = 0; i < call.table.column_count; i++)
        if (call.table.columns[i].dropped) row.nulls[i] = true;
    tuplestore_putvalues(call.rows, call.desc, row.values, row.nulls);
    call.claimed++;
}

bool update_row(ClaimCall& call, const KeyValues& key, const ClaimState& state) {
    ClaimChange change = change_for(call, state);
    Datum values[own_claim_column_count];
    bool nulls[own_claim_column_count];
    int count = 0;
    for (int role = 0; role < own_claim_column_count; role++) {
        if (!change.set[role]) continue;
        values[count] = change.values[role];
        nulls[count++] = change.nulls[role];
    }
    SPI_connect();
    execute_plan(claim_plan(call, *key.key, change), key, {count, values, nulls}, InvalidSnapshot);
    bool written = SPI_processed == 1;
    if (written && !is_last_attempt(call, state)) put_row(call);
    SPI_finish();
    return written;
}

}  // namespace

bool take_by_statement(ClaimCall& call, TupleTableSlot* found) {
    KeyValues key;
    if (!read_key(call.table, found, key)) return false;
    RowLock lock = {
        {call.relation, call.table, key}, LockTupleNoKeyExclusive, {WaitKind::never, 0}, true, {},
        call.table.live_columns};
    LockOutcome outcome = lock_or_skip(lock);
    if (outcome.status != LockStatus::locked) return false;
    ClaimState state = claim_state_in(call.claiming(), outcome.row);
    return is_ready(state, call.now) && update_row(call, lock.key, state);
}

}  // namespace interlock
