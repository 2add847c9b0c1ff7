#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace interlock {

// The text as a JSON string.
std::string json_string(std::string_view text);

// The names of a JSON object's members, in their order. Of a text that is no JSON object: those up
// to where it goes wrong.
std::vector<std::string> json_members(std::string_view object);

}  // namespace interlock
