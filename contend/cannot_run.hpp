#pragma once

#include <stdexcept>
#include <string>

namespace contend {

/// Nothing was measured, and what() says why in one sentence.
struct cannot_run : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The first line of what a library or the server said, without "ERROR:".
[[nodiscard]] std::string in_one_line(const std::exception& failure);

}  // namespace contend
