#include "interlock/claims.hpp"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "lease_call.hpp"
#include "lock_call.hpp"
#include "row_call.hpp"
#include "text.hpp"

namespace interlock {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view result_names[] = {"done", "lost", "missing", "busy"};

// Parameters: 1 table, 2 key, 3 token, then what else.

const keyed_statement finish_statement{"interlock_finish_claim", R"(
    SELECT interlock.finish_claim($1::pg_catalog.regclass, $key, $3::pg_catalog.int8))"};

const keyed_statement try_finish_statement{"interlock_try_finish_claim", R"(
    SELECT interlock.try_finish_claim($1::pg_catalog.regclass, $key, $3::pg_catalog.int8))"};

const keyed_statement renew_statement{"interlock_renew_claim", std::string{R"(
    SELECT )"} + expiry_column + R"(
      FROM interlock.renew_claim($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                 $4::pg_catalog.interval) AS r (expires_at))"};

const keyed_statement try_renew_statement{"interlock_try_renew_claim", std::string{R"(
    SELECT )"} + expiry_column + R"(
      FROM interlock.try_renew_claim($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                     $4::pg_catalog.interval) AS r (expires_at))"};

const keyed_statement release_statement{"interlock_release_claim", R"(
    SELECT interlock.release_claim($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                   $4::pg_catalog.text, $5::pg_catalog.interval))"};

const keyed_statement try_release_statement{"interlock_try_release_claim", R"(
    SELECT interlock.try_release_claim($1::pg_catalog.regclass, $key, $3::pg_catalog.int8,
                                       $4::pg_catalog.text, $5::pg_catalog.interval))"};

const keyed_statement revive_statement{"interlock_revive_claim", R"(
    SELECT interlock.revive_claim($1::pg_catalog.regclass, $key))"};

const keyed_statement try_revive_statement{"interlock_try_revive_claim", R"(
    SELECT interlock.try_revive_claim($1::pg_catalog.regclass, $key))"};

const statement worker_statement{"interlock_release_worker", R"(
    SELECT interlock.release_worker($1::pg_catalog.regclass, $2::pg_catalog.text))"};

// One row for each column of the key, in the key's order. The columns of the marker trigger are in
// the order of the roles that its first argument names.
const statement table_statement{"interlock_work_table", R"(
    SELECT n.nspname, c.relname, pg_catalog.quote_ident(k.attname),
           pg_catalog.quote_literal(k.attname),
           pg_catalog.quote_ident(role.attempts), pg_catalog.quote_ident(role.claim_token),
           pg_catalog.quote_ident(role.claimed_until),
           EXISTS (SELECT FROM pg_catalog.pg_trigger AS t
                    WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid
                      AND t.tgfoid OPERATOR(pg_catalog.=)
                          'interlock.claim_notify()'::pg_catalog.regprocedure)
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
     CROSS JOIN LATERAL (
           SELECT pg_catalog.max(a.attname::pg_catalog.text)
                      FILTER (WHERE r.role OPERATOR(pg_catalog.=) 'attempts') AS attempts,
                  pg_catalog.max(a.attname::pg_catalog.text)
                      FILTER (WHERE r.role OPERATOR(pg_catalog.=) 'claim_token') AS claim_token,
                  pg_catalog.max(a.attname::pg_catalog.text)
                      FILTER (WHERE r.role OPERATOR(pg_catalog.=) 'claimed_until') AS claimed_until
             FROM pg_catalog.pg_trigger AS t
            CROSS JOIN LATERAL pg_catalog.unnest(
                  pg_catalog.string_to_array(pg_catalog.substr(pg_catalog.split_part(
                      pg_catalog.encode(t.tgargs, 'escape'), E'\\000', 1), 9), ' '))
                  WITH ORDINALITY AS r (role, place)
             JOIN pg_catalog.pg_attribute AS a
               ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid
              AND a.attnum OPERATOR(pg_catalog.=) t.tgattr[r.place::pg_catalog.int4 - 1]
            WHERE t.tgrelid OPERATOR(pg_catalog.=) c.oid
              AND t.tgfoid OPERATOR(pg_catalog.=)
                  'interlock.claim_columns()'::pg_catalog.regprocedure) AS role
      JOIN pg_catalog.pg_index AS i
        ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND i.indisprimary
     CROSS JOIN LATERAL pg_catalog.generate_series(0, i.indnkeyatts - 1) AS place
      JOIN pg_catalog.pg_attribute AS k
        ON k.attrelid OPERATOR(pg_catalog.=) c.oid
       AND k.attnum OPERATOR(pg_catalog.=) i.indkey[place]
     WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass AND role.claim_token IS NOT NULL
     ORDER BY place)"};

std::string text_of(const pqxx::result& r, int row, int column) {
    return r[row][column].as<std::string>();
}

// A key of one column as its text, one of several as an object of all.
std::string key_expression(const pqxx::result& columns) {
    if (columns.size() == 1) return "r." + text_of(columns, 0, 2) + "::pg_catalog.text";
    std::string members;
    for (int i = 0; i < static_cast<int>(columns.size()); ++i)
        members += (i ? ", " : "") + text_of(columns, i, 3) + ", r." + text_of(columns, i, 2);
    return "pg_catalog.jsonb_build_object(" + members + ")";
}

// Names of ours are such as no table has: the table's columns are found by theirs.
std::string claiming_statement(std::string_view table, const pqxx::result& columns) {
    return "SELECT " + key_expression(columns) + R"( AS "interlock.key", r.)" +
           text_of(columns, 0, 5) + R"( AS "interlock.token", r.)" + text_of(columns, 0, 4) +
           R"( AS "interlock.attempts", (EXTRACT(epoch FROM r.)" + text_of(columns, 0, 6) +
           R"() OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 AS "interlock.until", r.*
      FROM interlock.claim_rows()" +
           null_of(table) +
           ", $1::pg_catalog.text, $2::pg_catalog.int4, $3::pg_catalog.interval, "
           "$4::pg_catalog.text) AS r";
}

template <class... More>
pqxx::result call_as_worker(pqxx::transaction_base& tx, const keyed_statement& statement,
                            std::string_view table, const key& key, std::int64_t token,
                            More... more) {
    try {
        return call_for_row(tx, statement, table, key, std::to_string(token), std::move(more)...);
    } catch (const claim_lost& e) {
        throw claim_lost{e.what(),
                         {.table = std::string{table},
                          .key = key.text(),
                          .token = token,
                          .worker = e.worker(),
                          .claimed_until = e.claimed_until(),
                          .finished_at = e.finished_at(),
                          .dead_at = e.dead_at(),
                          .missing = e.missing()}};
    }
}

bridge::parameter error_of(const release_options& options) {
    if (!options.error) return {};
    return without_zero_bytes(*options.error, "error");
}

bridge::parameter retry_in_of(const release_options& options) {
    if (!options.retry_in) return {};
    return ttl_text(*options.retry_in);
}

pqxx::result release(pqxx::transaction_base& tx, const keyed_statement& statement,
                     std::string_view table, const key& key, std::int64_t token,
                     const release_options& options) {
    return call_as_worker(tx, statement, table, key, token, error_of(options),
                          retry_in_of(options));
}

claim_result read_result(const pqxx::result& r, int row, int column) {
    auto name = text_of(r, row, column);
    auto found = std::ranges::find(result_names, name);
    if (found == std::end(result_names))
        throw std::runtime_error{"unknown claim result \"" + name +
                                 "\": the extension is newer than this library"};
    return static_cast<claim_result>(found - std::begin(result_names));
}

// The parameters that functions for many rows have after table, keys and tokens.
struct more_parameters {
    std::string types{};  // ", $4::…"
    std::vector<bridge::parameter> values{};
};

std::vector<keyed_claim_result> call_for_many(pqxx::transaction_base& tx,
                                              const std::string& function, std::string_view table,
                                              const std::vector<claim>& claims,
                                              const more_parameters& more) {
    std::vector<key> keys;
    std::vector<std::string> tokens;
    for (const auto& c : claims) {
        keys.push_back(c.key);
        tokens.push_back(std::to_string(c.token));
    }
    bool columns = any_composite(keys);
    statement many{"interlock_" + function + (columns ? "_columns" : ""),
                   "SELECT r.key, r.status::pg_catalog.text FROM interlock." + function +
                       "($1::pg_catalog.regclass, $2::pg_catalog." + (columns ? "jsonb" : "text") +
                       "[], $3::pg_catalog.int8[]" + more.types + ") AS r"};
    std::vector<bridge::parameter> parameters{without_zero_bytes(table, "table"), text_array(keys),
                                              array_literal(tokens)};
    parameters.insert(parameters.end(), more.values.begin(), more.values.end());
    auto r = call_naming(tx, many, parameters, table, nullptr);
    std::vector<keyed_claim_result> results;
    for (int i = 0; i < static_cast<int>(r.size()); ++i)
        results.push_back({key::json(text_of(r, i, 0)), read_result(r, i, 1)});
    return results;
}

}  // namespace

std::string_view to_string(claim_result result) noexcept {
    return result_names[static_cast<int>(result)];
}

work_table::work_table(pqxx::transaction_base& tx, std::string_view table) : name_{table} {
    auto r = call(tx, table_statement, {without_zero_bytes(table, "table")});
    if (r.empty())
        throw error{"55000", "claims are not enabled on table \"" + name_ +
                                 "\": call interlock.enable_claims"};
    schema_ = text_of(r, 0, 0);
    relation_ = text_of(r, 0, 1);
    notify_ = r[0][7].as<bool>();
    claiming_ = claiming_statement(table, r);
}

namespace detail {

// Never prepared: a prepared statement fails once the columns of its result have changed.
pqxx::result claim_rows(pqxx::transaction_base& tx, const work_table& table,
                        std::string_view worker, const claim_options& options) {
    bridge::parameter queue;
    if (options.queue) queue = without_zero_bytes(*options.queue, "queue");
    return call(tx, {{}, table.claiming()},
                {without_zero_bytes(worker, "worker"), std::to_string(options.n),
                 ttl_text(options.ttl), std::move(queue)});
}

claimed<std::monostate> read_claim(const pqxx::result& r, int row) {
    constexpr unsigned jsonb = 3802;
    auto text = text_of(r, row, 0);
    return {r.column_type(0) == jsonb ? key::json(text) : key{text},
            r[row][1].as<std::int64_t>(),
            r[row][2].as<int>(),
            server_time{std::chrono::microseconds{r[row][3].as<std::int64_t>()}},
            {}};
}

}  // namespace detail

void finish_claim(pqxx::transaction_base& tx, std::string_view table, const key& key,
                  std::int64_t token) {
    call_as_worker(tx, finish_statement, table, key, token);
}

bool try_finish_claim(pqxx::transaction_base& tx, std::string_view table, const key& key,
                      std::int64_t token) {
    return call_as_worker(tx, try_finish_statement, table, key, token)[0][0].as<bool>();
}

std::vector<keyed_claim_result> finish_claims(pqxx::transaction_base& tx, std::string_view table,
                                              const std::vector<claim>& claims) {
    return call_for_many(tx, "finish_claims", table, claims, {});
}

server_time renew_claim(pqxx::transaction_base& tx, std::string_view table, const key& key,
                        std::int64_t token, nanoseconds ttl) {
    return read_expiry(call_as_worker(tx, renew_statement, table, key, token, ttl_text(ttl)))
        .value();
}

std::optional<server_time> try_renew_claim(pqxx::transaction_base& tx, std::string_view table,
                                           const key& key, std::int64_t token, nanoseconds ttl) {
    return read_expiry(call_as_worker(tx, try_renew_statement, table, key, token, ttl_text(ttl)));
}

std::vector<keyed_claim_result> renew_claims(pqxx::transaction_base& tx, std::string_view table,
                                             const std::vector<claim>& claims, nanoseconds ttl) {
    return call_for_many(tx, "renew_claims", table, claims,
                         {", $4::pg_catalog.interval", {ttl_text(ttl)}});
}

void release_claim(pqxx::transaction_base& tx, std::string_view table, const key& key,
                   std::int64_t token, const release_options& options) {
    release(tx, release_statement, table, key, token, options);
}

bool try_release_claim(pqxx::transaction_base& tx, std::string_view table, const key& key,
                       std::int64_t token, const release_options& options) {
    return release(tx, try_release_statement, table, key, token, options)[0][0].as<bool>();
}

std::vector<keyed_claim_result> release_claims(pqxx::transaction_base& tx, std::string_view table,
                                               const std::vector<claim>& claims,
                                               const release_options& options) {
    return call_for_many(tx, "release_claims", table, claims,
                         {", $4::pg_catalog.text, $5::pg_catalog.interval",
                          {error_of(options), retry_in_of(options)}});
}

void revive_claim(pqxx::transaction_base& tx, std::string_view table, const key& key) {
    call_for_row(tx, revive_statement, table, key);
}

bool try_revive_claim(pqxx::transaction_base& tx, std::string_view table, const key& key) {
    return call_for_row(tx, try_revive_statement, table, key)[0][0].as<bool>();
}

std::int64_t release_worker(pqxx::transaction_base& tx, std::string_view table,
                            std::string_view worker) {
    return call(tx, worker_statement,
                {without_zero_bytes(table, "table"), without_zero_bytes(worker, "worker")})[0][0]
        .as<std::int64_t>();
}

}  // namespace interlock
