// The guard of checked-out rows: a BEFORE UPDATE OR DELETE row trigger. PostgreSQL has locked the
// row when it fires, and who checks a row out locks it first: a checkout that has not committed is
// waited for before, and one that comes later waits for this write.

#include "checkout_guard.hpp"
#include "own_write.hpp"
#include "stored_checkouts.hpp"
#include "trigger_row.hpp"

namespace interlock {
namespace {

// One firing.
struct Firing {
    TriggerData* data;
    Relation relation;
    Table& table;
};

bool is_update(const Firing& firing) {
    return TRIGGER_FIRED_BY_UPDATE(firing.data->tg_event);
}

HeapTuple written(const Firing& firing) {
    return is_update(firing) ? firing.data->tg_newtuple : firing.data->tg_trigtuple;
}

void require_protocol(FunctionCallInfo fcinfo) {
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_INSERT(data->tg_event))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("interlock.row_checkout must be called as a BEFORE UPDATE OR DELETE "
                               "row trigger")));
}

// A touch and the bump of a root set the version to itself: the version's trigger, which fires
// later, counts it up.
bool makes_version(const Firing& firing) {
    AttrNumber version = firing.table.versioning.column;
    return version != 0 && !bms_is_member(version, firing.table.checkout_guard.except) &&
           forces_version(firing.relation);
}

bool changes_only_except(const Firing& firing) {
    if (!is_update(firing) || makes_version(firing)) return false;
    return !row_changed({firing.data, firing.table, firing.data->tg_trigslot,
                         firing.data->tg_newslot, 0, firing.table.checkout_guard.except, false});
}

[[noreturn]] void refuse(const Firing& firing, const LeaseRow& row, const Attempt& attempt) {
    raise_checked_out(report_row(firing.relation, firing.table, firing.data->tg_trigslot), row,
                      attempt);
}

// The row is as the holder does not know it from now on, and its token must not save over it.
void end_expired(const Firing& firing, LeaseRow& row) {
    Attempt attempt = end_expired_lease(row);
    if (!attempt.granted) refuse(firing, row, attempt);
}

void judge(const Firing& firing, LeaseRow& row) {
    if (!find_lease(row) || !row.lease.holder || is_own(row.table)) return;
    if (changes_only_except(firing) || passes_checkouts(firing.relation)) return;
    if (is_held(row.lease)) refuse(firing, row, {false, 0});
    end_expired(firing, row);
}

}  // namespace

INTERLOCK_FUNCTION(row_checkout) {
    require_protocol(fcinfo);
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    Firing firing = {data, data->tg_relation, table_of(data->tg_relation)};
    KeyValues key;
    if (!read_key(firing.table, data->tg_trigslot, key)) return PointerGetDatum(written(firing));
    std::string_view stored = checkout_key(key);
    if (!can_be_leased(stored.size())) return PointerGetDatum(written(firing));
    LeaseRow row = open_checkout(firing.table, stored);
    judge(firing, row);
    close_leases(row);
    return PointerGetDatum(written(firing));
}

}  // namespace interlock
