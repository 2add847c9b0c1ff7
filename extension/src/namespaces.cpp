// The registry of lock namespaces: registering, changing and dropping them.

#include "errors.hpp"
#include "lock_namespace.hpp"
#include "lock_table.hpp"
#include "owner_statement.hpp"

#include <optional>

namespace interlock {
namespace {

constexpr const char* admin_role = "interlock_admin";
constexpr int longest_name = 200;

// What an SQL NULL leaves as it is is null, or absent, here.
struct Settings {
    const char* also_builtin;
    const char* comment;
    Datum roles;
    std::optional<int32> max_locks;
    std::optional<bool> notify;
};

bool may_register() {
    Oid admin = get_role_oid(admin_role, true);
    return owns_database(GetUserId()) ||
           (OidIsValid(admin) && has_privs_of_role(GetUserId(), admin));
}

// 42501
void require_registrar() {
    if (may_register()) return;
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied to change lock namespaces"),
                    errhint("The owner of the database may, and members of role \"%s\" where there "
                            "is one.",
                            admin_role)));
}

[[noreturn]] void raise_unfit_name(const char* name, const char* why) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_NAME),
             errmsg("\"%s\" cannot be the name of a lock namespace", clip(name, shown_bytes)),
             errhint("%s", why)));
    pg_unreachable();
}

// Names are compared byte for byte; what a reader cannot see must not tell two of them apart.
void require_fit_name(const char* name) {
    std::size_t size = strlen(name);
    if (size == 0) raise_unfit_name(name, "It is empty.");
    if (size > longest_name) raise_unfit_name(name, "It is longer than 200 bytes.");
    if (name[0] == ' ' || name[size - 1] == ' ')
        raise_unfit_name(name, "It begins or ends with a space.");
    for (std::size_t i = 0; i < size; i++)
        if (static_cast<unsigned char>(name[i]) < ' ' || name[i] == 0x7f)
            raise_unfit_name(name, "It contains a control character.");
}

const char* read_key_type(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 1, "key_type");
    switch (PG_GETARG_OID(1)) {
        case INT8OID:
            return key_type_name(LockKeyType::int8);
        case TEXTOID:
            return key_type_name(LockKeyType::text);
        case UUIDOID:
            return key_type_name(LockKeyType::uuid);
        default:
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("lock namespaces cannot have keys of type %s",
                                   format_type_be(PG_GETARG_OID(1))),
                            errhint("Allowed: bigint, text, uuid.")));
            pg_unreachable();
    }
}

// 22023 unless it is null or of the form.
void require_fit_builtin(const char* also_builtin, const char* key_type) {
    BuiltinLock builtin;
    int32 builtin_class;
    if (!parse_builtin(also_builtin, builtin, builtin_class))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("\"also_builtin\" cannot be \"%s\"", clip(also_builtin, shown_bytes)),
                 errhint("Allowed: \"bigint\", and \"int4:\" with the first key, such as "
                         "\"int4:7\".")));
    if (builtin != BuiltinLock::none && strcmp(key_type, "bigint") != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("a namespace with keys of type %s has no built-in lock", key_type)));
}

void require_fit_roles(Datum roles) {
    if (array_contains_nulls(DatumGetArrayTypeP(roles)))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("\"roles\" must not contain nulls")));
}

// A name that no role has yet matches nobody until there is one; mostly it is a mistake.
void notice_unknown_roles(Datum roles) {
    for (const char* name : role_names(roles))
        if (!OidIsValid(get_role_oid(name, true)))
            ereport(NOTICE, (errmsg("role \"%s\" does not exist", clip(name, shown_bytes))));
}

std::optional<int32> read_max_locks(FunctionCallInfo fcinfo, int number, int32 least) {
    if (PG_ARGISNULL(number)) return {};
    int32 value = PG_GETARG_INT32(number);
    if (value < least)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"max_locks\" cannot be %d", value)));
    return value;
}

const char* optional_text(FunctionCallInfo fcinfo, int number) {
    return PG_ARGISNULL(number) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

std::optional<bool> optional_bool(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number)) return {};
    return PG_GETARG_BOOL(number);
}

bool is_registered(const char* name) {
    const Parameter parameter = text_parameter(name);
    return run_as_owner(
               "SELECT FROM interlock.lock_namespace_registry WHERE name OPERATOR(pg_catalog.=) $1",
               {&parameter, 1}) > 0;
}

