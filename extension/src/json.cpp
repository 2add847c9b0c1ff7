#include "json.hpp"

#include <algorithm>

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

// A name or a value in a container, as jsonb.h describes it.
struct Child {
    JEntry type;
    const void* bytes;
    size_t length;
    bool aligned;
};

Child name_child(std::string_view name) {
    return {JENTRY_ISSTRING, name.data(), name.size(), false};
}

Child child_of(const JsonbValue& value) {
    switch (value.type) {
        case jbvNull:
            return {JENTRY_ISNULL, nullptr, 0, false};
        case jbvBool:
            return {
                static_cast<JEntry>(value.val.boolean ? JENTRY_ISBOOL_TRUE : JENTRY_ISBOOL_FALSE),
                nullptr, 0, false};
        case jbvString:
            return name_child({value.val.string.val, static_cast<size_t>(value.val.string.len)});
        case jbvNumeric:
            return {JENTRY_ISNUMERIC, value.val.numeric, VARSIZE_ANY(value.val.numeric), true};
        case jbvBinary:
            return {JENTRY_ISCONTAINER, value.val.binary.data,
                    static_cast<size_t>(value.val.binary.len), true};
        default:
            elog(ERROR, "unexpected type of a JSON value: %d", static_cast<int>(value.type));
    }
    pg_unreachable();
}

// The value that starts and ends there, as in fillJsonbValue().
JsonbValue child_value(JEntry entry, char* bytes, uint32 start, uint32 end) {
    uint32 aligned = INTALIGN(start);
    JsonbValue value;
    switch (entry & JENTRY_TYPEMASK) {
        case JENTRY_ISNULL:
            return json_null();
        case JENTRY_ISSTRING:
            return json_string(bytes + start, end - start);
        case JENTRY_ISNUMERIC:
            value.type = jbvNumeric;
            value.val.numeric = reinterpret_cast<Numeric>(bytes + aligned);
            return value;
        case JENTRY_ISBOOL_TRUE:
        case JENTRY_ISBOOL_FALSE:
            value.type = jbvBool;
            value.val.boolean = JBE_ISBOOL_TRUE(entry);
            return value;
        default:
            value.type = jbvBinary;
            value.val.binary.data = reinterpret_cast<JsonbContainer*>(bytes + aligned);
            value.val.binary.len = static_cast<int>(end - aligned);
            return value;
    }
}

// With what it may take to align it.
size_t room_for(const Child& child) {
    return child.length + (child.aligned ? ALIGNOF_INT - 1 : 0);
}

// A packed object: its names are appended first, then its values.
class ObjectWriter {
  public:
    ObjectWriter(int count, size_t room) {
        size_t head = offsetof(Jsonb, root.children) + sizeof(JEntry) * 2 * count;
        if (room > JENTRY_OFFLENMASK)
            ereport(ERROR,
                    (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                     errmsg("total size of jsonb object elements exceeds the maximum of %d bytes",
                            JENTRY_OFFLENMASK)));
        json_ = static_cast<Jsonb*>(palloc(head + room));
        json_->root.header = static_cast<uint32>(count) | JB_FOBJECT;
        data_ = reinterpret_cast<char*>(json_) + head;
    }

    void append(const Child& child) {
        size_t start = end_;
        if (child.aligned)
            while (end_ % ALIGNOF_INT != 0)
                data_[end_++] = 0;
        if (child.length > 0) memcpy(data_ + end_, child.bytes, child.length);
        end_ += child.length;
        bool has_offset = children_ % JB_OFFSET_STRIDE == 0;
        json_->root.children[children_++] =
            child.type | static_cast<JEntry>(has_offset ? JENTRY_HAS_OFF | end_ : end_ - start);
    }

    Jsonb* finish() {
        SET_VARSIZE(json_, data_ + end_ - reinterpret_cast<char*>(json_));
        return json_;
    }

  private:
    Jsonb* json_;
    char* data_;
    size_t end_ = 0;
    int children_ = 0;
};

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

void JsonObject::add(const char* name, const JsonbValue& value) {
    if (count_ == capacity_) {
        capacity_ = capacity_ ? 2 * capacity_ : 8;
        size_t size = sizeof(Member) * capacity_;
        members_ = static_cast<Member*>(members_ ? repalloc(members_, size) : palloc(size));
    }
    members_[count_++] = {name, value};
}

void JsonObject::add(const char* name, Jsonb* value) {
    add(name, value ? unpacked(value) : json_null());
}

// The members in the order of jsonb, the shorter names first.
JsonObject::Member** JsonObject::sorted(int* count) const {
    auto** members = static_cast<Member**>(palloc(sizeof(Member*) * (count_ + 1)));
    for (int i = 0; i < count_; i++)
        members[i] = &members_[i];
    std::sort(members, members + count_, [](const Member* left, const Member* right) {
        if (left->name.size() != right->name.size()) return left->name.size() < right->name.size();
        int order = left->name.compare(right->name);
        return order != 0 ? order < 0 : left > right;
    });
    Member** end = std::unique(
        members, members + count_,
        [](const Member* left, const Member* right) { return left->name == right->name; });
    *count = static_cast<int>(end - members);
    return members;
}

// As JsonbValueToJsonb() would, without its detour: what is nested is packed already.
Jsonb* JsonObject::finish() {
    int count;
    Member** members = sorted(&count);
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += room_for(name_child(members[i]->name)) + room_for(child_of(members[i]->value));
    ObjectWriter writer(count, size);
    for (int i = 0; i < count; i++)
        writer.append(name_child(members[i]->name));
    for (int i = 0; i < count; i++)
        writer.append(child_of(members[i]->value));
    return writer.finish();
}

JsonMembers::JsonMembers(Jsonb* object)
    : container_(&object->root),
      count_(static_cast<int>(JsonContainerSize(container_))),
      bytes_(reinterpret_cast<char*>(&container_->children[2 * count_])),
      values_from_(getJsonbOffset(container_, count_)) {}

bool JsonMembers::next() {
    if (position_ == count_) return false;
    JEntry entry = container_->children[position_];
    uint32 from = names_from_;
    JBE_ADVANCE_OFFSET(names_from_, entry);
    name_ = {bytes_ + from, names_from_ - from};
    entry = container_->children[count_ + position_++];
    from = values_from_;
    JBE_ADVANCE_OFFSET(values_from_, entry);
    value_ = child_value(entry, bytes_, from, values_from_);
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
