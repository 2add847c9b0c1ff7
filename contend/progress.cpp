#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace contend {

using std::chrono::steady_clock;

std::string grouped(std::int64_t number) {
    auto digits = std::to_string(number);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        bool first = text.empty() || text == "-";
        if (!first && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

progress::progress(std::string_view strategy, std::optional<std::chrono::duration<double>> planned)
    : strategy_{strategy},
      planned_{planned},
      terminal_{isatty(STDERR_FILENO) == 1},
      start_{steady_clock::now()},
      shown_{start_} {}

progress::~progress() {
    // Whether stderr can still be written to is of no interest any more.
    if (terminal_) std::fputs("\r\x1b[K", stderr);
}

void progress::show(std::int64_t acknowledged, std::int64_t conflicts) {
    auto now = steady_clock::now();
    if (now - shown_ < (terminal_ ? std::chrono::milliseconds{200} : std::chrono::seconds{2}))
        return;
    shown_ = now;
    std::chrono::duration<double> elapsed = now - start_;
    auto limit = planned_ ? fmt::format(" of {:.0f}", planned_->count()) : "";
    auto line = fmt::format("{}: {:.0f}{} s, {} acknowledged, {} conflicts", strategy_,
                            elapsed.count(), limit, grouped(acknowledged), grouped(conflicts));
    auto framed = fmt::format("{}{}{}", terminal_ ? "\r" : "", line, terminal_ ? "\x1b[K" : "\n");
    std::fputs(framed.c_str(), stderr);
    std::fflush(stderr);
}

}  // namespace contend
