#pragma once

#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "call.hpp"
#include "text.hpp"

namespace interlock {

// A call whose errors name table and key as the caller does, whatever the server's DETAIL told.
// Without a key theirs is the server's, a JSON object.
pqxx::result call_naming(pqxx::transaction_base& tx, const statement& statement,
                         const std::vector<bridge::parameter>& parameters, std::string_view table,
                         const key* key);

// The same for one row: table and key are the first two parameters.
template <class... More>
pqxx::result call_for_row(pqxx::transaction_base& tx, const keyed_statement& statement,
                          std::string_view table, const key& key, More... more) {
    return call_naming(tx, statement.for_key(key),
                       {without_zero_bytes(table, "table"), key.text(), std::move(more)...}, table,
                       &key);
}

// What the server knows a row's type by.
std::string null_of(std::string_view table);

// std::invalid_argument if some keys have columns and others do not.
bool any_composite(const std::vector<key>& keys);
std::string text_array(const std::vector<key>& keys);

}  // namespace interlock
