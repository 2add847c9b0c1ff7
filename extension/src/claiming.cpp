// Setting a table up for claims, and taking it off again. All of it is columns, indexes and
// triggers of the user's table.

#include "definition.hpp"
#include "errors.hpp"
#include "lease_arguments.hpp"

extern "C" {
#include <commands/defrem.h>
#include <storage/bufmgr.h>
}

namespace interlock {
namespace {

constexpr const char* marker_name = "\"~interlock_claims\"";
constexpr const char* notify_name = "\"~interlock_claims_notify\"";

// Room for a claim beside each row, so that it needs no other page and no index entry.
constexpr int fillfactor = 70;

struct ClaimSettings {
    bool keeps;
    const char* columns[claim_column_count];  // by role; null: not named
    int32 max_attempts;
    int64 backoff;
    int64 max_backoff;
    bool notifies;
    List* unique_by;  // of char*
};

bool is_own(int role) {
    return role < own_claim_column_count;
}

bool read_on_finish(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 1, "on_finish");
    const char* on_finish = text_to_cstring(PG_GETARG_TEXT_PP(1));
    if (strcmp(on_finish, "keep") == 0) return true;
    if (strcmp(on_finish, "delete") == 0) return false;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"on_finish\" cannot be \"%s\"", clip(on_finish, shown_bytes)),
                    errhint("Allowed: \"delete\", \"keep\".")));
    pg_unreachable();
}

int64 read_backoff(FunctionCallInfo fcinfo, int number, const char* name) {
    require_argument(fcinfo, number, name);
    return read_delay(fcinfo, number, name);
}

int own_role(std::string_view name) {
    for (int role = 0; is_own(role); role++)
        if (name == claim_column_name(static_cast<ClaimColumn>(role))) return role;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"columns\" names \"%s\", which is no column of claims",
                           clip(pnstrdup(name.data(), name.size()), shown_bytes)),
                    errhint("Allowed: run_at, attempts, claimed_by, claim_token, claimed_until, "
                            "last_error, finished_at, dead_at.")));
    pg_unreachable();
}

// {"run_at": "scheduled_for"}
void read_mapping(ClaimSettings& settings, Jsonb* json) {
    if (!is_object(json))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"columns\" must be a JSON object")));
    for (JsonMembers members(json); members.next();) {
        int role = own_role(members.name());
        const JsonbValue& value = members.value();
        if (value.type != jbvString)
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("\"columns\" must name a column as its \"%s\"",
                                   claim_column_name(static_cast<ClaimColumn>(role)))));
        settings.columns[role] = pnstrdup(value.val.string.val, value.val.string.len);
    }
}

void read_name(ClaimSettings& settings, FunctionCallInfo fcinfo, int number, ClaimColumn role) {
    if (!PG_ARGISNULL(number))
        settings.columns[static_cast<int>(role)] = pstrdup(NameStr(*PG_GETARG_NAME(number)));
}

void require_limits(const ClaimSettings& settings) {
    if (settings.max_attempts < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"max_attempts\" must be at least 1")));
    if (settings.max_backoff < settings.backoff)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"max_backoff\" must not be shorter than \"backoff\"")));
}

ClaimSettings read_settings(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "rel");
    ClaimSettings settings = {};
    settings.keeps = read_on_finish(fcinfo);
    read_name(settings, fcinfo, 2, ClaimColumn::order_by);
    read_name(settings, fcinfo, 3, ClaimColumn::queue);
    read_name(settings, fcinfo, 4, ClaimColumn::group);
    require_argument(fcinfo, 5, "max_attempts");
    settings.max_attempts = PG_GETARG_INT32(5);
    settings.backoff = read_backoff(fcinfo, 6, "backoff");
    require_argument(fcinfo, 7, "notify");
    settings.notifies = PG_GETARG_BOOL(7);
    settings.max_backoff = read_backoff(fcinfo, 8, "max_backoff");
    require_argument(fcinfo, 9, "unique_by");
    settings.unique_by = read_names(PG_GETARG_ARRAYTYPE_P(9), "unique_by");
    require_argument(fcinfo, 10, "columns");
    read_mapping(settings, PG_GETARG_JSONB_P(10));
    require_limits(settings);
    return settings;
}

