#include "claim_settings.hpp"

#include "table.hpp"

namespace interlock {
namespace {

constexpr const char* column_names[claim_column_count] = {
    "run_at",      "attempts", "claimed_by", "claim_token",  "claimed_until", "last_error",
    "finished_at", "dead_at",  "order_by",   "queue_column", "group_by"};

constexpr Oid own_types[own_claim_column_count] = {TIMESTAMPTZOID, INT4OID,        TEXTOID,
                                                   INT8OID,        TIMESTAMPTZOID, TEXTOID,
                                                   TIMESTAMPTZOID, TIMESTAMPTZOID};

// The value of a setting written as name=value; empty where it is another one's.
bool read_named(std::string_view setting, std::string_view name, std::string_view& value) {
    if (!setting.starts_with(name) || setting.size() <= name.size() || setting[name.size()] != '=')
        return false;
    value = setting;
    value.remove_prefix(name.size() + 1);
    return true;
}

bool read_number(std::string_view text, int64& number) {
    number = 0;
    if (text.empty() || text.size() > 18) return false;
    for (char digit : text) {
        if (digit < '0' || digit > '9') return false;
        number = number * 10 + (digit - '0');
    }
    return true;
}

int find_role(std::string_view name) {
    for (int role = 0; role < claim_column_count; role++)
        if (name == column_names[role]) return role;
    return -1;
}

// run_at attempts …: which role each column of the trigger has, in their order.
bool read_roles(Claiming& claiming, std::string_view names, const Trigger& marker) {
    for (int i = 0; i < marker.tgnattr; i++) {
        std::size_t end = Min(names.find(' '), names.size());
        int role = find_role(names.substr(0, end));
        if (role < 0 || claiming.columns[role] != 0) return false;
        claiming.columns[role] = marker.tgattr[i];
        names.remove_prefix(Min(end + 1, names.size()));
    }
    return names.empty();
}

bool read_setting(Claiming& claiming, std::string_view setting, const Trigger& marker) {
    std::string_view value;
    int64 number;
    if (read_named(setting, "columns", value)) return read_roles(claiming, value, marker);
    if (read_named(setting, "on_finish", value)) {
        claiming.keeps = value == "keep";
        return claiming.keeps || value == "delete";
    }
    if (read_named(setting, "backoff", value)) return read_number(value, claiming.backoff);
    if (read_named(setting, "max_backoff", value)) return read_number(value, claiming.max_backoff);
    if (!read_named(setting, "max_attempts", value) || !read_number(value, number) ||
        number > PG_INT32_MAX)
        return false;
    claiming.max_attempts = static_cast<int32>(number);
    return true;
}

void read_marker(Claiming& claiming, const Trigger& marker) {
    claiming = {};
    claiming.enabled = true;
    for (int i = 0; i < marker.tgnargs; i++)
        if (!read_setting(claiming, marker.tgargs[i], marker))
            claiming.problem =
                psprintf("has a claims trigger with an unfit setting \"%s\"", marker.tgargs[i]);
    for (int role = 0; role < own_claim_column_count; role++) {
        AttrNumber attno = claiming.columns[role];
        if (attno != 0)
            claiming.own = bms_add_member(claiming.own, attno);
        else if (claiming.problem == nullptr)
            claiming.problem = "has a claims trigger that does not name all of its columns";
    }
}

bool has_type(ClaimColumn role, Oid type) {
    if (static_cast<int>(role) < own_claim_column_count) return type == claim_column_type(role);
    if (role == ClaimColumn::queue) return type == TEXTOID || type == VARCHAROID;
    return role != ClaimColumn::group || is_group_type(type);
}

// Whoever owns a table can make a marker for any of its columns, and drop a NOT NULL: values are
// read and written as what they are only after this.
void check_columns(Claiming& claiming, TupleDesc desc) {
    for (int i = 0; i < claim_column_count; i++) {
        if (claiming.columns[i] == 0) continue;
        Form_pg_attribute column = attribute(desc, claiming.columns[i]);
        auto role = static_cast<ClaimColumn>(i);
        if (!claiming.problem && !has_type(role, column->atttypid))
            claiming.problem = psprintf("has a claims trigger with column \"%s\" of another type",
                                        NameStr(column->attname));
        if (needs_not_null(role) && !column->attnotnull)
            claiming.nullable = pstrdup(NameStr(column->attname));
    }
}

void add_column(ClaimIndexColumns& columns, AttrNumber attno) {
    for (int i = 0; i < columns.count; i++)
        if (columns.attnos[i] == attno) return;
    if (attno != 0 && columns.count < INDEX_MAX_KEYS) columns.attnos[columns.count++] = attno;
}

// c IS NULL, or c IS NOT NULL: the column, or 0.
AttrNumber tested_column(Node* node, NullTestType type) {
    if (!IsA(node, NullTest)) return 0;
    auto* test = reinterpret_cast<NullTest*>(node);
    if (test->nulltesttype != type || !IsA(test->arg, Var)) return 0;
    return reinterpret_cast<Var*>(test->arg)->varattno;
}

// Exactly the rows that are neither finished nor dead, and for the groups' index have a group?
bool has_predicate(Relation index, const Claiming& claiming, bool grouped) {
    List* predicate = RelationGetIndexPredicate(index);
    bool unfinished = false, alive = false, in_group = false;
    ListCell* cell;
    foreach (cell, predicate) {
        auto* node = static_cast<Node*>(lfirst(cell));
        AttrNumber null = tested_column(node, IS_NULL);
        AttrNumber not_null = tested_column(node, IS_NOT_NULL);
        unfinished |= null != 0 && null == claiming.column(ClaimColumn::finished_at);
        alive |= null != 0 && null == claiming.column(ClaimColumn::dead_at);
        in_group |= not_null != 0 && not_null == claiming.column(ClaimColumn::group);
    }
    return unfinished && alive && in_group == grouped &&
           list_length(predicate) == (grouped ? 3 : 2);
}

bool has_columns(Relation index, const ClaimIndexColumns& columns) {
    Form_pg_index form = index->rd_index;
    if (form->indnkeyatts != columns.count) return false;
    for (int i = 0; i < columns.count; i++)
        if (form->indkey.values[i] != columns.attnos[i] || index->rd_indoption[i] != 0)
            return false;
    return true;
}

// As enable_claims makes them: no expressions, and nothing that is just included.
bool has_only_columns(Relation index) {
    return index->rd_index->indnatts == index->rd_index->indnkeyatts &&
           heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, nullptr);
}

bool is_usable(Relation index) {
    return index->rd_rel->relam == BTREE_AM_OID && index->rd_index->indisvalid &&
           index->rd_index->indisready;
}

// Calls `body` with each index of the relation that has a predicate.
template <typename Body>
void each_partial_index(Relation relation, Body body) {
    ListCell* cell;
    foreach (cell, RelationGetIndexList(relation)) {
        Relation index = index_open(lfirst_oid(cell), AccessShareLock);
        if (!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr)) body(index);
        index_close(index, AccessShareLock);
    }
}

