#include "table.hpp"

namespace interlock {
namespace {

struct Entry {
    Oid relid;
    Table* table;
};

HTAB* cache;
Table* last_used;      // most calls are for the table of the call before
uint64 invalidations;  // counts them, to notice one that arrives while a table
                       // is being read
List* retired;         // replaced in the cache, but a call on the stack may still use
                       // them
bool some_invalid;     // the cache holds entries to drop at the end of the
                       // transaction
int view_count;        // cached views, which follow the tables below them
uint64 readings;
Oid function_oids[trigger_function_count];
uint64 lock_generation = 1;  // counts what released locks
uint64 casts;                // counts changes of casts and functions

void retire(Table* table) {
    if (last_used == table) last_used = nullptr;
    MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
    retired = lappend(retired, table);
    MemoryContextSwitchTo(previous);
}

void free_table(Table* table) {
    ListCell* cell;
    foreach (cell, table->plans)
        SPI_freeplan(static_cast<SPIPlanPtr>(lfirst(cell)));
    MemoryContextDelete(table->context);
}

void free_retired_tables() {
    ListCell* cell;
    foreach (cell, retired)
        free_table(static_cast<Table*>(lfirst(cell)));
    list_free(retired);
    retired = NIL;
}

void free_invalid_tables() {
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, cache);
    while (auto* entry = static_cast<Entry*>(hash_seq_search(&scan))) {
        if (entry->table->valid) continue;
        if (OidIsValid(entry->table->base.relid)) view_count--;
        free_table(entry->table);
        hash_search(cache, &entry->relid, HASH_REMOVE, nullptr);
    }
    some_invalid = false;
    last_used = nullptr;
}

// No call of ours is on the stack when a transaction has ended.
void transaction_ended(XactEvent event, void*) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    lock_generation++;
    if (retired != NIL) free_retired_tables();
    if (some_invalid) free_invalid_tables();
}

// Also of locks from before it: those of a cursor that failed in it go with it.
void subtransaction_ended(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
    if (event == SUBXACT_EVENT_ABORT_SUB) lock_generation++;
}

void invalidate(Entry* entry) {
    entry->table->valid = false;
    some_invalid = true;
}

void invalidate_all() {
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, cache);
    while (auto* entry = static_cast<Entry*>(hash_seq_search(&scan)))
        invalidate(entry);
}

// What we know of a view comes from the relations below it, which are cached too.
void invalidate_views() {
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, cache);
    while (auto* entry = static_cast<Entry*>(hash_seq_search(&scan)))
        if (OidIsValid(entry->table->base.relid)) invalidate(entry);
}

void relation_invalidated(Datum, Oid relid) {
    invalidations++;
    if (!OidIsValid(relid)) return invalidate_all();
    auto* entry = static_cast<Entry*>(hash_search(cache, &relid, HASH_FIND, nullptr));
    if (entry == nullptr) return;
    invalidate(entry);
    if (view_count > 0) invalidate_views();
}

// Statement texts name the schema, which a rename changes without touching the relation.
void namespace_invalidated(Datum, int, uint32) {
    invalidations++;
    invalidate_all();
    memset(function_oids, 0, sizeof function_oids);
}

void function_invalidated(Datum, int, uint32) {
    casts++;
    memset(function_oids, 0, sizeof function_oids);
}

void cast_invalidated(Datum, int, uint32) {
    casts++;
}

void read_columns(Table& table, Relation relation) {
    TupleDesc desc = RelationGetDescr(relation);
    table.column_count = desc->natts;
    table.columns = allocate<Column>(desc->natts);
    for (AttrNumber attno = 1; attno <= desc->natts; attno++) {
        Form_pg_attribute form = attribute(desc, attno);
        Column& column = table.column(attno);
        column.attno = attno;
        column.name = pstrdup(NameStr(form->attname));
        column.type = form->atttypid;
        column.typmod = form->atttypmod;
        column.length = form->attlen;
        column.by_value = form->attbyval;
        column.dropped = form->attisdropped;
        column.generated = form->attgenerated != '\0';
        column.always = column.generated || form->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
        if (!column.dropped) table.live_columns = bms_add_member(table.live_columns, attno);
    }
}

