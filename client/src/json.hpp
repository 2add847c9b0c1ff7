#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace interlock {

// The text as a JSON string.
std::string json_string(std::string_view text);

struct json_member {
    std::string name;
    std::string value;  // as it is written
};

// A JSON object's members, in their order. Of a text that is no JSON object: those up to where it
// goes wrong.
std::vector<json_member> json_object(std::string_view object);

// What a string's text says; the text itself of anything else.
std::string json_value(std::string_view text);

// The names of a JSON object's members, in their order. Of a text that is no JSON object: those up
// to where it goes wrong.
std::vector<std::string> json_members(std::string_view object);

}  // namespace interlock
