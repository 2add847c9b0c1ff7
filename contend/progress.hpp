#pragma once

// What the user sees while it runs, on stderr: one line that is written over and over on a
// terminal, a line every two seconds otherwise.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace contend {

/// "1,234,567"
[[nodiscard]] std::string grouped(std::int64_t number);

class progress {
  public:
    /// `planned`: how long it will take, where that is known.
    progress(std::string_view strategy, std::optional<std::chrono::duration<double>> planned);
    /// Leaves the terminal's line empty.
    ~progress();
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    /// To be called often; shows what is due.
    void show(std::int64_t acknowledged, std::int64_t conflicts);

  private:
    std::string strategy_;
    std::optional<std::chrono::duration<double>> planned_;
    bool terminal_;
    std::chrono::steady_clock::time_point start_;
    std::chrono::steady_clock::time_point shown_;
};

}  // namespace contend
