#include "lock_namespace.hpp"

#include "errors.hpp"
#include "namespace_usage.hpp"
#include "own_table.hpp"

extern "C" {
#include <utils/formatting.h>
#include <utils/varlena.h>
}

namespace interlock {
namespace {

constexpr const char* registry_name = "lock_namespace_registry";

// The registry's columns, as the script has them.
enum Column : int {
    id,
    name,
    key_type,
    roles,
    also_builtin,
    max_locks,
    comment,
    notify,
    column_count
};
constexpr Oid types[column_count] = {INT4OID, TEXTOID, TEXTOID, TEXTARRAYOID,
                                     TEXTOID, INT4OID, TEXTOID, BOOLOID};

// Names as long as this, in bytes, the script's check allows.
constexpr std::size_t longest_name = 200;
constexpr int most_hints = 3;

struct CachedName {
    char name[longest_name + 1];
    LockNamespace* entry;
};

MemoryContext memory;  // of everything below
HTAB* by_name;
LockNamespace* last;
Oid registry;
bool stale = true;
uint64 role_generation = 1;

void relation_changed(Datum, Oid relid) {
    if (relid == registry || relid == InvalidOid) stale = true;
}

void roles_changed(Datum, int, uint32) {
    role_generation++;
}

void start_cache() {
    if (memory == nullptr)
        memory = AllocSetContextCreate(TopMemoryContext, "interlock lock namespaces",
                                       ALLOCSET_SMALL_SIZES);
    MemoryContextReset(memory);
    HASHCTL settings = {};
    settings.keysize = longest_name + 1;
    settings.entrysize = sizeof(CachedName);
    settings.hcxt = memory;
    by_name = hash_create("interlock lock namespaces", 32, &settings,
                          HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
    last = nullptr;
    registry = InvalidOid;
    stale = false;
}

// Sessions hear of changes in the midst of a transaction, too.
void refresh_cache() {
    AcceptInvalidationMessages();
    if (stale) start_cache();
}

// One row of the registry.
struct Row {
    Datum values[column_count];
    bool nulls[column_count];

    char* string(Column column) const {
        return nulls[column] ? nullptr : TextDatumGetCString(values[column]);
    }
};

// Visits the rows that are committed by now, and this transaction's, until `visit` is content.
template <typename Visit>
void scan_registry(int keys, ScanKeyData* key, Visit visit) {
    Relation relation = table_open(lock_namespace_registry(), AccessShareLock);
    require_columns(relation, types);
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, keys, key);
    for (HeapTuple tuple; HeapTupleIsValid(tuple = systable_getnext(scan));) {
        CHECK_FOR_INTERRUPTS();
        Row row;
        heap_deform_tuple(tuple, RelationGetDescr(relation), row.values, row.nulls);
        if (visit(row)) break;
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
}

[[noreturn]] void raise_unfit_registry(const Row& row) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("the registration of lock namespace \"%s\" is not one that interlock makes",
                    row.string(name))));
    pg_unreachable();
}

bool read_key_type(const char* text, LockKeyType& type) {
    for (LockKeyType known : {LockKeyType::int8, LockKeyType::text, LockKeyType::uuid}) {
        type = known;
        if (text && strcmp(text, key_type_name(known)) == 0) return true;
    }
    return false;
}

void read_roles(const Row& row, LockNamespace& entry, MemoryContext context) {
    entry.open = true;
    if (row.nulls[roles]) return;
    MemoryContext previous = MemoryContextSwitchTo(context);
    entry.roles = role_names(row.values[roles]);
    MemoryContextSwitchTo(previous);
    entry.open = entry.roles.empty();
}

LockNamespace* read_namespace(const Row& row) {
    auto* entry = allocate_in<LockNamespace>(memory);
    entry->id = DatumGetInt32(row.values[id]);
    entry->name = MemoryContextStrdup(memory, row.string(name));
    entry->name_size = strlen(entry->name);
    if (!is_namespace_class(entry->id) || is_slot_class(entry->id) ||
        !read_key_type(row.string(key_type), entry->key_type) ||
        !parse_builtin(row.string(also_builtin), entry->also_builtin, entry->builtin_class))
        raise_unfit_registry(row);
    entry->max_locks = row.nulls[max_locks] ? 0 : DatumGetInt32(row.values[max_locks]);
    entry->notify = DatumGetBool(row.values[notify]);
    read_roles(row, *entry, memory);
    entry->usage = namespace_usage(entry->id);
    return entry;
}