// In the order of the roles.
constexpr const char* own_columns[own_claim_column_count] = {
    "pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now()",
    "pg_catalog.int4 NOT NULL DEFAULT 0",
    "pg_catalog.text",
    "pg_catalog.int8",
    "pg_catalog.timestamptz",
    "pg_catalog.text",
    "pg_catalog.timestamptz",
    "pg_catalog.timestamptz",
};

bool is_not_null(Relation relation, const Column& column) {
    return attribute(RelationGetDescr(relation), column.attno)->attnotnull;
}

void require_not_null(Relation relation, const Column& column, const char* role) {
    if (is_not_null(relation, column)) return;
    raise_bad_column(
        relation, column, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        psprintf("must be NOT NULL to be \"%s\"", role),
        psprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL.",
                 quoted_table(RelationGetRelid(relation)), quote_identifier(column.name)));
}

// The reason why a column cannot be written by claims, or null.
const char* why_not_own(Table& table, const Column& column) {
    if (column.always) return "is generated";
    if (table.is_key_column(column.attno)) return "is part of the primary key";
    if (table.versioning.column == column.attno) return "is the version";
    return nullptr;
}

void check_own_column(Relation relation, Table& table, const Column& column, ClaimColumn role) {
    Oid type = claim_column_type(role);
    const char* name = claim_column_name(role);
    if (column.type != type)
        raise_bad_column(relation, column, ERRCODE_DATATYPE_MISMATCH,
                         psprintf("must be of type %s to be \"%s\"", format_type_be(type), name),
                         psprintf("Name another column for it: columns => '{\"%s\": ...}'.", name));
    if (const char* reason = why_not_own(table, column))
        raise_bad_column(relation, column, ERRCODE_INVALID_PARAMETER_VALUE,
                         psprintf("%s and cannot be \"%s\"", reason, name));
    if (needs_not_null(role))
        require_not_null(relation, column, name);
    else if (is_not_null(relation, column))
        raise_bad_column(relation, column, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                         psprintf("must not be NOT NULL to be \"%s\"", name));
}

bool has_order(Oid type) {
    return OidIsValid(lookup_type_cache(type, TYPECACHE_CMP_PROC)->cmp_proc);
}

void require_order(Relation relation, const Column& column, const char* role, bool hashed) {
    if (hashed ? is_group_type(column.type) : has_order(column.type)) return;
    raise_bad_column(
        relation, column, ERRCODE_DATATYPE_MISMATCH,
        psprintf("is of type %s and cannot be \"%s\"", format_type_be(column.type), role),
        hashed ? "It needs a type with an order and a hash." : "It needs a type with an order.");
}

void check_users_column(Relation relation, const Column& column, ClaimColumn role) {
    const char* name = claim_column_name(role);
    if (role == ClaimColumn::queue && column.type != TEXTOID && column.type != VARCHAROID)
        raise_bad_column(relation, column, ERRCODE_DATATYPE_MISMATCH,
                         psprintf("must be of type text or varchar to be \"%s\"", name));
    require_order(relation, column, name, role == ClaimColumn::group);
    if (role != ClaimColumn::group) require_not_null(relation, column, name);
}

// What the checks found out about the relation, which must be closed before it is altered.
struct Target {
    Oid relid;
    const char* columns[claim_column_count];  // by role; null: none
    bool missing[own_claim_column_count];
    bool sets_fillfactor;
    bool has_pages;
    Oid indexes[2];  // of the settings so far
};

// What a role's column is called: as the caller says, else as it was so far, else as the role.
const char* chosen_name(const Table& table, const ClaimSettings& settings, int role) {
    if (settings.columns[role] || !is_own(role)) return settings.columns[role];
    AttrNumber present = table.claiming.columns[role];
    if (present != 0) return pstrdup(table.columns[present - 1].name);
    return claim_column_name(static_cast<ClaimColumn>(role));
}

const Column* find_role_column(Relation relation, Table& table, const ClaimSettings& settings,
                               const char* name, int role) {
    const Column* column = find_column(table, name);
    if (column == nullptr && (settings.columns[role] || !is_own(role)))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                        errmsg("column \"%s\" of table \"%s\" does not exist", name, table.name),
                        errtable(relation)));
    return column;
}

