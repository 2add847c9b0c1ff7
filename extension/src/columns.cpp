#include "columns.hpp"

#include "errors.hpp"

#include <optional>

extern "C" {
#include <common/hashfn.h>
}

namespace interlock {
namespace {

constexpr int max_column_sets = 256;  // beyond it the table is read anew, without any

char* scalar_text(JsonbValue& value) {
    switch (value.type) {
        case jbvString:
            return pnstrdup(value.val.string.val, value.val.string.len);
        case jbvNumeric:
            return DatumGetCString(
                DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
        case jbvBool:
            return pstrdup(value.val.boolean ? "true" : "false");
        default:
            return nullptr;  // JSON null is SQL NULL
    }
}

char* value_text(JsonbValue& value) {
    return value.type == jbvBinary ? json_text(JsonbValueToJsonb(&value)) : scalar_text(value);
}

bool is_json_type(Oid type) {
    return type == JSONOID || type == JSONBOID;
}

// Looked up at first use: below a domain, else the type itself.
Oid base_type(Column& column) {
    if (!OidIsValid(column.base_type)) column.base_type = getBaseType(column.type);
    return column.base_type;
}

Datum read_json(const Column& column, JsonbValue& value) {
    Jsonb* json = JsonbValueToJsonb(&value);
    return column.type == JSONBOID ? JsonbPGetDatum(json) : CStringGetTextDatum(json_text(json));
}

TupleDesc one_column(const Column& column) {
    TupleDesc desc = CreateTemplateTupleDesc(1);
    TupleDescInitEntry(desc, 1, "value", column.type, column.typmod, 0);
    return BlessTupleDesc(desc);
}

Datum field_of(Datum record, TupleDesc desc, bool* is_null) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(record);
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    return heap_getattr(&tuple, 1, desc, is_null);
}

// jsonb_to_record() knows how arrays, composites and domains over them are written in JSON: hand it
// a record of one column. What it caches is not told of ALTER TYPE, so it starts afresh each time.
Datum read_structure(const Column& column, JsonbValue& value, bool* is_null) {
    FmgrInfo function;
    fmgr_info(F_JSONB_TO_RECORD, &function);
    JsonObject object;
    object.add("value", JsonbValueToJsonb(&value));
    ReturnSetInfo result = {};
    result.type = T_ReturnSetInfo;
    result.expectedDesc = one_column(column);
    LOCAL_FCINFO(call, 1);
    InitFunctionCallInfoData(*call, &function, 1, InvalidOid, nullptr,
                             reinterpret_cast<Node*>(&result));
    call->args[0] = {JsonbPGetDatum(object.finish()), false};
    return field_of(FunctionCallInvoke(call), result.expectedDesc, is_null);
}

Datum input(Table& table, Column& column, char* text, int32 typmod) {
    if (!column.input_ready) {
        Oid function;
        getTypeInputInfo(column.type, &function, &column.io_parameter);
        fmgr_info_cxt(function, &column.input, table.context);
        column.input_ready = true;
    }
    return InputFunctionCall(&column.input, text, column.io_parameter, typmod);
}

// An integer without its text, where it is small. Others have their type's own errors to raise.
std::optional<Datum> small_integer(const Column& column, const JsonbValue& value) {
    if (value.type != jbvNumeric || (column.type != INT4OID && column.type != INT8OID)) return {};
    Datum scale = DirectFunctionCall1(numeric_scale, NumericGetDatum(value.val.numeric));
    if (DatumGetInt32(scale) != 0) return {};
    bool error = false;
    int32 integer = numeric_int4_opt_error(value.val.numeric, &error);
    if (error) return {};
    return column.type == INT4OID ? Int32GetDatum(integer) : Int64GetDatum(integer);
}

Datum convert(Table& table, Column& column, JsonbValue& value, bool* is_null) {
    *is_null = value.type == jbvNull;
    if (*is_null) return input(table, column, nullptr, column.typmod);
    if (is_json_type(column.type)) return read_json(column, value);
    if (value.type == jbvBinary || is_json_type(base_type(column)))
        return read_structure(column, value, is_null);
    return input(table, column, scalar_text(value), column.typmod);
}

// The type's own error, with the column and the value put in front.
[[noreturn]] void rethrow_about(Relation relation, const Column& column, const char* text) {
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    error->message = psprintf("column \"%s\" of table \"%s\" cannot take the value %s: %s",
                              column.name, RelationGetRelationName(relation),
                              text ? psprintf("\"%s\"", clip(text, shown_bytes)) : "null",
                              clip(error->message, 2 * shown_bytes));
    error->schema_name = get_namespace_name(RelationGetNamespace(relation));
    error->table_name = pstrdup(RelationGetRelationName(relation));
    error->column_name = pstrdup(column.name);
    ReThrowError(error);
    pg_unreachable();
}

// Runs a conversion; its errors name the column and the value, which `text` shows.
template <typename Conversion, typename Text>
Datum naming_errors(Relation relation, const Column& column, Conversion conversion, Text text) {
    MemoryContext caller = CurrentMemoryContext;
    volatile Datum result = 0;
    PG_TRY();
    { result = conversion(); }
    PG_CATCH();
    {
        if (!is_about_the_value(geterrcode())) PG_RE_THROW();
        MemoryContextSwitchTo(caller);
        rethrow_about(relation, column, text());
    }
    PG_END_TRY();
    return result;
}

uint32 hash_name(uint32 hash, std::string_view name) {
    auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
    return hash_combine(hash, hash_bytes(bytes, static_cast<int>(name.size())));
}

uint32 hash_of_columns(Table& table, const AttrNumber* attnos, int count) {
    uint32 hash = 0;
    for (int i = 0; i < count; i++)
        hash = hash_name(hash, table.column(attnos[i]).name);
    return hash;
}

uint32 hash_of_names(Jsonb* json, int* count) {
    uint32 hash = 0;
    *count = 0;
    for (JsonMembers members(json); members.next(); ++*count)
        hash = hash_name(hash, members.name());
    return hash;
}

bool same_names(Table& table, const ColumnSet& set, Jsonb* json) {
    int i = 0;
    for (JsonMembers members(json); members.next(); i++)
        if (members.name() != table.column(set.attnos[i]).name) return false;
    return true;
}

template <typename Predicate>
ColumnSet* find_set(Table& table, Purpose purpose, uint32 hash, int count, Predicate matches) {
    for (ColumnSet* set = table.column_sets; set; set = set->next)
        if (set->purpose == purpose && set->hash == hash && set->count == count && matches(*set))
            return set;
    return nullptr;
}

[[noreturn]] void raise_not_changeable(Relation relation, const Column& column,
                                       const char* argument, const char* what) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"%s\" must not contain the %s column \"%s\" of table \"%s\"", argument,
                           what, column.name, RelationGetRelationName(relation)),
                    errtablecol(relation, column.attno)));
    pg_unreachable();
}

