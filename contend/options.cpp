#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

namespace contend {
namespace {

constexpr const char* description =
    "Lets concurrent clients add 1 to a few rows of pgbench_accounts, with each strategy in turn, "
    "and shows what each costs and what it loses. The table is put back at the end; nobody else "
    "may write to its first rows meanwhile.";

constexpr const char* exit_codes = R"(Exit codes:
  0    no strategy broke its promise
  1    a strategy that must not lose updates lost some
  2    the command line is wrong
  3    it could not run, or a client failed
  130  interrupted (SIGINT, SIGTERM, SIGHUP; the third one ends it without putting anything back)
)";

std::string footer() {
    std::string text = "Strategies, in the order in which they run:\n";
    for (const auto& strategy : all_strategies())
        text += fmt::format("  {:<18} {}\n", strategy.name, strategy.summary);
    return text + "\n" + exit_codes;
}

std::vector<std::string> strategy_names() {
    std::vector<std::string> names;
    for (const auto& strategy : all_strategies())
        names.emplace_back(strategy.name);
    return names;
}

// CLI::Range lets nan pass.
const CLI::Validator a_number{
    [](std::string& text) {
        return text.find_first_of("nN") == text.npos ? std::string{} : "not a number: " + text;
    },
    ""};

// The numbers as the user types them.
struct raw_options {
    double seconds;
    double think_ms;
    std::vector<std::string> strategies = strategy_names();
};

void add_workload(CLI::App& app, options& o, raw_options& raw) {
    app.add_option("--clients", o.clients, "Concurrent clients, one connection each")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    app.add_option("--rows", o.rows, "Hot rows: accounts 1 to this")
        ->check(CLI::Range(1, 10000))
        ->capture_default_str();
    auto* seconds = app.add_option("--seconds", raw.seconds, "How long to run each strategy")
                        ->check(CLI::Range(0.1, 86400.0))
                        ->check(a_number)
                        ->capture_default_str();
    app.add_option("--operations", o.operations, "Acknowledged increments per client, instead")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000'000}))
        ->excludes(seconds);
    app.add_option("--think-ms", raw.think_ms, "Time between the read and the write")
        ->check(CLI::Range(0.0, 60000.0))
        ->check(a_number)
        ->capture_default_str();
    app.add_option("--strategy", raw.strategies, "A strategy to run; repeat it for several")
        ->check(CLI::IsMember(strategy_names()))
        ->expected(1)
        ->take_all()
        ->default_str("all");
    app.add_option("--seed", o.seed, "For the choice of rows")->capture_default_str();
}

void take(const raw_options& raw, options& o) {
    o.seconds = std::chrono::duration<double>{raw.seconds};
    o.think = std::chrono::duration<double, std::milli>{raw.think_ms};
    for (const auto& name : raw.strategies)
        o.strategies.push_back(find_strategy(name));
    if (o.smoke) {
        o.rows = 1;
        o.seconds = std::chrono::seconds{1};
        o.operations.reset();
    }
}

}  // namespace

std::variant<options, exit_code> parse(int argc, const char* const argv[]) {
    options o;
    raw_options raw{o.seconds.count(), o.think.count()};
    CLI::App app{description, "contend"};
    app.footer(footer());
    app.set_version_flag("--version", interlock::library_version());
    app.add_option("--connection", o.connection,
                   "libpq connection string (default: its environment)");
    add_workload(app, o, raw);
    app.add_option("--json", o.json, "File to write the results to, for programs");
    app.add_flag(
        "--smoke", o.smoke,
        "For tests: one row, one second each; fails also if read-then-update loses nothing");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? exit_code::success : exit_code::usage;
    }
    take(raw, o);
    return o;
}

}  // namespace contend
