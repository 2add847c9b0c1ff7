#include "settings.hpp"

#include "postgres.hpp"

namespace interlock {
namespace {

enum DirectWrites { direct_writes_off, direct_writes_auto };

const config_enum_entry direct_writes_options[] = {
    {"auto", direct_writes_auto, false}, {"off", direct_writes_off, false}, {nullptr, 0, false}};

int direct_writes = direct_writes_auto;
bool session_locks = true;
int look_back = 10;
int most_namespace_locks = 2000;

}  // namespace

void define_settings() {
    DefineCustomEnumVariable("interlock.direct_writes", "Which writes take the direct path.",
                             "auto: all for which it is equivalent to an UPDATE. off: none.",
                             &direct_writes, direct_writes_auto, direct_writes_options, PGC_USERSET,
                             0, nullptr, nullptr, nullptr);
    DefineCustomBoolVariable("interlock.session_locks", "Allows session-level advisory locks.",
                             "Turn it off where a proxy pools connections by transaction.",
                             &session_locks, true, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("interlock.claim_look_back",
                            "How often claims look for rows that became ready behind others.",
                            "Each time over what was passed since the last but one; ten times as "
                            "far back every ten times as long. 0: at every call.",
                            &look_back, 10, 0, 60 * 60 * 1000, PGC_USERSET, GUC_UNIT_MS, nullptr,
                            nullptr, nullptr);
    DefineCustomIntVariable("interlock.max_namespace_locks",
                            "How many locks of one namespace a session may hold.",
                            "A namespace's own max_locks overrides it.", &most_namespace_locks,
                            2000, 1, INT_MAX, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("interlock");
}

bool direct_writes_enabled() {
    return direct_writes == direct_writes_auto;
}

bool session_locks_enabled() {
    return session_locks;
}

int claim_look_back() {
    return look_back;
}

int max_namespace_locks() {
    return most_namespace_locks;
}

}  // namespace interlock
