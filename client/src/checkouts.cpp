#include "interlock/checkouts.hpp"

#include <utility>

#include "lease_call.hpp"
#include "lock_call.hpp"
#include "row_call.hpp"
#include "text.hpp"

namespace interlock {
namespace {

using std::chrono::nanoseconds;

// Parameters: 1 table, 2 key, then holder, ttl and note, or token and ttl.

const keyed_statement checkout_statement{"interlock_checkout", std::string{R"(
    SELECT )"} + lease_columns + R"(
      FROM interlock.checkout($1::pg_catalog.regclass, $key, $3::pg_catalog.text,
                              $4::pg_catalog.interval, $5::pg_catalog.text) AS r)"};

const keyed_statement try_checkout_statement{"interlock_try_checkout", std::string{R"(
    SELECT r.granted, r.blocking_pid, )"} + lease_columns + R"(
      FROM interlock.try_checkout($1::pg_catalog.regclass, $key, $3::pg_catalog.text,
                                  $4::pg_catalog.interval, $5::pg_catalog.text) AS r)"};

const keyed_statement renew_statement{"interlock_renew_checkout", std::string{R"(
    SELECT )"} + expiry_column + R"(
      FROM interlock.renew_checkout($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                    $4::pg_catalog.interval) AS r (expires_at))"};

const keyed_statement try_renew_statement{"interlock_try_renew_checkout", std::string{R"(
    SELECT )"} + expiry_column + R"(
      FROM interlock.try_renew_checkout($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                        $4::pg_catalog.interval) AS r (expires_at))"};

const keyed_statement use_statement{"interlock_use_checkout", R"(
    SELECT interlock.use_checkout($1::pg_catalog.regclass, $key, $3::pg_catalog.int8))"};

const keyed_statement try_use_statement{"interlock_try_use_checkout", R"(
    SELECT interlock.try_use_checkout($1::pg_catalog.regclass, $key, $3::pg_catalog.int8))"};

const keyed_statement checkin_statement{"interlock_checkin", R"(
    SELECT interlock.checkin($1::pg_catalog.regclass, $key, $3::pg_catalog.int8))"};

const keyed_statement break_statement{"interlock_break_checkout", R"(
    SELECT interlock.break_checkout($1::pg_catalog.regclass, $key))"};

pqxx::result ask_for(pqxx::transaction_base& tx, const keyed_statement& statement,
                     std::string_view table, const key& key, std::string_view holder,
                     nanoseconds ttl, const std::optional<std::string>& note) {
    bridge::parameter text;
    if (note) text = without_zero_bytes(*note, "note");
    return call_for_row(tx, statement, table, key, without_zero_bytes(holder, "holder"),
                        ttl_text(ttl), std::move(text));
}

// The server's own error, with what the caller knows.
template <class... More>
pqxx::result call_as_holder(pqxx::transaction_base& tx, const keyed_statement& statement,
                            std::string_view table, const key& key, std::int64_t token,
                            More... more) {
    try {
        return call_for_row(tx, statement, table, key, std::to_string(token), std::move(more)...);
    } catch (const lease_lost& e) {
        throw lease_lost{e.what(),
                         {.table = std::string{table}, .key = key.text(), .token = token}};
    }
}

}  // namespace

checkout::checkout(pqxx::transaction_base& tx, std::string_view table, const interlock::key& key,
                   std::string_view holder, nanoseconds ttl, const std::optional<std::string>& note)
    : table_{table},
      key_{key},
      granted_{read_granted_lease(ask_for(tx, checkout_statement, table, key, holder, ttl, note))} {
    token_ = granted_->token;
}

checkout::checkout(std::string_view table, const interlock::key& key, std::int64_t token)
    : table_{table}, key_{key}, token_{token} {}

void checkout::use(pqxx::transaction_base& tx) const {
    use_checkout(tx, table_, key_, token_);
}

bool checkout::try_use(pqxx::transaction_base& tx) const {
    return try_use_checkout(tx, table_, key_, token_);
}

server_time checkout::renew(pqxx::transaction_base& tx, nanoseconds ttl) const {
    return renew_checkout(tx, table_, key_, token_, ttl);
}

std::optional<server_time> checkout::try_renew(pqxx::transaction_base& tx, nanoseconds ttl) const {
    return try_renew_checkout(tx, table_, key_, token_, ttl);
}

bool checkout::checkin(pqxx::transaction_base& tx) const {
    return interlock::checkin(tx, table_, key_, token_);
}

lease_result try_checkout(pqxx::transaction_base& tx, std::string_view table, const key& key,
                          std::string_view holder, nanoseconds ttl,
                          const std::optional<std::string>& note) {
    return read_lease_result(ask_for(tx, try_checkout_statement, table, key, holder, ttl, note));
}

server_time renew_checkout(pqxx::transaction_base& tx, std::string_view table, const key& key,
                           std::int64_t token, nanoseconds ttl) {
    return read_expiry(call_as_holder(tx, renew_statement, table, key, token, ttl_text(ttl)))
        .value();
}

std::optional<server_time> try_renew_checkout(pqxx::transaction_base& tx, std::string_view table,
                                              const key& key, std::int64_t token, nanoseconds ttl) {
    return read_expiry(call_as_holder(tx, try_renew_statement, table, key, token, ttl_text(ttl)));
}

void use_checkout(pqxx::transaction_base& tx, std::string_view table, const key& key,
                  std::int64_t token) {
    require_transaction(tx);
    call_as_holder(tx, use_statement, table, key, token);
}

bool try_use_checkout(pqxx::transaction_base& tx, std::string_view table, const key& key,
                      std::int64_t token) {
    require_transaction(tx);
    return call_as_holder(tx, try_use_statement, table, key, token)[0][0].as<bool>();
}

bool checkin(pqxx::transaction_base& tx, std::string_view table, const key& key,
             std::int64_t token) {
    return call_as_holder(tx, checkin_statement, table, key, token)[0][0].as<bool>();
}

bool break_checkout(pqxx::transaction_base& tx, std::string_view table, const key& key) {
    return call_for_row(tx, break_statement, table, key)[0][0].as<bool>();
}

}  // namespace interlock