Oid trigger_function(TriggerFunction function) {
    Oid& oid = function_oids[static_cast<int>(function)];
    if (OidIsValid(oid)) return oid;
    Oid found = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
                                CStringGetDatum(trigger_function_name(function)),
                                PointerGetDatum(buildoidvector(nullptr, 0)),
                                ObjectIdGetDatum(get_namespace_oid("interlock", true)));
    return oid = found;
}

void read_setting(Versioning& versioning, std::string_view setting) {
    if (setting == "accept=either")
        versioning.accept = Accept::either;
    else if (setting == "accept=echo")
        versioning.accept = Accept::echo;
    else if (setting == "accept=increment")
        versioning.accept = Accept::increment;
    else if (setting == "require_version=true" || setting == "require_version=false")
        versioning.require_version = setting == "require_version=true";
    else if (setting == "mode=enforce" || setting == "mode=observe")
        versioning.observe = setting == "mode=observe";
    else if (setting == "first_version=one" || setting == "first_version=clock")
        versioning.starts_at_clock = setting == "first_version=clock";
    else
        versioning.unknown_setting = pstrdup(setting.data());
}

void read_version_column(Versioning& versioning, Relation relation, const Trigger& marker) {
    if (marker.tgnattr != 1) return;
    switch (attribute(RelationGetDescr(relation), marker.tgattr[0])->atttypid) {
        case INT2OID:
            versioning.kind = VersionKind::int2;
            break;
        case INT4OID:
            versioning.kind = VersionKind::int4;
            break;
        case INT8OID:
            versioning.kind = VersionKind::int8;
            break;
        case TIMESTAMPTZOID:
            versioning.kind = VersionKind::timestamptz;
            break;
        default:
            return;
    }
    versioning.column = marker.tgattr[0];
}

void read_trigger(Versioning& versioning, Relation relation, const TriggerFunctions& ours,
                  const Trigger& trigger) {
    if (ours.is(trigger, TriggerFunction::row_version)) {
        versioning.triggered = true;
        versioning.fires = trigger.tgenabled;
        for (int i = 0; i < trigger.tgnargs; i++)
            read_setting(versioning, trigger.tgargs[i]);
    } else if (ours.is(trigger, TriggerFunction::version_column)) {
        read_version_column(versioning, relation, trigger);
    } else if (ours.is(trigger, TriggerFunction::except_columns)) {
        for (int i = 0; i < trigger.tgnattr; i++)
            versioning.except = bms_add_member(versioning.except, trigger.tgattr[i]);
    } else if (TRIGGER_FOR_ROW(trigger.tgtype) && TRIGGER_FOR_BEFORE(trigger.tgtype) &&
               TRIGGER_FOR_UPDATE(trigger.tgtype) && !ours.checks_out(trigger) &&
               !ours.claims(trigger)) {
        versioning.only_before_update = false;
    }
}

void read_versioning(Versioning& versioning, Relation relation) {
    versioning.only_before_update = true;
    TriggerFunctions ours = trigger_functions();
    if (relation->trigdesc == nullptr) return;
    for (int i = 0; i < relation->trigdesc->numtriggers; i++)
        read_trigger(versioning, relation, ours, relation->trigdesc->triggers[i]);
}

// What claims write of a row makes no new version of it, and is nothing that a checkout keeps.
void read_claiming(Table& table, Relation relation) {
    read_claim_triggers(table.claiming, relation, trigger_functions());
    table.versioning.except = bms_add_members(table.versioning.except, table.claiming.own);
    table.checkout_guard.except = bms_add_members(table.checkout_guard.except, table.claiming.own);
}

