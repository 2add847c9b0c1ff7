#include "worker_tally.hpp"

#include <random>

#include "growing_pause.hpp"

namespace interlock {

double random_share() {
    thread_local std::minstd_rand engine{std::random_device{}()};
    return std::uniform_real_distribution<double>{0, 1}(engine);
}

bool is_passing(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const connection_lost&) {
        return true;
    } catch (const in_doubt&) {
        return true;
    } catch (const std::exception& e) {
        auto code = sqlstate_of(e);
        return code.empty() || code.starts_with("40") || code.starts_with("53") ||
               code.starts_with("57") || code == "55P03" || code == "25006";
    } catch (...) {
        return true;
    }
}

bool is_unknown(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const connection_lost&) {
        return true;
    } catch (const in_doubt&) {
        return true;
    } catch (const std::exception& e) {
        return sqlstate_of(e).empty();
    } catch (...) {
        return true;
    }
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
