#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace interlock {

// 2026-11-22 07:53:48.358729+05:30, as the server writes times into its messages whatever DateStyle
// says (timestamptz_to_str). Nothing of any other text.
std::optional<std::chrono::system_clock::time_point> time_from_text(std::string_view text);

}  // namespace interlock
