// Setting up root versions: a change to a child's row makes a new version of its root. All of it is
// triggers on the child; root_triggers.cpp is what they do.

#include "definition.hpp"
#include "errors.hpp"

namespace interlock {
namespace {

// The foreign key by which a child refers to its root.
struct ForeignKey {
    Oid child;
    Oid root;
    int count;
    AttrNumber columns[INDEX_MAX_KEYS];
};

// Of all definitions at once, only one looks for circles.
void lock_definitions() {
    TriggerFunctions ours = trigger_functions();
    LockDatabaseObject(ProcedureRelationId,
                       ours.oids[static_cast<int>(TriggerFunction::root_version)], 0,
                       ShareUpdateExclusiveLock);
}

// Partitions and what they are partitions of are one table.
Oid topmost(Oid relid) {
    return get_rel_relispartition(relid) ? llast_oid(get_partition_ancestors(relid)) : relid;
}

// The roots of a table and of all its partitions.
List* roots_of_tree(Oid relid) {
    List* roots = NIL;
    ListCell* cell;
    foreach (cell, find_all_inheritors(relid, NoLock, nullptr)) {
        Relation relation = try_relation_open(lfirst_oid(cell), AccessShareLock);
        if (relation == nullptr) continue;
        roots = list_concat_unique_oid(roots, roots_of(relation));
        relation_close(relation, AccessShareLock);
    }
    return roots;
}

bool is_above(Oid relid, Oid root, List** seen) {
    root = topmost(root);
    if (root == topmost(relid)) return true;
    if (list_member_oid(*seen, root)) return false;
    *seen = lappend_oid(*seen, root);
    CHECK_FOR_INTERRUPTS();
    ListCell* cell;
    foreach (cell, roots_of_tree(root))
        if (is_above(relid, lfirst_oid(cell), seen)) return true;
    return false;
}

void require_no_circle(Oid child, Oid root) {
    if (topmost(child) == topmost(root))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("table \"%s\" cannot be its own root", get_rel_name(child))));
    List* seen = NIL;
    if (is_above(child, root, &seen))
        ereport(
            ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("table \"%s\" is itself a root of \"%s\"", get_rel_name(child),
                    get_rel_name(root)),
             errhint("Each change would come round again: call "
                     "interlock.disable_root_versioning for one of the tables in the circle.")));
}

void require_versioned(Relation root) {
    const Table& table = table_of(root);
    if (table.versioning.triggered && table.versioning.column != 0) return;
    const char* name = quote_literal_cstr(quoted_table(RelationGetRelid(root)));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" is not versioned", RelationGetRelationName(root)),
                    errhint("Call interlock.enable_versioning(%s).", name), errtable(root)));
}

// "lines_order_fkey", "lines_old_order_fkey"
char* key_names(List* keys) {
    StringInfoData list;
    initStringInfo(&list);
    ListCell* cell;
    foreach (cell, keys) {
        auto* key = static_cast<ForeignKeyCacheInfo*>(lfirst(cell));
        appendStringInfo(&list, "%s\"%s\"", list.len > 0 ? ", " : "",
                         get_constraint_name(key->conoid));
    }
    return list.data;
}

[[noreturn]] void raise_no_foreign_key(Relation child, Oid root) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("table \"%s\" has no foreign key to table \"%s\"",
                           RelationGetRelationName(child), get_rel_name(root)),
                    errhint("A row's root is found through a foreign key of its table: add one."),
                    errtable(child)));
    pg_unreachable();
}

[[noreturn]] void raise_unknown_foreign_key(Relation child, Oid root, const char* name,
                                            List* keys) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("table \"%s\" has no foreign key \"%s\" to table \"%s\"",
                           RelationGetRelationName(child), name, get_rel_name(root)),
                    errhint("Those to it are: %s.", key_names(keys)), errtable(child)));
    pg_unreachable();
}

[[noreturn]] void raise_ambiguous(Relation child, Oid root, List* keys) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("table \"%s\" has several foreign keys to table \"%s\"",
                           RelationGetRelationName(child), get_rel_name(root)),
                    errhint("Name one as \"foreign_key\": %s.", key_names(keys)), errtable(child)));
    pg_unreachable();
}

// Copies: the relation's own list goes with the next invalidation.
List* keys_to(Relation child, Oid root) {
    List* keys = NIL;
    ListCell* cell;
    foreach (cell, RelationGetFKeyList(child)) {
        auto* key = static_cast<ForeignKeyCacheInfo*>(lfirst(cell));
        if (key->confrelid == root) keys = lappend(keys, copyObjectImpl(key));
    }
    return keys;
}

ForeignKeyCacheInfo* find_named(List* keys, const char* name) {
    ListCell* cell;
    foreach (cell, keys) {
        auto* key = static_cast<ForeignKeyCacheInfo*>(lfirst(cell));
        if (strcmp(get_constraint_name(key->conoid), name) == 0) return key;
    }
    return nullptr;
}

// The only one to the root, or the one of that name.
ForeignKeyCacheInfo& choose_key(Relation child, Oid root, const char* name) {
    List* keys = keys_to(child, root);
    if (keys == NIL) raise_no_foreign_key(child, root);
    if (name == nullptr && list_length(keys) > 1) raise_ambiguous(child, root, keys);
    auto* key = name ? find_named(keys, name) : static_cast<ForeignKeyCacheInfo*>(linitial(keys));
    if (key == nullptr) raise_unknown_foreign_key(child, root, name, keys);
    return *key;
}

