// Setting a table up for versioning, and taking it off again. All of it is triggers on the user's
// table.

#include "definition.hpp"
#include "errors.hpp"
#include "stored_checkouts.hpp"

namespace interlock {
namespace {

// Named to fire after every other BEFORE trigger; recognized by their functions all the same.
constexpr const char* row_trigger_name = "\"~interlock_version\"";
constexpr const char* version_marker_name = "\"~interlock_version_column\"";
constexpr const char* except_marker_name = "\"~interlock_except_columns\"";

// Microseconds since 1970, in functions of PostgreSQL's alone: it goes on without the extension.
constexpr const char* clock_version =
    "(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) "
    "1000000)::pg_catalog.int8";

struct Settings {
    const char* version_column;
    List* except_columns;  // of char*
    const char* accept;
    bool require_version;
    const char* mode;
    bool starts_at_clock;
};

bool is_one_of(const char* value, std::initializer_list<const char*> allowed) {
    for (const char* candidate : allowed)
        if (strcmp(value, candidate) == 0) return true;
    return false;
}

void require_one_of(const char* argument, const char* value,
                    std::initializer_list<const char*> allowed) {
    if (is_one_of(value, allowed)) return;
    StringInfoData list;
    initStringInfo(&list);
    for (const char* candidate : allowed)
        appendStringInfo(&list, "%s\"%s\"", list.len > 0 ? ", " : "", candidate);
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"%s\" cannot be \"%s\"", argument, value),
                    errhint("Allowed: %s.", list.data)));
}

Settings read_settings(FunctionCallInfo fcinfo) {
    constexpr const char* arguments[] = {"rel",          "version_column",  "except_columns",
                                         "accept",       "require_version", "mode",
                                         "first_version"};
    for (int i = 0; i < 7; i++)
        require_argument(fcinfo, i, arguments[i]);
    Settings settings = {NameStr(*PG_GETARG_NAME(1)),
                         read_names(PG_GETARG_ARRAYTYPE_P(2), "except_columns"),
                         text_to_cstring(PG_GETARG_TEXT_PP(3)),
                         PG_GETARG_BOOL(4),
                         text_to_cstring(PG_GETARG_TEXT_PP(5)),
                         false};
    const char* first = text_to_cstring(PG_GETARG_TEXT_PP(6));
    require_one_of("first_version", first, {"one", "clock"});
    settings.starts_at_clock = strcmp(first, "clock") == 0;
    require_one_of("accept", settings.accept, {"either", "echo", "increment"});
    require_one_of("mode", settings.mode, {"enforce", "observe"});
    if (settings.require_version && strcmp(settings.accept, "either") == 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("\"require_version\" needs \"accept\" to be \"echo\" or \"increment\""),
                 errhint("With both accepted, a stale increment can pass for a fresh echo.")));
    return settings;
}

void create_row_trigger(Oid relid, const Settings& settings) {
    execute(
        psprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION "
                 "interlock.row_version('accept=%s', 'require_version=%s', 'mode=%s'%s)",
                 row_trigger_name, quoted_table(relid), settings.accept,
                 settings.require_version ? "true" : "false", settings.mode,
                 settings.starts_at_clock ? ", 'first_version=clock'" : ""));
}

void create_triggers(Oid relid, const Settings& settings) {
    create_row_trigger(relid, settings);
    create_marker(relid, version_marker_name, TriggerFunction::version_column,
                  quote_identifier(settings.version_column));
    if (settings.except_columns != NIL)
        create_marker(relid, except_marker_name, TriggerFunction::except_columns,
                      column_list(settings.except_columns));
}

bool is_version_type(Oid type) {
    return type == INT2OID || type == INT4OID || type == INT8OID || type == TIMESTAMPTZOID;
}

void check_version_column(Relation relation, Table& table, const Column& column,
                          const Settings& settings) {
    if (!is_version_type(column.type))
        raise_bad_column(
            relation, column, ERRCODE_DATATYPE_MISMATCH,
            "cannot be a version: it must be smallint, integer, bigint or timestamptz");
    if (column.generated ||
        attribute(RelationGetDescr(relation), column.attno)->attidentity != '\0')
        raise_bad_column(relation, column, ERRCODE_INVALID_PARAMETER_VALUE,
                         "is generated and cannot be a version");
    if (table.is_key_column(column.attno))
        raise_bad_column(relation, column, ERRCODE_INVALID_PARAMETER_VALUE,
                         "is part of the primary key and cannot be a version");
    if (settings.require_version && column.type == TIMESTAMPTZOID)
        raise_bad_column(relation, column, ERRCODE_INVALID_PARAMETER_VALUE,
                         "is a timestamp, which \"require_version\" cannot be judged by");
    if (settings.starts_at_clock && column.type != INT8OID)
        raise_bad_column(relation, column, ERRCODE_INVALID_PARAMETER_VALUE,
                         "is not bigint, which versions that start at the clock's time need");
}

