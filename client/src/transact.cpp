#include "interlock/transact.hpp"

#include <string>
#include <utility>

#include "commit_outcome.hpp"
#include "interlock/bridge.hpp"
#include "text.hpp"

namespace interlock {
namespace {

std::string begin_command(const transaction_options& options) {
    std::string command = "BEGIN";
    switch (options.isolation) {
        case isolation::session_default:
            break;
        case isolation::read_committed:
            command += " ISOLATION LEVEL READ COMMITTED";
            break;
        case isolation::repeatable_read:
            command += " ISOLATION LEVEL REPEATABLE READ";
            break;
        case isolation::serializable:
            command += " ISOLATION LEVEL SERIALIZABLE";
            break;
    }
    if (options.read_only) command += " READ ONLY";
    if (options.deferrable) command += " DEFERRABLE";
    return command;
}

// The server has answered COMMIT with an error of its own: the transaction is rolled back. All
// else (no code, a lost session, 40003, an allocation that failed here) leaves the question open.
bool is_definite(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(translate(failure));
    } catch (const connection_lost&) {
        return false;
    } catch (const in_doubt&) {
        return false;
    } catch (const std::exception& e) {
        return !sqlstate_of(e).empty();
    }
}

[[noreturn]] void throw_in_doubt(const std::exception& cause, const commit_ticket& ticket) {
    std::optional<std::uint64_t> id;
    std::string name;
    if (ticket.transaction_id) {
        id = std::stoull(*ticket.transaction_id);
        name = " of transaction " + *ticket.transaction_id;
    }
    throw in_doubt{"08007",
                   "the answer to COMMIT" + name + " was lost: " + trimmed(bridge::message(cause)),
                   id};
}

// Returns if the transaction did commit.
void resolve(const std::exception& cause, const commit_ticket& ticket,
             const transaction_options& options, const retry_policy& policy) {
    auto lost = [&](const char* fate) {
        auto code = sqlstate_of(cause);
        return connection_lost{code.empty() ? "08006" : code,
                               std::string{"session lost at COMMIT, "} + fate + ": " +
                                   trimmed(bridge::message(cause))};
    };
    if (!options.reconnect) throw_in_doubt(cause, ticket);
    if (!ticket.transaction_id) throw lost("the transaction had written nothing");
    switch (find_out(ticket, options, policy)) {
        case commit_outcome::committed:
            return;
        case commit_outcome::aborted:
            throw lost("the transaction was rolled back");
        case commit_outcome::unknown:
            throw_in_doubt(cause, ticket);
    }
}

constexpr const char* swallowed_an_error =
    "nothing was committed: the transaction had failed in a statement whose error the body "
    "swallowed";

void commit(bridge::transaction& tx, const transaction_options& options,
            const retry_policy& policy) {
    commit_ticket ticket;
    try {
        if (options.reconnect && !options.read_only) ticket = take_ticket(tx);
        tx.committing.permitted = true;
        tx.commit();
    } catch (const std::exception& e) {
        if (sqlstate_of(e) == "25P02") throw error{"25P02", swallowed_an_error};
        if (!tx.committing.sent || is_definite(std::current_exception())) throw;
        resolve(e, ticket, options, policy);
    }
}

void run_once(connection_type& connection, const retry_policy& policy,
              const transaction_options& options, detail::body_ref body) {
    bridge::transaction tx{connection, begin_command(options)};
    body.call(body.body, tx);
    commit(tx, options, policy);
}

}  // namespace

void detail::run(connection_type& connection, const retry_policy& policy,
                 const transaction_options& options, body_ref body) {
    bridge::forbid_reconnect(connection);
    for (retry_loop loop{policy};;) {
        try {
            return run_once(connection, policy, options, body);
        } catch (...) {
            // By now the transaction object is gone, and with it the transaction: nothing is locked
            // while we wait.
            loop.failed(translate(std::current_exception()));
        }
    }
}

}  // namespace interlock
