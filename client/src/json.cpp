#include "json.hpp"

#include <cstdint>
#include <cstdio>
#include <optional>
#include <utility>

namespace interlock {
namespace {

std::string utf8(std::uint32_t code) {
    auto tail = [code](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
    if (code < 0x80) return {static_cast<char>(code)};
    if (code < 0x800) return {static_cast<char>(0xc0 | (code >> 6)), tail(0)};
    if (code < 0x10000) return {static_cast<char>(0xe0 | (code >> 12)), tail(6), tail(0)};
    return {static_cast<char>(0xf0 | (code >> 18)), tail(12), tail(6), tail(0)};
}

// Reads just enough of JSON to find an object's members; values are skipped, not checked.
class reader {
  public:
    explicit reader(std::string_view text) : text_{text} {}

    bool take(char wanted) {
        skip_space();
        if (peek() != wanted) return false;
        ++at_;
        return true;
    }

    std::optional<std::string> string() {
        if (!take('"')) return {};
        std::string read;
        while (char c = next()) {
            if (c == '"') return read;
            if (c == '\\')
                read += escaped();
            else
                read += c;
        }
        return {};
    }

    // Up to the comma or the brace that ends it: as it is written.
    std::string_view value() {
        skip_space();
        auto begin = at_;
        skip_value();
        return text_.substr(begin, at_ - begin);
    }

  private:
    void skip_value() {
        for (int depth = 0;; ++at_) {
            skip_space();
            char c = peek();
            if (c == '"') {
                string();
                --at_;
            } else if (c == '{' || c == '[') {
                ++depth;
            } else if (!c || (!depth && (c == ',' || c == '}'))) {
                return;
            } else if (c == '}' || c == ']') {
                --depth;
            }
        }
    }

    // 0 at the end, and for what cannot be in JSON.
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    char next() { return at_ < text_.size() ? text_[at_++] : '\0'; }

    void skip_space() {
        while (peek() && std::string_view{" \t\r\n"}.find(peek()) != std::string_view::npos)
            ++at_;
    }

    std::string escaped() {
        char c = next();
        constexpr std::string_view letters = "bfnrt", meanings = "\b\f\n\r\t";
        if (auto i = letters.find(c); i != std::string_view::npos) return {meanings[i]};
        if (c != 'u') return {c};
        std::uint32_t code = four_digits();
        bool half = code >= 0xd800 && code < 0xdc00 && text_.substr(at_).starts_with("\\u");
        if (!half) return utf8(code);
        at_ += 2;
        return utf8(0x10000 + ((code - 0xd800) << 10) + ((four_digits() - 0xdc00) & 0x3ff));
    }

    std::uint32_t four_digits() {
        std::uint32_t code = 0;
        for (int i = 0; i < 4; ++i) {
            char c = next();
            auto digit = std::string_view{"0123456789abcdef"}.find(static_cast<char>(c | 0x20));
            if (c >= '0' && c <= '9') digit = static_cast<std::size_t>(c - '0');
            code = code << 4 | static_cast<std::uint32_t>(digit & 0xf);
        }
        return code;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::string json_string(std::string_view text) {
    std::string json{'"'};
    for (char c : text) {
        if (c == '"' || c == '\\') {
            json += {'\\', c};
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escape[7];
            std::snprintf(escape, sizeof escape, "\\u%04x", c);
            json += escape;
        } else {
            json += c;
        }
    }
    return json += '"';
}

std::vector<json_member> json_object(std::string_view object) {
    std::vector<json_member> members;
    reader json{object};
    if (!json.take('{')) return members;
    do {
        auto name = json.string();
        if (!name || !json.take(':')) break;
        members.push_back({*name, std::string{json.value()}});
    } while (json.take(','));
    return members;
}

std::string json_value(std::string_view text) {
    if (auto string = reader{text}.string()) return *string;
    return std::string{text};
}

std::vector<std::string> json_members(std::string_view object) {
    std::vector<std::string> names;
    for (auto& member : json_object(object))
        names.push_back(std::move(member.name));
    return names;
}

}  // namespace interlock
