// A row of a work table as its claim columns tell: what state it is in, and what claiming,
// finishing and giving back make of it. Nothing here reads or writes a table.
#pragma once

#include "claim_settings.hpp"

#include <optional>

namespace interlock {

struct ClaimState {
    TimestampTz run_at;
    int32 attempts;
    bool claimed;  // by somebody, be it long ago
    int64 token;   // of the last claim; 0: there was none
    std::optional<TimestampTz> claimed_until;
    bool has_error;
    bool finished;
    bool dead;
};

// Reads the columns with `get(attno, &is_null)`, which returns a column's value.
template <typename Get>
ClaimState read_claim_state(const Claiming& claiming, Get get) {
    bool is_null;
    auto read = [&](ClaimColumn role) { return get(claiming.column(role), &is_null); };
    ClaimState state = {};
    state.run_at = DatumGetTimestampTz(read(ClaimColumn::run_at));
    state.attempts = DatumGetInt32(read(ClaimColumn::attempts));
    read(ClaimColumn::claimed_by);
    state.claimed = !is_null;
    Datum token = read(ClaimColumn::claim_token);
    if (!is_null) state.token = DatumGetInt64(token);
    Datum until = read(ClaimColumn::claimed_until);
    if (!is_null) state.claimed_until = DatumGetTimestampTz(until);
    read(ClaimColumn::last_error);
    state.has_error = !is_null;
    read(ClaimColumn::finished_at);
    state.finished = !is_null;
    read(ClaimColumn::dead_at);
    state.dead = !is_null;
    return state;
}

// The same of values that were read.
template <typename Row>
ClaimState claim_state_in(const Claiming& claiming, const Row& row) {
    return read_claim_state(claiming, [&](AttrNumber attno, bool* is_null) {
        *is_null = row.is_null(attno);
        return row.value(attno);
    });
}

inline bool is_unfinished(const ClaimState& state) {
    return !state.finished && !state.dead;
}

// Held by a claim, or by the delay of one that failed, at this time?
inline bool is_held(const ClaimState& state, TimestampTz now) {
    return state.claimed_until && *state.claimed_until > now;
}

// Can it be claimed?
inline bool is_ready(const ClaimState& state, TimestampTz now) {
    return is_unfinished(state) && state.run_at <= now && !is_held(state, now);
}

// Has a claim ended by the clock alone? It is ready then, or for its worker to finish after all.
inline bool is_expired(const ClaimState& state, TimestampTz now) {
    return is_unfinished(state) && state.claimed && !is_held(state, now);
}

// An expired claim that was the last attempt: whoever comes to it makes it dead.
inline bool is_exhausted(const Claiming& claiming, const ClaimState& state, TimestampTz now) {
    return is_expired(state, now) && state.attempts >= claiming.max_attempts;
}

// Is the token the one of the present claim? Also after its time, while nobody took the row over.
inline bool is_current(const ClaimState& state, int64 token) {
    return is_unfinished(state) && state.claimed && state.token == token;
}

// What becomes of the claim columns; those that are not set stay as they are.
struct ClaimChange {
    bool set[own_claim_column_count];
    Datum values[own_claim_column_count];
    bool nulls[own_claim_column_count];

    void put(ClaimColumn role, Datum value, bool is_null = false) {
        int i = static_cast<int>(role);
        set[i] = true;
        values[i] = value;
        nulls[i] = is_null;
    }
    void put_time(ClaimColumn role, TimestampTz time) { put(role, TimestampTzGetDatum(time)); }
    void clear(ClaimColumn role) { put(role, 0, true); }
    bool sets(ClaimColumn role) const { return set[static_cast<int>(role)]; }
};

// A claim: claimed_by, claim_token, claimed_until, attempts. No indexed column. `worker` is text.
ClaimChange claim_row(const ClaimState& state, Datum worker, int64 ttl, TimestampTz now);

// The end of an exhausted claim: dead_at, claimed_until, and last_error where there is none.
// claimed_by stays, to tell whom it happened to.
ClaimChange bury_claim(const ClaimState& state, TimestampTz now);

// The end of a claim where finished rows are kept: finished_at, claimed_until.
ClaimChange finish_claim(TimestampTz now);

ClaimChange renew_claim(int64 ttl, TimestampTz now);

// A row that waits before it is claimed again, in microseconds.
struct Delay {
    std::optional<int64> asked;  // by the caller
    double jitter;               // 0 to 1: how much of the backoff's second half is waited
};

// A hand-back that counts no attempt.
ClaimChange return_claim(const Claiming& claiming, const ClaimState& state,
                         std::optional<int64> retry_in, TimestampTz now);

// A failure with this text: another attempt after a delay, or none. It sets the same columns
// whatever it comes to: last_error, claimed_by, claimed_until, run_at, dead_at.
ClaimChange fail_claim(const Claiming& claiming, const ClaimState& state, Datum error,
                       const Delay& delay, TimestampTz now);

// A dead row begins anew; its former claims stay lost.
ClaimChange revive_claim(TimestampTz now);

// backoff × 2^(attempts - 1), at most max_backoff, with jitter between a half and the whole of it.
int64 backoff_after(const Claiming& claiming, int32 attempts, double jitter);

}  // namespace interlock
