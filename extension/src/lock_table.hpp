// Who holds what, as the lock manager knows it now. Reading it visits every lock of the server:
// for failures and views, not for hot paths.
#pragma once

#include "postgres.hpp"

namespace interlock {

// A lock, and the mode in which somebody wants it.
struct WantedLock {
    LOCKTAG tag;
    LOCKMODE mode;
};

// The processes (a list of int, in ascending order, each once) that hold the lock in a mode in
// conflict with this one. Without our own; 0 stands for prepared transactions.
List* conflicting_holders(const LOCKTAG& tag, LOCKMODE mode);
List* conflicting_holders(std::span<const WantedLock> wanted);  // of any of them

// Those that hold or await any lock of a namespace, ourselves included.
List* namespace_users(int id);

// [123, 456]
void append_pids(StringInfo json, List* pids);

}  // namespace interlock
