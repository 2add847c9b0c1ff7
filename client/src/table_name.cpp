#include "table_name.hpp"

#include <optional>
#include <stdexcept>

namespace interlock {
namespace {

bool begins_identifier(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}

bool continues_identifier(char c) {
    return begins_identifier(c) || (c >= '0' && c <= '9') || c == '$';
}

// As the server folds a name that is not quoted.
char folded(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// One part from `at` on, quoted, and `at` behind it; nothing if there is none.
std::optional<std::string> plain_part(std::string_view name, std::size_t& at) {
    if (at >= name.size() || !begins_identifier(name[at])) return {};
    std::string part{'"'};
    for (; at < name.size() && continues_identifier(name[at]); ++at)
        part += folded(name[at]);
    return part += '"';
}

std::optional<std::string> quoted_part(std::string_view name, std::size_t& at) {
    if (at >= name.size() || name[at] != '"') return {};
    auto begin = at++;
    for (; at < name.size(); ++at) {
        if (name[at] == '\0') return {};
        if (name[at] != '"') continue;
        bool doubled = at + 1 < name.size() && name[at + 1] == '"';
        if (!doubled) {
            ++at;
            auto part = name.substr(begin, at - begin);
            if (part.size() == 2) return {};
            return std::string{part};
        }
        ++at;
    }
    return {};
}

}  // namespace

std::string quoted_table_name(std::string_view name) {
    std::string quoted;
    for (std::size_t at = 0;; ++at) {
        auto part = plain_part(name, at);
        if (!part) part = quoted_part(name, at);
        if (!part) break;
        quoted += *part;
        if (at == name.size()) return quoted;
        if (name[at] != '.') break;
        quoted += '.';
    }
    throw std::invalid_argument{"\"" + std::string{name} + "\" is not a table's name"};
}

}  // namespace interlock
