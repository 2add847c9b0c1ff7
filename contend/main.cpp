// contend, the contention lab: the same conflicting work under each strategy, measured.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>

#include "accounts.hpp"
#include "cannot_run.hpp"
#include "connect.hpp"
#include "options.hpp"
#include "report.hpp"
#include "run.hpp"
#include "stop.hpp"

namespace contend {
namespace {

void say(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    if (std::fflush(stdout) != 0) throw cannot_run{"cannot write to the standard output"};
}

void complain(const std::string& text) {
    std::fputs(fmt::format("contend: {}\n", text).c_str(), stderr);
}

// Before the measurement, so that its results are not lost to a misspelt path. What is in the file
// stays there until there is something to replace it.
void check_writable(const std::string& path) {
    if (!path.empty() && !std::ofstream{path, std::ios::app})
        throw cannot_run{fmt::format("cannot write to \"{}\"", path)};
}

void write_json(const std::string& path, const std::string& text) {
    if (path.empty()) return;
    std::ofstream file{path, std::ios::trunc};
    file << text << std::flush;
    if (!file) throw cannot_run{fmt::format("cannot write to \"{}\"", path)};
}

bool needs_interlock(const strategy* s) {
    return s->needs == table_state::versioned || s->needs == table_state::lockable;
}

std::string server_version(pqxx::connection& connection) {
    pqxx::nontransaction tx{connection};
    return interlock::bridge::execute(tx, "SHOW server_version", {})[0][0].as<std::string>();
}

// As far as signals and failures let it come.
std::vector<outcome> run_all(const options& options, accounts& accounts,
                             pqxx::connection& manager) {
    auto connections = connect(options);
    std::vector<outcome> outcomes;
    for (const auto* strategy : options.strategies) {
        if (signal_caught()) break;
        outcomes.push_back(run(*strategy, options, accounts, connections, manager));
        if (!outcomes.back().failures.empty()) break;
    }
    return outcomes;
}

bool smoke_without_fire(const options& options, const std::vector<outcome>& outcomes) {
    return options.smoke && std::ranges::any_of(outcomes, [](const outcome& o) {
               return !o.loses_nothing && o.lost().value_or(0) <= 0;
           });
}

exit_code final_word(const options& options, const std::vector<outcome>& outcomes) {
    auto code = judge(outcomes);
    if (code == exit_code::success && signal_caught()) code = exit_code::interrupted;
    if (code == exit_code::success && smoke_without_fire(options, outcomes)) {
        complain("there was no contention: nothing was lost where updates should be lost");
        code = exit_code::failed;
    }
    if (code == exit_code::interrupted) complain("interrupted");
    return code;
}

exit_code measure(const options& options) {
    check_writable(options.json);
    auto manager = connect_one(options);
    accounts accounts{*manager, options.rows,
                      std::ranges::any_of(options.strategies, needs_interlock)};
    auto server = server_version(*manager);
    say(headline(options));
    if (accounts.was_versioned())
        say("pgbench_accounts is versioned already: every strategy meets the version trigger\n");

    auto outcomes = run_all(options, accounts, *manager);
    say(fmt::format("\n{}\n{}", table(outcomes), conclusions(outcomes)));
    write_json(options.json, json(options, server, outcomes));
    auto code = final_word(options, outcomes);
    try {
        accounts.restore();
    } catch (const std::exception& e) {
        complain(fmt::format("pgbench_accounts was not put back (\"pgbench -i\" makes it anew): {}",
                             in_one_line(e)));
        if (code == exit_code::success) code = exit_code::failed;
    }
    return code;
}

exit_code run_program(int argc, const char* const argv[]) try {
    auto parsed = parse(argc, argv);
    if (auto* code = std::get_if<exit_code>(&parsed)) return *code;
    catch_signals();
    return measure(std::get<options>(parsed));
} catch (const std::exception& e) {
    complain(in_one_line(e));
    return exit_code::failed;
}

}  // namespace
}  // namespace contend

int main(int argc, char** argv) {
    return static_cast<int>(contend::run_program(argc, argv));
}
