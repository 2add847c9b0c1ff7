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

// Only a leader may count. From the guard on nobody can take the lease over before the transaction
// has ended; and if somebody has, nothing of it is written.
void count(pqxx::connection& db, const interlock::lease& lease) {
    transact(db, [&](pqxx::dbtransaction& tx) {
        lease.guard(tx);
        tx.exec("UPDATE example_counter SET n = n + 1, by = '" + lease.holder() + "'");
    });
}

void show(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        auto r = tx.exec("SELECT n, by FROM example_counter");
        std::cout << "the counter is " << r[0][0].as<int>() << ", by " << r[0][1].as<std::string>()
                  << "\n";
    });
}

// Whether it was stopped at the fence.
bool lead_and_stand_still(const char* name) {
    bool refused = false;
    pqxx::connection db;
    try {
        (void)interlock::leader(connect, "example leaders", "counter", name, 1s,
                                [&](std::stop_token, interlock::lease& lease) {
                                    count(db, lease);
                                    std::raise(SIGSTOP);  // all of it, heartbeat included
                                    try {
                                        count(db, lease);
                                    } catch (const interlock::lease_lost& e) {
                                        std::cout << name << " was refused: " << e.what() << "\n";
                                        refused = true;
                                    }
                                });
    } catch (const interlock::lease_lost&) {
        // leader() says so, too: the body did not lead to its end.
    }
    std::cout.flush();
    return refused;
}

// Waits for the lease, which nobody renews any more, and is the leader when it has expired.
void take_over(const char* name) {
    pqxx::connection db;
    (void)interlock::leader(connect, "example leaders", "counter", name, 30s,
                            [&](std::stop_token, interlock::lease& lease) {
                                count(db, lease);
                                std::cout << name << " leads\n";
                            });
}

}  // namespace

int main() try {
    set_up(*connect());
    pid_t first = ::fork();  // before there are threads and connections
    if (first == 0) return lead_and_stand_still("machine A") ? 0 : 1;
    int status = 0;
    ::waitpid(first, &status, WUNTRACED);  // until it stands still
    auto db = connect();
    show(*db);
    take_over("machine B");
    ::kill(first, SIGCONT);
    ::waitpid(first, &status, 0);
    show(*db);
    tidy_up(*db);
    return status;
} catch (const std::exception& e) {
    std::cerr << "paused_leader: " << e.what() << "\n";
    return 1;
}