void check_except_columns(Relation relation, Table& table, const Settings& settings) {
    Bitmapset* except = find_columns(relation, table, settings.except_columns);
    Column* version = find_column(table, settings.version_column);
    if (version && bms_is_member(version->attno, except))
        raise_bad_column(relation, *version, ERRCODE_INVALID_PARAMETER_VALUE,
                         "is the version and cannot be excepted from it");
}

// Forced row-level security would hide rows from their owner.
bool holds_null(Oid relid, const char* column) {
    Oid role;
    int context;
    GetUserIdAndSecContext(&role, &context);
    SetUserIdAndSecContext(role, context | SECURITY_NOFORCE_RLS);
    execute(psprintf("SELECT FROM %s WHERE %s IS NULL LIMIT 1", quoted_table(relid),
                     quote_identifier(column)));
    SetUserIdAndSecContext(role, context);
    return SPI_processed > 0;
}

void require_no_null(Oid relid, const Settings& settings) {
    if (!holds_null(relid, settings.version_column)) return;
    const char* column = quote_identifier(settings.version_column);
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("version column \"%s\" of table \"%s\" holds nulls", settings.version_column,
                    get_rel_name(relid)),
             errhint("Give those rows a version first: UPDATE %s SET %s = 1 WHERE %s IS NULL.",
                     quoted_table(relid), column, column)));
}

void add_version_column(Oid relid, const Settings& settings) {
    execute(psprintf("ALTER TABLE %s ADD COLUMN %s pg_catalog.int8 NOT NULL DEFAULT 1",
                     quoted_table(relid), quote_identifier(settings.version_column)));
}

// What the checks found out about the relation, which must be closed before it is altered.
struct Target {
    Oid relid;
    bool partitioned;
    bool has_column;
    bool may_hold_null;
    bool started_at_clock;
};

// DROP TRIGGER, ADD COLUMN and SET DEFAULT need the strongest lock; taking it first avoids an
// upgrade.
LOCKMODE definition_lock(Oid relid, const Settings& settings) {
    require_owner(relid);
    Relation relation = open_table(relid, AccessShareLock);
    bool has_column = get_attnum(relid, settings.version_column) != InvalidAttrNumber;
    bool versioned = table_of(relation).versioning.triggered;
    relation_close(relation, AccessShareLock);
    bool alters = !has_column || versioned || settings.starts_at_clock;
    return alters ? AccessExclusiveLock : ShareRowExclusiveLock;
}

Target check_target(Oid relid, const Settings& settings) {
    Relation relation = open_owned_table(relid, definition_lock(relid, settings));
    Table& table = table_of(relation);
    check_except_columns(relation, table, settings);
    Column* column = find_column(table, settings.version_column);
    if (column) check_version_column(relation, table, *column, settings);
    Target target = {relid, table.relkind == RELKIND_PARTITIONED_TABLE, column != nullptr,
                     column && column->type != TIMESTAMPTZOID &&
                         !attribute(RelationGetDescr(relation), column->attno)->attnotnull,
                     table.versioning.starts_at_clock};
    relation_close(relation, NoLock);
    return target;
}

// The DEFAULT is of rows to come: those that are there keep their versions. Partitions and children
// have their own, which theirs is set by, too. Where it was never the clock's, it stays as it is.
void set_default(const Target& target, const Settings& settings) {
    if (!settings.starts_at_clock && !target.started_at_clock) return;
    execute(psprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", quoted_table(target.relid),
                     quote_identifier(settings.version_column),
                     settings.starts_at_clock ? clock_version : "1"));
}

// A partitioned table hands its triggers to its partitions; inheritance children get their own.
void put_triggers(const Target& target, const Settings& settings) {
    ListCell* cell;
    foreach (cell, find_all_inheritors(target.relid, AccessExclusiveLock, nullptr)) {
        drop_triggers(lfirst_oid(cell), TriggerFamily::versioning);
        CHECK_FOR_INTERRUPTS();
        if (!target.partitioned) create_triggers(lfirst_oid(cell), settings);
    }
    if (target.partitioned) create_triggers(target.relid, settings);
}

void define(const Target& target, const Settings& settings) {
    require_not_inherited(target.relid, TriggerFamily::versioning, "versioned");
    if (!target.has_column)
        add_version_column(target.relid, settings);
    else if (target.may_hold_null)
        require_no_null(target.relid, settings);
    set_default(target, settings);
    put_triggers(target, settings);
}

bool remove(Oid relid) {
    bool removed = false;
    ListCell* cell;
    foreach (cell, find_all_inheritors(relid, AccessExclusiveLock, nullptr)) {
        removed |= drop_triggers(lfirst_oid(cell), TriggerFamily::versioning);
        CHECK_FOR_INTERRUPTS();
    }
    return removed;
}

