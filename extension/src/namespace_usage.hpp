// How many locks of a namespace this session has, and the bound on them: who takes locks without
// end fills the table that the whole server shares.
#pragma once

#include "lock_namespace.hpp"

namespace interlock {

void initialize_namespace_usage();

// The count of one namespace; it lives as long as the session.
NamespaceUsage* namespace_usage(int id);

// 53400 where the session holds as many locks of the namespace as it may.
void require_room(const LockNamespace& lock_namespace);

// A lock that was not held before.
void count_transaction_lock(const LockNamespace& lock_namespace);
void count_session_locks(int id, int change);

}  // namespace interlock