LockNamespace* load_namespace(Column column, RegProcedure equal, Oid collation, Datum value) {
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, 0, static_cast<AttrNumber>(column + 1), BTEqualStrategyNumber,
                           InvalidOid, collation, equal, value);
    LockNamespace* entry = nullptr;
    scan_registry(1, &key, [&](const Row& row) {
        entry = read_namespace(row);
        return true;
    });
    return entry;
}

LockNamespace* cached_namespace(const char* wanted) {
    bool found;
    auto* cached = static_cast<CachedName*>(hash_search(by_name, wanted, HASH_FIND, &found));
    return found ? cached->entry : nullptr;
}

LockNamespace* cached_namespace(int wanted) {
    LockNamespace* entry = nullptr;
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, by_name);
    while (auto* cached = static_cast<CachedName*>(hash_seq_search(&scan)))
        if (cached->entry->id == wanted) entry = cached->entry;
    return entry;
}

void cache_namespace(LockNamespace* entry) {
    bool found;
    auto* cached = static_cast<CachedName*>(hash_search(by_name, entry->name, HASH_ENTER, &found));
    cached->entry = entry;
}

// Reading the registry can take in an invalidation of it; what was read is current all the same.
LockNamespace* look_up(std::string_view wanted) {
    if (wanted.size() > longest_name) return nullptr;
    char* text = pnstrdup(wanted.data(), wanted.size());
    if (LockNamespace* entry = cached_namespace(text)) return entry;
    LockNamespace* entry =
        load_namespace(name, F_TEXTEQ, C_COLLATION_OID, CStringGetTextDatum(text));
    if (entry) cache_namespace(entry);
    return entry;
}

// A name that the current role may use, and how far it is from the one that was asked for.
struct Near {
    const char* name;
    int distance;
};

int distance_between(std::string_view left, std::string_view right, int most) {
    return varstr_levenshtein_less_equal(left.data(), static_cast<int>(left.size()), right.data(),
                                         static_cast<int>(right.size()), 1, 1, 1, most, true);
}

// Keeps the nearest, in order.
void keep_near(Near (&nearest)[most_hints], Near candidate) {
    for (Near& kept : nearest)
        if (kept.name == nullptr || candidate.distance < kept.distance) {
            Near next = kept;
            kept = candidate;
            if (next.name == nullptr) return;
            candidate = next;
        }
}

bool may_use_row(const Row& row) {
    LockNamespace entry = {};
    read_roles(row, entry, CurrentMemoryContext);
    return entry.open || may_use(entry.roles);
}

// "a", "b": names that differ in less than half of their letters, or in case only.
char* nearest_names(std::string_view wanted) {
    Near nearest[most_hints] = {};
    char* folded = str_tolower(wanted.data(), wanted.size(), C_COLLATION_OID);
    scan_registry(0, nullptr, [&](const Row& row) {
        char* known = row.string(name);
        int most = static_cast<int>(Max(wanted.size(), strlen(known)) / 2);
        char* known_folded = str_tolower(known, strlen(known), C_COLLATION_OID);
        int distance =
            strcmp(folded, known_folded) == 0 ? 0 : distance_between(wanted, known, most);
        if (distance <= most && may_use_row(row)) keep_near(nearest, {known, distance});
        return false;
    });
    StringInfoData list;
    initStringInfo(&list);
    for (const Near& near : nearest)
        if (near.name) appendStringInfo(&list, "%s\"%s\"", list.len > 0 ? ", " : "", near.name);
    return list.len > 0 ? list.data : nullptr;
}

