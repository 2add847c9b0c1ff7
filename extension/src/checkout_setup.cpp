// Setting a table up for checkouts, and taking it off again. All of it is triggers on the user's
// table.

#include "definition.hpp"
#include "errors.hpp"
#include "lock_namespace.hpp"
#include "stored_checkouts.hpp"

namespace interlock {
namespace {

// Fires after the triggers of others, which can change the new row, and before the version's.
constexpr const char* guard_name = "\"~interlock_checkout\"";
constexpr const char* except_marker_name = "\"~interlock_checkout_except\"";
constexpr const char* what = "set up for checkouts";

struct Settings {
    List* except_columns;  // of char*
    std::span<const char*> bypass_roles;
};

Settings read_settings(FunctionCallInfo fcinfo) {
    require_argument(fcinfo, 0, "rel");
    require_argument(fcinfo, 1, "except_columns");
    require_argument(fcinfo, 2, "bypass_roles");
    Settings settings = {read_names(PG_GETARG_ARRAYTYPE_P(1), "except_columns"),
                         role_names(PG_GETARG_DATUM(2))};
    for (const char* role : settings.bypass_roles)
        if (role[0] == '\0')
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("\"bypass_roles\" must not contain null or empty names")));
    return settings;
}

// Who changes a row's key moves it from under its checkout.
void require_no_key_columns(Relation relation, Table& table, const Bitmapset* columns) {
    for (int i = 0; i < table.key.count; i++)
        if (bms_is_member(table.key.columns[i].attno, columns))
            raise_bad_column(relation, table.column(table.key.columns[i].attno),
                             ERRCODE_INVALID_PARAMETER_VALUE,
                             "is part of the primary key, which checkouts are about");
}

void check_target(Oid relid, const Settings& settings) {
    Relation relation = open_owned_table(relid, AccessExclusiveLock);
    require_not_inherited(relid, TriggerFamily::checkouts, what);
    require_primary_key(relation);
    require_no_children(relation);
    Table& table = table_of(relation);
    require_no_key_columns(relation, table, find_columns(relation, table, settings.except_columns));
    relation_close(relation, NoLock);
}

char* trigger_arguments(const Settings& settings) {
    StringInfoData list;
    initStringInfo(&list);
    for (const char* role : settings.bypass_roles)
        appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "",
                         quote_literal_cstr(psprintf("bypass_role=%s", role)));
    return list.data;
}

void create_triggers(Oid relid, const Settings& settings) {
    execute(psprintf(
        "CREATE TRIGGER %s BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE "
        "FUNCTION interlock.%s(%s)",
        guard_name, quoted_table(relid), trigger_function_name(TriggerFunction::row_checkout),
        trigger_arguments(settings)));
    if (settings.except_columns != NIL)
        create_marker(relid, except_marker_name, TriggerFunction::checkout_except_columns,
                      column_list(settings.except_columns));
}

// What is stored under the OID of a table that was not set up is another, dropped table's.
void define(Oid relid, const Settings& settings) {
    if (!drop_triggers(relid, TriggerFamily::checkouts)) delete_checkouts(relid);
    delete_orphaned_checkouts();
    create_triggers(relid, settings);
}

}  // namespace

// enable_checkout(rel regclass, except_columns name[], bypass_roles text[]) → void
INTERLOCK_FUNCTION(enable_checkout) {
    Settings settings = read_settings(fcinfo);
    PreventCommandIfReadOnly("interlock.enable_checkout()");
    Oid relid = PG_GETARG_OID(0);
    check_target(relid, settings);
    with_spi([&] { define(relid, settings); });
    PG_RETURN_VOID();
}

// disable_checkout(rel regclass) → void
INTERLOCK_FUNCTION(disable_checkout) {
    require_argument(fcinfo, 0, "rel");
    PreventCommandIfReadOnly("interlock.disable_checkout()");
    Oid relid = PG_GETARG_OID(0);
    require_removable(relid, TriggerFamily::checkouts, what);
    with_spi([&] {
        if (!drop_triggers(relid, TriggerFamily::checkouts))
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("table \"%s\" is not %s", get_rel_name(relid), what)));
        delete_checkouts(relid);
    });
    PG_RETURN_VOID();
}

}  // namespace interlock
