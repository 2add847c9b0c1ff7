#include "key.hpp"

#include "errors.hpp"

#include <optional>

namespace interlock {
namespace {

constexpr size_t longest_key_json = 1000;  // a longer one would swell the server log

// What the conversions need to know of the table whose key is being read.
struct Target {
    Relation relation;
    Table& table;

    Column& column(int i) const { return table.column(table.key.columns[i].attno); }
};

char* output_text(Oid type, Datum value) {
    Oid function;
    bool varlena;
    getTypeOutputInfo(type, &function, &varlena);
    return OidOutputFunctionCall(function, value);
}

[[noreturn]] void raise_null_key(const Target& target, const Column& column) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("key column \"%s\" of table \"%s\" must not be null", column.name,
                           target.table.name),
                    errtablecol(target.relation, column.attno)));
    pg_unreachable();
}

char* key_column_list(const Target& target) {
    StringInfoData names;
    initStringInfo(&names);
    for (int i = 0; i < target.table.key.count; i++)
        appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", target.column(i).name);
    return names.data;
}

[[noreturn]] void raise_wrong_key(const Target& target, const char* problem) {
    if (target.table.key.count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"%s\" has no key of its own: %s", target.table.name, problem),
                        errhint("Pass a JSON object of the columns that identify the row."),
                        errtable(target.relation)));
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("key of table \"%s\" is (%s): %s", target.table.name, key_column_list(target),
                    problem),
             errhint("Pass a row in that order, as in ROW(7, 2), or a JSON object by column name."),
             errtable(target.relation)));
    pg_unreachable();
}

[[noreturn]] void raise_too_many(const Target& target) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("a key of \"%s\" cannot have more than %d columns", target.table.name,
                           INDEX_MAX_KEYS),
                    errtable(target.relation)));
    pg_unreachable();
}

[[noreturn]] void raise_no_conversion(const Target& target, const Column& column, Oid source) {
    ereport(
        ERROR,
        (errcode(ERRCODE_DATATYPE_MISMATCH),
         errmsg("key column \"%s\" of table \"%s\" is of type %s, which a value of type %s does "
                "not convert to",
                column.name, target.table.name, format_type_be(column.type),
                format_type_be(source)),
         errtablecol(target.relation, column.attno)));
    pg_unreachable();
}

[[noreturn]] void raise_lossy(const Target& target, const Column& column, Oid source, Datum value) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("key column \"%s\" of table \"%s\" is of type %s, which cannot hold %s",
                           column.name, target.table.name, format_type_be(column.type),
                           output_text(source, value)),
                    errtablecol(target.relation, column.attno)));
    pg_unreachable();
}

// The integer types, which nearly all keys are, without a look at the catalogs.
std::optional<int64> integer_value(Oid type, Datum value) {
    switch (type) {
        case INT2OID:
            return DatumGetInt16(value);
        case INT4OID:
            return DatumGetInt32(value);
        case INT8OID:
            return DatumGetInt64(value);
        default:
            return {};
    }
}

std::optional<Datum> integer_datum(Oid type, int64 value) {
    switch (type) {
        case INT2OID:
            if (value != static_cast<int16>(value)) return {};
            return Int16GetDatum(static_cast<int16>(value));
        case INT4OID:
            if (value != static_cast<int32>(value)) return {};
            return Int32GetDatum(static_cast<int32>(value));
        default:
            return Int64GetDatum(value);
    }
}