[[noreturn]] void raise_generated(Relation relation, const Column& column) {
    ereport(ERROR, (errcode(ERRCODE_GENERATED_ALWAYS),
                    errmsg("column \"%s\" of table \"%s\" is generated and cannot be changed",
                           column.name, RelationGetRelationName(relation)),
                    errtablecol(relation, column.attno)));
    pg_unreachable();
}

ColumnSet* add_set(Table& table, Purpose purpose, const AttrNumber* attnos, uint32 hash,
                   int count) {
    auto* set = allocate_in<ColumnSet>(table.context);
    auto* kept = allocate_in<AttrNumber>(table.context, count);
    memcpy(kept, attnos, sizeof(AttrNumber) * count);
    *set = {table.column_sets, purpose, hash, count, kept, nullptr, nullptr, nullptr, nullptr};
    table.column_sets = set;
    if (++table.column_set_count > max_column_sets) forget(table);
    return set;
}

// The attribute number of a member's column, which must be fit for the purpose.
AttrNumber named_column(Relation relation, Table& table, std::string_view name, Purpose purpose,
                        const char* argument) {
    Column* column = find_column(table, name);
    if (column == nullptr) raise_unknown_column(relation, name);
    bool names_row = table.is_key_column(column->attno) || column->attno == table.versioning.column;
    if (purpose == Purpose::changes || (purpose == Purpose::row && !names_row))
        changeable_column(relation, table, name, argument);
    if (purpose == Purpose::insert && column->generated) raise_generated(relation, *column);
    return column->attno;
}

ColumnSet* named_set(Relation relation, Table& table, Jsonb* json, Purpose purpose,
                     const char* argument) {
    int count;
    uint32 hash = hash_of_names(json, &count);
    ColumnSet* set = find_set(table, purpose, hash, count, [&](const ColumnSet& candidate) {
        return same_names(table, candidate, json);
    });
    if (set) return set;
    auto* attnos = allocate<AttrNumber>(count);
    int i = 0;
    for (JsonMembers members(json); members.next();)
        attnos[i++] = named_column(relation, table, members.name(), purpose, argument);
    return add_set(table, purpose, attnos, hash, count);
}

// The key of a row to update is read as every key.
Datum read_member(Relation relation, Table& table, Purpose purpose, Column& column,
                  JsonbValue& value, bool* is_null) {
    if (purpose != Purpose::row || value.type == jbvNull || !table.is_key_column(column.attno))
        return read_value(relation, table, column, value, is_null);
    *is_null = false;
    return read_key_value(relation, table, column, value);
}

// Fills in the values of a set of columns; false where the object has others.
bool read_values(Relation relation, Table& table, ColumnValues& into) {
    const ColumnSet& set = *into.columns;
    int i = 0;
    for (JsonMembers members(into.json); members.next(); i++) {
        if (i == set.count) return false;
        Column& column = table.column(set.attnos[i]);
        if (members.name() != column.name) return false;
        into.values[i] =
            read_member(relation, table, set.purpose, column, members.value(), &into.nulls[i]);
    }
    return i == set.count;
}

// Both arrays in one piece.
ColumnValues values_for(ColumnSet& set, Jsonb* json) {
    size_t room_for_nulls = (set.count + sizeof(Datum) - 1) / sizeof(Datum);
    auto* values = allocate<Datum>(set.count + room_for_nulls);
    return {&set, values, reinterpret_cast<bool*>(values + set.count), json};
}

