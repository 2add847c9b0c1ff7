#include "claim_marks.hpp"
#include "known_keys.hpp"
#include "namespace_usage.hpp"
#include "root_touches.hpp"
#include "settings.hpp"
#include "table.hpp"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init() {
    interlock::initialize_table_cache();
    interlock::initialize_claim_marks();
    interlock::initialize_root_touches();
    interlock::initialize_lock_namespaces();
    interlock::initialize_namespace_usage();
    interlock::reserve_known_keys();
    interlock::define_settings();
}

namespace interlock {

// library_version() → text: must be the version of the installed SQL objects
INTERLOCK_FUNCTION(library_version) {
    (void)fcinfo;
    PG_RETURN_TEXT_P(cstring_to_text(INTERLOCK_VERSION));
}

}  // namespace interlock
