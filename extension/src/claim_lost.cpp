#include "claim_lost.hpp"

#include "claim_state.hpp"
#include "current_row.hpp"
#include "errors.hpp"
#include "outcome.hpp"

namespace interlock {
namespace {

// Those of the columns that the caller may read.
Bitmapset* readable(Table& table, std::initializer_list<ClaimColumn> roles) {
    Bitmapset* columns = nullptr;
    for (ClaimColumn role : roles) {
        AttrNumber attno = table.claiming.column(role);
        if (may_select(table.relid, attno)) columns = bms_add_member(columns, attno);
    }
    return columns;
}

// The row as it is now, as far as the caller may see it.
struct PresentClaim {
    const Claiming& claiming;
    bool missing;
    RowValues row;

    bool has(ClaimColumn role) const {
        AttrNumber attno = claiming.column(role);
        return !missing && row.has(attno) && !row.is_null(attno);
    }
    Datum value(ClaimColumn role) const { return row.value(claiming.column(role)); }
    const char* time(ClaimColumn role) const {
        return pstrdup(timestamptz_to_str(DatumGetTimestampTz(value(role))));
    }
};

PresentClaim present_claim(const KeyedRow& row) {
    Table& table = row.table;
    Bitmapset* columns = readable(table, {ClaimColumn::claimed_by, ClaimColumn::claimed_until,
                                          ClaimColumn::finished_at, ClaimColumn::dead_at});
    HeapTuple tuple = fetch_row(row, columns);
    PresentClaim present = {table.claiming, tuple == nullptr, {}};
    if (tuple) present.row = deform_row(row.relation, columns, tuple);
    return present;
}

void append_owner(StringInfo json, const PresentClaim& present) {
    if (present.missing) appendStringInfoString(json, ", \"missing\": true");
    if (present.has(ClaimColumn::claimed_by)) {
        appendStringInfoString(json, ", \"claimed_by\": ");
        escape_json(json, TextDatumGetCString(present.value(ClaimColumn::claimed_by)));
    }
    for (ClaimColumn role :
         {ClaimColumn::claimed_until, ClaimColumn::finished_at, ClaimColumn::dead_at})
        if (present.has(role))
            appendStringInfo(json, ", \"%s\": \"%s\"", claim_column_name(role), present.time(role));
}

char* lost_detail(const RowReport& report, int64 token, const PresentClaim& present) {
    StringInfoData json = begin_detail(Condition::claim_lost, report);
    appendStringInfo(&json, ", \"token\": " INT64_FORMAT, token);
    append_owner(&json, present);
    appendStringInfoChar(&json, '}');
    return json.data;
}

const char* what_happened(const PresentClaim& present) {
    if (present.missing) return "is lost: the row does not exist";
    if (present.has(ClaimColumn::finished_at)) return "is lost: the row is finished";
    if (present.has(ClaimColumn::dead_at)) return "is lost: the row is dead";
    if (!present.has(ClaimColumn::claimed_by)) return "is lost";
    return psprintf("is lost to \"%s\"",
                    TextDatumGetCString(present.value(ClaimColumn::claimed_by)));
}

}  // namespace

void raise_claim_lost(const KeyedRow& row, int64 token) {
    PresentClaim present = present_claim(row);
    RowReport report = report_row(row);
    raise_lease(Condition::claim_lost,
                psprintf("claim " INT64_FORMAT " of %s %s", token, row_name(report),
                         what_happened(present)),
                lost_detail(report, token, present), row.relation);
}

NullableDatum present_claimed_until(const KeyedRow& row) {
    PresentClaim present = present_claim(row);
    bool known = present.has(ClaimColumn::claimed_until);
    return {known ? present.value(ClaimColumn::claimed_until) : Datum{0}, !known};
}

}  // namespace interlock