bool is_integer(Oid type) {
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

void find_cast(Oid target, Oid source, CoercionContext context, CoercionPathType* path,
               FmgrInfo* function, MemoryContext memory) {
    Oid oid = InvalidOid;
    *path = find_coercion_pathway(target, source, context, &oid);
    if (*path == COERCION_PATH_FUNC) fmgr_info_cxt(oid, function, memory);
}

void prepare_conversion(const Target& target, KeyColumn& key, Oid source) {
    KeyConversion& conversion = key.conversion;
    conversion.source = InvalidOid;
    conversion.generation = cast_generation();
    MemoryContext memory = target.table.context;
    find_cast(key.type, source, COERCION_ASSIGNMENT, &conversion.path, &conversion.cast, memory);
    find_cast(source, key.type, COERCION_EXPLICIT, &conversion.path_back, &conversion.cast_back,
              memory);
    TypeCacheEntry* type = lookup_type_cache(source, TYPECACHE_EQ_OPR_FINFO);
    conversion.equal = type->eq_opr_finfo;
    conversion.source = source;
}

// Cast functions take the type modifier and "is explicit" too, where they care.
Datum call_cast(FmgrInfo& function, Datum value) {
    switch (function.fn_nargs) {
        case 1:
            return FunctionCall1(&function, value);
        case 2:
            return FunctionCall2(&function, value, Int32GetDatum(-1));
        default:
            return FunctionCall3(&function, value, Int32GetDatum(-1), BoolGetDatum(false));
    }
}

// There and back again: a cast that loses nothing gives the same value.
bool is_lossless(KeyColumn& key, Datum original, Datum converted) {
    KeyConversion& conversion = key.conversion;
    if (conversion.path_back != COERCION_PATH_FUNC || !OidIsValid(conversion.equal.fn_oid))
        return strcmp(output_text(conversion.source, original), output_text(key.type, converted)) ==
               0;
    Datum back = call_cast(conversion.cast_back, converted);
    return DatumGetBool(
        FunctionCall2Coll(&conversion.equal, DEFAULT_COLLATION_OID, original, back));
}

// A cast that fails for this value, as for a number out of range, could not keep it either.
Datum cast_or_refuse(const Target& target, KeyColumn& key, Oid source, Datum value) {
    MemoryContext caller = CurrentMemoryContext;
    volatile Datum converted = 0;
    volatile bool lossless = false;
    PG_TRY();
    {
        converted = call_cast(key.conversion.cast, value);
        lossless = is_lossless(key, value, converted);
    }
    PG_CATCH();
    {
        if (!is_about_the_value(geterrcode())) PG_RE_THROW();
        MemoryContextSwitchTo(caller);
        FlushErrorState();
        raise_lossy(target, target.table.column(key.attno), source, value);
    }
    PG_END_TRY();
    if (!lossless) raise_lossy(target, target.table.column(key.attno), source, value);
    return converted;
}

Datum cast_value(const Target& target, KeyColumn& key, Oid source, Datum value) {
    Column& column = target.table.column(key.attno);
    if (key.conversion.source != source || key.conversion.generation != cast_generation())
        prepare_conversion(target, key, source);
    switch (key.conversion.path) {
        case COERCION_PATH_RELABELTYPE:
            return value;
        case COERCION_PATH_COERCEVIAIO:
            return read_key_text(target.relation, target.table, column, output_text(source, value));
        case COERCION_PATH_FUNC:
            break;
        default:
            raise_no_conversion(target, column, source);
    }
    return cast_or_refuse(target, key, source, value);
}

bool is_text(Oid type) {
    return type == TEXTOID || type == VARCHAROID || type == BPCHAROID;
}

// char(n) becomes text without the blanks at its end, as in PostgreSQL's own cast.
char* text_value(Oid type, Datum value) {
    char* string = TextDatumGetCString(value);
    size_t length = strlen(string);
    while (type == BPCHAROID && length > 0 && string[length - 1] == ' ')
        string[--length] = '\0';
    return string;
}

// One value of any type as a value of the key's column number i.
Datum convert_value(const Target& target, int i, Oid source, Datum value) {
    KeyColumn& key = target.table.key.columns[i];
    if (source == key.type) return value;
    source = getBaseType(source);
    if (source == key.type) return value;
    std::optional<int64> integer = integer_value(source, value);
    if (integer && is_integer(key.type)) {
        std::optional<Datum> converted = integer_datum(key.type, *integer);
        if (!converted) raise_lossy(target, target.column(i), source, value);
        return *converted;
    }
    if (is_text(source))
        return read_key_text(target.relation, target.table, target.column(i),
                             text_value(source, value));
    if (source == UNKNOWNOID)
        return read_key_text(target.relation, target.table, target.column(i),
                             DatumGetCString(value));
    return cast_value(target, key, source, value);
}

KeyValues read_row(const Target& target, Datum row) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(row);
    TupleDesc desc =
        lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    KeyValues key = {&target.table.key, {}};
    int count = 0;
    for (AttrNumber attno = 1; attno <= desc->natts; attno++) {
        if (attribute(desc, attno)->attisdropped) continue;
        if (count == target.table.key.count) raise_wrong_key(target, "the row has more columns");
        bool is_null;
        Datum value = heap_getattr(&tuple, attno, desc, &is_null);
        if (is_null) raise_null_key(target, target.column(count));
        key.values[count] = convert_value(target, count, attribute(desc, attno)->atttypid, value);
        count++;
    }
    ReleaseTupleDesc(desc);
    if (count < target.table.key.count) raise_wrong_key(target, "the row has fewer columns");
    return key;
}

