#include "row_call.hpp"

#include <utility>

#include "interlock/error.hpp"

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

}  // namespace interlock
