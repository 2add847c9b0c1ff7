#include "interlock/leases.hpp"

#include <utility>

#include "call.hpp"
#include "lease_call.hpp"
#include "lock_call.hpp"
#include "text.hpp"

namespace interlock {
namespace {

using std::chrono::nanoseconds;

// Parameters: 1 namespace, 2 key, then holder or token, ttl, payload.

const statement acquire_statement{"interlock_acquire_lease", std::string{R"(
    SELECT r.granted, r.blocking_pid, )"} + lease_columns + R"(
      FROM interlock.try_acquire_lease($1, $2, $3, $4::pg_catalog.interval,
                                       $5::pg_catalog.jsonb) AS r)"};

const statement renew_statement{"interlock_renew_lease", std::string{R"(
    SELECT )"} + expiry_column + R"(
      FROM interlock.try_renew_lease($1, $2, $3::pg_catalog.int8, $4::pg_catalog.interval)
           AS r (expires_at))"};

const statement check_statement{"interlock_check_lease", R"(
    SELECT interlock.check_lease($1, $2, $3::pg_catalog.int8))"};

const statement try_check_statement{"interlock_try_check_lease", R"(
    SELECT interlock.try_check_lease($1, $2, $3::pg_catalog.int8))"};

const statement release_statement{"interlock_release_lease", R"(
    SELECT interlock.release_lease($1, $2, $3::pg_catalog.int8))"};

const statement break_statement{"interlock_break_lease", R"(
    SELECT interlock.break_lease($1, $2))"};

const statement prune_statement{"interlock_prune_leases", R"(
    SELECT interlock.prune_leases($1::pg_catalog.interval))"};

template <class... More>
std::vector<bridge::parameter> parameters(std::string_view lock_namespace, const key& key,
                                          More... more) {
    return {without_zero_bytes(lock_namespace, "lock_namespace"), plain_text(key),
            std::move(more)...};
}

// lease "nightly" of namespace "cron"
std::string name_of_lease(std::string_view lock_namespace, const key& key) {
    return "lease \"" + key.text() + "\" of namespace \"" + std::string{lock_namespace} + "\"";
}

}  // namespace

void throw_held(const lease_result& found, std::string_view lock_namespace, const key& key) {
    auto message = name_of_lease(lock_namespace, key);
    if (found.holder.empty())
        message += " is being taken by another session";
    else
        message += " is held by \"" + found.holder + "\"";
    throw lease_held{message,
                     {.lock_namespace = std::string{lock_namespace},
                      .key = key.text(),
                      .holder = found.holder,
                      .expires_at = found.expires_at,
                      .blocking_pid = found.blocking_pid}};
}

void throw_lost(std::string_view lock_namespace, const key& key, std::int64_t token,
                lease_loss reason, const std::string& why) {
    throw lease_lost{
        name_of_lease(lock_namespace, key) + " is lost: " + why,
        {.lock_namespace = std::string{lock_namespace}, .key = key.text(), .token = token},
        reason};
}

lease_result try_acquire_lease(pqxx::transaction_base& tx, std::string_view lock_namespace,
                               const key& key, std::string_view holder, nanoseconds ttl,
                               const std::optional<std::string>& payload) {
    bridge::parameter json;
    if (payload) json = without_zero_bytes(*payload, "payload");
    auto r = call(tx, acquire_statement,
                  parameters(lock_namespace, key, without_zero_bytes(holder, "holder"),
                             ttl_text(ttl), std::move(json)));
    return read_lease_result(r);
}

granted_lease acquire_lease(pqxx::transaction_base& tx, std::string_view lock_namespace,
                            const key& key, std::string_view holder, nanoseconds ttl,
                            const std::optional<std::string>& payload) {
    auto result = try_acquire_lease(tx, lock_namespace, key, holder, ttl, payload);
    if (!result.granted) throw_held(result, lock_namespace, key);
    return {*result.token, result.holder, *result.acquired_at, *result.expires_at,
            *result.remaining};
}

std::optional<server_time> try_renew_lease(pqxx::transaction_base& tx,
                                           std::string_view lock_namespace, const key& key,
                                           std::int64_t token, nanoseconds ttl) {
    auto r = call(tx, renew_statement,
                  parameters(lock_namespace, key, std::to_string(token), ttl_text(ttl)));
    return read_expiry(r);
}

server_time renew_lease(pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key,
                        std::int64_t token, nanoseconds ttl) {
    auto renewed = try_renew_lease(tx, lock_namespace, key, token, ttl);
    if (!renewed) throw_lost(lock_namespace, key, token, lease_loss::superseded, no_longer_current);
    return *renewed;
}

void check_lease(pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key,
                 std::int64_t token) {
    require_transaction(tx);
    try {
        call(tx, check_statement, parameters(lock_namespace, key, std::to_string(token)));
    } catch (const lease_lost&) {
        throw_lost(lock_namespace, key, token, lease_loss::superseded, no_longer_current);
    }
}

bool try_check_lease(pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key,
                     std::int64_t token) {
    require_transaction(tx);
    return call(tx, try_check_statement,
                parameters(lock_namespace, key, std::to_string(token)))[0][0]
        .as<bool>();
}

bool release_lease(pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key,
                   std::int64_t token) {
    return call(tx, release_statement, parameters(lock_namespace, key, std::to_string(token)))[0][0]
        .as<bool>();
}

bool break_lease(pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key) {
    return call(tx, break_statement, parameters(lock_namespace, key))[0][0].as<bool>();
}

std::int64_t prune_leases(pqxx::transaction_base& tx, nanoseconds older) {
    return call(tx, prune_statement,
                {interval(std::chrono::ceil<std::chrono::microseconds>(older))})[0][0]
        .as<std::int64_t>();
}

}  // namespace interlock