// The primary key, deferrable or not: the planner path needs no more than its columns. A temporal
// one (WITHOUT OVERLAPS, not btree) is none for us.
bool is_key_index(Relation index) {
    return index->rd_index->indisprimary && index->rd_rel->relam == BTREE_AM_OID;
}

void read_key(Table& table, Relation relation) {
    List* indexes = RelationGetIndexList(relation);
    ListCell* cell;
    foreach (cell, indexes) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        if (is_key_index(index)) read_key_index(table.key, relation, index);
        if (table.key.count > 0) table.direct = direct_table(relation, index);
        index_close(index, AccessShareLock);
        if (table.key.count > 0) break;
    }
}

// The one relation that a simple view selects from, and where each of its columns comes from.
void read_base(Table& table, Relation view) {
    Query* query = get_view_query(view);
    if (list_length(query->jointree->fromlist) != 1) return;
    auto* source = static_cast<Node*>(linitial(query->jointree->fromlist));
    if (!IsA(source, RangeTblRef)) return;
    int number = reinterpret_cast<RangeTblRef*>(source)->rtindex;
    auto* entry = rt_fetch(number, query->rtable);
    if (entry->rtekind != RTE_RELATION) return;
    table.base.relid = entry->relid;
    table.base.columns = allocate<AttrNumber>(table.column_count);
    ListCell* cell;
    foreach (cell, query->targetList) {
        auto* target = static_cast<TargetEntry*>(lfirst(cell));
        if (target->resjunk || !IsA(target->expr, Var)) continue;
        auto* column = reinterpret_cast<Var*>(target->expr);
        if (column->varno == number && column->varattno > 0)
            table.base.columns[target->resno - 1] = column->varattno;
    }
}

// The column of the view that shows this one of its base, or 0.
AttrNumber shown_column(const Table& view, AttrNumber below) {
    for (int i = 0; i < view.column_count; i++)
        if (view.base.columns[i] == below) return static_cast<AttrNumber>(i + 1);
    return 0;
}

// A view is versioned as the table below it is.
void read_view(Table& table, Relation view) {
    read_base(table, view);
    if (!OidIsValid(table.base.relid)) return;
    Relation relation = relation_open(table.base.relid, AccessShareLock);
    const Table& base = table_of(relation);
    table.temporary = base.temporary;
    table.moves_rows = base.moves_rows;
    table.written = base.written;
    table.versioning = base.versioning;
    if (base.versioning.unknown_setting)
        table.versioning.unknown_setting = pstrdup(base.versioning.unknown_setting);
    table.versioning.column =
        base.versioning.column ? shown_column(table, base.versioning.column) : 0;
    table.versioning.except = nullptr;
    for (int attno = -1; (attno = bms_next_member(base.versioning.except, attno)) >= 0;)
        if (AttrNumber shown = shown_column(table, static_cast<AttrNumber>(attno)))
            table.versioning.except = bms_add_member(table.versioning.except, shown);
    relation_close(relation, AccessShareLock);
}

// Read into a context of the caller's first, so that an error half-way leaves nothing in the cache.
Table* read_table(Relation relation) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "interlock table", ALLOCSET_SMALL_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(context);
    Table* table = allocate<Table>();
    table->relid = RelationGetRelid(relation);
    table->serial = ++readings;
    table->name = pstrdup(RelationGetRelationName(relation));
    table->context = context;
    table->relkind = relation->rd_rel->relkind;
    table->temporary = RelationUsesLocalBuffers(relation);
    table->moves_rows =
        table->relkind == RELKIND_PARTITIONED_TABLE || relation->rd_rel->relispartition;
    table->written = table->relid;
    read_columns(*table, relation);
    if (table->relkind == RELKIND_VIEW)
        read_view(*table, relation);
    else
        read_versioning(table->versioning, relation);
    table->checkout_guard = read_checkout_guard(relation);
    if (relation->trigdesc) read_claiming(*table, relation);
    if (relation->rd_rel->relhasindex) read_key(*table, relation);
    for (int i = 0; i < table->key.count; i++)
        table->key_columns = bms_add_member(table->key_columns, table->key.columns[i].attno);
    read_claim_indexes(table->claiming, relation, table->key);
    MemoryContextSwitchTo(previous);
    return table;
}

