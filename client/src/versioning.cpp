#include "interlock/versioning.hpp"

#include "call.hpp"
#include "outcome.hpp"
#include "text.hpp"

namespace interlock {
namespace {

bridge::parameter optional_text(std::optional<std::string_view> text, const char* what) {
    if (!text) return {};
    return without_zero_bytes(*text, what);
}

const char* name_of(check_lock lock) {
    return lock == check_lock::share ? "share" : "no key update";
}

const keyed_statement update{"interlock_update", R"(
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts
      FROM interlock.try_versioned_update($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                          $4::pg_catalog.jsonb, $5::pg_catalog.jsonb) AS r)"};

const keyed_statement remove{"interlock_delete", R"(
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts
      FROM interlock.try_versioned_delete($1::pg_catalog.regclass, $key,
                                          $3::pg_catalog.int8) AS r)"};

const keyed_statement touch{"interlock_touch", R"(
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts
      FROM interlock.try_versioned_touch($1::pg_catalog.regclass, $key,
                                         $3::pg_catalog.int8) AS r)"};

const keyed_statement check{"interlock_check", R"(
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts
      FROM interlock.try_versioned_check($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                         $4::pg_catalog.text) AS r)"};

const statement upsert{"interlock_upsert", R"(
    SELECT r.status::pg_catalog.text, r.version, r.current, r.conflicts
      FROM interlock.try_versioned_upsert($1::pg_catalog.regclass, $2::pg_catalog.jsonb,
                                          $3::pg_catalog.int8) AS r)"};

// The part of a row that is its key; null if the relation has no primary key, as a view.
const statement key_of_row{"interlock_key_of_row", R"(
    SELECT pg_catalog.jsonb_object_agg(
               a.attname, pg_catalog.jsonb_extract_path($2::pg_catalog.jsonb, a.attname::text))
      FROM pg_catalog.pg_index AS i
      JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
       AND a.attnum OPERATOR(pg_catalog.=) ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
     WHERE i.indrelid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass AND i.indisprimary)"};

std::string ask_key(pqxx::transaction_base& tx, std::string_view table, std::string_view row) {
    auto r = call(tx, key_of_row, {std::string{table}, std::string{row}});
    return r[0][0].is_null() ? std::string{} : r[0][0].as<std::string>();
}

}  // namespace

write_result try_versioned_update(pqxx::transaction_base& tx, std::string_view table,
                                  const key& key, std::int64_t expected, std::string_view changes,
                                  std::optional<std::string_view> base) {
    return read_result(
        call(tx, update.for_key(key),
             {without_zero_bytes(table, "table"), key.text(), std::to_string(expected),
              without_zero_bytes(changes, "changes"), optional_text(base, "base")}));
}

std::int64_t versioned_update(pqxx::transaction_base& tx, std::string_view table, const key& key,
                              std::int64_t expected, std::string_view changes,
                              std::optional<std::string_view> base) {
    auto result = try_versioned_update(tx, table, key, expected, changes, base);
    raise_unless_done(result, table, key.text(), expected);
    return result.version.value();
}

write_result try_versioned_delete(pqxx::transaction_base& tx, std::string_view table,
                                  const key& key, std::int64_t expected) {
    return read_result(
        call(tx, remove.for_key(key),
             {without_zero_bytes(table, "table"), key.text(), std::to_string(expected)}));
}

void versioned_delete(pqxx::transaction_base& tx, std::string_view table, const key& key,
                      std::int64_t expected) {
    raise_unless_done(try_versioned_delete(tx, table, key, expected), table, key.text(), expected);
}

write_result try_versioned_touch(pqxx::transaction_base& tx, std::string_view table, const key& key,
                                 std::int64_t expected) {
    return read_result(
        call(tx, touch.for_key(key),
             {without_zero_bytes(table, "table"), key.text(), std::to_string(expected)}));
}

std::int64_t versioned_touch(pqxx::transaction_base& tx, std::string_view table, const key& key,
                             std::int64_t expected) {
    auto result = try_versioned_touch(tx, table, key, expected);
    raise_unless_done(result, table, key.text(), expected);
    return result.version.value();
}

write_result try_versioned_check(pqxx::transaction_base& tx, std::string_view table, const key& key,
                                 std::int64_t expected, check_lock lock) {
    return read_result(call(
        tx, check.for_key(key),
        {without_zero_bytes(table, "table"), key.text(), std::to_string(expected), name_of(lock)}));
}

void versioned_check(pqxx::transaction_base& tx, std::string_view table, const key& key,
                     std::int64_t expected, check_lock lock) {
    raise_unless_done(try_versioned_check(tx, table, key, expected, lock), table, key.text(),
                      expected);
}

write_result try_versioned_upsert(pqxx::transaction_base& tx, std::string_view table,
                                  std::string_view new_row, std::optional<std::int64_t> expected) {
    bridge::parameter version;
    if (expected) version = std::to_string(*expected);
    return read_result(call(
        tx, upsert,
        {without_zero_bytes(table, "table"), without_zero_bytes(new_row, "new_row"), version}));
}

std::int64_t versioned_upsert(pqxx::transaction_base& tx, std::string_view table,
                              std::string_view new_row, std::optional<std::int64_t> expected) {
    auto result = try_versioned_upsert(tx, table, new_row, expected);
    if (!result.ok()) raise_unless_done(result, table, ask_key(tx, table, new_row), expected);
    return result.version.value();
}

}  // namespace interlock
