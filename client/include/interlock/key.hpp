#pragma once

// How a row is named, or an advisory lock in its namespace. The usual keys convert by themselves;
// several columns go by name:
//
//     versioned_update(tx, "accounts", 7, …);
//     versioned_update(tx, "documents", "b0b5c0de-0000-4000-8000-000000000000", …);
//     versioned_update(tx, "order_lines", key::columns({{"order_id", 7}, {"line", 2}}), …);
//
// A key is always sent as a bound parameter, never as part of the SQL. A plain key is sent without
// a type, so that the server reads it with the key column's own input function: 7, "7" and a uuid
// or timestamp as text all work. A composite key is sent as jsonb.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "interlock/export.hpp"

namespace interlock {

/// True for the integer types that are numbers: bool and characters are not.
template <class T>
concept integer_key = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                      !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                      !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

/// The key of one row. Owns its text; copies are independent.
class INTERLOCK_EXPORT key {
  public:
    /// One column of a composite key: its name and its value.
    struct column {
        template <integer_key T>
        column(std::string_view column_name, T value)
            : name{column_name}, json{std::to_string(value)} {}
        column(std::string_view column_name, std::string_view value);

        std::string name;
        std::string json;  // the value as a JSON number or string
    };

    template <integer_key T>
    key(T value) : text_{std::to_string(value)} {}  // NOLINT: implicit on purpose
    /// Any other single-column key, as the column's type reads it.
    /// @throws std::invalid_argument if the text holds a zero byte, where libpq would cut it off
    ///     and name another row.
    key(std::string text);       // NOLINT
    key(std::string_view text);  // NOLINT
    key(const char* text);       // NOLINT

    /// A composite key, by column name. Text values must be UTF-8.
    /// @throws std::invalid_argument on a zero byte or an empty list.
    [[nodiscard]] static key columns(std::initializer_list<column> columns);
    /// A composite key that is a JSON object already: `{"order_id": 7, "line": 2}`. It is the
    /// server that reads it: malformed JSON is 22P02 when the key is used.
    [[nodiscard]] static key json(std::string object);

    /// As sent and as errors show it.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] bool composite() const noexcept { return composite_; }

  private:
    std::string text_;
    bool composite_ = false;
};

}  // namespace interlock
