// Two people open the same form, think, and save. Without a version the second save would wipe out
// the first; with one it is refused, and told what happened in between.
//
// Connects by libpq's environment (PGHOST, PGDATABASE, …) to a database where the extension can be
// created, and leaves nothing behind.

#include <interlock/interlock.hpp>
#include <iostream>

namespace {

struct form {
    std::string name;
    std::string city;
    std::int64_t version;
};

// Opening a form is a transaction of its own: nothing stays locked while its reader thinks.
form open_form(pqxx::connection& db) {
    return interlock::transact(db, [](pqxx::dbtransaction& tx) {
        auto r = tx.exec("SELECT name, city, version FROM example_customers WHERE id = 7");
        return form{r[0][0].as<std::string>(), r[0][1].as<std::string>(),
                    r[0][2].as<std::int64_t>()};
    });
}

// The changed columns only, at the version that was read.
bool save(pqxx::connection& db, const char* who, const form& read, const std::string& changes) {
    try {
        auto version = interlock::transact(db, [&](pqxx::dbtransaction& tx) {
            return interlock::versioned_update(tx, "example_customers", 7, read.version, changes);
        });
        std::cout << who << " saved " << changes << ": version " << version << "\n";
        return true;
    } catch (const interlock::stale_version& e) {
        std::cout << who << " was refused: " << e.what() << "\n"
                  << "  the row is now " << e.current().value_or("hidden") << "\n"
                  << "  in conflict:   " << e.conflicts().value_or("{}") << "\n";
        return false;
    }
}

void set_up(pqxx::connection& db) {
    interlock::transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("CREATE EXTENSION IF NOT EXISTS interlock");
        tx.exec("DROP TABLE IF EXISTS example_customers");
        tx.exec("CREATE TABLE example_customers (id int PRIMARY KEY, name text, city text)");
        tx.exec("SELECT interlock.enable_versioning('example_customers')");
        tx.exec("INSERT INTO example_customers VALUES (7, 'Ann', 'Oslo')");
    });
}

void tidy_up(pqxx::connection& db) {
    interlock::transact(db,
                        [](pqxx::dbtransaction& tx) { tx.exec("DROP TABLE example_customers"); });
}

}  // namespace

int main() try {
    pqxx::connection ann, bob;
    set_up(ann);

    form anns = open_form(ann);
    form bobs = open_form(bob);
    save(ann, "Ann", anns, R"({"city": "Rome"})");
    if (!save(bob, "Bob", bobs, R"({"name": "Anna", "city": "Paris"})")) {
        // Bob sees that only the city is contested, leaves Ann's as it is and saves the rest.
        bobs = open_form(bob);
        save(bob, "Bob", bobs, R"({"name": "Anna"})");
    }
    form end = open_form(ann);
    std::cout << "in the end: " << end.name << ", " << end.city << ", version " << end.version
              << "\n";

    tidy_up(ann);
} catch (const std::exception& e) {
    std::cerr << "lost_update: " << e.what() << "\n";
    return 1;
}