Table& remember(Table* table) {
    MemoryContextSetParent(table->context, CacheMemoryContext);
    bool found;
    auto* entry = static_cast<Entry*>(hash_search(cache, &table->relid, HASH_ENTER, &found));
    if (found) retire(entry->table);
    if (OidIsValid(table->base.relid) && !(found && OidIsValid(entry->table->base.relid)))
        view_count++;
    entry->table = table;
    return *table;
}

[[noreturn]] void raise_not_a_table(Relation relation) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("\"%s\" is not a table", RelationGetRelationName(relation)),
                    errdetail_relkind_not_supported(relation->rd_rel->relkind)));
    pg_unreachable();
}

[[noreturn]] void raise_not_versioned(Relation relation, const char* problem) {
    if (relation->rd_rel->relkind == RELKIND_VIEW)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("view \"%s\" %s", RelationGetRelationName(relation), problem),
                        errhint("It is written by version where it shows the rows of one versioned "
                                "table, with their version column."),
                        errtable(relation)));
    const char* schema = get_namespace_name(RelationGetNamespace(relation));
    const char* name = quote_qualified_identifier(schema, RelationGetRelationName(relation));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" %s", RelationGetRelationName(relation), problem),
                    errhint("Call interlock.enable_versioning(%s).", quote_literal_cstr(name)),
                    errtable(relation)));
    pg_unreachable();
}

[[noreturn]] void raise_no_key(Relation relation) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s \"%s\" has no primary key",
                           relation->rd_rel->relkind == RELKIND_VIEW ? "view" : "table",
                           RelationGetRelationName(relation)),
                    errhint("A row is written by its primary key: add one."), errtable(relation)));
    pg_unreachable();
}

bool may_report_here(Oid relid, AttrNumber attno) {
    return check_enable_rls(relid, InvalidOid, true) != RLS_ENABLED && may_select(relid, attno);
}

// Does the predicate hold for the column here, or where an ancestor of this partition has it?
bool here_or_in_ancestor(Oid relid, AttrNumber attno, bool (*predicate)(Oid, AttrNumber)) {
    if (predicate(relid, attno)) return true;
    if (!get_rel_relispartition(relid)) return false;
    char* name = get_attname(relid, attno, false);
    ListCell* cell;
    foreach (cell, get_partition_ancestors(relid)) {
        AttrNumber there = get_attnum(lfirst_oid(cell), name);
        if (there != InvalidAttrNumber && predicate(lfirst_oid(cell), there)) return true;
    }
    return false;
}

}  // namespace

int Table::key_position(AttrNumber attno) const {
    for (int i = 0; i < key.count; i++)
        if (key.columns[i].attno == attno) return i;
    return -1;
}

uint64 cast_generation() {
    return casts;
}

bool is_held(const HeldLock& lock, LOCKMODE mode) {
    return lock.mode == mode && lock.generation == lock_generation;
}

void set_held(HeldLock& lock, LOCKMODE mode) {
    lock = {lock_generation, mode};
}

