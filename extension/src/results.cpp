#include "results.hpp"

namespace interlock {
namespace {

uint64 enum_generation = 1;

void enum_changed(Datum, int, uint32) {
    enum_generation++;
}

void hear_of_enums() {
    static bool registered;
    if (!registered) CacheRegisterSyscacheCallback(ENUMTYPOIDNAME, enum_changed, 0);
    registered = true;
}

}  // namespace

Datum enum_datum(EnumLabels& labels, Oid type, int number) {
    hear_of_enums();
    bool known = labels.type == type && labels.generation == enum_generation;
    if (known && OidIsValid(labels.oids[number])) return ObjectIdGetDatum(labels.oids[number]);
    if (!known) {
        memset(labels.oids, 0, sizeof labels.oids);
        labels.type = type;
        labels.generation = enum_generation;
    }
    labels.oids[number] = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type),
                                          CStringGetDatum(labels.names[number]));
    return ObjectIdGetDatum(labels.oids[number]);
}

TupleDesc result_type(FunctionCallInfo fcinfo) {
    return lookup_rowtype_tupdesc(get_func_rettype(fcinfo->flinfo->fn_oid), -1);
}

Datum make_result(TupleDesc type, Datum* values, bool* nulls) {
    HeapTuple tuple = heap_form_tuple(type, values, nulls);
    ReleaseTupleDesc(type);
    return HeapTupleGetDatum(tuple);
}

}  // namespace interlock
