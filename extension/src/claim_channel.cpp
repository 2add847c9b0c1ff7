#include "claim_channel.hpp"

extern "C" {
#include <commands/async.h>
}

namespace interlock {

void notify_claims(Relation relation) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"schema\": ");
    escape_json(&json, get_namespace_name(RelationGetNamespace(relation)));
    appendStringInfoString(&json, ", \"table\": ");
    escape_json(&json, RelationGetRelationName(relation));
    appendStringInfoChar(&json, '}');
    Async_Notify("interlock_claims", json.data);
}

// The AFTER INSERT statement trigger of a table whose workers are told of new rows.
INTERLOCK_FUNCTION(claim_notify) {
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("interlock.claim_notify must be called as an AFTER trigger"),
                        errhint("Call interlock.enable_claims instead of creating the trigger.")));
    notify_claims(data->tg_relation);
    return PointerGetDatum(nullptr);
}

}  // namespace interlock
