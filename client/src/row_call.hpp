#pragma once

#include <pqxx/pqxx>
#include <string_view>
#include <vector>

#include "call.hpp"

namespace interlock {

// A call whose errors name table and key as the caller does, whatever the server's DETAIL told.
// Without a key theirs is the server's, a JSON object.
pqxx::result call_naming(pqxx::transaction_base& tx, const statement& statement,
                         const std::vector<bridge::parameter>& parameters, std::string_view table,
                         const key* key);

}  // namespace interlock
