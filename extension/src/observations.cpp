#include "observations.hpp"

extern "C" {
#include <utils/tuplestore.h>
}

namespace interlock {
namespace {

struct ObservationKey {
    Oid relid;
    Oid role;
    Condition condition;
    char application_name[NAMEDATALEN];
};

struct Observation {
    ObservationKey key;
    int64 count;
    TimestampTz last_at;
};

HTAB* observations;  // of this session

HTAB* create_observations() {
    HASHCTL control = {};
    control.keysize = sizeof(ObservationKey);
    control.entrysize = sizeof(Observation);
    control.hcxt = TopMemoryContext;
    return hash_create("interlock observations", 64, &control,
                       HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void put_observation(ReturnSetInfo* result, const Observation& observation) {
    Datum values[6];
    bool nulls[6] = {};
    values[0] = ObjectIdGetDatum(observation.key.relid);
    values[1] = ObjectIdGetDatum(observation.key.role);
    values[2] = CStringGetTextDatum(observation.key.application_name);
    values[3] = CStringGetTextDatum(condition_name(observation.key.condition));
    values[4] = Int64GetDatum(observation.count);
    values[5] = TimestampTzGetDatum(observation.last_at);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

}  // namespace

void observe(Oid relid, Condition condition) {
    if (observations == nullptr) observations = create_observations();
    ObservationKey key = {};
    key.relid = relid;
    key.role = GetUserId();
    key.condition = condition;
    strlcpy(key.application_name, application_name ? application_name : "", NAMEDATALEN);
    bool found;
    auto* observation =
        static_cast<Observation*>(hash_search(observations, &key, HASH_ENTER, &found));
    if (!found) observation->count = 0;
    observation->count++;
    observation->last_at = GetCurrentTimestamp();
}

// observed_writes() → setof (relation regclass, role regrole, application_name text, condition
// text, count bigint, last_at timestamptz)
INTERLOCK_FUNCTION(observed_writes) {
    InitMaterializedSRF(fcinfo, 0);
    if (observations == nullptr) return 0;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, observations);
    while (auto* observation = static_cast<Observation*>(hash_seq_search(&scan)))
        put_observation(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), *observation);
    return 0;
}

}  // namespace interlock
