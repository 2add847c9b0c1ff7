#pragma once

#include "interlock/export.hpp"

// The build and the package files read the version from these three lines.
#define INTERLOCK_VERSION_MAJOR 0
#define INTERLOCK_VERSION_MINOR 1
#define INTERLOCK_VERSION_PATCH 0

namespace interlock {

/// The version of the library that is linked, "0.1.0". Never throws; the text lives for ever.
/// The macros say which version the headers are; a difference means a mixed installation.
[[nodiscard]] INTERLOCK_EXPORT const char* library_version() noexcept;

}  // namespace interlock
