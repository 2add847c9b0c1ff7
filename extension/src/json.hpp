// Building JSON from column values and walking the JSON objects that callers send.
#pragma once

#include "postgres.hpp"

namespace interlock {

// Any value as JSON, exactly as to_jsonb() shows it. Keep one per type: it caches the look-up.
struct JsonConverter {
    FmgrInfo function;
    Oid type;
};

JsonbValue json_null();

void prepare_json_converter(JsonConverter& converter, Oid type, MemoryContext context);
JsonbValue to_json(JsonConverter& converter, Datum value);

// A JSON object in the making. Names and values must outlive the call to finish(); of two members
// with one name the last one stays.
class JsonObject {
  public:
    void add(const char* name, const JsonbValue& value);
    void add(const char* name, Jsonb* value);  // a null pointer adds JSON null
    Jsonb* finish();

  private:
    struct Member {
        std::string_view name;
        JsonbValue value;
    };

    Member** sorted(int* count) const;

    Member* members_ = nullptr;
    int count_ = 0;
    int capacity_ = 0;
};

// The members of a JSON object, one next() after the other; nested values stay packed.
class JsonMembers {
  public:
    explicit JsonMembers(Jsonb* object);
    bool next();
    std::string_view name() const { return name_; }
    JsonbValue& value() { return value_; }

  private:
    JsonbContainer* container_;
    int count_;
    char* bytes_;  // of names and values
    int position_ = 0;
    uint32 names_from_ = 0;
    uint32 values_from_;
    std::string_view name_;
    JsonbValue value_;
};

bool is_object(Jsonb* json);

// The member of that name, or null.
JsonbValue* find_member(Jsonb* object, const char* name);

char* json_text(Jsonb* json);

}  // namespace interlock
