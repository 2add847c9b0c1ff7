#include "accounts.hpp"

#include <fmt/format.h>

#include <utility>

#include "cannot_run.hpp"

namespace contend {
namespace {

using interlock::bridge::execute;

// "contend" in ASCII. Held until the connection ends.
constexpr const char* try_lock = "SELECT pg_try_advisory_lock(27987032955186788)";

pqxx::result query(pqxx::connection& connection, const std::string& sql,
                   const std::vector<interlock::bridge::parameter>& parameters = {}) {
    pqxx::nontransaction tx{connection};
    return execute(tx, sql, parameters);
}

std::string database(pqxx::connection& connection) {
    return query(connection, "SELECT current_database()")[0][0].as<std::string>();
}

}  // namespace

accounts::accounts(pqxx::connection& connection, int rows, bool needs_interlock)
    : connection_{connection}, rows_{rows} {
    interlock::bridge::forbid_reconnect(connection_);
    // Whoever interrupts us while another session holds the table does not want to wait for that.
    query(connection_, "SET lock_timeout = '3s'");
    check_table();
    lock_out_others();
    find_versioning(needs_interlock);
    remember_balances();
}

accounts::~accounts() {
    try {
        restore();
    } catch (...) {  // whoever wants to know calls restore() himself
    }
}

void accounts::check_table() {
    auto found = query(connection_, "SELECT to_regclass('pgbench_accounts') IS NOT NULL");
    if (!found[0][0].as<bool>())
        throw cannot_run{fmt::format(
            "database \"{0}\" has no table pgbench_accounts: make it with \"pgbench -i {0}\"",
            database(connection_))};
}

void accounts::lock_out_others() {
    if (!query(connection_, try_lock)[0][0].as<bool>())
        throw cannot_run{
            fmt::format("another contend is at work in database \"{}\"", database(connection_))};
}

void accounts::find_versioning(bool needs_interlock) {
    auto installed =
        query(connection_, "SELECT 1 FROM pg_extension WHERE extname = 'interlock'").size() > 0;
    if (needs_interlock && !installed)
        throw cannot_run{fmt::format(
            "database \"{}\" does not have the extension: run \"CREATE EXTENSION interlock\" in it",
            database(connection_))};
    if (installed) {
        auto versioned = query(connection_,
                               "SELECT quote_ident(version_column) FROM interlock.versioned_tables "
                               "WHERE relation = 'pgbench_accounts'::regclass "
                               "AND version_column IS NOT NULL");
        was_versioned_ = versioned_ = versioned.size() > 0;
        if (was_versioned_) version_column_ = versioned[0][0].as<std::string>();
    }
    auto column = query(connection_,
                        "SELECT 1 FROM pg_attribute WHERE attrelid = 'pgbench_accounts'::regclass "
                        "AND attname = 'version' AND NOT attisdropped");
    had_column_ = has_column_ = was_versioned_ || column.size() > 0;
}

void accounts::remember_balances() {
    auto found = query(connection_,
                       "SELECT abalance FROM pgbench_accounts WHERE aid BETWEEN 1 AND $1 "
                       "ORDER BY aid",
                       {std::to_string(rows_)});
    auto count = static_cast<int>(found.size());
    if (count < rows_)
        throw cannot_run{
            fmt::format("pgbench_accounts has {} of the accounts 1 to {}: "
                        "make it anew with \"pgbench -i\", or choose fewer --rows",
                        count, rows_)};
    for (int i = 0; i < count; ++i)
        balances_.push_back(found[i][0].as<std::string>());
}

void accounts::prepare(table_state state) try {
    if (!was_versioned_) {
        set_versioned(state == table_state::versioned);
        if (state == table_state::version_column && !has_column_) {
            query(connection_,
                  "ALTER TABLE pgbench_accounts ADD COLUMN version bigint NOT NULL DEFAULT 1");
            has_column_ = true;
        }
    }
    if (state == table_state::lockable) register_namespace();
    query(connection_, "VACUUM pgbench_accounts");
} catch (const std::exception& e) {
    throw cannot_run{fmt::format("cannot prepare pgbench_accounts: {}", in_one_line(e))};
}

void accounts::set_versioned(bool wanted) {
    if (wanted == versioned_) return;
    query(connection_, wanted ? "SELECT interlock.enable_versioning('pgbench_accounts')"
                              : "SELECT interlock.disable_versioning('pgbench_accounts')");
    versioned_ = wanted;
    has_column_ = true;
}

// One that a killed contend has left is as good.
void accounts::register_namespace() {
    std::string name{lock_namespace};
    auto found =
        query(connection_, "SELECT 1 FROM interlock.lock_namespaces WHERE name = $1", {name});
    if (found.size() > 0) return;
    query(connection_, "SELECT interlock.create_lock_namespace($1)", {name});
    registered_namespace_ = true;
}

std::int64_t accounts::sum() {
    return query(connection_,
                 "SELECT sum(abalance) FROM pgbench_accounts WHERE aid BETWEEN 1 AND $1",
                 {std::to_string(rows_)})[0][0]
        .as<std::int64_t>();
}

void accounts::restore() {
    if (std::exchange(tried_to_restore_, true)) return;
    put_back();
}

void accounts::put_back() {
    pqxx::work tx{connection_};
    if (versioned_ && !was_versioned_)
        execute(tx, "SELECT interlock.disable_versioning('pgbench_accounts')", {});
    if (has_column_ && !had_column_)
        execute(tx, "ALTER TABLE pgbench_accounts DROP COLUMN version", {});
    if (registered_namespace_)
        execute(tx, "SELECT interlock.drop_lock_namespace($1)", {std::string{lock_namespace}});
    for (int i = 0; i < static_cast<int>(balances_.size()); ++i)
        execute(tx, "UPDATE pgbench_accounts SET abalance = $2 WHERE aid = $1",
                {std::to_string(i + 1), balances_[static_cast<std::size_t>(i)]});
    tx.commit();
}

}  // namespace contend