bool is_taken(int32 id) {
    const Parameter parameter = int_parameter(id);
    return run_as_owner(
               "SELECT FROM interlock.lock_namespace_registry WHERE id OPERATOR(pg_catalog.=) $1",
               {&parameter, 1}) > 0;
}

int32 next_id() {
    run_as_owner("SELECT pg_catalog.nextval('interlock.lock_namespace_ids')::pg_catalog.int4", {});
    bool is_null;
    return DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

// Ids are given out once: a sequence does not go back, not even when this transaction does. One
// that lags behind what was restored passes over it.
int32 unused_id() {
    int32 id;
    do {
        CHECK_FOR_INTERRUPTS();
        id = next_id();
    } while (is_taken(id));
    return id;
}

[[noreturn]] void raise_registered(const char* name) {
    ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                    errmsg("lock namespace \"%s\" already exists", name),
                    errhint("interlock.alter_lock_namespace changes it.")));
    pg_unreachable();
}

void insert_namespace(const char* name, const char* key_type, const Settings& settings) {
    if (is_registered(name)) raise_registered(name);
    const Parameter parameters[] = {int_parameter(unused_id()),
                                    text_parameter(name),
                                    text_parameter(key_type),
                                    {TEXTARRAYOID, settings.roles, false},
                                    text_parameter(settings.also_builtin),
                                    int_parameter(settings.max_locks),
                                    text_parameter(settings.comment),
                                    bool_parameter(settings.notify)};
    constexpr const char* sql =
        "INSERT INTO interlock.lock_namespace_registry "
        "(id, name, key_type, roles, also_builtin, max_locks, comment, notify) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING";
    if (run_as_owner(sql, parameters) == 0) raise_registered(name);
}

// Another session dropped or changed it meanwhile, or after this transaction's snapshot.
[[noreturn]] void raise_gone(const char* name) {
    if (IsolationUsesXactSnapshot())
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("could not serialize access due to a concurrent change of lock "
                               "namespace \"%s\"",
                               name)));
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("lock namespace \"%s\" does not exist any more", name)));
    pg_unreachable();
}

int update_namespace(int id, const Settings& settings, bool no_builtin, bool no_bound) {
    const Parameter parameters[] = {{INT4OID, Int32GetDatum(id), false},
                                    {TEXTARRAYOID, settings.roles, settings.roles == 0},
                                    text_parameter(settings.also_builtin),
                                    int_parameter(settings.max_locks),
                                    text_parameter(settings.comment),
                                    bool_parameter(no_builtin),
                                    bool_parameter(no_bound),
                                    bool_parameter(settings.notify)};
    return run_as_owner(
        "UPDATE interlock.lock_namespace_registry SET"
        " roles = COALESCE($2, roles),"
        " also_builtin = CASE WHEN NOT $6 THEN COALESCE($3, also_builtin) END,"
        " max_locks = CASE WHEN NOT $7 THEN COALESCE($4, max_locks) END,"
        " comment = COALESCE($5, comment),"
        " notify = COALESCE($8, notify)"
        " WHERE id OPERATOR(pg_catalog.=) $1",
        parameters);
}

int delete_namespace(int id) {
    const Parameter parameter = int_parameter(id);
    return run_as_owner(
        "DELETE FROM interlock.lock_namespace_registry WHERE id OPERATOR(pg_catalog.=) $1",
        {&parameter, 1});
}

// 55006: dropped under those who hold its locks, it could be registered anew under another id, and
// two would hold the lock of that name.
void require_unused(const LockNamespace& entry) {
    List* pids = namespace_users(entry.id);
    if (pids == NIL) return;
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"condition\": \"object_in_use\", \"namespace\": ");
    escape_json(&json, entry.name);
    appendStringInfoString(&json, ", \"blocking_pids\": ");
    append_pids(&json, pids);
    appendStringInfoChar(&json, '}');
    ereport(
        ERROR,
        (errcode(ERRCODE_OBJECT_IN_USE), errmsg("locks of namespace \"%s\" are in use", entry.name),
         errdetail_internal("%s", json.data), errhint("Drop it when its locks are released.")));
}

bool has_leases(int id) {
    const Parameter parameter = int_parameter(id);
    return run_as_owner(
               "SELECT FROM interlock.lease_registry"
               " WHERE namespace OPERATOR(pg_catalog.=) $1 AND holder IS NOT NULL"
               " AND expires_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp()",
               {&parameter, 1}) > 0;
}

// Waits for those that an open transaction takes or has checked: they may be held then.
void delete_leases(int id) {
    const Parameter parameter = int_parameter(id);
    run_as_owner(
        "DELETE FROM interlock.lease_registry"
        " WHERE namespace OPERATOR(pg_catalog.=) $1 AND (holder IS NULL"
        " OR expires_at OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp())",
        {&parameter, 1});
}

