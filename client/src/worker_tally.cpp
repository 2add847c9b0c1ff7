#include "worker_tally.hpp"

#include <string>

namespace interlock {

// Empty for what is not the server's answer: nobody knows whether it did what it was asked for.
static std::string answered_sqlstate(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const connection_lost&) {
        return {};
    } catch (const in_doubt&) {
        return {};
    } catch (const std::exception& e) {
        return std::string{sqlstate_of(e)};
    } catch (...) {
        return {};
    }
}

bool is_passing(const std::exception_ptr& failure) {
    auto code = answered_sqlstate(failure);
    return code.empty() || code.starts_with("40") || code.starts_with("53") ||
           code.starts_with("57") || code == "55P03" || code == "25006";
}

bool is_unknown(const std::exception_ptr& failure) {
    return answered_sqlstate(failure).empty();
}

std::string message_of(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an exception of an unknown type";
    }
}

}  // namespace interlock
