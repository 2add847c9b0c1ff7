#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace interlock {

/// The text itself, if the server can receive it: libpq cuts a parameter at its first zero byte.
inline std::string without_zero_bytes(std::string_view text, const char* what) {
    if (text.find('\0') != std::string_view::npos)
        throw std::invalid_argument{std::string{what} + " holds a zero byte"};
    return std::string{text};
}

/// The texts as an array of PostgreSQL.
inline std::string array_literal(const std::vector<std::string>& texts) {
    std::string array{'{'};
    for (const auto& text : texts) {
        array += array.size() > 1 ? ",\"" : "\"";
        for (char c : text) {
            if (c == '"' || c == '\\') array += '\\';
            array += c;
        }
        array += '"';
    }
    return array += '}';
}

/// Messages of the server and of libpq come with a newline at the end.
inline std::string trimmed(std::string message) {
    while (message.ends_with('\n'))
        message.pop_back();
    return message;
}

}  // namespace interlock
