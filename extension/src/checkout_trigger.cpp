// The guard of checked-out rows: a BEFORE UPDATE OR DELETE row trigger. PostgreSQL has locked the
// row when it fires, and who checks a row out locks it first: a checkout that has not committed is
// waited for before, and one that comes later waits for this write.

#include "checkout_guard.hpp"
#include "stored_checkouts.hpp"
#include "trigger_row.hpp"

namespace interlock {
namespace {

// One firing.
struct Write {
    TriggerData* data;
    Relation relation;
    Table& table;
};

bool is_update(const Write& write) {
    return TRIGGER_FIRED_BY_UPDATE(write.data->tg_event);
}

HeapTuple written(const Write& write) {
    return is_update(write) ? write.data->tg_newtuple : write.data->tg_trigtuple;
}

void require_protocol(FunctionCallInfo fcinfo) {
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event) || TRIGGER_FIRED_BY_INSERT(data->tg_event))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("interlock.row_checkout must be called as a BEFORE UPDATE OR DELETE "
                               "row trigger")));
}

bool changes_only_except(const Write& write) {
    if (!is_update(write)) return false;
    return !row_changed({write.data, write.table, write.data->tg_trigslot, write.data->tg_newslot,
                         0, write.table.checkout_guard.except, false});
}

[[noreturn]] void refuse(const Write& write, const LeaseRow& row, const Attempt& attempt) {
    raise_checked_out(report_row(write.relation, write.table, write.data->tg_trigslot), row,
                      attempt);
}

// The row is as the holder does not know it from now on, and its token must not save over it.
void end_expired(const Write& write, LeaseRow& row) {
    Attempt attempt = end_expired_lease(row);
    if (!attempt.granted) refuse(write, row, attempt);
}

void judge(const Write& write, LeaseRow& row) {
    if (!find_lease(row) || !row.lease.holder || is_own(row.table)) return;
    if (changes_only_except(write) || passes_checkouts(write.relation)) return;
    if (is_held(row.lease)) refuse(write, row, {false, 0});
    end_expired(write, row);
}

}  // namespace

INTERLOCK_FUNCTION(row_checkout) {
    require_protocol(fcinfo);
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    Write write = {data, data->tg_relation, table_of(data->tg_relation)};
    KeyValues key;
    if (!read_key(write.table, data->tg_trigslot, key)) return PointerGetDatum(written(write));
    std::string_view stored = checkout_key(key);
    if (!can_be_leased(stored.size())) return PointerGetDatum(written(write));
    LeaseRow row = open_checkout(write.table, stored);
    judge(write, row);
    close_leases(row);
    return PointerGetDatum(written(write));
}

}  // namespace interlock
