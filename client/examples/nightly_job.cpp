// A job that must run once however many machines start it, and money that moves between accounts
// that others want, too: a lock of the session for the first, locks of rows for the second.
//
// Connects by libpq's environment (PGHOST, PGDATABASE, …) to a database where the extension can be
// created, as its owner, and leaves nothing behind.

#include <interlock/interlock.hpp>
#include <iostream>
#include <thread>

struct account {
    int id;
    std::string owner;
    int balance;
};

// How a locked row becomes an account; a std::tuple would need no telling.
template <>
struct interlock::row_reader<account> {
    static account read(const locked_row& row) {
        return {row.get<int>("id"), row.get<std::string>("owner"), row.get<int>("balance")};
    }
};

namespace {

using namespace std::chrono_literals;
using interlock::lock_wait;
using interlock::transact;
using interlock::when_busy;

void set_up(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("CREATE EXTENSION IF NOT EXISTS interlock");
        tx.exec("DROP TABLE IF EXISTS example_accounts");
        tx.exec("CREATE TABLE example_accounts (id int PRIMARY KEY, owner text, balance int)");
        tx.exec("INSERT INTO example_accounts VALUES (1, 'Ann', 100), (2, 'Bob', 100)");
        tx.exec("SELECT interlock.create_lock_namespace('example jobs', 'text')");
    });
}

void tidy_up(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("SELECT interlock.drop_lock_namespace('example jobs')");
        tx.exec("DROP TABLE example_accounts");
    });
}

void set_balance(pqxx::dbtransaction& tx, const account& to) {
    tx.exec("UPDATE example_accounts SET balance = " + std::to_string(to.balance) +
            " WHERE id = " + std::to_string(to.id));
}

// Whatever the order in which the two are named, they are locked in the order of their keys: those
// who move money the other way wait, and do not deadlock.
void move_money(pqxx::connection& db, int from, int to, int amount) {
    transact(db, [&](pqxx::dbtransaction& tx) {
        auto rows = interlock::lock_rows<account>(tx, "example_accounts", {from, to},
                                                  {.wait = lock_wait::at_most(5s)});
        for (auto& row : rows) {
            row.balance += row.id == from ? -amount : amount;
            set_balance(tx, row);
        }
    });
}

// The guard is a connection for the lock alone: the job's transactions use others.
void nightly_job(const char* machine) {
    pqxx::connection guard, db;
    bool ran = interlock::singleton(
        guard, "example jobs", "nightly", when_busy::skip,
        [&](interlock::advisory_session_lock& lock) {
            for (int step = 0; step < 3; ++step) {
                lock.ensure_held();  // the guard's session may have ended: stop then
                move_money(db, 1, 2, 10);
            }
            // On another machine the same job starts meanwhile.
            std::thread{[] {
                pqxx::connection other;
                bool other_ran =
                    interlock::singleton(other, "example jobs", "nightly", when_busy::skip, [] {});
                std::cout << "machine B " << (other_ran ? "ran the job" : "left it to A") << "\n";
            }}.join();
        });
    std::cout << "machine " << machine << (ran ? " ran the job" : " left it to B") << "\n";
}

// Somebody looks at an account for a long time. We ask instead of waiting, and are told by whom.
void ask_for_a_busy_row(pqxx::connection& db) {
    pqxx::connection clerk;
    pqxx::work looking{clerk};
    (void)interlock::lock_row<account>(looking, "example_accounts", 1);

    pqxx::work tx{db};
    auto row = interlock::try_lock_row<account>(tx, "example_accounts", 1,
                                                {.wait = lock_wait::at_most(50ms)});
    std::cout << "account 1 is " << to_string(row.status) << "\n";
    try {
        (void)interlock::lock_row<account>(tx, "example_accounts", 1, {.wait = lock_wait::none()});
    } catch (const interlock::lock_not_available& e) {
        bool by_clerk = e.blocking_pids() == std::vector{clerk.backendpid()};
        std::cout << "row " << e.key() << " of " << e.table() << " is held by "
                  << (by_clerk ? "the clerk" : "somebody else") << "\n";
    }
}

}  // namespace

int main() try {
    pqxx::connection db;
    set_up(db);
    nightly_job("A");
    ask_for_a_busy_row(db);
    transact(db, [](pqxx::dbtransaction& tx) {
        for (const auto& row : interlock::lock_rows<account>(tx, "example_accounts", {1, 2}))
            std::cout << row.owner << " has " << row.balance << "\n";
    });
    tidy_up(db);
} catch (const std::exception& e) {
    std::cerr << "nightly_job: " << e.what() << "\n";
    return 1;
}
