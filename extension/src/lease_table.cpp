#include "lease_table.hpp"

#include "lock_table.hpp"
#include "token.hpp"

namespace interlock {
namespace {

constexpr const char* table_name = "lease_registry";

// Its columns, as the script has them.
enum Column : int { namespace_id, key, token, holder, acquired_at, expires_at, payload, count };
constexpr Oid types[count] = {INT4OID,        TEXTOID,        INT8OID, TEXTOID,
                              TIMESTAMPTZOID, TIMESTAMPTZOID, JSONBOID};

// An index row has at most 2,700 bytes.
constexpr std::size_t longest_key = 1000;

Datum stored_key(const LockKey& key) {
    if (key.text.data() == nullptr)
        return CStringGetTextDatum(psprintf(INT64_FORMAT, static_cast<int64>(key.bits)));
    if (key.text.size() > longest_key)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the key of a lease cannot be longer than %zu bytes", longest_key)));
    return PointerGetDatum(
        cstring_to_text_with_len(key.text.data(), static_cast<int>(key.text.size())));
}

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
    values.set(namespace_id, Int32GetDatum(row.lock_namespace.id));
    values.set(key, row.key_text);
    values.set(token, Int64GetDatum(lease.token));
    values.set(holder, lease.holder ? CStringGetTextDatum(lease.holder) : Datum{0}, !lease.holder);
    values.set(acquired_at, TimestampTzGetDatum(lease.acquired_at));
    values.set(expires_at, TimestampTzGetDatum(lease.expires_at));
    values.set(payload, lease.payload, !lease.payload);
    return values;
}

Lease read_lease(const OwnTable& table) {
    Values row;
    read_own_row(table, row.values, row.nulls);
    return {DatumGetInt64(row.values[token]),
            row.nulls[holder] ? nullptr : TextDatumGetCString(row.values[holder]),
            DatumGetTimestampTz(row.values[acquired_at]),
            DatumGetTimestampTz(row.values[expires_at]),
            row.nulls[payload] ? Datum{0} : row.values[payload]};
}

// Two who insert the same key meet here, not in the index, where one would have to wait.
LOCKTAG insertion_tag(const LeaseRow& row) {
    uint64 id = static_cast<uint64>(row.lock_namespace.id);
    return advisory_tag(lease_insertion_class, row.key.bits ^ (id << 48));
}

bool reserve(const LOCKTAG& tag, LOCKMODE mode, List** pids) {
    if (LockAcquire(&tag, mode, false, true) != LOCKACQUIRE_NOT_AVAIL) return true;
    *pids = conflicting_holders(tag, mode);
    return false;
}

// The namespace stays until this transaction ends, and is still there. Looking it up can move it.
bool keep_namespace(LeaseRow& row, List** pids) {
    if (!reserve(lease_namespace_tag(row.lock_namespace.id), ShareLock, pids)) return false;
    const char* name = row.lock_namespace.name = pstrdup(row.lock_namespace.name);
    if (find_lock_namespace_by_id(row.lock_namespace.id) == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("lock namespace \"%s\" does not exist", name)));
    return true;
}

bool may_delete(const OwnTable& table, TimestampTz before) {
    Values row;
    read_own_row(table, row.values, row.nulls);
    if (DatumGetTimestampTz(row.values[expires_at]) >= before ||
        DatumGetInt64(row.values[token]) >= next_token(0))
        return false;
    LockNamespace* entry = find_lock_namespace_by_id(DatumGetInt32(row.values[namespace_id]));
    return entry && may_use(*entry);
}

}  // namespace

Oid lease_table() {
    return own_table(table_name);
}

LeaseRow open_leases(const LockNamespace& lock_namespace, const LockKey& lock_key) {
    Datum stored = stored_key(lock_key);
    return {
        open_own_table(table_name, RowExclusiveLock, types), lock_namespace, lock_key, stored, {}};
}

void close_leases(const LeaseRow& row) {
    close_own_table(row.table);
}

bool find_lease(LeaseRow& row) {
    ScanKeyData conditions[2];
    ScanKeyInit(&conditions[0], namespace_id + 1, BTEqualStrategyNumber, F_INT4EQ,
                Int32GetDatum(row.lock_namespace.id));
    ScanKeyEntryInitialize(&conditions[1], 0, key + 1, BTEqualStrategyNumber, InvalidOid,
                           C_COLLATION_OID, F_TEXTEQ, row.key_text);
    bool found = find_own_row(row.table, conditions);
    row.lease = found ? read_lease(row.table) : Lease{};
    return found;
}

void store_lease(LeaseRow& row, const Lease& lease) {
    Values values = values_of(row, lease);
    update_own_row(row.table, values.values, values.nulls);
    row.lease = lease;
}

bool add_lease(LeaseRow& row, const Lease& lease, List** pids) {
    LOCKTAG tag = insertion_tag(row);
    *pids = NIL;
    if (!reserve(tag, ExclusiveLock, pids)) return false;
    if (find_lease(row) || !keep_namespace(row, pids)) {
        LockRelease(&tag, ExclusiveLock, false);
        return false;
    }
    Values values = values_of(row, lease);
    insert_own_row(row.table, values.values, values.nulls);
    row.lease = lease;
    return true;
}

int64 delete_ended_leases(TimestampTz before) {
    OwnTable table = open_own_table(table_name, RowExclusiveLock, types);
    int64 deleted = 0;
    visit_own_rows(table, [&] {
        bool unavailable;
        if (!may_delete(table, before) ||
            !lock_own_row(table, LockTupleExclusive, LockWaitSkip, &unavailable))
            return;
        delete_own_row(table);
        deleted++;
    });
    close_own_table(table);
    return deleted;
}

}  // namespace interlock
