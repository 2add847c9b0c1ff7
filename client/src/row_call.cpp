#include "row_call.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "interlock/error.hpp"
#include "table_name.hpp"
#include "text.hpp"

namespace interlock {
namespace {

template <class Error, class Details>
[[noreturn]] void throw_named(const Error& e, Details details, std::string_view table,
                              const key* key) {
    details.table = table;
    if (key) details.key = key->text();
    throw Error{e.what(), std::move(details)};
}

}  // namespace

pqxx::result call_naming(pqxx::transaction_base& tx, const statement& statement,
                         const std::vector<bridge::parameter>& parameters, std::string_view table,
                         const key* key) {
    try {
        return call(tx, statement, parameters);
    } catch (const lock_not_available& e) {
        throw_named(e, lock_details{{}, {}, e.key(), e.blocking_pids()}, table, key);
    } catch (const row_missing& e) {
        throw_named(e, write_details{.key = e.key()}, table, key);
    } catch (const stale_version& e) {
        throw_named(
            e,
            write_details{
                .key = e.key(), .expected = e.expected(), .current_version = e.current_version()},
            table, key);
    } catch (const lease_held& e) {
        throw_named(e,
                    lease_details{.key = e.key(),
                                  .holder = e.holder(),
                                  .expires_at = e.expires_at(),
                                  .blocking_pid = e.blocking_pid(),
                                  .note = e.note()},
                    table, key);
    }
}

std::string null_of(std::string_view table) {
    return "NULL::" + quoted_table_name(table);
}

bool any_composite(const std::vector<key>& keys) {
    auto composite = std::ranges::count_if(keys, &key::composite);
    if (composite && composite < static_cast<std::ptrdiff_t>(keys.size()))
        throw std::invalid_argument{"either all keys have columns, or none"};
    return composite != 0;
}

std::string text_array(const std::vector<key>& keys) {
    std::vector<std::string> texts;
    for (const auto& key : keys)
        texts.push_back(key.text());
    return array_literal(texts);
}

}  // namespace interlock