void check_columns(Relation relation, Table& table, const ClaimSettings& settings, Target& target) {
    Bitmapset* seen = nullptr;
    for (int role = 0; role < claim_column_count; role++) {
        const char* name = target.columns[role] = chosen_name(table, settings, role);
        if (name == nullptr) continue;
        const Column* column = find_role_column(relation, table, settings, name, role);
        if (is_own(role)) target.missing[role] = column == nullptr;
        if (column == nullptr) continue;
        if (bms_is_member(column->attno, seen))
            raise_bad_column(relation, *column, ERRCODE_INVALID_PARAMETER_VALUE,
                             "cannot have two roles in claims");
        seen = bms_add_member(seen, column->attno);
        if (is_own(role))
            check_own_column(relation, table, *column, static_cast<ClaimColumn>(role));
        else
            check_users_column(relation, *column, static_cast<ClaimColumn>(role));
    }
}

void require_ordinary_table(Relation relation) {
    const char* name = RelationGetRelationName(relation);
    char relkind = relation->rd_rel->relkind;
    if (relkind == RELKIND_FOREIGN_TABLE)
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a table", name),
                        errdetail_relkind_not_supported(relkind)));
    if (relkind == RELKIND_PARTITIONED_TABLE)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("claims cannot be enabled on partitioned table \"%s\"", name),
                        errhint("Enable them on its partitions, each a work table of its own."),
                        errtable(relation)));
    if (find_inheritance_children(RelationGetRelid(relation), NoLock) != NIL)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("claims cannot be enabled on table \"%s\", which has children", name),
                 errhint("Enable them on its children, each a work table of its own."),
                 errtable(relation)));
}

bool has_fillfactor(Oid relid) {
    query(
        psprintf("SELECT FROM pg_catalog.pg_class AS c, "
                 "pg_catalog.pg_options_to_table(c.reloptions) AS o "
                 "WHERE c.oid OPERATOR(pg_catalog.=) %u "
                 "AND o.option_name OPERATOR(pg_catalog.=) 'fillfactor'",
                 relid));
    return SPI_processed > 0;
}

Target check_target(Oid relid, const ClaimSettings& settings) {
    Relation relation = open_owned_table(relid, AccessExclusiveLock);
    require_ordinary_table(relation);
    require_primary_key(relation);
    Table& table = table_of(relation);
    Target target = {};
    target.relid = relid;
    check_columns(relation, table, settings, target);
    find_columns(relation, table, settings.unique_by, "is twice in \"unique_by\"");
    target.indexes[0] = table.claiming.index;
    target.indexes[1] = table.claiming.group_index;
    target.has_pages = RelationGetNumberOfBlocks(relation) > 0;
    relation_close(relation, NoLock);
    target.sets_fillfactor = !has_fillfactor(relid);
    return target;
}

void append_action(StringInfo sql, const char* action) {
    appendStringInfo(sql, "%s%s", sql->len > 0 ? ", " : "", action);
}

void append_missing_columns(StringInfo sql, const Target& target) {
    for (int role = 0; is_own(role); role++)
        if (target.missing[role])
            append_action(sql, psprintf("ADD COLUMN %s %s", quote_identifier(target.columns[role]),
                                        own_columns[role]));
}

// A partition has its columns from its parent.
void require_no_parent(Oid relid, const char* actions) {
    if (!get_rel_relispartition(relid)) return;
    Oid parent = llast_oid(get_partition_ancestors(relid));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("partition \"%s\" lacks columns for claims", get_rel_name(relid)),
                    errhint("ALTER TABLE %s %s.", quoted_table(parent), actions)));
}

void alter_table(const Target& target) {
    StringInfoData sql;
    initStringInfo(&sql);
    append_missing_columns(&sql, target);
    if (sql.len > 0) require_no_parent(target.relid, sql.data);
    if (target.sets_fillfactor) append_action(&sql, psprintf("SET (fillfactor = %d)", fillfactor));
    if (sql.len > 0) execute(psprintf("ALTER TABLE %s %s", quoted_table(target.relid), sql.data));
}

