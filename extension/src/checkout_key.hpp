// The key of a row as its checkout is stored under it: text that is the same in every session,
// whatever its settings.
#pragma once

#include "key.hpp"

namespace interlock {

// [1], or [7, "2026-11-22"]: a JSON array of the values in the key's order
std::string_view checkout_key(const KeyValues& key);

// Are values of the key that are equal always the same text? Not those of citext and of collations
// that are not deterministic, nor numbers within jsonb: there it is the text of the row as it is
// stored.
bool has_one_text(const Key& key);

}  // namespace interlock
