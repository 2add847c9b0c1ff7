#include "lock_call.hpp"

#include <chrono>
#include <stdexcept>

#include "call.hpp"

namespace interlock {

bridge::parameter interval(lock_wait wait) {
    if (!wait.bound()) return {};
    auto bound = std::chrono::ceil<std::chrono::microseconds>(*wait.bound());
    return std::to_string(bound.count()) + " microseconds";
}

void require_transaction(const pqxx::transaction_base& tx) {
    if (commits_by_itself(tx))
        throw std::invalid_argument{
            "a pqxx::nontransaction would give the lock back at once: use a transaction"};
}

}  // namespace interlock
