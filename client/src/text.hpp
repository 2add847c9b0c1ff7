#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace interlock {

/// The text itself, if the server can receive it: libpq cuts a parameter at its first zero byte.
inline std::string without_zero_bytes(std::string_view text, const char* what) {
    if (text.find('\0') != std::string_view::npos)
        throw std::invalid_argument{std::string{what} + " holds a zero byte"};
    return std::string{text};
}

/// Messages of the server and of libpq come with a newline at the end.
inline std::string trimmed(std::string message) {
    while (message.ends_with('\n'))
        message.pop_back();
    return message;
}

}  // namespace interlock