void tell_of_full_pages(const Target& target) {
    if (!target.sets_fillfactor || !target.has_pages) return;
    ereport(NOTICE, (errmsg("the present pages of table \"%s\" have no room kept for claims",
                            get_rel_name(target.relid)),
                     errhint("Rewrite them when the table can be locked: VACUUM FULL %s.",
                             quoted_table(target.relid))));
}

void create_marker(const Target& target, const ClaimSettings& settings) {
    StringInfoData columns, roles;
    initStringInfo(&columns);
    initStringInfo(&roles);
    for (int role = 0; role < claim_column_count; role++) {
        if (target.columns[role] == nullptr) continue;
        appendStringInfo(&columns, "%s%s", columns.len > 0 ? ", " : "",
                         quote_identifier(target.columns[role]));
        appendStringInfo(&roles, "%s%s", roles.len > 0 ? " " : "",
                         claim_column_name(static_cast<ClaimColumn>(role)));
    }
    create_marker(target.relid, marker_name, TriggerFunction::claim_columns, columns.data,
                  psprintf("'columns=%s', 'on_finish=%s', 'max_attempts=%d', 'backoff=" INT64_FORMAT
                           "', 'max_backoff=" INT64_FORMAT "'",
                           roles.data, settings.keeps ? "keep" : "delete", settings.max_attempts,
                           settings.backoff, settings.max_backoff));
}

void create_notify_trigger(Oid relid) {
    execute(
        psprintf("CREATE TRIGGER %s AFTER INSERT ON %s FOR EACH STATEMENT EXECUTE FUNCTION "
                 "interlock.claim_notify()",
                 notify_name, quoted_table(relid)));
}

// What the statements of a definition must know of the table, as it is between them.
struct Present {
    Claiming claiming;
    const char* columns[2];  // of the claim indexes, as a list
    const char* unfinished;  // their predicate
    List* unique_indexes;
};

const char* index_column_list(Table& table, bool grouped) {
    ClaimIndexColumns columns = claim_index_columns(table.claiming, table.key, grouped);
    StringInfoData list;
    initStringInfo(&list);
    for (int i = 0; i < columns.count; i++)
        appendStringInfo(&list, "%s%s", i > 0 ? ", " : "",
                         quote_identifier(table.column(columns.attnos[i]).name));
    return list.data;
}

Present present_state(Oid relid, const Target& target) {
    Relation relation = relation_open(relid, NoLock);
    Table& table = table_of(relation);
    Present present = {
        table.claiming,
        {index_column_list(table, false), index_column_list(table, true)},
        psprintf("%s IS NULL AND %s IS NULL",
                 quote_identifier(target.columns[static_cast<int>(ClaimColumn::dead_at)]),
                 quote_identifier(target.columns[static_cast<int>(ClaimColumn::finished_at)])),
        unfinished_unique_indexes(relation, table.claiming)};
    relation_close(relation, NoLock);
    return present;
}

void create_index(Oid relid, const char* kind, const char* label, const char* columns,
                  const char* predicate) {
    char* name =
        ChooseRelationName(get_rel_name(relid), nullptr, label, get_rel_namespace(relid), false);
    execute(psprintf("CREATE %s %s ON %s (%s) WHERE %s", kind, quote_identifier(name),
                     quoted_table(relid), columns, predicate));
}

void drop_index(Oid index) {
    execute(psprintf("DROP INDEX %s", quoted_table(index)));
}

void put_indexes(const Target& target, const Present& present) {
    const Claiming& claiming = present.claiming;
    for (Oid index : target.indexes)
        if (OidIsValid(index) && index != claiming.index && index != claiming.group_index)
            drop_index(index);
    if (!OidIsValid(claiming.index))
        create_index(target.relid, "INDEX", "claim_idx", present.columns[0], present.unfinished);
    if (!claiming.has(ClaimColumn::group) || OidIsValid(claiming.group_index)) return;
    const char* group = target.columns[static_cast<int>(ClaimColumn::group)];
    create_index(target.relid, "INDEX", "claim_group_idx", present.columns[1],
                 psprintf("%s AND %s IS NOT NULL", present.unfinished, quote_identifier(group)));
}

