// The module's settings (GUC variables).
#pragma once

namespace interlock {

void define_settings();

// interlock.direct_writes
bool direct_writes_enabled();

}  // namespace interlock
