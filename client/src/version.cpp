#include "interlock/version.hpp"

#define INTERLOCK_TEXT_OF(x) #x
#define INTERLOCK_TEXT(x) INTERLOCK_TEXT_OF(x)

namespace interlock {

const char* library_version() noexcept {
    return INTERLOCK_TEXT(INTERLOCK_VERSION_MAJOR) "." INTERLOCK_TEXT(
        INTERLOCK_VERSION_MINOR) "." INTERLOCK_TEXT(INTERLOCK_VERSION_PATCH);
}

}  // namespace interlock