[[noreturn]] void raise_unknown_namespace(std::string_view wanted) {
    char* text = pnstrdup(wanted.data(), wanted.size());
    char* nearest = wanted.size() <= longest_name ? nearest_names(wanted) : nullptr;
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_OBJECT),
             errmsg("lock namespace \"%s\" does not exist", clip(text, shown_bytes)),
             nearest ? errhint("Perhaps you meant %s.", nearest)
                     : errhint("Namespaces are registered by interlock.create_lock_namespace.")));
    pg_unreachable();
}

bool is_last(std::string_view wanted) {
    return last && std::string_view(last->name, last->name_size) == wanted;
}

}  // namespace

void initialize_lock_namespaces() {
    CacheRegisterRelcacheCallback(relation_changed, 0);
    CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, 0);
    CacheRegisterSyscacheCallback(AUTHOID, roles_changed, 0);
    CacheRegisterSyscacheCallback(DATABASEOID, roles_changed, 0);  // pg_database_owner
}

Oid lock_namespace_registry() {
    if (OidIsValid(registry) && !stale) return registry;
    return registry = own_table(registry_name);
}

LockNamespace& find_lock_namespace(std::string_view wanted) {
    refresh_cache();
    if (is_last(wanted)) return *last;
    LockNamespace* entry = look_up(wanted);
    if (entry == nullptr) raise_unknown_namespace(wanted);
    return *(last = entry);
}

std::string_view namespace_argument(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "namespace");
    const text* name = PG_GETARG_TEXT_PP(0);
    return {VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)};
}

LockNamespace& open_lock_namespace(std::string_view wanted) {
    LockNamespace& entry = find_lock_namespace(wanted);
    if (!may_use(entry))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied for lock namespace \"%s\"", entry.name),
                        errhint("Only members of its roles may use it.")));
    return entry;
}

LockNamespace* find_lock_namespace_by_id(int wanted) {
    refresh_cache();
    if (LockNamespace* entry = cached_namespace(wanted)) return entry;
    LockNamespace* entry = load_namespace(id, F_INT4EQ, InvalidOid, Int32GetDatum(wanted));
    if (entry) cache_namespace(entry);
    return entry;
}

std::span<const char*> role_names(Datum roles) {
    Datum* elements;
    bool* nulls;
    int count;
    deconstruct_array(DatumGetArrayTypeP(roles), TEXTOID, -1, false, TYPALIGN_INT, &elements,
                      &nulls, &count);
    auto** names = allocate<const char*>(count);
    for (int i = 0; i < count; i++)
        names[i] = nulls[i] ? "" : TextDatumGetCString(elements[i]);
    return {names, static_cast<std::size_t>(count)};
}

bool may_use(std::span<const char*> names) {
    if (superuser()) return true;
    for (const char* name : names) {
        Oid role = get_role_oid(name, true);
        if (OidIsValid(role) && has_privs_of_role(GetUserId(), role)) return true;
    }
    return false;
}

bool may_use(LockNamespace& entry) {
    if (entry.open) return true;
    if (entry.allowed == GetUserId() && entry.allowed_generation == role_generation) return true;
    uint64 generation = role_generation;
    if (!may_use(entry.roles)) return false;
    entry.allowed = GetUserId();
    entry.allowed_generation = generation;
    return true;
}

const char* key_type_name(LockKeyType type) {
    switch (type) {
        case LockKeyType::int8:
            return "bigint";
        case LockKeyType::text:
            return "text";
        default:
            return "uuid";
    }
}

bool parse_builtin(const char* text, BuiltinLock& builtin, int32& builtin_class) {
    builtin = BuiltinLock::none;
    if (text == nullptr) return true;
    builtin = BuiltinLock::int8;
    if (strcmp(text, "bigint") == 0) return true;
    builtin = BuiltinLock::int4;
    if (strncmp(text, "int4:", 5) != 0) return false;
    const char* digits = text + 5;
    if (*digits != '-' && (*digits < '0' || *digits > '9')) return false;
    char* end;
    errno = 0;
    long number = strtol(digits, &end, 10);
    builtin_class = static_cast<int32>(number);
    return end[-1] != '-' && *end == '\0' && errno == 0 && number == builtin_class;
}

}  // namespace interlock
