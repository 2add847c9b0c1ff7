#pragma once

#include <interlock/interlock.hpp>
#include <memory>
#include <string>

// A database of the test's own, on the server of libpq's environment. Dropped at the end.
class database {
  public:
    database();
    ~database();
    database(const database&) = delete;
    database& operator=(const database&) = delete;

    [[nodiscard]] const std::string& name() const { return name_; }
    // For libpq.
    [[nodiscard]] std::string connection_string() const { return "dbname=" + name_; }
    [[nodiscard]] std::unique_ptr<pqxx::connection> connect() const;

    void run(const std::string& sql) const;
    // The first field of the first row.
    [[nodiscard]] std::string value(const std::string& sql) const;
    // Until the query says true; false if it does not within half a minute.
    [[nodiscard]] bool wait_until(const std::string& query) const;

    // As `pgbench -i` makes it, with fewer rows.
    void make_accounts() const;

  private:
    std::string name_;
    std::unique_ptr<pqxx::connection> connection_;
};
