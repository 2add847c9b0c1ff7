#include "commit_outcome.hpp"

#include "call.hpp"
#include "interlock/bridge.hpp"
#include "waiting.hpp"

namespace interlock {
namespace {

// pg_xact_status() speaks of a number, and a number can come to mean another transaction:
//  - A crash takes numbers back whose WAL was not flushed yet, and gives them out again. The
//    statistics are reset by crash recovery (pgstat_discard_stats), and by nothing else that is at
//    all usual, so their reset time tells crashes apart. "aborted" is true all the same: had our
//    COMMIT been flushed, recovery would have found it, and the number would not be free.
//  - A failover to a standby that lacks our COMMIT does the same. Its timeline is another one.
const statement take_ticket_statement{"interlock_ticket", R"(
    SELECT pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text,
           CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.substr(
               pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8) END,
           pg_catalog.date_part('epoch', a.stats_reset)::pg_catalog.text
      FROM pg_catalog.pg_stat_get_archiver() AS a)"};

const statement ask_outcome_statement{"interlock_outcome", R"(
    SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() AND $2 = pg_catalog.substr(
               pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)
           THEN pg_catalog.pg_xact_status($1::pg_catalog.xid8) END,
           pg_catalog.date_part('epoch', a.stats_reset)::pg_catalog.text IS NOT DISTINCT FROM $3
      FROM pg_catalog.pg_stat_get_archiver() AS a)"};

std::optional<std::string> text(const pqxx::result& r, int column) {
    if (r[0][column].is_null()) return {};
    return r[0][column].as<std::string>();
}

// No value: the server still works on it, or is not there yet. Ask again.
std::optional<commit_outcome> ask(const commit_ticket& ticket,
                                  const connection_factory& connect) try {
    auto connection = connect();
    pqxx::nontransaction tx{*connection};
    auto r = call(tx, ask_outcome_statement,
                  {ticket.transaction_id, ticket.timeline, ticket.last_crash});
    auto status = text(r, 0);
    bool no_crash = r[0][1].as<bool>();
    if (status == "in progress") return {};
    if (status == "aborted") return commit_outcome::aborted;
    return status == "committed" && no_crash ? commit_outcome::committed : commit_outcome::unknown;
} catch (const std::exception& e) {
    // A number "in the future" was taken back by a crash, and is not given out again yet.
    if (sqlstate_of(e) == "22023") return commit_outcome::aborted;
    return {};
}

}  // namespace

commit_ticket take_ticket(pqxx::transaction_base& tx) {
    auto r = call(tx, take_ticket_statement, {});
    return {text(r, 0), text(r, 1), text(r, 2)};
}

commit_outcome find_out(const commit_ticket& ticket, const transaction_options& options,
                        const retry_policy& policy) {
    auto start = now(policy);
    for (int asked = 1;; ++asked) {
        if (auto outcome = ask(ticket, options.reconnect)) return *outcome;
        auto pause = policy.backoff.bound(asked);
        if (now(policy) - start + pause > options.resolve_within) return commit_outcome::unknown;
        wait(policy, pause);
    }
}

}  // namespace interlock
