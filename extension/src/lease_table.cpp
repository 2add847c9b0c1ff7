#include "lease_table.hpp"

#include "token.hpp"

namespace interlock {
namespace {

enum Column : int { scope, key, token, holder, acquired_at, expires_at, note, count };
static_assert(count == std::size(LeaseTable{}.types));

// An index row has at most 2,700 bytes.
constexpr std::size_t longest_key = 1000;

struct Values {
    Datum values[count];
    bool nulls[count];

    void set(Column column, Datum value, bool is_null = false) {
        values[column] = value;
        nulls[column] = is_null;
    }
};

Values values_of(const LeaseRow& row, const Lease& lease) {
    Values values;
    values.set(scope, row.scope);
    values.set(key, row.key);
    values.set(token, Int64GetDatum(lease.token));
    values.set(holder, lease.holder ? CStringGetTextDatum(lease.holder) : Datum{0}, !lease.holder);
    values.set(acquired_at, TimestampTzGetDatum(lease.acquired_at));
    values.set(expires_at, TimestampTzGetDatum(lease.expires_at));
    values.set(note, lease.note, !lease.note);
    return values;
}

Lease read_lease(const OwnTable& table) {
    Values row;
    read_own_row(table, row.values, row.nulls);
    return {DatumGetInt64(row.values[token]),
            row.nulls[holder] ? nullptr : TextDatumGetCString(row.values[holder]),
            DatumGetTimestampTz(row.values[acquired_at]),
            DatumGetTimestampTz(row.values[expires_at]),
            row.nulls[note] ? Datum{0} : row.values[note]};
}

}  // namespace

OwnTable open_lease_table(const LeaseTable& leases) {
    return open_own_table(leases.name, RowExclusiveLock, leases.types);
}

bool can_be_leased(std::size_t key_length) {
    return key_length <= longest_key;
}

LeaseRow open_leases(const LeaseTable& leases, Datum scope, std::string_view key) {
    if (!can_be_leased(key.size()))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the key of a lease cannot be longer than %zu bytes", longest_key)));
    Datum stored =
        PointerGetDatum(cstring_to_text_with_len(key.data(), static_cast<int>(key.size())));
    return {open_lease_table(leases), &leases, scope, stored, {}};
}

void close_leases(const LeaseRow& row) {
    close_own_table(row.table);
}

bool find_lease(LeaseRow& row) {
    ScanKeyData conditions[2];
    ScanKeyInit(&conditions[0], scope + 1, BTEqualStrategyNumber, row.leases->equal_scope,
                row.scope);
    ScanKeyEntryInitialize(&conditions[1], 0, key + 1, BTEqualStrategyNumber, InvalidOid,
                           C_COLLATION_OID, F_TEXTEQ, row.key);
    bool found = find_own_row(row.table, conditions);
    row.lease = found ? read_lease(row.table) : Lease{};
    return found;
}

void store_lease(LeaseRow& row, const Lease& lease) {
    Values values = values_of(row, lease);
    update_own_row(row.table, values.values, values.nulls);
    row.lease = lease;
}

bool replace_lease(LeaseRow& row, const Lease& lease, bool* unavailable) {
    Values values = values_of(row, lease);
    if (!replace_own_row(row.table, values.values, values.nulls, unavailable)) return false;
    row.lease = lease;
    return true;
}

bool add_lease(LeaseRow& row, const Lease& lease, List** pids) {
    *pids = NIL;
    if (row.leases->reserve && !row.leases->reserve(row, pids)) return false;
    Values values = values_of(row, lease);
    insert_own_row(row.table, values.values, values.nulls);
    row.lease = lease;
    return true;
}

EndedLease read_ended_lease(const OwnTable& table, TimestampTz before) {
    Values row;
    read_own_row(table, row.values, row.nulls);
    bool ended = DatumGetTimestampTz(row.values[expires_at]) < before &&
                 DatumGetInt64(row.values[token]) < next_token(0);
    return {ended, row.values[scope]};
}

}  // namespace interlock
