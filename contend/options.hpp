#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "statistics.hpp"
#include "strategy.hpp"

namespace contend {

/// What the command line says; the defaults are those of --help.
struct options {
    std::string connection;  // libpq's conninfo; empty: its environment
    int clients = 16;
    int rows = 4;
    std::chrono::duration<double> seconds{6};  // for each strategy
    std::optional<std::int64_t> operations;    // for each client, in place of seconds
    std::chrono::duration<double, std::milli> think{2};
    std::vector<const strategy*> strategies;  // never empty, in the order to run them
    std::uint64_t seed = 1;
    std::string json;  // path, or empty
    bool smoke = false;
};

/// The options, or how to end at once because --help or a mistake was answered.
[[nodiscard]] std::variant<options, exit_code> parse(int argc, const char* const argv[]);

}  // namespace contend