Oid find_index(Relation relation, const Claiming& claiming, const Key& key, bool grouped) {
    ClaimIndexColumns columns = claim_index_columns(claiming, key, grouped);
    Oid found = InvalidOid;
    each_partial_index(relation, [&](Relation index) {
        if (is_usable(index) && has_columns(index, columns) &&
            has_predicate(index, claiming, grouped))
            found = RelationGetRelid(index);
    });
    return found;
}

[[noreturn]] void raise_not_ready(Relation relation, const char* problem) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" %s", RelationGetRelationName(relation), problem),
                    errhint("Call interlock.enable_claims for it."), errtable(relation)));
    pg_unreachable();
}

}  // namespace

const char* claim_column_name(ClaimColumn role) {
    return column_names[static_cast<int>(role)];
}

Oid claim_column_type(ClaimColumn role) {
    return own_types[static_cast<int>(role)];
}

bool needs_not_null(ClaimColumn role) {
    return role == ClaimColumn::run_at || role == ClaimColumn::attempts ||
           role == ClaimColumn::order_by || role == ClaimColumn::queue;
}

bool is_group_type(Oid type) {
    const TypeCacheEntry* entry =
        lookup_type_cache(type, TYPECACHE_CMP_PROC | TYPECACHE_HASH_EXTENDED_PROC);
    return OidIsValid(entry->cmp_proc) && OidIsValid(entry->hash_extended_proc);
}

const char* quoted_name(Table& table, ClaimColumn role) {
    return quote_identifier(table.column(table.claiming.column(role)).name);
}

void read_claim_triggers(Claiming& claiming, Relation relation, const TriggerFunctions& ours) {
    const TriggerDesc* triggers = relation->trigdesc;
    bool notifies = false;
    for (int i = 0; triggers && i < triggers->numtriggers; i++) {
        const Trigger& trigger = triggers->triggers[i];
        if (ours.is(trigger, TriggerFunction::claim_columns)) read_marker(claiming, trigger);
        notifies |= ours.is(trigger, TriggerFunction::claim_notify);
    }
    claiming.notifies = notifies;
    if (claiming.enabled) check_columns(claiming, RelationGetDescr(relation));
}

void read_claim_indexes(Claiming& claiming, Relation relation, const Key& key) {
    if (!claiming.enabled || claiming.problem || key.count == 0) return;
    claiming.index = find_index(relation, claiming, key, false);
    if (claiming.has(ClaimColumn::group))
        claiming.group_index = find_index(relation, claiming, key, true);
}

ClaimIndexColumns claim_index_columns(const Claiming& claiming, const Key& key, bool grouped) {
    ClaimIndexColumns columns = {};
    add_column(columns, claiming.column(grouped ? ClaimColumn::group : ClaimColumn::queue));
    add_column(columns, claiming.column(ClaimColumn::order_by));
    add_column(columns, claiming.column(ClaimColumn::run_at));
    for (int i = 0; i < key.count; i++)
        add_column(columns, key.columns[i].attno);
    return columns;
}

List* unfinished_unique_indexes(Relation relation, const Claiming& claiming) {
    List* indexes = NIL;
    if (!claiming.enabled || claiming.problem) return indexes;
    each_partial_index(relation, [&](Relation index) {
        if (index->rd_index->indisunique && has_only_columns(index) &&
            has_predicate(index, claiming, false))
            indexes = lappend_oid(indexes, RelationGetRelid(index));
    });
    return indexes;
}

const char* claim_problem(const Table& table) {
    const Claiming& claiming = table.claiming;
    if (claiming.problem) return claiming.problem;
    if (table.key.count == 0) return "has no primary key";
    if (claiming.nullable)
        return psprintf("has lost the NOT NULL of column \"%s\"", claiming.nullable);
    if (!OidIsValid(claiming.index)) return "has lost its claim index";
    if (claiming.has(ClaimColumn::group) && !OidIsValid(claiming.group_index))
        return "has lost its claim index of groups";
    return nullptr;
}

Relation open_claim_table(Oid relid, LOCKMODE lockmode, bool walks) {
    Relation relation = open_keyed_table(relid, lockmode);
    const Table& table = table_of(relation);
    if (!table.claiming.enabled) raise_not_ready(relation, "has no claims enabled");
    const char* problem = walks ? claim_problem(table) : table.claiming.problem;
    if (problem) raise_not_ready(relation, problem);
    return relation;
}

}  // namespace interlock
