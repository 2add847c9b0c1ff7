// The triggers of a root's children. Their WHEN remembers the roots that this transaction touched;
// the first deferred event bumps them, at commit or by SET CONSTRAINTS … IMMEDIATE.

#include "definition.hpp"
#include "errors.hpp"
#include "own_write.hpp"
#include "owner.hpp"
#include "root_touches.hpp"
#include "statement.hpp"
#include "version.hpp"

extern "C" {
#include <tcop/pquery.h>
}

namespace interlock {

// How the foreign keys that refer to one unique index find the root's row.
struct RootKey {
    RootKey* next;
    Key key;
    SPIPlanPtr read;
    SPIPlanPtr bump;
};

namespace {

// How a foreign key's column becomes the value of the root's.
struct Conversion {
    int argument;  // the column's place in the foreign key
    Oid type;      // the root's
    int16 length;
    bool by_value;
    CoercionPathType path;
    FmgrInfo function;  // the cast's, or the input function of the type
    FmgrInfo output;
    Oid io_parameter;
};

// What a call in one trigger of one table is about.
struct Watch {
    Oid child;
    Oid root;
    Oid index;
    int count;  // columns
    int rows;   // two in an UPDATE's trigger: the old and the new one
    StringInfoData name;
    Conversion columns[INDEX_MAX_KEYS];
};

[[noreturn]] void raise_not_in_trigger() {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("interlock.root_touched is part of the triggers that interlock makes"),
             errhint("Call interlock.enable_root_versioning instead of creating the trigger.")));
    pg_unreachable();
}

[[noreturn]] void raise_no_foreign_key(Relation child, Oid root) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the foreign key from table \"%s\" to its root \"%s\" is gone",
                           RelationGetRelationName(child), get_rel_name(root)),
                    errhint("Create it again, or call interlock.disable_root_versioning."),
                    errtable(child)));
    pg_unreachable();
}

// Old and new rows have these numbers nowhere but in a trigger's WHEN, where system columns of them
// can be named, too: nobody can tell us of a row that was not written.
const Var& row_column(Node* argument, bool system) {
    auto* var = reinterpret_cast<Var*>(argument);
    if (!IsA(argument, Var) || (var->varno != INNER_VAR && var->varno != OUTER_VAR) ||
        system != (var->varattno == TableOidAttributeNumber) || (!system && var->varattno <= 0))
        raise_not_in_trigger();
    return *var;
}

FuncExpr* read_call(FunctionCallInfo fcinfo) {
    auto* call = reinterpret_cast<FuncExpr*>(fcinfo->flinfo->fn_expr);
    if (call == nullptr || !IsA(call, FuncExpr) || call->funcvariadic ||
        list_length(call->args) < 3)
        raise_not_in_trigger();
    auto* root = static_cast<Node*>(linitial(call->args));
    if (!IsA(root, Const) || reinterpret_cast<Const*>(root)->constisnull) raise_not_in_trigger();
    row_column(static_cast<Node*>(lsecond(call->args)), true);
    return call;
}

// The columns of the old row, which come first, and of the new one are the same.
void read_columns(FuncExpr* call, Watch& watch, AttrNumber* columns) {
    int total = list_length(call->args) - 2;
    const Var& first = row_column(static_cast<Node*>(lthird(call->args)), false);
    const Var& last = row_column(static_cast<Node*>(llast(call->args)), false);
    watch.rows = first.varno == last.varno ? 1 : 2;
    watch.count = total / watch.rows;
    if (total % watch.rows != 0 || watch.count > INDEX_MAX_KEYS) raise_not_in_trigger();
    for (int i = 0; i < total; i++) {
        const Var& var = row_column(static_cast<Node*>(list_nth(call->args, i + 2)), false);
        if (var.varno != (i < watch.count ? first.varno : last.varno)) raise_not_in_trigger();
        if (i < watch.count)
            columns[i] = var.varattno;
        else if (columns[i - watch.count] != var.varattno)
            raise_not_in_trigger();
    }
}

bool is_key(const ForeignKeyCacheInfo& key, const Watch& watch, const AttrNumber* columns) {
    return key.confrelid == watch.root && key.nkeys == watch.count &&
           memcmp(key.conkey, columns, sizeof(AttrNumber) * watch.count) == 0;
}

// A copy: the relation's own list goes with the next invalidation.
ForeignKeyCacheInfo find_foreign_key(Relation child, const Watch& watch,
                                     const AttrNumber* columns) {
    ListCell* cell;
    foreach (cell, RelationGetFKeyList(child)) {
        const auto& key = *static_cast<ForeignKeyCacheInfo*>(lfirst(cell));
        if (is_key(key, watch, columns)) return key;
    }
    raise_no_foreign_key(child, watch.root);
}