// A session mostly names the same columns again: those of the last call are tried first.
ColumnValues read_object(Relation relation, Table& table, Jsonb* json, Purpose purpose,
                         const char* argument) {
    require_object(json, argument);
    ColumnSet*& last = table.last_column_set[static_cast<int>(purpose)];
    if (last) {
        ColumnValues values = values_for(*last, json);
        if (read_values(relation, table, values)) return values;
    }
    last = named_set(relation, table, json, purpose, argument);
    ColumnValues values = values_for(*last, json);
    read_values(relation, table, values);
    return values;
}

}  // namespace

int ColumnSet::position(AttrNumber attno) const {
    for (int i = 0; i < count; i++)
        if (attnos[i] == attno) return i;
    return -1;
}

ColumnSet& column_set(Table& table, Purpose purpose, const AttrNumber* attnos, int count) {
    uint32 hash = hash_of_columns(table, attnos, count);
    ColumnSet* set = find_set(table, purpose, hash, count, [&](const ColumnSet& candidate) {
        return memcmp(candidate.attnos, attnos, sizeof(AttrNumber) * count) == 0;
    });
    return set ? *set : *add_set(table, purpose, attnos, hash, count);
}

const Column& changeable_column(Relation relation, Table& table, std::string_view name,
                                const char* argument) {
    Column* column = find_column(table, name);
    if (column == nullptr) raise_unknown_column(relation, name);
    if (table.is_key_column(column->attno))
        raise_not_changeable(relation, *column, argument, "key");
    if (column->attno == table.versioning.column)
        raise_not_changeable(relation, *column, argument, "version");
    if (column->always) raise_generated(relation, *column);
    return *column;
}

void require_object(Jsonb* json, const char* argument) {
    if (!is_object(json))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("\"%s\" must be a JSON object of column names and values", argument)));
}

ColumnValues read_changes(Relation relation, Table& table, Jsonb* json, const char* argument) {
    return read_object(relation, table, json, Purpose::changes, argument);
}

ColumnValues read_expected(Relation relation, Table& table, Jsonb* json) {
    return read_object(relation, table, json, Purpose::expected, "expected");
}

ColumnValues read_row_values(Relation relation, Table& table, Jsonb* row, Purpose purpose,
                             const char* argument) {
    return read_object(relation, table, row, purpose, argument);
}

ColumnValues no_values(Table& table) {
    if (table.no_columns == nullptr) {
        AttrNumber none = 0;
        table.no_columns = &column_set(table, Purpose::changes, &none, 0);
    }
    return {table.no_columns, nullptr, nullptr, nullptr};
}

Jsonb* read_base(Relation relation, Table& table, Jsonb* json) {
    require_object(json, "base");
    for (JsonMembers members(json); members.next();)
        if (find_column(table, members.name()) == nullptr)
            raise_unknown_column(relation, members.name());
    return json;
}

Datum read_value(Relation relation, Table& table, Column& column, JsonbValue& value,
                 bool* is_null) {
    if (std::optional<Datum> integer = small_integer(column, value)) {
        *is_null = false;
        return *integer;
    }
    return naming_errors(
        relation, column, [&] { return convert(table, column, value, is_null); },
        [&] { return value_text(value); });
}

Datum read_key_text(Relation relation, Table& table, Column& column, char* text) {
    return naming_errors(
        relation, column, [&] { return input(table, column, text, -1); }, [&] { return text; });
}

Datum read_key_value(Relation relation, Table& table, Column& column, JsonbValue& value) {
    bool is_null;
    if (value.type == jbvBinary || is_json_type(base_type(column)))
        return read_value(relation, table, column, value, &is_null);
    return read_key_text(relation, table, column, scalar_text(value));
}

JsonbValue show_value(Table& table, Column& column, Datum value) {
    if (!column.json_ready) {
        prepare_json_converter(column.json, column.type, table.context);
        column.json_ready = true;
    }
    return to_json(column.json, value);
}

JsonbValue show_or_null(Table& table, Column& column, Datum value, bool is_null) {
    return is_null ? json_null() : show_value(table, column, value);
}

bool same_value(const Column& column, Datum left, bool left_null, Datum right, bool right_null) {
    if (left_null || right_null) return left_null == right_null;
    return datum_image_eq(left, right, column.by_value, column.length);
}

bool holds(Table& table, Column& column, Datum value, bool is_null, Datum wanted, bool wanted_null,
           JsonbValue& json) {
    if (same_value(column, value, is_null, wanted, wanted_null)) return true;
    if (is_null || wanted_null) return false;
    JsonbValue shown = show_value(table, column, value);
    return compareJsonbContainers(&JsonbValueToJsonb(&shown)->root,
                                  &JsonbValueToJsonb(&json)->root) == 0;
}

void raise_unknown_column(Relation relation, std::string_view name) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of table \"%s\" does not exist",
                           clip(pnstrdup(name.data(), name.size()), shown_bytes),
                           RelationGetRelationName(relation)),
                    errtable(relation)));
    pg_unreachable();
}

}  // namespace interlock