void lock_as_owner(Oid relid) {
    require_owner(relid);
    LockRelationOid(relid, AccessExclusiveLock);
    require_owner(relid);
}

[[noreturn]] void raise_not_versioned(Oid relid) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" is not versioned", get_rel_name(relid))));
    pg_unreachable();
}

// The tables that carry one of our triggers, partitions with an inherited one left out.
List* tables_with_triggers() {
    execute(
        "SELECT DISTINCT t.tgrelid FROM pg_catalog.pg_trigger t "
        "JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) t.tgfoid "
        "JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace "
        "JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid "
        "WHERE n.nspname OPERATOR(pg_catalog.=) 'interlock' "
        "AND (t.tgparentid OPERATOR(pg_catalog.=) 0 OR NOT c.relispartition)");
    return fetched_oids();
}

void append_finding(StringInfo list, Oid relid, const char* problem) {
    appendStringInfo(list, "%s\"%s\" %s", list->len > 0 ? ", " : "", get_rel_name(relid), problem);
}

// "a" is not versioned, "b" (its version trigger is disabled)
void find_problem(StringInfo list, Oid relid) {
    query(
        psprintf("SELECT pg_catalog.array_to_string(problems, ', ') "
                 "FROM interlock.versioned_tables WHERE relation OPERATOR(pg_catalog.=) %u "
                 "AND accept IS NOT NULL",
                 relid));
    if (SPI_processed == 0) return append_finding(list, relid, "is not versioned");
    const char* problems = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    if (problems[0] != '\0') append_finding(list, relid, psprintf("(%s)", problems));
}

// A partitioned table is in force where all its partitions are.
void find_problems(StringInfo list, Oid relid) {
    Relation relation = open_table(relid, AccessShareLock);
    bool partitioned = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
    relation_close(relation, AccessShareLock);
    if (!partitioned) return find_problem(list, relid);
    ListCell* cell;
    foreach (cell, find_all_inheritors(relid, NoLock, nullptr)) {
        CHECK_FOR_INTERRUPTS();
        find_problem(list, lfirst_oid(cell));
    }
}

void assert_all(ArrayType* array) {
    Datum* elements;
    bool* nulls;
    int count;
    deconstruct_array(array, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &elements, &nulls,
                      &count);
    StringInfoData list;
    initStringInfo(&list);
    for (int i = 0; i < count; i++) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("\"rels\" must not contain null")));
        find_problems(&list, DatumGetObjectId(elements[i]));
    }
    if (list.len > 0)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("versioning is not in force: %s", list.data),
                        errhint("Call interlock.enable_versioning for these tables.")));
}

}  // namespace

// enable_versioning(rel regclass, version_column name, except_columns name[], accept text,
// require_version boolean, mode text, first_version text) → void
INTERLOCK_FUNCTION(enable_versioning) {
    Settings settings = read_settings(fcinfo);
    PreventCommandIfReadOnly("interlock.enable_versioning()");
    Target target = check_target(PG_GETARG_OID(0), settings);
    with_spi([&] { define(target, settings); });
    PG_RETURN_VOID();
}

// disable_versioning(rel regclass) → void: the version column stays
INTERLOCK_FUNCTION(disable_versioning) {
    require_argument(fcinfo, 0, "rel");
    PreventCommandIfReadOnly("interlock.disable_versioning()");
    Oid relid = PG_GETARG_OID(0);
    require_owner(relid);
    with_spi([&] {
        lock_children(relid);
        require_removable(relid, TriggerFamily::versioning, "versioned");
        if (!remove(relid)) raise_not_versioned(relid);
        drop_triggers_of_children(relid);
    });
    PG_RETURN_VOID();
}

// disable_all() → integer: the number of tables that had one of our triggers
INTERLOCK_FUNCTION(disable_all) {
    (void)fcinfo;
    PreventCommandIfReadOnly("interlock.disable_all()");
    int count = 0;
    with_spi([&] {
        ListCell* cell;
        foreach (cell, tables_with_triggers()) {
            lock_as_owner(lfirst_oid(cell));  // of any kind: a hand-made trigger can be on a view
            delete_checkouts(lfirst_oid(cell));
            drop_claim_indexes(lfirst_oid(cell));
            count += drop_triggers(lfirst_oid(cell), TriggerFamily::all) ? 1 : 0;
        }
    });
    PG_RETURN_INT32(count);
}

// assert_versioned(rels regclass[]) → void
INTERLOCK_FUNCTION(assert_versioned) {
    require_argument(fcinfo, 0, "rels");
    with_spi([&] { assert_all(PG_GETARG_ARRAYTYPE_P(0)); });
    PG_RETURN_VOID();
}

}  // namespace interlock