// The unique index that the foreign key refers to.
Oid referenced_index(const ForeignKeyCacheInfo& key) {
    HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(key.conoid));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for constraint %u", key.conoid);
    Oid index = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(tuple))->conindid;
    ReleaseSysCache(tuple);
    return index;
}

// Nothing is left to do where the types are binary compatible.
void read_conversion(Conversion& column, Oid source) {
    Oid function;
    Oid from = getBaseType(source);
    get_typlenbyval(column.type, &column.length, &column.by_value);
    column.path = from == column.type
                      ? COERCION_PATH_RELABELTYPE
                      : find_coercion_pathway(column.type, from, COERCION_EXPLICIT, &function);
    if (column.path == COERCION_PATH_RELABELTYPE) return;
    if (column.path == COERCION_PATH_FUNC)
        return fmgr_info_cxt(function, &column.function, CurrentMemoryContext);
    bool is_varlena;
    getTypeOutputInfo(from, &function, &is_varlena);
    fmgr_info_cxt(function, &column.output, CurrentMemoryContext);
    getTypeInputInfo(column.type, &function, &column.io_parameter);
    fmgr_info_cxt(function, &column.function, CurrentMemoryContext);
}

int place_in(const ForeignKeyCacheInfo& key, AttrNumber column) {
    for (int i = 0; i < key.nkeys; i++)
        if (key.confkey[i] == column) return i;
    elog(ERROR, "column %d is not referenced by constraint %u", column, key.conoid);
}

void read_conversions(Watch& watch, const ForeignKeyCacheInfo& key, FuncExpr* call) {
    Relation index = index_open(referenced_index(key), AccessShareLock);
    watch.index = RelationGetRelid(index);
    for (int i = 0; i < watch.count; i++) {
        Conversion& column = watch.columns[i];
        AttrNumber attno = index->rd_index->indkey.values[i];
        column.argument = place_in(key, attno);
        column.type = getBaseType(get_atttype(watch.root, attno));
        read_conversion(column,
                        exprType(static_cast<Node*>(list_nth(call->args, column.argument + 2))));
    }
    index_close(index, AccessShareLock);
}

// A partitioned table itself can have no row, and is asked about one that has moved, which its
// partitions have told.
bool read_watch(Watch& watch, FuncExpr* call) {
    AttrNumber columns[INDEX_MAX_KEYS];
    read_columns(call, watch, columns);
    Relation child = RelationIdGetRelation(watch.child);
    if (!RelationIsValid(child)) return false;
    bool has_rows = child->rd_rel->relkind != RELKIND_PARTITIONED_TABLE;
    if (has_rows) {
        if (!list_member_oid(roots_of(child), watch.root)) raise_not_in_trigger();
        // what the bump will need, so that nobody changes the root's table or replaces its index
        // (REINDEX CONCURRENTLY) before
        LockRelationOid(watch.root, RowExclusiveLock);
        read_conversions(watch, find_foreign_key(child, watch, columns), call);
    }
    RelationClose(child);
    return has_rows;
}

// Kept for the statement, which holds a lock that keeps the table as it is.
Watch* find_watch(FunctionCallInfo fcinfo) {
    auto* watch = static_cast<Watch*>(fcinfo->flinfo->fn_extra);
    Oid child = PG_ARGISNULL(1) ? InvalidOid : PG_GETARG_OID(1);
    if (watch && watch->child == child) return watch;
    FuncExpr* call = read_call(fcinfo);
    if (!OidIsValid(child)) return nullptr;
    MemoryContext previous = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
    watch = allocate<Watch>();
    initStringInfo(&watch->name);
    watch->child = child;
    watch->root = DatumGetObjectId(reinterpret_cast<Const*>(linitial(call->args))->constvalue);
    bool found = read_watch(*watch, call);
    MemoryContextSwitchTo(previous);
    if (!found) return nullptr;
    fcinfo->flinfo->fn_extra = watch;
    return watch;
}

// Some casts also take the type's modifier, and whether they are explicit.
Datum call_cast(FmgrInfo& cast, Datum value) {
    switch (cast.fn_nargs) {
        case 1:
            return FunctionCall1(&cast, value);
        case 2:
            return FunctionCall2(&cast, value, Int32GetDatum(-1));
        default:
            return FunctionCall3(&cast, value, Int32GetDatum(-1), BoolGetDatum(false));
    }
}

