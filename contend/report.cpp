#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <interlock/version.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "progress.hpp"

namespace contend {
namespace {

constexpr std::size_t columns = 8;
using table_row = std::array<std::string, columns>;

double in_ms(std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>{time}.count();
}

std::string ms_text(std::optional<std::chrono::nanoseconds> time) {
    return time ? fmt::format("{:.2f}", in_ms(*time)) : "-";
}

std::string number_text(std::optional<std::int64_t> number) {
    return number ? grouped(*number) : "unknown";
}

std::string label(const outcome& o) {
    if (!o.failures.empty()) return o.strategy + " (failed)";
    return o.interrupted ? o.strategy + " (interrupted)" : o.strategy;
}

table_row row(const outcome& o) {
    return {label(o),
            grouped(o.total.acknowledged()),
            number_text(o.lost()),
            grouped(o.total.conflict_count()),
            grouped(o.total.retries),
            ms_text(percentile(o.total.latencies, 50)),
            ms_text(percentile(o.total.latencies, 99)),
            grouped(static_cast<std::int64_t>(o.per_second() + 0.5))};
}

// The first column is text, the others are numbers.
std::string line(const table_row& cells, const std::array<std::size_t, columns>& widths) {
    auto text = fmt::format("{:<{}}", cells[0], widths[0]);
    for (std::size_t i = 1; i < columns; ++i)
        text += fmt::format("  {:>{}}", cells[i], widths[i]);
    return text + "\n";
}

table_row rule(const std::array<std::size_t, columns>& widths) {
    table_row dashes;
    std::ranges::transform(widths, dashes.begin(),
                           [](auto width) { return std::string(width, '-'); });
    return dashes;
}

std::string updates(std::int64_t count) {
    return fmt::format("{} acknowledged update{}", grouped(count), count == 1 ? "" : "s");
}

std::string what_was_lost(const outcome& o) {
    auto lost = o.lost();
    if (!lost) return "nobody knows what was lost: the server could not be asked";
    auto acknowledged = o.total.acknowledged();
    if (*lost > 0)
        return fmt::format("{} of {} {} gone ({:.1f} %), {}", grouped(*lost), updates(acknowledged),
                           *lost == 1 ? "is" : "are",
                           100.0 * static_cast<double>(*lost) / static_cast<double>(acknowledged),
                           o.loses_nothing ? "which must not happen" : "and nobody was told");
    if (*lost < 0)
        return fmt::format("the table has {} more than the {}{}", grouped(-*lost),
                           updates(acknowledged),
                           o.broke_its_promise() ? ": did anybody else write to it?" : "");
    return fmt::format("none of {} is lost", updates(acknowledged));
}

// What ends one client often ends all of them.
std::string what_failed(const outcome& o) {
    if (o.failures.empty()) return {};
    auto others = o.failures.size() - 1;
    return fmt::format("{}: failed: {}{}\n", o.strategy, o.failures.front(),
                       others > 0 ? fmt::format(" (and {} more)", others) : "");
}

std::string conclusion(const outcome& o) {
    std::string text;
    if (o.total.acknowledged() > 0 || o.failures.empty())
        text += fmt::format("{}: {}\n", o.strategy, what_was_lost(o));
    if (o.total.gave_up > 0)
        text += fmt::format("{}: {} operation{} given up after 30 s of conflicts\n", o.strategy,
                            grouped(o.total.gave_up), o.total.gave_up == 1 ? " was" : "s were");
    return text + what_failed(o);
}

using nlohmann::ordered_json;

ordered_json ms_value(std::optional<std::chrono::nanoseconds> time) {
    return time ? ordered_json(in_ms(*time)) : ordered_json(nullptr);
}

ordered_json to_json(const outcome& o) {
    auto lost = o.lost();
    return {{"strategy", o.strategy},
            {"loses_nothing", o.loses_nothing},
            {"acknowledged", o.total.acknowledged()},
            {"lost", lost ? ordered_json(*lost) : ordered_json(nullptr)},
            {"conflicts", o.total.conflict_count()},
            {"conflicts_by_sqlstate", o.total.conflicts},
            {"retries", o.total.retries},
            {"gave_up", o.total.gave_up},
            {"p50_ms", ms_value(percentile(o.total.latencies, 50))},
            {"p99_ms", ms_value(percentile(o.total.latencies, 99))},
            {"max_ms", ms_value(percentile(o.total.latencies, 100))},
            {"elapsed_seconds", std::chrono::duration<double>{o.elapsed}.count()},
            {"operations_per_second", o.per_second()},
            {"interrupted", o.interrupted},
            {"failures", o.failures}};
}

}  // namespace

std::string headline(const options& options) {
    auto extent = options.operations
                      ? fmt::format("{} operations per client", grouped(*options.operations))
                      : fmt::format("{} s per strategy", options.seconds.count());
    return fmt::format(
        "{} client{} 1 to {} row{} of pgbench_accounts, "
        "with {} ms of thinking between read and write, {}\n",
        options.clients, options.clients == 1 ? " adds" : "s add", options.rows,
        options.rows == 1 ? "" : "s", options.think.count(), extent);
}

std::string table(const std::vector<outcome>& outcomes) {
    std::vector<table_row> rows{
        {"strategy", "acknowledged", "lost", "conflicts", "retries", "p50 ms", "p99 ms", "ops/s"}};
    std::ranges::transform(outcomes, std::back_inserter(rows), row);
    std::array<std::size_t, columns> widths{};
    for (const auto& cells : rows)
        std::ranges::transform(cells, widths, widths.begin(), [](const auto& cell, auto width) {
            return std::max(cell.size(), width);
        });
    rows.insert(rows.begin() + 1, rule(widths));
    std::string text;
    for (const auto& cells : rows)
        text += line(cells, widths);
    return text;
}

std::string conclusions(const std::vector<outcome>& outcomes) {
    std::string text;
    for (const auto& o : outcomes)
        text += conclusion(o);
    return text;
}

std::string json(const options& options, const std::string& server_version,
                 const std::vector<outcome>& outcomes) {
    ordered_json document = {{"contend", interlock::library_version()},
                             {"server_version", server_version},
                             {"clients", options.clients},
                             {"rows", options.rows},
                             {"think_ms", options.think.count()},
                             {"seed", options.seed}};
    if (options.operations)
        document["operations"] = *options.operations;
    else
        document["seconds"] = options.seconds.count();
    document["strategies"] = ordered_json::array();
    for (const auto& o : outcomes)
        document["strategies"].push_back(to_json(o));
    // Messages of the server may hold anything; a document of ours is UTF-8.
    return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace contend
