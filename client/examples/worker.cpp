// A table that has been there all along, jobs (id, payload, created_at), becomes a work table; and
// a worker goes through it: several at once, renewed while they last, tried again where they fail.
//
// Connects by libpq's environment (PGHOST, PGDATABASE, …) to a database where the extension can be
// created, as its owner, and leaves nothing behind.

#include <interlock/interlock.hpp>
#include <iostream>
#include <thread>

namespace {

using namespace std::chrono_literals;
using interlock::claimed;
using job = std::tuple<std::int64_t, std::string>;  // the first columns: id, payload

void set_up(pqxx::connection& db) {
    interlock::transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("CREATE EXTENSION IF NOT EXISTS interlock");
        tx.exec("DROP TABLE IF EXISTS example_jobs, example_sent");
        tx.exec(
            "CREATE TABLE example_jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
            "payload text, created_at timestamptz DEFAULT now())");
        tx.exec("CREATE TABLE example_sent (id bigint, payload text)");
        // The columns, the index, the settings: that is all.
        tx.exec("SELECT interlock.enable_claims('example_jobs', 'delete', backoff => '10 ms')");
        tx.exec(
            "INSERT INTO example_jobs (payload) SELECT 'mail ' || i "
            "FROM generate_series(1, 20) AS i");
    });
}

void tidy_up(pqxx::connection& db) {
    interlock::transact(
        db, [](pqxx::dbtransaction& tx) { tx.exec("DROP TABLE example_jobs, example_sent"); });
}

int count(pqxx::connection& db, const std::string& table) {
    return interlock::transact(db, [&](pqxx::dbtransaction& tx) {
        return tx.exec("SELECT count(*) FROM " + table)[0][0].as<int>();
    });
}

// What it writes is committed with the end of its claim: once, whatever happens. A handler that
// sends real mail would take no transaction, and send some twice rather than none.
void send(pqxx::dbtransaction& tx, const claimed<job>& job) {
    auto& [id, payload] = job.row;
    if (id == 7 && job.attempts == 1) throw std::runtime_error{"the mail server is away"};
    tx.exec("INSERT INTO example_sent VALUES (" + std::to_string(id) + ", " + tx.quote(payload) +
            ")");
}

}  // namespace

int main() try {
    pqxx::connection db;
    set_up(db);
    auto connect = [] { return std::make_unique<pqxx::connection>(); };
    interlock::worker<job> worker{
        connect, "example_jobs", send, {.name = "mailer 1", .concurrency = 2, .prefetch = 10}};
    std::jthread working{[&](std::stop_token stop) { worker.run(stop); }};
    while (count(db, "example_jobs") > 0)
        std::this_thread::sleep_for(10ms);
    working.request_stop();
    working.join();
    auto all = worker.statistics();
    std::cout << count(db, "example_sent") << " sent, " << all.failed << " tried again\n";
    tidy_up(db);
} catch (const std::exception& e) {
    std::cerr << "worker: " << e.what() << "\n";
    return 1;
}
