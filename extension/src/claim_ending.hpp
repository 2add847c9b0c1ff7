// An ending of claims: what it makes of a row, and the call that it is made by. It finishes,
// renews, gives back, has failed, or revives what is dead.
#pragma once

#include "claim_state.hpp"
#include "current_row.hpp"

namespace interlock {

enum class Ending : char { finish, renew, give_back, fail, revive };

// In the order of the SQL type interlock.claim_result.
enum class ClaimResult { done, lost, missing, busy };

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

// A call for one row or many of a table.
struct EndingCall {
    Relation relation;
    Table& table;
    ClaimEnd end;
    Operation operation;
    ColumnValues changes;
};

// The table of a call, its first argument, opened to write.
Relation open_to_end(FunctionCallInfo fcinfo);

// The calls by their arguments, but for keys and tokens.
EndingCall begin_finish(FunctionCallInfo fcinfo);
EndingCall begin_renew(FunctionCallInfo fcinfo);
EndingCall begin_revive(FunctionCallInfo fcinfo);
EndingCall begin_release(FunctionCallInfo fcinfo);  // a hand-back, or with an error a failure

KeyedRow row_of(const EndingCall& call, const KeyValues& key);

// Ends the claim of the row that the call's token is for. IL004 where the row may not be written.
ClaimResult end_claim(EndingCall& call, const KeyValues& key, Sharing* sharing);

// A row came to this: those who listen, and this session's walks, hear of it where it is ready.
void tell_ended(const EndingCall& call, ClaimResult result);

void close_call(const EndingCall& call);

}  // namespace interlock
