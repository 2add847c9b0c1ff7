// Protocol-level prepared statements: off by default, on where asked for.

#include "server.hpp"

namespace {

using namespace interlock;

class Prepared : public Server {
  protected:
    // What our calls have left prepared in this session.
    static int prepared_in(pqxx::connection& c) {
        pqxx::nontransaction tx{c};
        return tx
            .exec("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'interlock%'")[0][0]
            .as<int>();
    }

    static void update(pqxx::connection& c, std::int64_t expected) {
        pqxx::work tx{c};
        versioned_update(tx, "accounts", 1, expected,
                         R"({"balance": )" + std::to_string(expected) + "}");
        tx.commit();
    }
};

TEST_F(Prepared, OffByDefault) {
    // Proves that without being asked the library leaves nothing prepared in the session.
    make_accounts();
    auto c = connect();
    update(*c, 1);
    update(*c, 2);
    EXPECT_EQ(prepared_in(*c), 0);
}

TEST_F(Prepared, PreparesOnce) {
    // Proves that switched on each statement is prepared once and used again, and forgotten after.
    make_accounts();
    auto c = connect();
    {
        prepared_statements prepared{*c};
        update(*c, 1);
        update(*c, 2);
        update(*c, 3);
        EXPECT_EQ(prepared_in(*c), 1);
        pqxx::work tx{*c};
        (void)try_versioned_update(tx, "accounts", key::columns({{"id", 1}}), 4, "{}");
        tx.commit();
        EXPECT_EQ(prepared_in(*c), 2);
    }
    update(*c, number("SELECT version FROM accounts WHERE id = 1"));
}

TEST_F(Prepared, SurvivesRollbackAndErrors) {
    // Proves that a rollback or an error does not make the library forget or lose a statement.
    make_accounts();
    auto c = connect();
    prepared_statements prepared{*c};
    for (int i = 0; i < 3; ++i) {
        pqxx::work tx{*c};
        EXPECT_THROW((void)try_versioned_update(tx, "nowhere", 1, 1, "{}"), pqxx::undefined_table);
    }
    update(*c, 1);
    {
        pqxx::work tx{*c};
        versioned_update(tx, "accounts", 1, 2, R"({"balance": 7})");
    }
    update(*c, 2);
}

TEST_F(Prepared, FirstUseInAFailedTransaction) {
    // Proves that a statement whose preparation failed is prepared at the next use.
    make_accounts();
    auto c = connect();
    prepared_statements prepared{*c};
    {
        pqxx::work tx{*c};
        EXPECT_ANY_THROW(tx.exec("SELECT 1/0"));
        EXPECT_ANY_THROW((void)try_versioned_update(tx, "accounts", 1, 1, "{}"));
    }
    update(*c, 1);
}

TEST_F(Prepared, EachConnectionForItself) {
    // Proves that one connection's choice does not touch another's.
    make_accounts();
    auto a = connect(), b = connect();
    prepared_statements prepared{*a};
    update(*a, 1);
    update(*b, 2);
    EXPECT_EQ(prepared_in(*a), 1);
    EXPECT_EQ(prepared_in(*b), 0);
    EXPECT_THROW(prepared_statements{*a}, std::logic_error);
}

}  // namespace
