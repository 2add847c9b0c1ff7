// A form that stays open over a lunch break. Ann checks the document out, and whoever wants to
// write it meanwhile is told so, whatever he writes with. She saves by version and checks it in, in
// one transaction, in another request: all that is left of the first one is a number in her form.
// The second time she stays away too long, somebody else writes the document, and her late save is
// refused instead of undoing his.
//
// Connects by libpq's environment (PGHOST, PGDATABASE, …) to a database where the extension can be
// created, as its owner, and leaves nothing behind.

#include <chrono>
#include <interlock/interlock.hpp>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using interlock::transact;

constexpr const char* table = "example_documents";

// What the browser keeps while Ann is away: texts, and no object of the server's process.
using form = std::map<std::string, std::string>;

void set_up(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("CREATE EXTENSION IF NOT EXISTS interlock");
        tx.exec("DROP TABLE IF EXISTS example_documents");
        tx.exec("CREATE TABLE example_documents (id int PRIMARY KEY, title text, body text)");
        tx.exec("INSERT INTO example_documents VALUES (7, 'Offer', 'We offer 100 chairs.')");
        tx.exec("SELECT interlock.enable_versioning('example_documents')");
        tx.exec("SELECT interlock.enable_checkout('example_documents')");
    });
}

void tidy_up(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("SELECT interlock.disable_checkout('example_documents')");
        tx.exec("DROP TABLE example_documents");
    });
}

// GET /documents/7/edit. Loaded again it is the same checkout, renewed. It locks the row before it
// answers, so what is read in this transaction is what is held.
form open_form(const std::string& user, std::chrono::nanoseconds ttl) {
    pqxx::connection db;
    return transact(db, [&](pqxx::dbtransaction& tx) {
        interlock::checkout mine{tx, table, 7, user, ttl, "the offer for Bob's office"};
        auto row = tx.exec("SELECT body, version FROM example_documents WHERE id = 7");
        return form{{"body", row[0][0].as<std::string>()},
                    {"version", row[0][1].as<std::string>()},
                    {"token", std::to_string(mine.token())}};
    });
}

// POST /documents/7. The token first: a late save ends here, with nothing written. The body of the
// example needs no escaping; any JSON library will do for others.
std::int64_t save(const form& sent) {
    pqxx::connection db;
    interlock::checkout mine{table, 7, std::stoll(sent.at("token"))};
    return transact(db, [&](pqxx::dbtransaction& tx) {
        mine.use(tx);
        auto version = interlock::versioned_update(tx, table, 7, std::stoll(sent.at("version")),
                                                   R"({"body": ")" + sent.at("body") + "\"}");
        mine.checkin(tx);
        return version;
    });
}

// Bob's program knows nothing of checkouts. It says what it is told, as errors of any SQL.
void bob_offers(int chairs) {
    pqxx::connection db;
    try {
        transact(db, [&](pqxx::dbtransaction& tx) {
            tx.exec("UPDATE example_documents SET body = 'We offer " + std::to_string(chairs) +
                    " chairs.' WHERE id = 7");
        });
        std::cout << "Bob: written\n";
    } catch (const interlock::lease_held& e) {
        std::cout << "Bob: not now, " << e.holder() << " has it (" << e.note().value_or("")
                  << ")\n";
    }
}

void over_lunch() {
    auto mine = open_form("Ann", 1h);
    std::cout << "Ann: opened version " << mine["version"] << "\n";
    bob_offers(90);
    mine["body"] = "We offer 120 chairs.";
    std::cout << "Ann: saved as version " << save(mine) << "\n";
    bob_offers(90);
}

// An hour is too long for an example. When it has expired nobody needs to do anything for the row
// to be free.
void over_night() {
    auto mine = open_form("Ann", 50ms);
    std::cout << "Ann: opened version " << mine["version"] << ", and goes home\n";
    std::this_thread::sleep_for(100ms);
    bob_offers(80);
    mine["body"] = "We offer 150 chairs.";
    try {
        save(mine);
        throw std::logic_error{"a late save must be refused"};
    } catch (const interlock::lease_lost&) {
        std::cout << "Ann: too late, the document has changed since\n";
    }
}

void show(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        auto row = tx.exec("SELECT body, version FROM example_documents WHERE id = 7");
        std::cout << "Version " << row[0][1].as<int>() << ": " << row[0][0].as<std::string>()
                  << "\n";
    });
}

}  // namespace

int main() try {
    pqxx::connection db;
    set_up(db);
    over_lunch();
    over_night();
    show(db);
    tidy_up(db);
} catch (const std::exception& e) {
    std::cerr << "lunch_break: " << e.what() << "\n";
    return 1;
}
