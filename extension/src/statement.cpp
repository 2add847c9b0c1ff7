#include "statement.hpp"

extern "C" {
#include <utils/plancache.h>
}

namespace interlock {
namespace {

void turn_off(const char* setting) {
    set_config_option(setting, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// The plan of a key look-up must be an index scan even while the table is too small for the planner
// to care: it is kept, and the table grows. JIT compilation would be judged by the cost of what is
// turned off.
void plan_without_seqscan(SPIPlanPtr plan) {
    int nest_level = NewGUCNestLevel();
    turn_off("enable_seqscan");
    turn_off("jit");
    ReleaseCachedPlan(SPI_plan_get_cached_plan(plan), CurrentResourceOwner);
    AtEOXact_GUC(true, nest_level);
}

// A plan is planned where it stays. If that fails, it is not to stay.
void keep_planned(SPIPlanPtr plan) {
    SPI_keepplan(plan);
    PG_TRY();
    { plan_without_seqscan(plan); }
    PG_CATCH();
    {
        SPI_freeplan(plan);
        PG_RE_THROW();
    }
    PG_END_TRY();
}

// The type that the operator takes, unless it takes any: then a domain's base type.
void append_operand_type(StringInfo sql, const KeyColumn& key, Oid type) {
    Oid wanted = IsPolymorphicType(key.operator_type) ? key.type : key.operator_type;
    if (type != wanted) appendStringInfo(sql, "::%s", format_type_be_qualified(wanted));
}

void append_operator(StringInfo sql, Oid oid) {
    HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(oid));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator %u", oid);
    auto form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    appendStringInfo(sql, " OPERATOR(%s.%s) ",
                     quote_identifier(get_namespace_name(form->oprnamespace)),
                     NameStr(form->oprname));
    ReleaseSysCache(tuple);
}

// A partitioned table's generic plan would lock every partition at each call.
int cursor_options(const Table& table) {
    bool many = table.moves_rows && table.relkind != RELKIND_RELATION;
    return many ? 0 : CURSOR_OPT_GENERIC_PLAN;
}

}  // namespace

void append_table(StringInfo sql, Relation relation) {
    const char* schema = get_namespace_name(RelationGetNamespace(relation));
    appendStringInfo(sql, "%s AS t",
                     quote_qualified_identifier(schema, RelationGetRelationName(relation)));
}

void append_column(StringInfo sql, const Column& column) {
    appendStringInfo(sql, "t.%s", quote_identifier(column.name));
}

void append_columns(StringInfo sql, Table& table, const Bitmapset* columns) {
    const char* separator = "";
    for (int attno = -1; (attno = bms_next_member(columns, attno)) >= 0; separator = ", ") {
        appendStringInfoString(sql, separator);
        append_column(sql, table.column(static_cast<AttrNumber>(attno)));
    }
}

// [… AND] t.id = , which its operand comes after
static void append_comparison(StringInfo sql, Table& table, const Key& key, int i) {
    const KeyColumn& part = key.columns[i];
    const Column& column = table.column(part.attno);
    if (i > 0) appendStringInfoString(sql, " AND ");
    append_column(sql, column);
    append_operand_type(sql, part, column.type);
    append_operator(sql, part.equal_operator);
}

void append_key_condition(StringInfo sql, Table& table, const Key& key) {
    for (int i = 0; i < key.count; i++) {
        append_comparison(sql, table, key, i);
        appendStringInfo(sql, "$%d", i + 1);
        append_operand_type(sql, key.columns[i], key.columns[i].type);
    }
}

void append_key_join(StringInfo sql, Table& table, const Key& key, const char* other) {
    for (int i = 0; i < key.count; i++) {
        const Column& column = table.column(key.columns[i].attno);
        append_comparison(sql, table, key, i);
        appendStringInfo(sql, "%s.%s", other, quote_identifier(column.name));
        append_operand_type(sql, key.columns[i], column.type);
    }
}

Parameters::Parameters(const Key& key, int more)
    : types_(allocate<Oid>(key.count + more)), count_(0) {
    for (int i = 0; i < key.count; i++)
        add(key.columns[i].type);
}

int Parameters::add(Oid type) {
    types_[count_] = type;
    return ++count_;
}

SPIPlanPtr prepare_plan(Table& table, const char* sql, const Parameters& parameters) {
    SPIPlanPtr plan = SPI_prepare_cursor(
        sql, parameters.count(), const_cast<Oid*>(parameters.types()), cursor_options(table));
    if (plan == nullptr) elog(ERROR, "could not prepare: %s", SPI_result_code_string(SPI_result));
    keep_planned(plan);
    MemoryContext previous = MemoryContextSwitchTo(table.context);
    table.plans = lappend(table.plans, plan);
    MemoryContextSwitchTo(previous);
    return plan;
}

void execute_plan(SPIPlanPtr plan, const KeyValues& key, const Values& more, Snapshot snapshot,
                  bool writes) {
    int count = key.key->count + more.count;
    Datum* values = allocate<Datum>(count);
    char* nulls = allocate<char>(count);
    memset(nulls, ' ', count);
    memcpy(values, key.values, sizeof(Datum) * key.key->count);
    for (int i = 0; i < more.count; i++) {
        values[key.key->count + i] = more.values[i];
        if (more.nulls[i]) nulls[key.key->count + i] = 'n';
    }
    bool read_only = snapshot != InvalidSnapshot && !writes;
    int result =
        SPI_execute_snapshot(plan, values, nulls, snapshot, InvalidSnapshot, read_only, true, 0);
    if (result < 0) elog(ERROR, "could not execute: %s", SPI_result_code_string(result));
}

bool is_moved_row(const ErrorData& error) {
    if (error.sqlerrcode != ERRCODE_T_R_SERIALIZATION_FAILURE || error.filename == nullptr)
        return false;
    const char* slash = strrchr(error.filename, '/');
    std::string_view file = slash ? slash + 1 : error.filename;
    return file == "nodeModifyTable.c" || file == "trigger.c" || file == "heapam_handler.c" ||
           file == "execMain.c";
}

}  // namespace interlock
