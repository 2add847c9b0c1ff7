// The command line: defaults, limits, and what a mistake is answered with.

#include "options.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace {

using namespace contend;

std::variant<options, exit_code> parsed(std::initializer_list<const char*> arguments) {
    std::vector<const char*> argv{"contend"};
    argv.insert(argv.end(), arguments);
    return parse(static_cast<int>(argv.size()), argv.data());
}

options good(std::initializer_list<const char*> arguments) {
    return std::get<options>(parsed(arguments));
}

// A refused command line, without its message in the test's output.
exit_code ended(std::initializer_list<const char*> arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    auto result = parsed(arguments);
    testing::internal::GetCapturedStdout();
    testing::internal::GetCapturedStderr();
    return std::get<exit_code>(result);
}

std::vector<std::string_view> names(const options& o) {
    std::vector<std::string_view> all;
    for (const auto* strategy : o.strategies)
        all.push_back(strategy->name);
    return all;
}

TEST(Options, Defaults) {
    auto o = good({});
    EXPECT_EQ(o.clients, 16);
    EXPECT_EQ(o.rows, 4);
    EXPECT_EQ(o.seconds.count(), 6);
    EXPECT_FALSE(o.operations);
    EXPECT_EQ(o.think.count(), 2);
    EXPECT_EQ(o.strategies.size(), all_strategies().size());
    EXPECT_EQ(o.connection, "");
}

TEST(Options, AllOfThem) {
    auto o = good({"--connection", "host=x", "--clients", "3", "--rows=2", "--operations", "7",
                   "--think-ms", "0.5", "--seed", "18446744073709551615", "--json", "f"});
    EXPECT_EQ(o.connection, "host=x");
    EXPECT_EQ(o.clients, 3);
    EXPECT_EQ(o.rows, 2);
    EXPECT_EQ(o.operations, 7);
    EXPECT_EQ(o.think.count(), 0.5);
    EXPECT_EQ(o.seed, 18446744073709551615u);
    EXPECT_EQ(o.json, "f");
}

// Strategies run in the order in which they were asked for.
TEST(Options, Strategies) {
    auto o = good({"--strategy", "serializable", "--strategy", "read-then-update"});
    EXPECT_EQ(names(o), (std::vector<std::string_view>{"serializable", "read-then-update"}));
}

TEST(Options, SmokeIsShort) {
    auto o = good({"--smoke"});
    EXPECT_TRUE(o.smoke);
    EXPECT_EQ(o.rows, 1);
    EXPECT_EQ(o.seconds.count(), 1);
}

TEST(Options, Mistakes) {
    EXPECT_EQ(ended({"--clients", "0"}), exit_code::usage);
    EXPECT_EQ(ended({"--clients", "many"}), exit_code::usage);
    EXPECT_EQ(ended({"--rows", "0"}), exit_code::usage);
    EXPECT_EQ(ended({"--seconds", "-1"}), exit_code::usage);
    EXPECT_EQ(ended({"--seconds", "nan"}), exit_code::usage);
    EXPECT_EQ(ended({"--think-ms", "-1"}), exit_code::usage);
    EXPECT_EQ(ended({"--operations", "0"}), exit_code::usage);
    EXPECT_EQ(ended({"--operations", "1", "--seconds", "1"}), exit_code::usage);
    EXPECT_EQ(ended({"--strategy", "hope"}), exit_code::usage);
    EXPECT_EQ(ended({"--what"}), exit_code::usage);
    EXPECT_EQ(ended({"pgbench_accounts"}), exit_code::usage);
}

TEST(Options, HelpAndVersionAreNoMistakes) {
    EXPECT_EQ(ended({"--help"}), exit_code::success);
    EXPECT_EQ(ended({"--version"}), exit_code::success);
}

}  // namespace
