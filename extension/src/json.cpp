#include "json.hpp"

namespace interlock {
namespace {

JsonbValue json_string(const char* bytes, size_t length) {
    JsonbValue json;
    json.type = jbvString;
    json.val.string.val = const_cast<char*>(bytes);
    json.val.string.len = static_cast<int>(length);
    return json;
}

JsonbValue json_integer(int64 value) {
    JsonbValue json;
    json.type = jbvNumeric;
    json.val.numeric = int64_to_numeric(value);
    return json;
}

// The types that most columns have, without to_jsonb()'s look at the catalogs and its detour
// through text. (char(n) is shown with its blanks.)
bool plain_value(Oid type, Datum value, JsonbValue& json) {
    switch (type) {
        case INT2OID:
            json = json_integer(DatumGetInt16(value));
            return true;
        case INT4OID:
            json = json_integer(DatumGetInt32(value));
            return true;
        case INT8OID:
            json = json_integer(DatumGetInt64(value));
            return true;
        case BOOLOID:
            json.type = jbvBool;
            json.val.boolean = DatumGetBool(value);
            return true;
        case TEXTOID:
        case VARCHAROID:
        case BPCHAROID: {
            text* string = DatumGetTextPP(value);
            json = json_string(VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
            return VARSIZE_ANY_EXHDR(string) <= JENTRY_OFFLENMASK;
        }
        default:
            return false;
    }
}

JsonbValue unpacked(Jsonb* json) {
    JsonbValue value;
    if (!JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, &value))
        JsonbToJsonbValue(json, &value);
    return value;
}

}  // namespace

JsonbValue json_null() {
    JsonbValue json;
    json.type = jbvNull;
    return json;
}

// to_jsonb() asks its call expression for the argument's type, so give it one.
void prepare_json_converter(JsonConverter& converter, Oid type, MemoryContext context) {
    fmgr_info_cxt(F_TO_JSONB, &converter.function, context);
    MemoryContext previous = MemoryContextSwitchTo(context);
    Const* argument = makeNullConst(type, -1, InvalidOid);
    FuncExpr* call = makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument), InvalidOid,
                                  InvalidOid, COERCE_EXPLICIT_CALL);
    MemoryContextSwitchTo(previous);
    fmgr_info_set_expr(reinterpret_cast<Node*>(call), &converter.function);
    converter.type = type;
}

JsonbValue to_json(JsonConverter& converter, Datum value) {
    JsonbValue json;
    if (!plain_value(converter.type, value, json))
        json = unpacked(DatumGetJsonbP(FunctionCall1(&converter.function, value)));
    return json;
}

JsonObject::JsonObject() : state_(nullptr) {
    pushJsonbValue(&state_, WJB_BEGIN_OBJECT, nullptr);
}

void JsonObject::add(const char* name, const JsonbValue& value) {
    JsonbValue key = json_string(name, strlen(name));
    pushJsonbValue(&state_, WJB_KEY, &key);
    JsonbValue member = value;
    pushJsonbValue(&state_, WJB_VALUE, &member);
}

void JsonObject::add(const char* name, Jsonb* value) {
    add(name, value ? unpacked(value) : json_null());
}

Jsonb* JsonObject::finish() {
    return JsonbValueToJsonb(pushJsonbValue(&state_, WJB_END_OBJECT, nullptr));
}

JsonMembers::JsonMembers(Jsonb* object) : iterator_(JsonbIteratorInit(&object->root)) {
    JsonbIteratorNext(&iterator_, &name_, true);  // WJB_BEGIN_OBJECT
}

bool JsonMembers::next() {
    if (JsonbIteratorNext(&iterator_, &name_, true) != WJB_KEY) return false;
    JsonbIteratorNext(&iterator_, &value_, true);
    return true;
}

bool is_object(Jsonb* json) {
    return JB_ROOT_IS_OBJECT(json);
}

JsonbValue* find_member(Jsonb* object, const char* name) {
    return getKeyJsonValueFromContainer(&object->root, name, static_cast<int>(strlen(name)),
                                        nullptr);
}

char* json_text(Jsonb* json) {
    return JsonbToCString(nullptr, &json->root, VARSIZE(json));
}

}  // namespace interlock