// Nobody takes the first lease of a key in it before this transaction has ended, or is about to.
bool keep_leases_out(int id) {
    LOCKTAG tag = lease_namespace_tag(id);
    // Who dropped it before, and rolled back, may not have given back all of its locks yet.
    LockAcquire(&tag, ShareUpdateExclusiveLock, false, false);
    return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

[[noreturn]] void raise_leased(const char* name) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_IN_USE), errmsg("leases of namespace \"%s\" are in use", name),
             errhint("Drop it when they are released or have expired; interlock.leases "
                     "lists them.")));
    pg_unreachable();
}

std::string_view name_argument(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "name");
    return text_to_cstring(PG_GETARG_TEXT_PP(0));
}

}  // namespace

// create_lock_namespace(name text, key_type regtype, roles text[], also_builtin text, comment text,
// max_locks integer, notify boolean) → void
INTERLOCK_FUNCTION(create_lock_namespace) {
    const char* name = name_argument(fcinfo).data();
    const char* key_type = read_key_type(fcinfo);
    require_argument(fcinfo, 2, "roles");
    require_argument(fcinfo, 6, "notify");
    Settings settings = {optional_text(fcinfo, 3), optional_text(fcinfo, 4), PG_GETARG_DATUM(2),
                         read_max_locks(fcinfo, 5, 1), PG_GETARG_BOOL(6)};
    require_registrar();
    require_fit_name(name);
    require_fit_builtin(settings.also_builtin, key_type);
    require_fit_roles(settings.roles);
    as_owner_of(lock_namespace_registry(), [&] { insert_namespace(name, key_type, settings); });
    notice_unknown_roles(settings.roles);
    PG_RETURN_VOID();
}

// alter_lock_namespace(name text, roles text[], also_builtin text, comment text, max_locks integer,
// notify boolean) → void
INTERLOCK_FUNCTION(alter_lock_namespace) {
    std::string_view name = name_argument(fcinfo);
    require_registrar();
    LockNamespace& entry = find_lock_namespace(name);
    Settings settings = {optional_text(fcinfo, 2), optional_text(fcinfo, 3),
                         PG_ARGISNULL(1) ? Datum{0} : PG_GETARG_DATUM(1),
                         read_max_locks(fcinfo, 4, 0), optional_bool(fcinfo, 5)};
    bool no_builtin = settings.also_builtin && settings.also_builtin[0] == '\0';
    bool no_bound = settings.max_locks == 0;
    if (!no_builtin) require_fit_builtin(settings.also_builtin, key_type_name(entry.key_type));
    if (settings.roles) require_fit_roles(settings.roles);
    int id = entry.id;
    as_owner_of(lock_namespace_registry(), [&] {
        if (update_namespace(id, settings, no_builtin, no_bound) == 0) raise_gone(name.data());
    });
    if (settings.roles) notice_unknown_roles(settings.roles);
    PG_RETURN_VOID();
}

// drop_lock_namespace(name text) → void
INTERLOCK_FUNCTION(drop_lock_namespace) {
    std::string_view name = name_argument(fcinfo);
    require_registrar();
    LockNamespace& entry = find_lock_namespace(name);
    require_unused(entry);
    int id = entry.id;
    as_owner_of(lock_namespace_registry(), [&] {
        if (delete_namespace(id) == 0) raise_gone(name.data());
        if (!keep_leases_out(id) || has_leases(id)) raise_leased(name.data());
        delete_leases(id);
        if (has_leases(id)) raise_leased(name.data());
    });
    PG_RETURN_VOID();
}

// lock_namespaces_changed() → trigger: has every session read the registry anew
INTERLOCK_FUNCTION(lock_namespaces_changed) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("interlock.lock_namespaces_changed() is a trigger function")));
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    CacheInvalidateRelcache(trigger->tg_relation);
    return PointerGetDatum(nullptr);
}

// may_use_lock_namespace(roles text[]) → boolean
INTERLOCK_FUNCTION(may_use_lock_namespace) {
    std::span<const char*> roles = role_names(PG_GETARG_DATUM(0));
    PG_RETURN_BOOL(roles.empty() || may_use(roles));
}

// may_change_lock_namespaces() → boolean
INTERLOCK_FUNCTION(may_change_lock_namespaces) {
    (void)fcinfo;
    PG_RETURN_BOOL(may_register());
}

}  // namespace interlock