// The values of the key's columns among the members of a JSON object.
KeyValues read_members(const Target& target, Key& key_columns, Jsonb* json) {
    KeyValues key = {&key_columns, {}};
    for (int i = 0; i < key_columns.count; i++) {
        Column& column = target.table.column(key_columns.columns[i].attno);
        JsonbValue* value = find_member(json, column.name);
        if (value == nullptr)
            raise_wrong_key(target, psprintf("column \"%s\" is not given", column.name));
        if (value->type == jbvNull) raise_null_key(target, column);
        key.values[i] = read_key_value(target.relation, target.table, column, *value);
    }
    return key;
}

[[noreturn]] void raise_not_comparable(const Target& target, const Column& column) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("column \"%s\" of \"%s\" cannot be a key: its type %s has no order",
                           column.name, target.table.name, format_type_be(column.type)),
                    errtablecol(target.relation, column.attno)));
    pg_unreachable();
}

void describe_key_column(const Target& target, KeyColumn& key, const Column& column) {
    TypeCacheEntry* type =
        lookup_type_cache(getBaseType(column.type), TYPECACHE_EQ_OPR | TYPECACHE_CMP_PROC);
    if (!OidIsValid(type->eq_opr) || !OidIsValid(type->cmp_proc))
        raise_not_comparable(target, column);
    key.attno = column.attno;
    key.type = type->type_id;
    key.operator_type = type->btree_opintype;
    key.equal_operator = type->eq_opr;
    key.compare_function = type->cmp_proc;
    key.collation = attribute(RelationGetDescr(target.relation), column.attno)->attcollation;
}

bool names_key(Table& table, const Key& key, Jsonb* json) {
    int i = 0;
    for (JsonMembers members(json); members.next(); i++)
        if (i == key.count || members.name() != table.column(key.columns[i].attno).name)
            return false;
    return i == key.count;
}

// A view shows the table's primary key: then no two of its rows have the same one.
bool covers_primary_key(const Table& table, const Key& key) {
    if (!OidIsValid(table.base.relid)) return false;
    Relation relation = relation_open(table.base.relid, AccessShareLock);
    const Table& base = table_of(relation);
    bool covers = base.key.count > 0 && !relation->rd_rel->relhassubclass;
    for (int i = 0; i < base.key.count && covers; i++) {
        bool named = false;
        for (int j = 0; j < key.count && !named; j++)
            named = table.base.columns[key.columns[j].attno - 1] == base.key.columns[i].attno;
        covers = named;
    }
    relation_close(relation, AccessShareLock);
    return covers;
}

constexpr int max_json_keys = 64;  // beyond it the table is read anew, without any

Key* add_json_key(const Target& target, Jsonb* json) {
    auto* described = allocate<Key>();
    for (JsonMembers members(json); members.next(); described->count++) {
        Column* column = find_column(target.table, members.name());
        if (column == nullptr) raise_unknown_column(target.relation, members.name());
        if (described->count == INDEX_MAX_KEYS) raise_too_many(target);
        describe_key_column(target, described->columns[described->count], *column);
    }
    described->unique = covers_primary_key(target.table, *described);
    auto* key = allocate_in<Key>(target.table.context);
    *key = *described;
    key->next = target.table.json_keys;
    target.table.json_keys = key;
    if (++target.table.json_key_count > max_json_keys) forget(target.table);
    return key;
}

// The key of a relation that has none of its own: the columns that the caller names.
Key& json_key(const Target& target, Jsonb* json) {
    for (Key* key = target.table.json_keys; key; key = key->next)
        if (names_key(target.table, *key, json)) return *key;
    return *add_json_key(target, json);
}

KeyValues read_object(const Target& target, Jsonb* json) {
    if (!is_object(json)) raise_wrong_key(target, "the JSON value is not an object");
    if (target.table.key.count == 0) {
        if (JB_ROOT_COUNT(json) == 0) raise_wrong_key(target, "the JSON object is empty");
        return read_members(target, json_key(target, json), json);
    }
    KeyValues key = read_members(target, target.table.key, json);
    for (JsonMembers members(json); members.next();) {
        Column* column = find_column(target.table, members.name());
        if (column == nullptr || !target.table.is_key_column(column->attno))
            raise_wrong_key(target, "the JSON object has other members");
    }
    return key;
}

bool looks_like_object(const char* text) {
    return text[strspn(text, " \t\r\n")] == '{';
}

KeyValues one_value(const Target& target, Datum value) {
    return {&target.table.key, {value}};
}

KeyValues read_text_key(const Target& target, char* text) {
    if (target.table.key.count != 1) {
        if (!looks_like_object(text)) raise_wrong_key(target, "a single value was given");
        return read_object(target,
                           DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text))));
    }
    return one_value(target, read_key_text(target.relation, target.table, target.column(0), text));
}

