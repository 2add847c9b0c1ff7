#include "detail.hpp"

#include <algorithm>
#include <charconv>

#include "json.hpp"
#include "time_text.hpp"

namespace interlock {
namespace {

// The last line that holds such an object: a key in the message could look like one.
std::string_view object_in(std::string_view message) {
    auto begin = message.rfind(R"({"condition": ")");
    if (begin == std::string_view::npos) return {};
    return message.substr(begin, message.find('\n', begin) - begin);
}

template <class Number>
std::optional<Number> number(std::string_view text) {
    Number value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return {};
    return value;
}

// [12, 34]
std::vector<int> numbers(std::string_view list) {
    std::vector<int> found;
    for (std::size_t at = 0; at < list.size(); ++at) {
        at = list.find_first_of("-0123456789", at);
        if (at == std::string_view::npos) break;
        if (auto one = number<int>(list.substr(at))) found.push_back(*one);
        at = std::min(list.find(',', at), list.size());
    }
    return found;
}

}  // namespace

write_details write_details_in(std::string_view message) {
    write_details details;
    for (const auto& [name, value] : json_object(object_in(message))) {
        if (name == "table") details.table = json_value(value);
        if (name == "key") details.key = json_value(value);
        if (name == "expected") details.expected = number<std::int64_t>(value);
        if (name == "current") details.current_version = number<std::int64_t>(value);
    }
    return details;
}

lock_details lock_details_in(std::string_view message) {
    return read_lock_details(object_in(message));
}

lease_details lease_details_in(std::string_view message) {
    lease_details details;
    for (const auto& [name, value] : json_object(object_in(message))) {
        if (name == "namespace") details.lock_namespace = json_value(value);
        if (name == "key") details.key = json_value(value);
        if (name == "table") details.table = json_value(value);
        if (name == "holder") details.holder = json_value(value);
        if (name == "note") details.note = json_value(value);
        if (name == "expires_at") details.expires_at = time_from_text(json_value(value));
        if (name == "blocking_pid") details.blocking_pid = number<int>(value);
        if (name == "token") details.token = number<std::int64_t>(value);
    }
    return details;
}

claim_details claim_details_in(std::string_view message) {
    claim_details details;
    for (const auto& [name, value] : json_object(object_in(message))) {
        if (name == "table") details.table = json_value(value);
        if (name == "key") details.key = json_value(value);
        if (name == "token") details.token = number<std::int64_t>(value);
        if (name == "claimed_by") details.worker = json_value(value);
        if (name == "claimed_until") details.claimed_until = time_from_text(json_value(value));
        if (name == "finished_at") details.finished_at = time_from_text(json_value(value));
        if (name == "dead_at") details.dead_at = time_from_text(json_value(value));
        if (name == "missing") details.missing = value == "true";
    }
    return details;
}

lock_details read_lock_details(std::string_view object) {
    lock_details details;
    for (const auto& [name, value] : json_object(object)) {
        if (name == "namespace") details.lock_namespace = json_value(value);
        if (name == "table") details.table = json_value(value);
        if (name == "key") details.key = json_value(value);
        if (name == "blocking_pids") details.blocking_pids = numbers(value);
    }
    return details;
}

}  // namespace interlock
