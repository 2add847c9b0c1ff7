#include "definition.hpp"

extern "C" {
#include <catalog/dependency.h>
#include <commands/tablecmds.h>
}

namespace interlock {
namespace {

void run(const char* sql, bool read_only) {
    int result = SPI_execute(sql, read_only, 0);
    if (result < 0)
        elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(result));
}

bool is_in(const TriggerFunctions& ours, const Trigger& trigger, TriggerFamily family) {
    bool roots = ours.is(trigger, TriggerFunction::root_version);
    switch (family) {
        case TriggerFamily::versioning:
            return ours.versions(trigger);
        case TriggerFamily::roots:
            return roots;
        case TriggerFamily::checkouts:
            return ours.checks_out(trigger);
        case TriggerFamily::claims:
            return ours.claims(trigger);
        default:
            return roots || ours.versions(trigger) || ours.checks_out(trigger) ||
                   ours.claims(trigger);
    }
}

// DETACH PARTITION leaves the triggers that refer to another table, which it takes for foreign
// keys', where they are.
bool is_inherited(Relation relation, const Trigger& trigger) {
    return trigger.tgisclone && relation->rd_rel->relispartition;
}

// So that the detached table's trigger can be dropped without the former parent's.
void cut_off(Oid trigger) {
    deleteDependencyRecordsForClass(TriggerRelationId, trigger, TriggerRelationId,
                                    DEPENDENCY_PARTITION_PRI);
    deleteDependencyRecordsForClass(TriggerRelationId, trigger, RelationRelationId,
                                    DEPENDENCY_PARTITION_SEC);
}

// The names of the relation's triggers that meet the predicate, without those of its parent.
template <typename Predicate>
List* trigger_names(Oid relid, Predicate predicate) {
    Relation relation = relation_open(relid, NoLock);
    List* names = NIL;
    for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++) {
        const Trigger& trigger = relation->trigdesc->triggers[i];
        if (is_inherited(relation, trigger) || !predicate(trigger)) continue;
        names = lappend(names, pstrdup(trigger.tgname));
        if (trigger.tgisclone) cut_off(trigger.tgoid);
    }
    relation_close(relation, NoLock);
    return names;
}

// PostgreSQL would let the events go with the trigger, and the roots that they stand for stay as
// they are.
void require_no_pending_events(Oid relid) {
    Relation relation = relation_open(relid, NoLock);
    if (roots_of(relation) != NIL) CheckTableNotInUse(relation, "DROP TRIGGER");
    relation_close(relation, NoLock);
}

bool drop_named(Oid relid, List* names) {
    ListCell* cell;
    foreach (cell, names)
        execute(psprintf("DROP TRIGGER %s ON %s",
                         quote_identifier(static_cast<char*>(lfirst(cell))), quoted_table(relid)));
    return names != NIL;
}

// The children whose own triggers touch this root.
List* children_of(Oid root) {
    query(
        psprintf("SELECT DISTINCT t.tgrelid FROM pg_catalog.pg_trigger t "
                 "JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid "
                 "WHERE t.tgconstrrelid OPERATOR(pg_catalog.=) %u "
                 "AND t.tgfoid OPERATOR(pg_catalog.=) %u "
                 "AND (t.tgparentid OPERATOR(pg_catalog.=) 0 OR NOT c.relispartition) ORDER BY 1",
                 root, trigger_functions().oids[static_cast<int>(TriggerFunction::root_version)]));
    return fetched_oids();
}

bool is_touch(Node* node) {
    if (!IsA(node, FuncExpr)) return false;
    Oid function = reinterpret_cast<FuncExpr*>(node)->funcid;
    return get_func_namespace(function) == get_namespace_oid("interlock", true) &&
           strcmp(get_func_name(function), "root_touched") == 0;
}

// The call of interlock.root_touched in a trigger's WHEN, alone or the last of several conditions.
FuncExpr* find_touch(Node* condition) {
    if (IsA(condition, BoolExpr))
        condition = static_cast<Node*>(llast(reinterpret_cast<BoolExpr*>(condition)->args));
    return is_touch(condition) ? reinterpret_cast<FuncExpr*>(condition) : nullptr;
}

}  // namespace

void execute(const char* sql) {
    run(sql, false);
}
void query(const char* sql) {
    run(sql, true);
}

List* fetched_oids() {
    List* oids = NIL;
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool is_null;
        oids = lappend_oid(oids, DatumGetObjectId(SPI_getbinval(
                                     SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null)));
    }
    return oids;
}

char* quoted_table(Oid relid) {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
                                      get_rel_name(relid));
}

List* read_names(ArrayType* array, const char* argument) {
    Datum* elements;
    bool* nulls;
    int count;
    deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &elements, &nulls, &count);
    List* names = NIL;
    for (int i = 0; i < count; i++) {
        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("\"%s\" must not contain null", argument)));
        names = lappend(names, pstrdup(NameStr(*DatumGetName(elements[i]))));
    }
    return names;
}

char* column_list(List* names) {
    StringInfoData list;
    initStringInfo(&list);
    ListCell* cell;
    foreach (cell, names)
        appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "",
                         quote_identifier(static_cast<char*>(lfirst(cell))));
    return list.data;
}

void raise_bad_column(Relation relation, const Column& column, int sqlstate, const char* problem,
                      const char* hint) {
    ereport(ERROR, (errcode(sqlstate),
                    errmsg("column \"%s\" of table \"%s\" %s", column.name,
                           RelationGetRelationName(relation), problem),
                    hint ? errhint("%s", hint) : 0, errtablecol(relation, column.attno)));
    pg_unreachable();
}

