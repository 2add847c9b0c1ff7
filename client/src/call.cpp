#include "call.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string_view>

#include "interlock/error.hpp"
#include "interlock/prepared.hpp"

namespace interlock {
namespace {

// Which connections prepare our statements, and which of them they have prepared. An application's
// connection has no room for such a note, so it is kept by address while prepared_statements lives.
class registry {
  public:
    void add(const connection_type* connection) {
        std::lock_guard lock{mutex_};
        if (!prepared_.try_emplace(connection).second)
            throw std::logic_error{"the connection has prepared_statements already"};
        ++size_;
    }

    void remove(const connection_type* connection) {
        std::lock_guard lock{mutex_};
        prepared_.erase(connection);
        --size_;
    }

    // Null if the connection does not prepare. A connection is used by one thread at a time, so its
    // entry is too.
    std::set<std::string>* find(const connection_type* connection) {
        if (size_.load(std::memory_order_relaxed) == 0) return nullptr;
        std::lock_guard lock{mutex_};
        auto found = prepared_.find(connection);
        return found == prepared_.end() ? nullptr : &found->second;
    }

  private:
    std::mutex mutex_;
    std::map<const connection_type*, std::set<std::string>> prepared_;
    std::atomic<int> size_ = 0;
};

registry& preparing() {
    static registry instance;
    return instance;
}

pqxx::result send(pqxx::transaction_base& tx, const statement& statement,
                  const std::vector<bridge::parameter>& parameters) {
    auto* prepared = preparing().find(&tx.conn());
    if (!prepared || statement.name.empty()) return bridge::execute(tx, statement.sql, parameters);
    if (!prepared->contains(statement.name)) {
        tx.conn().prepare(statement.name, statement.sql);
        prepared->insert(statement.name);
    }
    return bridge::execute_prepared(tx, statement.name, parameters);
}

std::string with_key(std::string sql, const char* parameter) {
    constexpr std::string_view placeholder = "$key";
    return sql.replace(sql.find(placeholder), placeholder.size(), parameter);
}

}  // namespace

keyed_statement::keyed_statement(const std::string& name, const std::string& sql)
    : plain_{name, with_key(sql, "$2")},
      columns_{name + "_columns", with_key(sql, "$2::pg_catalog.jsonb")} {}

pqxx::result call(pqxx::transaction_base& tx, const statement& statement,
                  const std::vector<bridge::parameter>& parameters) {
    try {
        return send(tx, statement, parameters);
    } catch (...) {
        try {
            std::rethrow_exception(translate(std::current_exception()));
        } catch (const connection_lost& e) {
            if (commits_by_itself(tx)) throw in_doubt{e.sqlstate(), e.what()};
            throw;
        }
    }
}

bool commits_by_itself(const pqxx::transaction_base& tx) {
    return dynamic_cast<const pqxx::dbtransaction*>(&tx) == nullptr;
}

prepared_statements::prepared_statements(connection_type& connection) : connection_{connection} {
    preparing().add(&connection);
}

prepared_statements::~prepared_statements() {
    preparing().remove(&connection_);
}

}  // namespace interlock
