// The module's settings (GUC variables).
#pragma once

namespace interlock {

void define_settings();

// interlock.direct_writes
bool direct_writes_enabled();

// interlock.session_locks
bool session_locks_enabled();

// interlock.claim_look_back, in milliseconds
int claim_look_back();

// interlock.max_namespace_locks
int max_namespace_locks();

}  // namespace interlock