void initialize_table_cache() {
    HASHCTL control = {};
    control.keysize = sizeof(Oid);
    control.entrysize = sizeof(Entry);
    control.hcxt = TopMemoryContext;
    cache = hash_create("interlock tables", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    CacheRegisterRelcacheCallback(relation_invalidated, 0);
    CacheRegisterSyscacheCallback(NAMESPACEOID, namespace_invalidated, 0);
    CacheRegisterSyscacheCallback(PROCOID, function_invalidated, 0);
    CacheRegisterSyscacheCallback(CASTSOURCETARGET, cast_invalidated, 0);
    RegisterXactCallback(transaction_ended, nullptr);
    RegisterSubXactCallback(subtransaction_ended, nullptr);
}

Table& table_of(Relation relation) {
    Oid relid = RelationGetRelid(relation);
    if (last_used && last_used->relid == relid && last_used->valid) return *last_used;
    auto* entry = static_cast<Entry*>(hash_search(cache, &relid, HASH_FIND, nullptr));
    if (entry == nullptr || !entry->table->valid) {
        uint64 before = invalidations;
        Table& table = remember(read_table(relation));
        table.valid = invalidations == before;
        some_invalid |= !table.valid;
        return *(last_used = &table);
    }
    return *(last_used = entry->table);
}

void read_key_index(Key& key, Relation relation, Relation index) {
    for (int i = 0; i < index->rd_index->indnkeyatts; i++) {
        KeyColumn& column = key.columns[i];
        column.attno = index->rd_index->indkey.values[i];
        column.type = getBaseType(attribute(RelationGetDescr(relation), column.attno)->atttypid);
        column.operator_type = index->rd_opcintype[i];
        column.equal_operator = get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
                                                    index->rd_opcintype[i], BTEqualStrategyNumber);
        column.compare_function = get_opfamily_proc(index->rd_opfamily[i], index->rd_opcintype[i],
                                                    index->rd_opcintype[i], BTORDER_PROC);
        column.collation = index->rd_indcollation[i];
        column.descending = (index->rd_indoption[i] & INDOPTION_DESC) != 0;
        ScanKeyEntryInitialize(&column.condition, 0, static_cast<AttrNumber>(i + 1),
                               BTEqualStrategyNumber, InvalidOid, index->rd_indcollation[i],
                               get_opcode(column.equal_operator), 0);
    }
    key.count = index->rd_index->indnkeyatts;
    key.index = RelationGetRelid(index);
    key.unique = true;
}

void forget(Table& table) {
    table.valid = false;
    some_invalid = true;
}

// As relation_open() does, without try_relation_open()'s additional look at the catalogs. Null
// where there is none, any more.
static Relation open_existing_relation(Oid relid, LOCKMODE lockmode) {
    bool held = last_used && last_used->relid == relid && is_held(last_used->lock, lockmode);
    if (!held) LockRelationOid(relid, lockmode);
    Relation relation = RelationIdGetRelation(relid);
    if (relation == nullptr) {
        if (!held) UnlockRelationOid(relid, lockmode);
        return nullptr;
    }
    if (RelationUsesLocalBuffers(relation)) MyXactFlags |= XACT_FLAGS_ACCESSEDTEMPNAMESPACE;
    pgstat_init_relation(relation);
    return relation;
}

static Relation open_relation(Oid relid, LOCKMODE lockmode, bool views) {
    Relation relation = open_existing_relation(relid, lockmode);
    if (relation == nullptr)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("relation with OID %u does not exist", relid)));
    if (IsSystemRelation(relation))
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied: \"%s\" is a system catalog",
                               RelationGetRelationName(relation))));
    switch (relation->rd_rel->relkind) {
        case RELKIND_RELATION:
        case RELKIND_PARTITIONED_TABLE:
        case RELKIND_FOREIGN_TABLE:
            return relation;
        case RELKIND_VIEW:
            if (views) return relation;
            break;
        default:
            break;
    }
    raise_not_a_table(relation);
}

Oid relation_of_type(Oid type, const char* argument) {
    Oid relid = get_typ_typrelid(type);
    if (!OidIsValid(relid) || get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("\"%s\" is of type %s, which is no table's row type", argument,
                               format_type_be(type)),
                        errhint("Pass a row of a table: NULL::orders names its type.")));
    return relid;
}

Relation open_table(Oid relid, LOCKMODE lockmode) {
    return open_relation(relid, lockmode, false);
}

// A relation that is named by its OID escapes the check that its name would meet.
static void require_schema_usage(Relation relation) {
    Oid schema = RelationGetNamespace(relation);
    if (!may_use_schema(schema, GetUserId()))
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, get_namespace_name(schema));
}

