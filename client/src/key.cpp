#include "interlock/key.hpp"

#include <stdexcept>
#include <utility>

#include "json.hpp"
#include "text.hpp"

namespace interlock {
namespace {

const char* not_null(const char* text) {
    return text ? text : throw std::invalid_argument{"a key must not be a null pointer"};
}

}  // namespace

key::column::column(std::string_view column_name, std::string_view value)
    : name{column_name}, json{json_string(without_zero_bytes(value, "key"))} {}

key::key(std::string text) : text_{std::move(text)} {
    without_zero_bytes(text_, "key");
}
key::key(std::string_view text) : key{std::string{text}} {}
key::key(const char* text) : text_{not_null(text)} {}

key key::columns(std::initializer_list<column> columns) {
    if (columns.size() == 0) throw std::invalid_argument{"a composite key needs columns"};
    std::string object;
    for (const auto& c : columns) {
        object += object.empty() ? "{" : ", ";
        object += json_string(without_zero_bytes(c.name, "key")) + ": " + c.json;
    }
    return json(object + "}");
}

key key::json(std::string object) {
    key result{std::move(object)};
    result.composite_ = true;
    return result;
}

}  // namespace interlock
