#pragma once

#include <optional>
#include <string>

#include "interlock/retry.hpp"
#include "interlock/transact.hpp"

namespace interlock {

// What must be known before COMMIT to find out afterwards what became of it.
struct commit_ticket {
    std::optional<std::string> transaction_id;  // none: the transaction has written nothing
    std::optional<std::string> timeline;        // none: the server was a standby
    std::optional<std::string> last_crash;
};

enum class commit_outcome { committed, aborted, unknown };

// Asks for the ticket, in one statement of the transaction itself.
commit_ticket take_ticket(pqxx::transaction_base& tx);

// Asks on new connections until one knows, or the options' time is over. Throws only what the
// policy's clock and sleeper throw; a factory that throws has not reached the server yet.
commit_outcome find_out(const commit_ticket& ticket, const transaction_options& options,
                        const retry_policy& policy);

}  // namespace interlock
