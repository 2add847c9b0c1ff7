#include "strategy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>

namespace contend {
namespace {

using interlock::isolation;
using interlock::bridge::execute;

void read_and_update(client& client, isolation level, int aid) {
    client.transact(level, [&](pqxx::dbtransaction& tx) {
        auto key = std::to_string(aid);
        auto row = execute(tx, "SELECT abalance FROM pgbench_accounts WHERE aid = $1", {key});
        auto balance = row[0][0].as<std::int64_t>();
        client.think();
        execute(tx, "UPDATE pgbench_accounts SET abalance = $2 WHERE aid = $1",
                {key, std::to_string(balance + 1)});
    });
}

// The code that everybody writes first. Two clients read 7, both write 8, both are told "done".
void read_then_update(client& client, int aid) {
    read_and_update(client, isolation::read_committed, aid);
}

// The same code, and the server looks after it: 40001 for whoever read what another has changed.
void serializable(client& client, int aid) {
    read_and_update(client, isolation::serializable, aid);
}

void versioned_update(client& client, int aid) {
    client.transact(isolation::read_committed, [&](pqxx::dbtransaction& tx) {
        auto read = fmt::format("SELECT abalance, {} FROM pgbench_accounts WHERE aid = $1",
                                client.version_column());
        auto row = execute(tx, read, {std::to_string(aid)});
        auto balance = row[0][0].as<std::int64_t>();
        auto version = row[0][1].as<std::int64_t>();
        client.think();
        interlock::versioned_update(tx, "pgbench_accounts", aid, version,
                                    fmt::format(R"({{"abalance": {}}})", balance + 1));
    });
}

// What one writes without interlock to lose nothing: each statement has to remember the version,
// and somebody has to look at the number of rows.
void compare_and_set(client& client, int aid) {
    client.transact(isolation::read_committed, [&](pqxx::dbtransaction& tx) {
        const auto& column = client.version_column();
        auto key = std::to_string(aid);
        auto read = fmt::format("SELECT abalance, {} FROM pgbench_accounts WHERE aid = $1", column);
        auto row = execute(tx, read, {key});
        auto balance = row[0][0].as<std::int64_t>();
        auto version = row[0][1].as<std::string>();
        client.think();
        auto write = fmt::format(
            "UPDATE pgbench_accounts SET abalance = $2, {0} = {0} + 1 WHERE aid = $1 AND {0} = $3",
            column);
        auto written = execute(tx, write, {key, std::to_string(balance + 1), version});
        if (written.affected_rows() == 0)
            throw interlock::stale_version{"the row is no longer at version " + version};
    });
}

void add_one(pqxx::dbtransaction& tx, int aid, std::int64_t balance) {
    execute(tx, "UPDATE pgbench_accounts SET abalance = $2 WHERE aid = $1",
            {std::to_string(aid), std::to_string(balance + 1)});
}

// Nobody is told of a conflict, because there is none: the others wait, thinking time included.
void pessimistic(client& client, int aid) {
    client.transact(isolation::read_committed, [&](pqxx::dbtransaction& tx) {
        auto balance = interlock::lock_row(
            tx, "pgbench_accounts", aid,
            [](const interlock::locked_row& row) { return row.get<std::int64_t>("abalance"); },
            {.mode = interlock::row_lock_mode::no_key_update});
        client.think();
        add_one(tx, aid, balance);
    });
}

// The same with a lock that is no row's: only those who ask for it are kept out.
void advisory(client& client, int aid) {
    client.transact(isolation::read_committed, [&](pqxx::dbtransaction& tx) {
        interlock::advisory_xact_lock lock{tx, lock_namespace, aid};
        auto row = execute(tx, "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
                           {std::to_string(aid)});
        auto balance = row[0][0].as<std::int64_t>();
        client.think();
        add_one(tx, aid, balance);
    });
}

constexpr strategy strategies[] = {
    {"read-then-update", "SELECT, then UPDATE with what the client computed, in READ COMMITTED",
     table_state::plain, false, read_then_update},
    {"versioned_update", "interlock's versioned_update, run again when it was stale",
     table_state::versioned, true, versioned_update},
    {"compare-and-set", "hand-written UPDATE ... WHERE version = $1, run again on 0 rows",
     table_state::version_column, true, compare_and_set},
    {"serializable", "SELECT, then UPDATE, in SERIALIZABLE, run again on 40001", table_state::plain,
     true, serializable},
    {"pessimistic", "interlock's lock_row, which waits for the row, then UPDATE",
     table_state::lockable, true, pessimistic},
    {"advisory", "interlock's advisory_xact_lock on the account's number, then SELECT and UPDATE",
     table_state::lockable, true, advisory},
};

}  // namespace

std::span<const strategy> all_strategies() {
    return strategies;
}

const strategy* find_strategy(std::string_view name) {
    auto found = std::ranges::find(strategies, name, &strategy::name);
    return found == std::end(strategies) ? nullptr : found;
}

}  // namespace contend
