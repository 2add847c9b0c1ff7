#include "random_share.hpp"

#include <random>

namespace interlock {

double random_share() {
    thread_local std::mt19937_64 engine{std::random_device{}()};
    return std::uniform_real_distribution<double>{}(engine);
}

}  // namespace interlock