ForeignKey check_tables(Oid child, Oid root, const char* name) {
    Relation child_table = open_table(child, AccessExclusiveLock);
    Relation root_table = open_table(root, AccessShareLock);
    require_owner(child);
    require_owner(root);
    require_versioned(root_table);
    require_no_circle(child, root);
    const ForeignKeyCacheInfo& info = choose_key(child_table, root, name);
    ForeignKey key = {child, root, info.nkeys, {}};
    memcpy(key.columns, info.conkey, sizeof(AttrNumber) * info.nkeys);
    relation_close(root_table, NoLock);
    relation_close(child_table, NoLock);
    return key;
}

Bitmapset* column_set(const ForeignKey& key) {
    Bitmapset* columns = nullptr;
    for (int i = 0; i < key.count; i++)
        columns = bms_add_member(columns, key.columns[i]);
    return columns;
}

// , NEW.a, NEW.b
void append_columns(StringInfo sql, const ForeignKey& key, const char* row) {
    for (int i = 0; i < key.count; i++)
        appendStringInfo(sql, ", %s.%s", row,
                         quote_identifier(get_attname(key.child, key.columns[i], false)));
}

// Names of the table and its columns stand in the WHEN, where they follow renames and keep a column
// from being dropped.
char* touch_call(const ForeignKey& key, std::initializer_list<const char*> rows) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfo(&sql, "interlock.root_touched(%s::pg_catalog.regclass, %s.tableoid",
                     quote_literal_cstr(quoted_table(key.root)), *(rows.end() - 1));
    for (const char* row : rows)
        append_columns(&sql, key, row);
    appendStringInfoChar(&sql, ')');
    return sql.data;
}

bool has_trigger(Oid relid, const char* name) {
    return OidIsValid(get_trigger_oid(relid, name, true));
}

bool any_has_trigger(List* relids, const char* name) {
    ListCell* cell;
    foreach (cell, relids)
        if (has_trigger(lfirst_oid(cell), name)) return true;
    return false;
}

// A child may have several roots.
char* free_name(Oid child, const char* event) {
    List* relids = find_all_inheritors(child, NoLock, nullptr);
    for (int number = 1;; number++) {
        char* name = number == 1 ? psprintf("~interlock_root_%s", event)
                                 : psprintf("~interlock_root_%s_%d", event, number);
        if (!any_has_trigger(relids, name)) return name;
    }
}

void create_trigger(const ForeignKey& key, const char* event, const char* condition) {
    execute(psprintf(
        "CREATE CONSTRAINT TRIGGER %s AFTER %s ON %s FROM %s DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW WHEN (%s) EXECUTE FUNCTION interlock.root_version()",
        quote_identifier(free_name(key.child, event)), event, quoted_table(key.child),
        quoted_table(key.root), condition));
}

// An UPDATE that leaves the row as it was is none.
void create_triggers(const ForeignKey& key) {
    create_trigger(key, "insert", touch_call(key, {"NEW"}));
    create_trigger(
        key, "update",
        psprintf("OLD.* OPERATOR(pg_catalog.*<>) NEW.* AND %s", touch_call(key, {"OLD", "NEW"})));
    create_trigger(key, "delete", touch_call(key, {"OLD"}));
}

[[noreturn]] void raise_inherited(Oid relid) {
    Oid parent = linitial_oid(get_partition_ancestors(relid));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the roots of partition \"%s\" are those of its parent \"%s\"",
                           get_rel_name(relid), get_rel_name(parent)),
                    errhint("Change those of the parent, or detach the partition.")));
    pg_unreachable();
}

void require_not_inherited(Oid child) {
    if (has_inherited_triggers(child, TriggerFamily::roots)) raise_inherited(child);
}

void define(const ForeignKey& key) {
    require_not_inherited(key.child);
    drop_root_triggers(key.child, key.root, column_set(key));
    create_triggers(key);
}

void lock_as_owner(Oid relid, LOCKMODE lockmode) {
    relation_close(open_table(relid, lockmode), NoLock);
    require_owner(relid);
}

[[noreturn]] void raise_no_root(Oid child, Oid root) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" is not a root of \"%s\"", get_rel_name(root),
                           get_rel_name(child))));
    pg_unreachable();
}

}  // namespace

// enable_root_versioning(child regclass, root regclass, foreign_key name) → void
INTERLOCK_FUNCTION(enable_root_versioning) {
    require_argument(fcinfo, 0, "child");
    require_argument(fcinfo, 1, "root");
    PreventCommandIfReadOnly("interlock.enable_root_versioning()");
    Oid child = PG_GETARG_OID(0), root = PG_GETARG_OID(1);
    require_owner(child);
    require_owner(root);
    lock_definitions();
    ForeignKey key =
        check_tables(child, root, PG_ARGISNULL(2) ? nullptr : NameStr(*PG_GETARG_NAME(2)));
    with_spi([&] { define(key); });
    PG_RETURN_VOID();
}

// disable_root_versioning(child regclass, root regclass) → void
INTERLOCK_FUNCTION(disable_root_versioning) {
    require_argument(fcinfo, 0, "child");
    require_argument(fcinfo, 1, "root");
    PreventCommandIfReadOnly("interlock.disable_root_versioning()");
    Oid child = PG_GETARG_OID(0), root = PG_GETARG_OID(1);
    require_owner(child);
    require_owner(root);
    lock_as_owner(child, AccessExclusiveLock);
    lock_as_owner(root, AccessShareLock);
    require_not_inherited(child);
    with_spi([&] {
        if (!drop_root_triggers(child, root, nullptr)) raise_no_root(child, root);
    });
    PG_RETURN_VOID();
}

}  // namespace interlock
