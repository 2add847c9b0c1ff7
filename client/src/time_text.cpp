#include "time_text.hpp"

#include <charconv>

namespace interlock {
namespace {

using namespace std::chrono;

// Reads from the front; once something is not there, it and all that comes after is zero.
class time_reader {
  public:
    explicit time_reader(std::string_view text) : rest_{text} {}

    int number() {
        int value = 0;
        auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
        good_ = good_ && error == std::errc{} && value >= 0;
        if (!good_) return 0;
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }
    void expect(char c) { good_ = skip(c) && good_; }
    bool skip(char c) {
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }
    // .5 is half a million.
    microseconds fraction() {
        if (!skip('.')) return {};
        auto before = rest_.size();
        auto value = number();
        for (auto digits = before - rest_.size(); digits < 6; ++digits)
            value *= 10;
        return microseconds{value};
    }
    // Of a number of hours, minutes if there are any, seconds if there are any.
    seconds offset() {
        bool behind = skip('-');
        if (!behind) expect('+');
        seconds sum = hours{number()};
        if (skip(':')) sum += minutes{number()};
        if (skip(':')) sum += seconds{number()};
        return behind ? -sum : sum;
    }
    bool done() const { return good_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool good_ = true;
};

year_month_day read_date(time_reader& text) {
    year y{text.number()};
    text.expect('-');
    month m{static_cast<unsigned>(text.number())};
    text.expect('-');
    return y / m / day{static_cast<unsigned>(text.number())};
}

microseconds read_time(time_reader& text) {
    microseconds sum = hours{text.number()};
    text.expect(':');
    sum += minutes{text.number()};
    text.expect(':');
    sum += seconds{text.number()};
    return sum + text.fraction();
}

}  // namespace

std::optional<system_clock::time_point> time_from_text(std::string_view text) {
    time_reader reader{text};
    auto date = read_date(reader);
    reader.expect(' ');
    auto time = read_time(reader);
    auto offset = reader.offset();
    if (!reader.done() || !date.ok()) return {};
    return sys_days{date} + time - offset;
}

}  // namespace interlock
