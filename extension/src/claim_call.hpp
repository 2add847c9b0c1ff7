// One call of claim_rows: what it asks for, and what it has claimed so far.
#pragma once

#include "claim_state.hpp"
#include "table.hpp"

namespace interlock {

struct ClaimOrder;      // claim_index.hpp
struct ClaimStatement;  // claim_statement.cpp
struct RangeTable;      // executor.hpp

// What is kept with a table for claiming its rows.
struct ClaimAccess {
    ClaimOrder* order;       // of the claim index
    RangeTable* privileges;  // what claiming takes
    RangeTable* update;      // the columns that a claim sets, for triggers of some columns
    ClaimStatement* statements;
};

struct ClaimCall {
    Relation relation;
    Table& table;
    Datum worker;  // text
    int64 ttl;     // microseconds
    Datum queue;   // text, or 0
    int wanted;
    int claimed;
    bool unordered;  // rows were found after others that come after them
    bool cut_short;  // it has some, and would have to go far for more
    TimestampTz now;
    Tuplestorestate* rows;
    TupleDesc desc;

    const Claiming& claiming() const { return table.claiming; }
    ClaimAccess& access() const;
    bool has_enough() const { return claimed >= wanted || cut_short; }
};

inline ClaimAccess& ClaimCall::access() const {
    if (table.claim_access == nullptr) table.claim_access = allocate_in<ClaimAccess>(table.context);
    return *table.claim_access;
}

inline ClaimState state_in(const Claiming& claiming, TupleTableSlot* row) {
    return read_claim_state(claiming, [&](AttrNumber attno, bool* is_null) {
        return slot_getattr(row, attno, is_null);
    });
}

// A claim of this very transaction is not claimed again by it, however long ago it expired.
inline bool is_claimed_here(const ClaimState& state, TransactionId writer) {
    return state.claimed && TransactionIdIsCurrentTransactionId(writer);
}

inline TransactionId writer_of(TupleTableSlot* row) {
    bool is_null;
    return DatumGetTransactionId(slot_getsysattr(row, MinTransactionIdAttributeNumber, &is_null));
}

// What is to become of a row that is ready.
inline bool is_last_attempt(const ClaimCall& call, const ClaimState& state) {
    return is_exhausted(call.claiming(), state, call.now);
}

inline ClaimChange change_for(const ClaimCall& call, const ClaimState& state) {
    return is_last_attempt(call, state) ? bury_claim(state, call.now)
                                        : claim_row(state, call.worker, call.ttl, call.now);
}

}  // namespace interlock
