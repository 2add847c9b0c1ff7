// Writes that rest on the row's values as they were read, not on its version.

#include "call.hpp"
#include "interlock/versioning.hpp"
#include "outcome.hpp"
#include "text.hpp"

namespace interlock {
namespace {

const keyed_statement merge{"interlock_merge", R"(
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts
      FROM interlock.try_versioned_merge($1::pg_catalog.regclass, $key, $3::pg_catalog.jsonb,
                                         $4::pg_catalog.jsonb) AS r)"};

const keyed_statement compare{"interlock_compare", R"(
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts
      FROM interlock.try_compare_and_update($1::pg_catalog.regclass, $key, $3::pg_catalog.jsonb,
                                            $4::pg_catalog.jsonb) AS r)"};

}  // namespace

write_result try_versioned_merge(pqxx::transaction_base& tx, std::string_view table, const key& key,
                                 std::string_view base, std::string_view changes) {
    return read_result(
        call(tx, merge.for_key(key),
             {without_zero_bytes(table, "table"), key.text(), without_zero_bytes(base, "base"),
              without_zero_bytes(changes, "changes")}));
}

std::optional<std::int64_t> versioned_merge(pqxx::transaction_base& tx, std::string_view table,
                                            const key& key, std::string_view base,
                                            std::string_view changes) {
    auto result = try_versioned_merge(tx, table, key, base, changes);
    raise_unless_done(result, table, key.text());
    return result.version;
}

write_result try_compare_and_update(pqxx::transaction_base& tx, std::string_view table,
                                    const key& key, std::string_view expected,
                                    std::string_view changes) {
    return read_result(
        call(tx, compare.for_key(key),
             {without_zero_bytes(table, "table"), key.text(),
              without_zero_bytes(expected, "expected"), without_zero_bytes(changes, "changes")}));
}

void compare_and_update(pqxx::transaction_base& tx, std::string_view table, const key& key,
                        std::string_view expected, std::string_view changes) {
    raise_unless_done(try_compare_and_update(tx, table, key, expected, changes), table, key.text());
}

}  // namespace interlock
