#include "settings.hpp"

#include "postgres.hpp"

namespace interlock {
namespace {

enum DirectWrites { direct_writes_off, direct_writes_auto };

const config_enum_entry direct_writes_options[] = {
    {"auto", direct_writes_auto, false}, {"off", direct_writes_off, false}, {nullptr, 0, false}};

int direct_writes = direct_writes_auto;

}  // namespace

void define_settings() {
    DefineCustomEnumVariable("interlock.direct_writes", "Which writes take the direct path.",
                             "auto: all for which it is equivalent to an UPDATE. off: none.",
                             &direct_writes, direct_writes_auto, direct_writes_options, PGC_USERSET,
                             0, nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("interlock");
}

bool direct_writes_enabled() {
    return direct_writes == direct_writes_auto;
}

}  // namespace interlock
