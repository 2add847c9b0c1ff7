#pragma once

// The client of the PostgreSQL extension "interlock". Two people save the same row; nobody's
// change is lost, and the second one is told:
//
//     #include <interlock/interlock.hpp>
//
//     pqxx::connection db;
//     try {
//         interlock::transact(db, [&](pqxx::dbtransaction& tx) {
//             interlock::versioned_update(tx, "accounts", 7, version_as_read, R"({"name":
//             "Ann"})");
//         });
//     } catch (const interlock::stale_version& e) {
//         offer_merge(e.current(), e.conflicts());  // the row as it is now, both sides per column
//     }
//
// One header per family; each leads with an example and says what it throws.

#include "interlock/advisory_locks.hpp"
#include "interlock/bridge.hpp"
#include "interlock/checkouts.hpp"
#include "interlock/claims.hpp"
#include "interlock/error.hpp"
#include "interlock/key.hpp"
#include "interlock/leader.hpp"
#include "interlock/leases.hpp"
#include "interlock/lock_wait.hpp"
#include "interlock/prepared.hpp"
#include "interlock/retry.hpp"
#include "interlock/row_locks.hpp"
#include "interlock/singleton.hpp"
#include "interlock/transact.hpp"
#include "interlock/version.hpp"
#include "interlock/versioning.hpp"
#include "interlock/worker.hpp"