Datum convert(Conversion& column, Datum value) {
    switch (column.path) {
        case COERCION_PATH_RELABELTYPE:
            return value;
        case COERCION_PATH_FUNC:
            return call_cast(column.function, value);
        default:
            return InputFunctionCall(&column.function, OutputFunctionCall(&column.output, value),
                                     column.io_parameter, -1);
    }
}

void align(StringInfo name) {
    while (name->len % MAXIMUM_ALIGNOF != 0)
        appendStringInfoChar(name, '\0');
}

void append_value(StringInfo name, const Conversion& column, Datum value) {
    if (column.by_value) {
        appendBinaryStringInfo(name, reinterpret_cast<char*>(&value), sizeof value);
    } else {
        if (column.length == -1) value = PointerGetDatum(PG_DETOAST_DATUM(value));
        appendBinaryStringInfo(name, DatumGetPointer(value),
                               static_cast<int>(datumGetSize(value, false, column.length)));
    }
    align(name);
}

// The root of a row, whose foreign key begins at this argument; null where it refers to none.
RowName* name_root(FunctionCallInfo fcinfo, Watch& watch, int argument) {
    resetStringInfo(&watch.name);
    RowName head = {watch.root, watch.index, 0};
    appendBinaryStringInfo(&watch.name, reinterpret_cast<char*>(&head), sizeof head);
    align(&watch.name);
    for (int i = 0; i < watch.count; i++) {
        Conversion& column = watch.columns[i];
        if (PG_ARGISNULL(argument + column.argument)) return nullptr;
        append_value(&watch.name, column,
                     convert(column, PG_GETARG_DATUM(argument + column.argument)));
    }
    auto* row = reinterpret_cast<RowName*>(watch.name.data);
    row->length = watch.name.len;
    return row;
}

bool touch_root(FunctionCallInfo fcinfo, Watch& watch, int argument) {
    RowName* name = name_root(fcinfo, watch, argument);
    return name && remember_touch(name);
}

SPIPlanPtr prepare_read(Relation root, Table& table, const Key& key) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "SELECT ");
    append_column(&sql, table.column(table.versioning.column));
    appendStringInfoString(&sql, ", t.xmin FROM ");
    if (!table.partitioned()) appendStringInfoString(&sql, "ONLY ");
    append_table(&sql, root);
    appendStringInfoString(&sql, " WHERE ");
    append_key_condition(&sql, table, key);
    return prepare_plan(table, sql.data, Parameters(key, 0));
}

SPIPlanPtr prepare_bump(Relation root, Table& table, const Key& key) {
    const Column& version = table.column(table.versioning.column);
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, table.partitioned() ? "UPDATE " : "UPDATE ONLY ");
    append_table(&sql, root);
    appendStringInfo(&sql, " SET %s = ", quote_identifier(version.name));
    append_column(&sql, version);
    appendStringInfoString(&sql, " WHERE ");
    append_key_condition(&sql, table, key);
    appendStringInfoString(&sql, " RETURNING t.tableoid, t.ctid");
    return prepare_plan(table, sql.data, Parameters(key, 0));
}

RootKey* add_root_key(Relation root, Table& table, Relation index) {
    MemoryContext previous = MemoryContextSwitchTo(table.context);
    auto* root_key = allocate<RootKey>();
    read_key_index(root_key->key, root, index);
    MemoryContextSwitchTo(previous);
    root_key->next = table.root_keys;
    return table.root_keys = root_key;
}

// Null where the index is gone, and with it every foreign key that referred to it.
RootKey* find_root_key(Relation root, Table& table, Oid index) {
    for (RootKey* key = table.root_keys; key; key = key->next)
        if (key->key.index == index) return key;
    Relation opened = try_relation_open(index, AccessShareLock);
    if (opened == nullptr) return nullptr;
    RootKey* key = add_root_key(root, table, opened);
    relation_close(opened, AccessShareLock);
    return key;
}

// A root's relation during a flush.
struct Root {
    Oid relid;
    Oid index;
    int rank;
    Relation relation;  // null where it is gone or no longer versioned
    Table* table;
    RootKey* key;
};

struct Flush {
    List* roots;  // of Root
    MemoryContext memory;
};

// How many levels are above: a table's roots come after it, in every transaction. A circle, which
// can only be of triggers made by hand, ends where it began.
int rank_of(Oid relid, List* below) {
    CHECK_FOR_INTERRUPTS();
    Relation relation =
        list_member_oid(below, relid) ? nullptr : try_relation_open(relid, AccessShareLock);
    if (relation == nullptr) return 0;
    List* path = lappend_oid(list_copy(below), relid);
    int rank = 0;
    ListCell* cell;
    foreach (cell, roots_of(relation))
        rank = Max(rank, 1 + rank_of(lfirst_oid(cell), path));
    relation_close(relation, AccessShareLock);
    return rank;
}

