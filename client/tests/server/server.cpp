#include "server.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>

using namespace std::chrono_literals;

void Server::SetUp() {
    auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    schema_ = std::string{"client_"} + test->name() + "_" + std::to_string(::getpid());
    std::ranges::transform(schema_, schema_.begin(),
                           [](unsigned char c) { return std::tolower(c); });
    admin_ = std::make_unique<pqxx::connection>("application_name=interlock_tests");
    // Tests run side by side; CREATE EXTENSION does not like company.
    run("SELECT pg_advisory_lock(20260101)");
    run("CREATE EXTENSION IF NOT EXISTS interlock");
    run("SELECT pg_advisory_unlock(20260101)");
    run("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
    run("CREATE SCHEMA " + schema_);
    run("SET search_path = " + schema_);
}

void Server::TearDown() {
    if (admin_) run("DROP SCHEMA IF EXISTS " + schema_ + " CASCADE");
}

Server::connection Server::connect(const std::string& more) const {
    return std::make_unique<pqxx::connection>(
        "application_name=interlock_tests options='-csearch_path=" + schema_ + "' " + more);
}

interlock::connection_factory Server::factory() const {
    return [this] { return connect(); };
}

void Server::run(const std::string& sql) const {
    pqxx::nontransaction tx{*admin_};
    tx.exec(sql);
}

std::string Server::value(const std::string& sql) const {
    pqxx::nontransaction tx{*admin_};
    auto r = tx.exec(sql);
    return r.empty() || r[0][0].is_null() ? "" : r[0][0].as<std::string>();
}

void Server::make_plain_accounts() const {
    run("CREATE TABLE accounts (id int PRIMARY KEY, owner text, balance int NOT NULL)");
    run("INSERT INTO accounts SELECT i, 'owner ' || i, 100 FROM generate_series(1, 3) i");
}

void Server::make_accounts() const {
    make_plain_accounts();
    run("SELECT interlock.enable_versioning('accounts')");
}

std::string Server::json_at(const std::optional<std::string>& json, const std::string& path) const {
    if (!json) return "no JSON";
    return value("SELECT " + admin_->quote(*json) + "::jsonb #>> " +
                 admin_->quote("{" + path + "}"));
}

void Server::wait_until(const std::string& condition) const {
    for (int i = 0; i < 1000; ++i) {
        if (value("SELECT " + condition) == "t") return;
        std::this_thread::sleep_for(10ms);
    }
    ADD_FAILURE() << "never came true: " << condition;
}

void Server::wait_until_blocked(int pid) const {
    wait_until("cardinality(pg_blocking_pids(" + std::to_string(pid) + ")) > 0");
}

void Server::terminate(int pid) const {
    run("SELECT pg_terminate_backend(" + std::to_string(pid) + ", 10000)");
}