bool is_on(Oid index_oid, Oid relid, List* names) {
    Relation index = index_open(index_oid, AccessShareLock);
    const auto& attnos = index->rd_index->indkey.values;
    bool same = index->rd_index->indnatts == list_length(names) && index->rd_index->indisvalid;
    for (int i = 0; same && i < list_length(names); i++)
        same = attnos[i] == get_attnum(relid, static_cast<char*>(list_nth(names, i)));
    index_close(index, NoLock);
    return same;
}

void put_unique_index(const Target& target, const Present& present, List* unique_by) {
    bool found = false;
    ListCell* cell;
    foreach (cell, present.unique_indexes) {
        bool wanted = unique_by != NIL && is_on(lfirst_oid(cell), target.relid, unique_by);
        found |= wanted;
        if (!wanted) drop_index(lfirst_oid(cell));
    }
    if (unique_by != NIL && !found)
        create_index(target.relid, "UNIQUE INDEX", "claim_unique_idx", column_list(unique_by),
                     present.unfinished);
}

void define(const Target& target, const ClaimSettings& settings) {
    alter_table(target);
    tell_of_full_pages(target);
    drop_triggers(target.relid, TriggerFamily::claims);
    create_marker(target, settings);
    if (settings.notifies) create_notify_trigger(target.relid);
    Present present = present_state(target.relid, target);
    put_indexes(target, present);
    put_unique_index(target, present, settings.unique_by);
}

// The columns that enable_claims added, as far as they are called so still.
List* added_columns(Oid relid) {
    Relation relation = relation_open(relid, NoLock);
    Table& table = table_of(relation);
    List* names = NIL;
    for (int role = 0; is_own(role); role++) {
        AttrNumber attno = table.claiming.columns[role];
        const char* name = claim_column_name(static_cast<ClaimColumn>(role));
        if (attno != 0 && strcmp(table.column(attno).name, name) == 0)
            names = lappend(names, pstrdup(name));
    }
    relation_close(relation, NoLock);
    return names;
}

void drop_columns(Oid relid, List* names) {
    StringInfoData sql;
    initStringInfo(&sql);
    ListCell* cell;
    foreach (cell, names)
        appendStringInfo(&sql, "%sDROP COLUMN %s", sql.len > 0 ? ", " : "",
                         quote_identifier(static_cast<char*>(lfirst(cell))));
    if (sql.len > 0) execute(psprintf("ALTER TABLE %s %s", quoted_table(relid), sql.data));
}

[[noreturn]] void raise_not_enabled(Oid relid) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" has no claims enabled", get_rel_name(relid))));
    pg_unreachable();
}

void remove(Oid relid, bool drops_columns) {
    List* columns = drops_columns ? added_columns(relid) : NIL;
    drop_claim_indexes(relid);
    if (!drop_triggers(relid, TriggerFamily::claims)) raise_not_enabled(relid);
    drop_columns(relid, columns);
}

}  // namespace

// enable_claims(rel regclass, on_finish text, order_by name, queue_column name, group_by name,
// max_attempts integer, backoff interval, notify boolean, max_backoff interval, unique_by name[],
// columns jsonb) → void
INTERLOCK_FUNCTION(enable_claims) {
    ClaimSettings settings = read_settings(fcinfo);
    PreventCommandIfReadOnly("interlock.enable_claims()");
    with_spi([&] { define(check_target(PG_GETARG_OID(0), settings), settings); });
    PG_RETURN_VOID();
}

// disable_claims(rel regclass, drop_columns boolean) → void
INTERLOCK_FUNCTION(disable_claims) {
    require_argument(fcinfo, 0, "rel");
    require_argument(fcinfo, 1, "drop_columns");
    PreventCommandIfReadOnly("interlock.disable_claims()");
    Oid relid = PG_GETARG_OID(0);
    with_spi([&] {
        relation_close(open_owned_table(relid, AccessExclusiveLock), NoLock);
        remove(relid, PG_GETARG_BOOL(1));
    });
    PG_RETURN_VOID();
}

}  // namespace interlock
