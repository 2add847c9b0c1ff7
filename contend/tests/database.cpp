#include "database.hpp"

#include <unistd.h>

#include <chrono>
#include <thread>

namespace {

pqxx::result execute(pqxx::connection& connection, const std::string& sql) {
    pqxx::nontransaction tx{connection};
    return tx.exec(sql);
}

void execute_elsewhere(const std::string& sql) {
    pqxx::connection connection;
    execute(connection, sql);
}

}  // namespace

database::database() : name_{"contend_test_" + std::to_string(::getpid())} {
    execute_elsewhere("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
    execute_elsewhere("CREATE DATABASE " + name_);
    connection_ = connect();
}

database::~database() {
    connection_.reset();
    try {
        execute_elsewhere("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
    } catch (const std::exception&) {  // the test has failed already, or the server is gone
    }
}

std::unique_ptr<pqxx::connection> database::connect() const {
    return std::make_unique<pqxx::connection>(connection_string() +
                                              " application_name=contend_test");
}

void database::run(const std::string& sql) const {
    execute(*connection_, sql);
}

std::string database::value(const std::string& sql) const {
    return execute(*connection_, sql)[0][0].as<std::string>();
}

bool database::wait_until(const std::string& query) const {
    for (int i = 0; i < 600; ++i) {
        if (value(query) == "t") return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    return false;
}

void database::make_accounts() const {
    run("CREATE TABLE pgbench_accounts (aid integer NOT NULL, bid integer, abalance integer, "
        "filler character(84)) WITH (fillfactor = 100)");
    run("INSERT INTO pgbench_accounts SELECT i, 1, 0, '' FROM generate_series(1, 1000) i");
    run("ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid)");
}