bool is_bumpable(const Table& table) {
    return table.versioning.column != 0 && row_trigger_fires(table.versioning);
}

Root* open_root(Flush& flush, const RowName& name) {
    MemoryContext previous = MemoryContextSwitchTo(flush.memory);
    auto* root = allocate<Root>();
    *root = {name.root, name.index, rank_of(name.root, NIL), nullptr, nullptr, nullptr};
    root->relation = try_relation_open(name.root, RowExclusiveLock);
    if (root->relation) root->table = &table_of(root->relation);
    if (root->table && is_bumpable(*root->table))
        root->key = find_root_key(root->relation, *root->table, name.index);
    flush.roots = lappend(flush.roots, root);
    MemoryContextSwitchTo(previous);
    return root;
}

Root* find_root(Flush& flush, const RowName& name) {
    ListCell* cell;
    foreach (cell, flush.roots) {
        auto* root = static_cast<Root*>(lfirst(cell));
        if (root->relid == name.root && root->index == name.index) return root;
    }
    return open_root(flush, name);
}

// One root to bump, with its key.
struct Item {
    Touch* touch;
    Root* root;
    Datum values[FLEXIBLE_ARRAY_MEMBER];
};

Datum read_value(const char*& at, Table& table, const KeyColumn& column) {
    const Column& form = table.column(column.attno);
    Datum value;
    if (form.by_value) {
        memcpy(&value, at, sizeof value);
        at += sizeof value;
        return value;
    }
    value = PointerGetDatum(at);
    at += MAXALIGN(datumGetSize(value, false, form.length));
    return value;
}

void read_values(Item& item) {
    const char* at = item.touch->name->values();
    const Key& key = item.root->key->key;
    for (int i = 0; i < key.count; i++)
        item.values[i] = read_value(at, *item.root->table, key.columns[i]);
}

int order_of(Oid left, Oid right) {
    return left < right ? -1 : left > right;
}

// Every transaction takes the roots in this order, so that no two wait for each other.
int compare_items(const void* a, const void* b, void*) {
    const auto& left = **static_cast<Item* const*>(a);
    const auto& right = **static_cast<Item* const*>(b);
    CHECK_FOR_INTERRUPTS();
    if (left.root->rank != right.root->rank) return right.root->rank - left.root->rank;
    int order = order_of(left.root->relid, right.root->relid);
    if (order == 0) order = order_of(left.root->index, right.root->index);
    if (order != 0 || left.root->key == nullptr) return order;
    return compare_keys(*left.root->table, left.root->key->key, left.values, right.values);
}

// The version of the root's row and who wrote it, as the last SELECT found them.
struct Found {
    bool found;
    bool is_null;
    int64 version;
    TransactionId writer;
};

void execute(const Item& item, SPIPlanPtr plan, Snapshot snapshot) {
    KeyValues key = {&item.root->key->key, {}};
    memcpy(key.values, item.values, sizeof(Datum) * key.key->count);
    execute_plan(plan, key, {}, snapshot);
}

Found fetch_root(VersionKind kind) {
    Found row = {};
    if (SPI_processed == 0) return row;
    bool is_null;
    HeapTuple tuple = SPI_tuptable->vals[0];
    Datum version = SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &row.is_null);
    row.found = true;
    if (!row.is_null) row.version = version_number(kind, version);
    row.writer = DatumGetTransactionId(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &is_null));
    return row;
}

Found read_root(const Item& item, Snapshot snapshot) {
    execute(item, item.root->key->read, snapshot);
    Found row = fetch_root(item.root->table->versioning.kind);
    SPI_freetuptable(SPI_tuptable);
    return row;
}

// As it was before this transaction did anything: what we inserted at any command is not there yet,
// and what we deleted still is.
Found read_root_before(const Item& item) {
    SnapshotData before = *GetTransactionSnapshot();
    before.curcid = FirstCommandId;
    before.copied = false;
    return read_root(item, &before);
}

// Not where this transaction inserted the row, or has moved its version already.
bool needs_bump(const Item& item, const Found& now) {
    if (!TransactionIdIsCurrentTransactionId(now.writer)) return true;
    Found before = read_root_before(item);
    return before.found && before.is_null == now.is_null && before.version == now.version;
}

