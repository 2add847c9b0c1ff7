// A price list that two people work on at once: one form is merged column by column, a batch of
// new prices says row by row what became of it, and an order is taken only at the price that the
// customer saw.
//
// Connects by libpq's environment (PGHOST, PGDATABASE, …) to a database where the extension can be
// created, and leaves nothing behind.

#include <interlock/interlock.hpp>
#include <iostream>

namespace {

using interlock::transact;

void set_up(pqxx::connection& db) {
    transact(db, [](pqxx::dbtransaction& tx) {
        tx.exec("CREATE EXTENSION IF NOT EXISTS interlock");
        tx.exec("DROP TABLE IF EXISTS example_products");
        tx.exec("CREATE TABLE example_products (code text PRIMARY KEY, title text, price int)");
        tx.exec("SELECT interlock.enable_versioning('example_products')");
        // A new row has no version yet: were the code taken, this would be row_exists.
        interlock::versioned_upsert(tx, "example_products",
                                    R"({"code": "tea", "title": "Tea", "price": 3})", std::nullopt);
        interlock::versioned_upsert(tx, "example_products",
                                    R"({"code": "pie", "title": "Pie", "price": 5})", std::nullopt);
    });
}

// The whole form as it was read, and what the user changed. What others changed elsewhere stays.
void save_form(pqxx::connection& db, const char* who, const char* as_read, const char* changes) {
    try {
        auto result = transact(db, [&](pqxx::dbtransaction& tx) {
            return interlock::versioned_merge(tx, "example_products", "tea", as_read, changes);
        });
        std::cout << who << " saved " << changes << ": version " << result.value() << "\n";
    } catch (const interlock::merge_conflict& e) {
        std::cout << who << " must decide: " << e.what() << "\n  " << e.conflicts().value() << "\n";
    }
}

// Each row at the version at which its price was worked out. What can be written is written.
void save_prices(pqxx::connection& db, const std::vector<interlock::row_update>& prices) {
    auto results = transact(db, [&](pqxx::dbtransaction& tx) {
        return interlock::try_versioned_update_many(tx, "example_products", prices,
                                                    interlock::batch_mode::partial);
    });
    for (const auto& [key, result] : results)
        std::cout << "new price of " << key.text() << ": " << to_string(result.status) << "\n";
}

// The product is not written, but it must stay as it was seen until the order is in.
bool take_order(pqxx::connection& db, const char* code, std::int64_t version_seen) {
    return transact(db, [&](pqxx::dbtransaction& tx) {
        auto product = interlock::try_versioned_check(tx, "example_products", code, version_seen);
        if (!product.ok()) return false;
        // INSERT INTO orders …
        return true;
    });
}

}  // namespace

int main() try {
    pqxx::connection db;
    set_up(db);

    auto as_read = R"({"title": "Tea", "price": 3})";
    save_form(db, "Ann", as_read, R"({"price": 4})");
    save_form(db, "Bob", as_read, R"({"title": "Green tea"})");
    save_form(db, "Cem", as_read, R"({"price": 2})");

    save_prices(db, {{"pie", 1, R"({"price": 6})"},
                     {"tea", 1, R"({"price": 1})"},
                     {"rum", 1, R"({"price": 9})"}});

    std::cout << "pie as seen at version 1: " << (take_order(db, "pie", 1) ? "sold" : "changed")
              << "\npie as seen at version 2: " << (take_order(db, "pie", 2) ? "sold" : "changed")
              << "\n";

    transact(db, [](pqxx::dbtransaction& tx) { tx.exec("DROP TABLE example_products"); });
} catch (const std::exception& e) {
    std::cerr << "price_list: " << e.what() << "\n";
    return 1;
}
