#pragma once

// The table under contention: the first accounts of pgbench_accounts. What contend changes about it
// is put back: the balances, and the version column, its triggers and the lock namespace where they
// were not there before. Only a contend that is killed leaves them behind (README.md says what to
// do then).

#include <cstdint>
#include <interlock/interlock.hpp>
#include <string>
#include <vector>

#include "strategy.hpp"

namespace contend {

class accounts {
  public:
    /// Checks that there are `rows` accounts, that no other contend is at work on them and, if it
    /// is needed, that the extension is there; remembers the balances. The connection is this
    /// object's own until it is gone.
    /// @throws cannot_run
    accounts(pqxx::connection& connection, int rows, bool needs_interlock);
    /// Puts everything back, as restore() does, but says nothing if it fails.
    ~accounts();
    accounts(const accounts&) = delete;
    accounts& operator=(const accounts&) = delete;

    /// Brings the table into the state that a strategy needs, without dead rows of the one before.
    /// A table that was versioned before stays so.
    /// @throws cannot_run
    void prepare(table_state state);

    [[nodiscard]] std::int64_t sum();
    /// Quoted.
    [[nodiscard]] const std::string& version_column() const { return version_column_; }
    /// Versioned before we came.
    [[nodiscard]] bool was_versioned() const { return was_versioned_; }

    /// Puts everything back, once: after a failure it is not tried again.
    void restore();

  private:
    void check_table();
    void lock_out_others();
    void find_versioning(bool needs_interlock);
    void remember_balances();
    void set_versioned(bool wanted);
    void register_namespace();
    void put_back();

    pqxx::connection& connection_;
    int rows_;
    std::vector<std::string> balances_;  // of accounts 1, 2, …
    std::string version_column_ = "version";
    bool was_versioned_ = false;
    bool had_column_ = false;
    bool versioned_ = false;   // now
    bool has_column_ = false;  // now
    bool registered_namespace_ = false;
    bool tried_to_restore_ = false;
};

}  // namespace contend
