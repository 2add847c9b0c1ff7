// A leader stands still for longer than its lease: a suspended machine, a long pause. Another one
// takes over. Then the first one wakes up, in the belief that it still leads, and writes. What
// stops it is the fence: lease.guard() in the transaction that writes.
//
// Connects by libpq's environment (PGHOST, PGDATABASE, …) to a database where the extension can be
// created, as its owner, and leaves nothing behind.

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <interlock/interlock.hpp>
#include <iostream>

namespace {

using namespace std::chrono_literals;
using interlock::transact;

std::unique_ptr<pqxx::connection> connect() {
    return std::make_unique<pqxx::connection>("");
}

void set_up(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("CREATE EXTENSION IF NOT EXISTS interlock");
        tx.exec("DROP TABLE IF EXISTS example_counter");
        tx.exec("CREATE TABLE example_counter (n int, by text)");
        tx.exec("INSERT INTO example_counter VALUES (0, 'nobody')");
        tx.exec("SELECT interlock.create_lock_namespace('example leaders', 'text')");
    });
}

void tidy_up(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("SELECT interlock.drop_lock_namespace('example leaders')");
        tx.exec("DROP TABLE example_counter");
    });
}

// Only the leader may count. From the guard on nobody can take the lease over before the
// transaction has ended; and if somebody has, nothing of it is written.
void count(pqxx::connection& db, const interlock::lease& lease) {
    transact(db, [&](pqxx::dbtransaction& tx) {
        lease.guard(tx);
        tx.exec("UPDATE example_counter SET n = n + 1, by = " + tx.quote(lease.holder()));
    });
}

// Whether it was stopped at the fence.
bool lead_and_stand_still(const char* name) {
    pqxx::connection db;
    interlock::lease lease{connect, "example leaders", "counter", name, 1s};
    count(db, lease);
    std::raise(SIGSTOP);  // all of it, the heartbeat, too
    try {
        count(db, lease);
        return false;
    } catch (const interlock::lease_lost& e) {
        std::cout << name << " was refused: " << e.what() << std::endl;
        return true;
    }
}

// Nobody renews the lease any more: whoever waits for it has it when it has expired.
void take_over(const char* name) {
    pqxx::connection db;
    interlock::lease_options options{.wait = interlock::lock_wait::at_most(20s)};
    interlock::lease lease{connect, "example leaders", "counter", name, 30s, options};
    count(db, lease);
    std::cout << name << " leads" << std::endl;
}

void show(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        auto r = tx.exec("SELECT n, by FROM example_counter");
        std::cout << "the counter is " << r[0][0].as<int>() << ", by " << r[0][1].as<std::string>()
                  << std::endl;
    });
}

}  // namespace

int main() try {
    set_up(*connect());
    pid_t first = ::fork();  // before there are threads and connections
    if (first == 0) return lead_and_stand_still("machine A") ? 0 : 1;
    int status = 0;
    ::waitpid(first, &status, WUNTRACED);
    if (!WIFSTOPPED(status)) throw std::runtime_error{"machine A did not lead"};
    auto db = connect();
    show(*db);
    take_over("machine B");
    ::kill(first, SIGCONT);
    ::waitpid(first, &status, 0);
    show(*db);
    tidy_up(*db);
    return status == 0 ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << "paused_leader: " << e.what() << "\n";
    return 1;
}
