#pragma once

// Protocol-level prepared statements, for sessions that are one's own:
//
//     pqxx::connection db;
//     interlock::prepared_statements prepared{db};   // after the connection, so that it goes first
//     …                                              // our calls on db are now prepared once
//
// Off by default: each call then goes out as one unnamed statement, in one round trip, which works
// behind every pooler. Switched on, the server parses each of our statements once per session.
// Leave it off behind PgBouncer before 1.21 in transaction mode (and later ones without
// max_prepared_statements): there the next transaction may meet another session, which does not
// know the statement (26000). The same goes for sessions that somebody resets with DISCARD ALL.

#include <pqxx/pqxx>

#include "interlock/bridge.hpp"
#include "interlock/export.hpp"

namespace interlock {

/// While it lives, this library's calls on the connection use named statements ("interlock…"), but
/// for row locks, whose result changes with the table.
///
/// Must be destroyed before the connection is, and not while a call is running on it; neither
/// copied nor moved. Statements stay prepared in the session afterwards, unused.
class INTERLOCK_EXPORT prepared_statements {
  public:
    /// Sends nothing: each statement is prepared at its first use.
    /// @throws std::logic_error if the connection has such an object already.
    explicit prepared_statements(connection_type& connection);
    ~prepared_statements();
    prepared_statements(const prepared_statements&) = delete;
    prepared_statements& operator=(const prepared_statements&) = delete;

  private:
    connection_type& connection_;
};

}  // namespace interlock
