#include "claim_state.hpp"

#include "token.hpp"

namespace interlock {
namespace {

// A row of a group keeps its place, so it is held back by its claim's time, not moved to a later
// one.
void put_delay(ClaimChange& change, const Claiming& claiming, int64 delay, TimestampTz now) {
    bool keeps_place = claiming.has(ClaimColumn::group);
    change.put_time(keeps_place ? ClaimColumn::claimed_until : ClaimColumn::run_at, now + delay);
}

}  // namespace

ClaimChange claim_row(const ClaimState& state, Datum worker, int64 ttl, TimestampTz now) {
    ClaimChange change = {};
    change.put(ClaimColumn::claimed_by, worker);
    change.put(ClaimColumn::claim_token, Int64GetDatum(next_token(state.token)));
    change.put_time(ClaimColumn::claimed_until, now + ttl);
    bool last = state.attempts == PG_INT32_MAX;
    change.put(ClaimColumn::attempts, Int32GetDatum(last ? state.attempts : state.attempts + 1));
    return change;
}

ClaimChange bury_claim(const ClaimState& state, TimestampTz now) {
    ClaimChange change = {};
    change.put_time(ClaimColumn::dead_at, now);
    change.clear(ClaimColumn::claimed_until);
    if (!state.has_error) change.put(ClaimColumn::last_error, CStringGetTextDatum("lease expired"));
    return change;
}

ClaimChange finish_claim(TimestampTz now) {
    ClaimChange change = {};
    change.put_time(ClaimColumn::finished_at, now);
    change.clear(ClaimColumn::claimed_until);
    return change;
}

ClaimChange renew_claim(int64 ttl, TimestampTz now) {
    ClaimChange change = {};
    change.put_time(ClaimColumn::claimed_until, now + ttl);
    return change;
}

ClaimChange return_claim(const Claiming& claiming, const ClaimState& state,
                         std::optional<int64> retry_in, TimestampTz now) {
    ClaimChange change = {};
    change.clear(ClaimColumn::claimed_by);
    change.clear(ClaimColumn::claimed_until);
    change.put(ClaimColumn::attempts, Int32GetDatum(Max(state.attempts - 1, 0)));
    if (retry_in) put_delay(change, claiming, *retry_in, now);
    return change;
}

ClaimChange fail_claim(const Claiming& claiming, const ClaimState& state, Datum error,
                       const Delay& delay, TimestampTz now) {
    ClaimChange change = {};
    change.put(ClaimColumn::last_error, error);
    change.clear(ClaimColumn::claimed_by);
    change.clear(ClaimColumn::claimed_until);
    change.put_time(ClaimColumn::run_at, state.run_at);
    change.clear(ClaimColumn::dead_at);
    if (state.attempts >= claiming.max_attempts) {
        change.put_time(ClaimColumn::dead_at, now);
        return change;
    }
    int64 wait = delay.asked ? *delay.asked : backoff_after(claiming, state.attempts, delay.jitter);
    put_delay(change, claiming, wait, now);
    return change;
}

ClaimChange revive_claim(TimestampTz now) {
    ClaimChange change = {};
    change.clear(ClaimColumn::dead_at);
    change.clear(ClaimColumn::claimed_by);
    change.clear(ClaimColumn::claimed_until);
    change.put(ClaimColumn::attempts, Int32GetDatum(0));
    change.put_time(ClaimColumn::run_at, now);
    return change;
}

int64 backoff_after(const Claiming& claiming, int32 attempts, double jitter) {
    int64 delay = Min(claiming.backoff, claiming.max_backoff);
    for (int32 i = 1; i < attempts && delay > 0 && delay < claiming.max_backoff; i++)
        delay = delay > claiming.max_backoff / 2 ? claiming.max_backoff : delay * 2;
    return delay / 2 + static_cast<int64>(static_cast<double>(delay - delay / 2) * jitter);
}

}  // namespace interlock
