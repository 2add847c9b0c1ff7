#pragma once

#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "interlock/bridge.hpp"
#include "interlock/key.hpp"

namespace interlock {

// One of our statements: the name under which it may be prepared, and its text. Without a name it
// never is.
struct statement {
    std::string name;
    std::string sql;
};

// A statement about one row, whose key is parameter 2, written $key. A plain key goes without a
// type, a composite one as jsonb, so that nobody has to guess whether a text is one.
class keyed_statement {
  public:
    keyed_statement(const std::string& name, const std::string& sql);
    const statement& for_key(const key& key) const { return key.composite() ? columns_ : plain_; }

  private:
    statement plain_;
    statement columns_;
};

// Sends it, prepared or not as the connection's owner wishes. Throws what error.hpp promises; in a
// pqxx::nontransaction a lost session is in_doubt, because the statement was its own transaction.
pqxx::result call(pqxx::transaction_base& tx, const statement& statement,
                  const std::vector<bridge::parameter>& parameters);

// A pqxx::nontransaction.
bool commits_by_itself(const pqxx::transaction_base& tx);

}  // namespace interlock