void require_known_settings(Relation relation, const Versioning& versioning) {
    if (versioning.unknown_setting == nullptr) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("unknown setting \"%s\" of the version trigger of table \"%s\"",
                           versioning.unknown_setting, RelationGetRelationName(relation)),
                    errhint("Call interlock.enable_versioning again."), errtable(relation)));
}

// Views and foreign tables have no key of their own: callers name one.
static void require_key(Relation relation, const Table& table) {
    char relkind = relation->rd_rel->relkind;
    if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE) return;
    if (table.key.count == 0) raise_no_key(relation);
}

static Relation open_named_relation(Oid relid, LOCKMODE lockmode) {
    Relation relation = open_relation(relid, lockmode, true);
    require_schema_usage(relation);
    return relation;
}

Relation open_keyed_table(Oid relid, LOCKMODE lockmode) {
    Relation relation = open_named_relation(relid, lockmode);
    Table& table = table_of(relation);
    set_held(table.lock, lockmode);
    require_key(relation, table);
    return relation;
}

Relation open_versioned_table(Oid relid, LOCKMODE lockmode) {
    Relation relation = open_named_relation(relid, lockmode);
    Table& table = table_of(relation);
    set_held(table.lock, lockmode);
    if (!table.versioning.triggered) raise_not_versioned(relation, "is not versioned");
    require_known_settings(relation, table.versioning);
    if (table.versioning.column == 0)
        raise_not_versioned(relation, table.relkind == RELKIND_VIEW
                                          ? "does not show the version column"
                                          : "has lost its version column");
    if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA &&
        !row_trigger_fires(table.versioning))
        raise_not_versioned(relation, "has its version trigger disabled");
    require_key(relation, table);
    return relation;
}

void require_primary_key(Relation relation) {
    if (table_of(relation).key.count == 0) raise_no_key(relation);
}

Column* find_column(Table& table, std::string_view name) {
    for (int i = 0; i < table.column_count; i++)
        if (!table.columns[i].dropped && name == table.columns[i].name) return &table.columns[i];
    return nullptr;
}

bool row_trigger_fires(const Versioning& versioning) {
    return versioning.triggered && fires_now(versioning.fires);
}

bool fires_now(char enabled) {
    if (enabled == TRIGGER_FIRES_ALWAYS) return true;
    return enabled == (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA
                           ? TRIGGER_FIRES_ON_REPLICA
                           : TRIGGER_FIRES_ON_ORIGIN);
}

bool may_select(Oid relid, AttrNumber attno) {
    return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
           pg_attribute_aclcheck(relid, attno, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

bool may_update(Oid relid, AttrNumber attno) {
    return pg_class_aclcheck(relid, GetUserId(), ACL_UPDATE) == ACLCHECK_OK ||
           pg_attribute_aclcheck(relid, attno, GetUserId(), ACL_UPDATE) == ACLCHECK_OK;
}

bool may_update_any(Oid relid) {
    return pg_class_aclcheck(relid, GetUserId(), ACL_UPDATE) == ACLCHECK_OK ||
           pg_attribute_aclcheck_all(relid, GetUserId(), ACL_UPDATE, ACLMASK_ANY) == ACLCHECK_OK;
}

bool may_select_through(Oid relid, AttrNumber attno) {
    return here_or_in_ancestor(relid, attno, may_select);
}

bool may_report(Oid relid, AttrNumber attno) {
    return here_or_in_ancestor(relid, attno, may_report_here);
}

const char* trigger_function_name(TriggerFunction function) {
    constexpr const char* names[] = {"row_version",   "version_column", "except_columns",
                                     "root_version",  "row_checkout",   "checkout_except_columns",
                                     "claim_columns", "claim_notify"};
    return names[static_cast<int>(function)];
}

TriggerFunctions trigger_functions() {
    TriggerFunctions functions;
    for (int i = 0; i < trigger_function_count; i++)
        functions.oids[i] = trigger_function(static_cast<TriggerFunction>(i));
    return functions;
}

}  // namespace interlock