// Where the transaction can go on, a writer may yet send the version that it read before the bump.
void keep_bump(int64 version) {
    if (ActivePortal == nullptr) return;
    bool is_null;
    HeapTuple row = SPI_tuptable->vals[0];
    Datum relid = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null);
    Datum tid = SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null);
    remember_bump(DatumGetObjectId(relid), reinterpret_cast<ItemPointer>(DatumGetPointer(tid)),
                  version);
}

bool bump(const Item& item) {
    OwnWrite mine = own_bump(*item.root->table);
    begin_own_write(mine);
    with_cleanup([&] { execute(item, item.root->key->bump, InvalidSnapshot); },
                 [&] { end_own_write(mine); });
    bool written = SPI_processed > 0;
    if (written) keep_bump(mine.stored);
    SPI_freetuptable(SPI_tuptable);
    return written;
}

// A row that stays as it was has met a trigger that returned NULL; any other is looked at again.
void bump_root(const Item& item) {
    Found seen = {};
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        Found now = read_root(item, InvalidSnapshot);
        if (!now.found || !needs_bump(item, now)) return;
        if (seen.found && seen.writer == now.writer && seen.version == now.version)
            raise_write_rejected({item.root->relation, nullptr, nullptr, {}, {}, NIL});
        if (bump(item)) return;
        seen = now;
    }
}

void prepare(const Root& root) {
    if (root.key->bump) return;
    root.key->read = prepare_read(root.relation, *root.table, root.key->key);
    root.key->bump = prepare_bump(root.relation, *root.table, root.key->key);
}

void bump_as_owner(const Item& item) {
    as_owner(item.root->relation, [&] {
        prepare(*item.root);
        bump_root(item);
    });
}

Item* make_item(Flush& flush, Touch& touch) {
    Root* root = find_root(flush, *touch.name);
    int count = root->key ? root->key->key.count : 0;
    auto* item = static_cast<Item*>(palloc(offsetof(Item, values) + sizeof(Datum) * count));
    item->touch = &touch;
    item->root = root;
    if (root->key) read_values(*item);
    return item;
}

// Those of the first rank among the pending ones: bumping them may touch roots of their own.
void flush_rank(Flush& flush) {
    int count = 0;
    for (Touch* touch = pending_touches(); touch; touch = touch->next_pending)
        count++;
    auto** items =
        static_cast<Item**>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Item*) * count));
    int i = 0;
    for (Touch* touch = pending_touches(); touch; touch = touch->next_pending)
        items[i++] = make_item(flush, *touch);
    qsort_arg(items, count, sizeof(Item*), compare_items, nullptr);
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "interlock root bump", ALLOCSET_SMALL_SIZES);
    for (i = 0; i < count && items[i]->root->rank == items[0]->root->rank; i++) {
        if (items[i]->touch->flushed) continue;  // by a trigger that it fired
        mark_flushed(*items[i]->touch);
        if (items[i]->root->key == nullptr) continue;
        MemoryContext previous = MemoryContextSwitchTo(scratch);
        bump_as_owner(*items[i]);
        MemoryContextSwitchTo(previous);
        MemoryContextReset(scratch);
    }
}

void flush_roots() {
    SPI_connect();
    Flush flush = {NIL, CurrentMemoryContext};
    while (pending_touches())
        flush_rank(flush);
    ListCell* cell;
    foreach (cell, flush.roots) {
        auto* root = static_cast<Root*>(lfirst(cell));
        if (root->relation) relation_close(root->relation, NoLock);
    }
    SPI_finish();
}

}  // namespace

// root_touched(root regclass, child oid, VARIADIC keys "any") → boolean: in the WHEN of a root's
// triggers, which is evaluated at once; true where an event must be queued
INTERLOCK_FUNCTION(root_touched) {
    Watch* watch = find_watch(fcinfo);
    if (watch == nullptr) PG_RETURN_BOOL(false);
    bool first = touch_root(fcinfo, *watch, 2);
    if (watch->rows == 2) first |= touch_root(fcinfo, *watch, 2 + watch->count);
    PG_RETURN_BOOL(first);
}

// The deferred trigger that those events fire: the first one does the work of all.
INTERLOCK_FUNCTION(root_version) {
    auto* data = reinterpret_cast<TriggerData*>(fcinfo->context);
    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(data->tg_event) ||
        !TRIGGER_FIRED_FOR_ROW(data->tg_event))
        ereport(
            ERROR,
            (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
             errmsg("interlock.root_version must be called as an AFTER row trigger"),
             errhint("Call interlock.enable_root_versioning instead of creating the trigger.")));
    if (pending_touches()) flush_roots();
    return PointerGetDatum(nullptr);
}

}  // namespace interlock
