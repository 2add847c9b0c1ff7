#include "json.hpp"

namespace interlock {

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

Jsonb* to_json(JsonConverter& converter, Datum value) {
    return DatumGetJsonbP(FunctionCall1(&converter.function, value));
}

JsonObject::JsonObject() : state_(nullptr) {
    pushJsonbValue(&state_, WJB_BEGIN_OBJECT, nullptr);
}

static void push_name(JsonbParseState** state, const char* name) {
    JsonbValue member;
    member.type = jbvString;
    member.val.string.val = const_cast<char*>(name);
    member.val.string.len = static_cast<int>(strlen(name));
    pushJsonbValue(state, WJB_KEY, &member);
}

void JsonObject::add(const char* name, int64 value) {
    push_name(&state_, name);
    JsonbValue number;
    number.type = jbvNumeric;
    number.val.numeric = int64_to_numeric(value);
    pushJsonbValue(&state_, WJB_VALUE, &number);
}

void JsonObject::add(const char* name, Jsonb* value) {
    push_name(&state_, name);
    JsonbValue member;
    if (value == nullptr)
        member.type = jbvNull;
    else if (!JB_ROOT_IS_SCALAR(value) || !JsonbExtractScalar(&value->root, &member))
        JsonbToJsonbValue(value, &member);
    pushJsonbValue(&state_, WJB_VALUE, &member);
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