Jsonb* json_argument(Oid type, Datum value) {
    if (type == JSONBOID) return DatumGetJsonbP(value);
    return DatumGetJsonbP(
        DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(value))));
}

KeyValues read_argument(const Target& target, Oid type, Datum value) {
    const Key& key = target.table.key;
    if (key.count == 1 && type == key.columns[0].type) return one_value(target, value);
    if (!is_text(type)) type = getBaseType(type);
    if (key.count == 1 && type == key.columns[0].type) return one_value(target, value);
    if (is_text(type)) return read_text_key(target, text_value(type, value));
    if (type == JSONBOID || type == JSONOID) return read_object(target, json_argument(type, value));
    if (key.count == 0) raise_wrong_key(target, "no JSON object was given");
    if (type_is_rowtype(type)) return read_row(target, value);
    if (key.count > 1) raise_wrong_key(target, "a single value was given");
    return one_value(target, convert_value(target, 0, type, value));
}

}  // namespace

KeyValues read_key(FunctionCallInfo fcinfo, int number, Relation relation, Table& table) {
    return read_key(relation, table, get_fn_expr_argtype(fcinfo->flinfo, number),
                    {PG_GETARG_DATUM(number), PG_ARGISNULL(number)});
}

KeyValues read_key(Relation relation, Table& table, Oid type, NullableDatum value) {
    Target target = {relation, table};
    if (value.isnull) {
        if (table.key.count == 0) raise_wrong_key(target, "null was given");
        raise_null_key(target, target.column(0));
    }
    return read_argument(target, type, value.value);
}

void raise_no_key_column(Relation relation, Table& table, int i) {
    Target target = {relation, table};
    raise_wrong_key(target, psprintf("column \"%s\" is not given", target.column(i).name));
}

void raise_null_key_column(Relation relation, Table& table, int i) {
    Target target = {relation, table};
    raise_null_key(target, target.column(i));
}

KeyValues read_named_key(Relation relation, Table& table, Jsonb* json) {
    Target target = {relation, table};
    return read_members(target, json_key(target, json), json);
}

bool read_key(Table& table, TupleTableSlot* row, KeyValues& key) {
    key.key = &table.key;
    for (int i = 0; i < table.key.count; i++) {
        bool is_null;
        key.values[i] = slot_getattr(row, table.key.columns[i].attno, &is_null);
        if (is_null) return false;
    }
    return table.key.count > 0;
}

bool is_integer_order(const KeyColumn& column) {
    Oid function = column.compare_function;
    return function == F_BTINT2CMP || function == F_BTINT4CMP || function == F_BTINT8CMP;
}

// The integers, which nearly all keys are, without a call.
static int compare_values(Table& table, KeyColumn& column, Datum left, Datum right) {
    if (is_integer_order(column)) {
        int64 a = *integer_value(column.type, left), b = *integer_value(column.type, right);
        return a < b ? -1 : a > b;
    }
    if (!OidIsValid(column.compare.fn_oid))
        fmgr_info_cxt(column.compare_function, &column.compare, table.context);
    return DatumGetInt32(FunctionCall2Coll(&column.compare, column.collation, left, right));
}

int compare_keys(Table& table, Key& key, const Datum* left, const Datum* right) {
    for (int i = 0; i < key.count; i++) {
        KeyColumn& column = key.columns[i];
        int order = compare_values(table, column, left[i], right[i]);
        if (order != 0) return (order < 0) != column.descending ? -1 : 1;
    }
    return 0;
}

int compare_keys(Table& table, const KeyValues& left, const KeyValues& right) {
    return compare_keys(table, *left.key, left.values, right.values);
}

char* key_text(Table& table, const KeyValues& key) {
    StringInfoData names, values;
    initStringInfo(&names);
    initStringInfo(&values);
    for (int i = 0; i < key.key->count; i++) {
        const KeyColumn& column = key.key->columns[i];
        const char* separator = i > 0 ? ", " : "";
        appendStringInfo(&names, "%s%s", separator, table.column(column.attno).name);
        appendStringInfo(&values, "%s%s", separator,
                         clip(output_text(column.type, key.values[i]), shown_bytes));
    }
    return psprintf("(%s)=(%s)", names.data, values.data);
}

Jsonb* key_object(Table& table, const KeyValues& key) {
    JsonObject object;
    for (int i = 0; i < key.key->count; i++) {
        Column& column = table.column(key.key->columns[i].attno);
        object.add(column.name, show_value(table, column, key.values[i]));
    }
    return object.finish();
}

char* key_json(Table& table, const KeyValues& key) {
    char* text = json_text(key_object(table, key));
    return strlen(text) > longest_key_json ? nullptr : text;
}

}  // namespace interlock
