#include "cannot_run.hpp"

#include <string_view>

namespace contend {

std::string in_one_line(const std::exception& failure) {
    std::string_view text = failure.what();
    for (std::string_view prefix : {"ERROR:  ", "FATAL:  "}) {
        if (auto found = text.find(prefix); found != text.npos)
            text.remove_prefix(found + prefix.size());
    }
    text = text.substr(0, text.find('\n'));
    return std::string{text};
}

}  // namespace contend