Bitmapset* find_columns(Relation relation, Table& table, List* names, const char* twice) {
    Bitmapset* columns = nullptr;
    ListCell* cell;
    foreach (cell, names) {
        auto* name = static_cast<char*>(lfirst(cell));
        Column* column = find_column(table, name);
        if (column == nullptr)
            ereport(ERROR,
                    (errcode(ERRCODE_UNDEFINED_COLUMN),
                     errmsg("column \"%s\" of table \"%s\" does not exist", name, table.name),
                     errtable(relation)));
        if (bms_is_member(column->attno, columns))
            raise_bad_column(relation, *column, ERRCODE_DUPLICATE_COLUMN, twice);
        columns = bms_add_member(columns, column->attno);
    }
    return columns;
}

void require_owner(Oid relid) {
    char* name = get_rel_name(relid);
    if (name && !owns_relation(relid, GetUserId()))
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(get_rel_relkind(relid)), name);
}

Relation open_owned_table(Oid relid, LOCKMODE lockmode) {
    require_owner(relid);
    Relation relation = open_table(relid, lockmode);
    require_owner(relid);
    return relation;
}

void create_marker(Oid relid, const char* name, TriggerFunction function, const char* columns,
                   const char* settings) {
    execute(psprintf(
        "CREATE TRIGGER %s BEFORE UPDATE OF %s ON %s FOR EACH ROW WHEN (false) EXECUTE FUNCTION "
        "interlock.%s(%s)",
        name, columns, quoted_table(relid), trigger_function_name(function), settings));
}

bool drop_triggers(Oid relid, TriggerFamily family) {
    TriggerFunctions ours = trigger_functions();
    bool drops_roots = family == TriggerFamily::roots || family == TriggerFamily::all;
    if (drops_roots) require_no_pending_events(relid);
    return drop_named(relid, trigger_names(relid, [&](const Trigger& trigger) {
                          return is_in(ours, trigger, family);
                      }));
}

void drop_claim_indexes(Oid relid) {
    Relation relation = relation_open(relid, NoLock);
    const Claiming& claiming = table_of(relation).claiming;
    List* indexes = unfinished_unique_indexes(relation, claiming);
    if (OidIsValid(claiming.index)) indexes = lappend_oid(indexes, claiming.index);
    if (OidIsValid(claiming.group_index)) indexes = lappend_oid(indexes, claiming.group_index);
    relation_close(relation, NoLock);
    ListCell* cell;
    foreach (cell, indexes)
        execute(psprintf("DROP INDEX %s", quoted_table(lfirst_oid(cell))));
}

bool drop_root_triggers(Oid child, Oid root, const Bitmapset* columns) {
    TriggerFunctions ours = trigger_functions();
    return drop_named(
        child, trigger_names(child, [&](const Trigger& trigger) {
            return ours.is(trigger, TriggerFunction::root_version) &&
                   trigger.tgconstrrelid == root &&
                   (columns == nullptr || bms_equal(watched_columns(trigger), columns));
        }));
}

void lock_children(Oid root) {
    ListCell* cell;
    foreach (cell, children_of(root)) {
        require_owner(lfirst_oid(cell));
        LockRelationOid(lfirst_oid(cell), AccessExclusiveLock);
        require_owner(lfirst_oid(cell));
    }
}

void drop_triggers_of_children(Oid root) {
    lock_children(root);  // those that have come since
    ListCell* cell;
    foreach (cell, children_of(root))
        drop_root_triggers(lfirst_oid(cell), root, nullptr);
}

bool has_inherited_triggers(Oid relid, TriggerFamily family) {
    TriggerFunctions ours = trigger_functions();
    Relation relation = relation_open(relid, NoLock);
    bool found = false;
    for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++) {
        const Trigger& trigger = relation->trigdesc->triggers[i];
        found |= is_inherited(relation, trigger) && is_in(ours, trigger, family);
    }
    relation_close(relation, NoLock);
    return found;
}

void require_not_inherited(Oid relid, TriggerFamily family, const char* what) {
    if (!has_inherited_triggers(relid, family)) return;
    Oid parent = linitial_oid(get_partition_ancestors(relid));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("partition \"%s\" is %s through its parent \"%s\"", get_rel_name(relid),
                           what, get_rel_name(parent)),
                    errhint("Change the settings of the parent, or detach the partition.")));
}

void require_removable(Oid relid, TriggerFamily family, const char* what) {
    relation_close(open_owned_table(relid, AccessExclusiveLock), NoLock);
    require_not_inherited(relid, family, what);
}

List* roots_of(Relation relation) {
    TriggerFunctions ours = trigger_functions();
    List* roots = NIL;
    for (int i = 0; relation->trigdesc && i < relation->trigdesc->numtriggers; i++) {
        const Trigger& trigger = relation->trigdesc->triggers[i];
        if (ours.is(trigger, TriggerFunction::root_version) && OidIsValid(trigger.tgconstrrelid))
            roots = list_append_unique_oid(roots, trigger.tgconstrrelid);
    }
    return roots;
}

Bitmapset* watched_columns(const Trigger& trigger) {
    Bitmapset* columns = nullptr;
    if (trigger.tgqual == nullptr) return columns;
    FuncExpr* touch = find_touch(static_cast<Node*>(stringToNode(trigger.tgqual)));
    if (touch == nullptr) return columns;
    ListCell* cell;
    foreach (cell, touch->args) {
        auto* var = static_cast<Node*>(lfirst(cell));
        if (IsA(var, Var) && reinterpret_cast<Var*>(var)->varattno > 0)
            columns = bms_add_member(columns, reinterpret_cast<Var*>(var)->varattno);
    }
    return columns;
}

}  // namespace interlock
