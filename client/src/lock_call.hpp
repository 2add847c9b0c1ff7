#pragma once

#include <chrono>
#include <pqxx/pqxx>
#include <string>

#include "interlock/bridge.hpp"
#include "interlock/key.hpp"
#include "interlock/lock_wait.hpp"

namespace interlock {

// The bound as a parameter of type interval: NULL for none.
bridge::parameter interval(lock_wait wait);
std::string interval(std::chrono::microseconds time);

// The text of a key in a namespace; std::invalid_argument for one of columns.
const std::string& plain_text(const key& key);

// std::invalid_argument for a transaction that commits each statement by itself, and with it would
// give the lock back at once.
void require_transaction(const pqxx::transaction_base& tx);

inline const char* boolean(bool value) {
    return value ? "t" : "f";
}

}  // namespace interlock
