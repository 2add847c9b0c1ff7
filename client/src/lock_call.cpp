#include "lock_call.hpp"

#include <stdexcept>

#include "call.hpp"

namespace interlock {

bridge::parameter interval(lock_wait wait) {
    if (!wait.bound()) return {};
    return interval(std::chrono::ceil<std::chrono::microseconds>(*wait.bound()));
}

std::string interval(std::chrono::microseconds time) {
    return std::to_string(time.count()) + " microseconds";
}

const std::string& plain_text(const key& key) {
    if (key.composite())
        throw std::invalid_argument{
            "the key of an advisory lock or a lease has one value, not columns"};
    return key.text();
}

void require_transaction(const pqxx::transaction_base& tx) {
    if (commits_by_itself(tx))
        throw std::invalid_argument{
            "a pqxx::nontransaction would give the lock back at once: use a transaction"};
}

}  // namespace interlock
