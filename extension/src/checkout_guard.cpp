#include "checkout_guard.hpp"

#include "table.hpp"

namespace interlock {
namespace {

constexpr std::string_view role_setting = "bypass_role=";

// Clones have the name of what they were cloned from.
Oid origin_of_clone(Oid partition, const char* name) {
    Oid origin = partition;
    ListCell* cell;
    foreach (cell, get_partition_ancestors(partition))
        if (OidIsValid(get_trigger_oid(lfirst_oid(cell), name, true))) origin = lfirst_oid(cell);
    return origin;
}

bool is_member(const char* setting) {
    std::string_view text = setting;
    if (!text.starts_with(role_setting)) return false;
    Oid role = get_role_oid(setting + role_setting.size(), true);
    return OidIsValid(role) && is_member_of_role_nosuper(GetUserId(), role);
}

}  // namespace

CheckoutGuard read_checkout_guard(Relation relation) {
    CheckoutGuard guard = {false, '\0', RelationGetRelid(relation), nullptr};
    TriggerFunctions ours = trigger_functions();
    const char* cloned = nullptr;
    for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++) {
        const Trigger& trigger = relation->trigdesc->triggers[i];
        if (ours.is(trigger, TriggerFunction::row_checkout)) {
            guard.triggered = true;
            guard.fires = trigger.tgenabled;
            if (trigger.tgisclone) cloned = pstrdup(trigger.tgname);
        } else if (ours.is(trigger, TriggerFunction::checkout_except_columns)) {
            for (int j = 0; j < trigger.tgnattr; j++)
                guard.except = bms_add_member(guard.except, trigger.tgattr[j]);
        }
    }
    if (cloned) guard.scope = origin_of_clone(guard.scope, cloned);
    return guard;
}

void require_no_children(Relation relation) {
    if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
        !has_subclass(RelationGetRelid(relation)) ||
        list_length(find_inheritance_children(RelationGetRelid(relation), NoLock)) == 0)
        return;
    ereport(
        ERROR,
        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
         errmsg("table \"%s\" has inheritance children", RelationGetRelationName(relation)),
         errdetail("Its primary key does not tell their rows from its own."), errtable(relation)));
}

bool passes_checkouts(Relation relation) {
    TriggerFunctions ours = trigger_functions();
    for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++) {
        const Trigger& trigger = relation->trigdesc->triggers[i];
        if (!ours.is(trigger, TriggerFunction::row_checkout)) continue;
        for (int j = 0; j < trigger.tgnargs; j++)
            if (is_member(trigger.tgargs[j])) return true;
    }
    return false;
}

}  // namespace interlock
