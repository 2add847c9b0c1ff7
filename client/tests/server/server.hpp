#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <interlock/interlock.hpp>
#include <memory>
#include <string>
#include <thread>

// A test against the live server of libpq's environment, in a schema of its own.
class Server : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    using connection = std::unique_ptr<pqxx::connection>;

    // A session whose search_path is the test's schema. `more` goes into the connection string.
    connection connect(const std::string& more = "") const;
    interlock::connection_factory factory() const;

    // One statement by itself, on a session that the test does not use otherwise.
    void run(const std::string& sql) const;
    std::string value(const std::string& sql) const;
    int number(const std::string& sql) const { return std::stoi(value(sql)); }

    // accounts (id, owner, balance, version), versioned, with rows 1, 2 and 3 of balance 100.
    void make_accounts() const;
    // The same table as a plain one, for what has nothing to do with versions.
    void make_plain_accounts() const;

    // Runs in a transaction of its own, committed.
    template <class Body>
    auto in_transaction(Body body) const {
        auto c = connect();
        pqxx::work tx{*c};
        if constexpr (std::is_void_v<decltype(body(tx))>) {
            body(tx);
            tx.commit();
        } else {
            auto result = body(tx);
            tx.commit();
            return result;
        }
    }

    // The SQLSTATE of what it throws in a transaction that is not committed; "none" if nothing.
    template <class Body>
    std::string code(Body body) const {
        auto c = connect();
        try {
            pqxx::work tx{*c};
            body(tx);
            return "none";
        } catch (const std::exception& e) {
            return interlock::sqlstate_of(e);
        }
    }

    // A member of a JSON object, by path: json_at(report, "balance,mine").
    std::string json_at(const std::optional<std::string>& json, const std::string& path) const;

    // Waits until the server shows what is asked for, and fails the test if it never does.
    void wait_until(const std::string& condition) const;
    void wait_until_blocked(int pid) const;
    void terminate(int pid) const;

  private:
    std::string schema_;
    connection admin_;
};

// A thread that is joined even if the test fails first, and hands on what it threw.
class task {
  public:
    template <class Body>
    explicit task(Body body)
        : thread_{[this, body] {
              try {
                  body();
              } catch (...) {
                  failure_ = std::current_exception();
              }
          }} {}
    ~task() {
        if (thread_.joinable()) thread_.join();
    }

    // What it threw, typed as transact would; null if nothing.
    std::exception_ptr result() {
        thread_.join();
        return interlock::translate(failure_);
    }

    // The same, thrown.
    void rethrow() {
        if (std::exception_ptr failure = result()) std::rethrow_exception(failure);
    }

  private:
    std::exception_ptr failure_;
    std::thread thread_;
};

// Runs it and hands back the exception of this very type, or fails the test.
template <class Error, class Body>
Error caught(Body body) {
    try {
        body();
    } catch (const Error& e) {
        EXPECT_EQ(typeid(e), typeid(Error)) << e.what();
        return e;
    } catch (const std::exception& e) {
        ADD_FAILURE() << "threw " << typeid(e).name() << ": " << e.what();
        throw;
    }
    ADD_FAILURE() << "threw nothing";
    throw std::logic_error{"threw nothing"};
}

// The same, of what libpqxx threw, typed as transact would.
template <class Error, class Body>
Error caught_typed(Body body) {
    return caught<Error>([&] {
        try {
            body();
        } catch (...) {
            std::rethrow_exception(interlock::translate(std::current_exception()));
        }
    });
}
