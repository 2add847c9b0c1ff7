// What becomes of the claims of many rows, in one statement.

#include "claim_ending.hpp"
#include "errors.hpp"
#include "key_list.hpp"
#include "results.hpp"

namespace interlock {
namespace {

// The rows of a call for many, in the order of the arguments.
struct Item {
    int position;
    int64 token;
    ClaimResult result;
};

struct Batch {
    EndingCall call;
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

Batch read_batch(FunctionCallInfo fcinfo, const EndingCall& call) {
    require_argument(fcinfo, 1, "keys");
    Batch batch = {call, read_keys_as_sent(fcinfo, 1, "keys", call.relation, call.table), nullptr};
    int64* tokens = read_tokens(fcinfo, batch.keys.count);
    batch.items = allocate_many<Item>(static_cast<size_t>(Max(batch.keys.count, 1)));
    for (int i = 0; i < batch.keys.count; i++)
        batch.items[i] = {i, tokens[i], ClaimResult::done};
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

Datum result_datum(Oid type, ClaimResult result) {
    static EnumLabels labels = {{"done", "lost", "missing", "busy"}, InvalidOid, 0, {}};
    return enum_datum(labels, type, static_cast<int>(result));
}

// Once, where any row came to what is told.
void tell_batch(const Batch& batch) {
    for (int i = 0; i < batch.keys.count; i++)
        if (batch.items[i].result == ClaimResult::done)
            return tell_ended(batch.call, ClaimResult::done);
}

Datum end_batch(FunctionCallInfo fcinfo, const EndingCall& call) {
    Batch batch = read_batch(fcinfo, call);
    end_all(batch);
    tell_batch(batch);
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
    close_call(call);
    return 0;
}

}  // namespace

// finish_claims(rel regclass, keys anycompatiblearray, tokens bigint[]) → setof (key jsonb, status
// interlock.claim_result)
INTERLOCK_FUNCTION(finish_claims) {
    return end_batch(fcinfo, begin_finish(fcinfo));
}

// renew_claims(rel regclass, keys anycompatiblearray, tokens bigint[], ttl interval) → setof (key
// jsonb, status interlock.claim_result)
INTERLOCK_FUNCTION(renew_claims) {
    return end_batch(fcinfo, begin_renew(fcinfo));
}

// release_claims(rel regclass, keys anycompatiblearray, tokens bigint[], error text, retry_in
// interval) → setof (key jsonb, status interlock.claim_result)
INTERLOCK_FUNCTION(release_claims) {
    return end_batch(fcinfo, begin_release(fcinfo));
}

}  // namespace interlock
