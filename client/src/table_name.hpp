#pragma once

#include <string>
#include <string_view>

namespace interlock {

// A table's name as in SQL (accounts, sales.orders, "Mixed Case"), every part of it quoted: for the
// rare statement whose text it must be in. std::invalid_argument for what is no name.
std::string quoted_table_name(std::string_view name);

}  // namespace interlock
