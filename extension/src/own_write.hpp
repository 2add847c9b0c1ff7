// The mark by which a write of ours is known while its statement runs.
#pragma once

#include "columns.hpp"

namespace interlock {

// What the last condition of a planned statement learned about the row that had the key and the
// version.
enum class Match { none, same, differs };

struct OwnWrite {
    int64 token;  // known to our statement alone
    int64 expected;
    Table& table;
    const Changes& changes;
    int trigger_depth;
    Match match;
    int looks;     // how often the condition was evaluated: again for a row that changed under the
                   // UPDATE
    bool taken;    // the row trigger has seen its row
    bool forces;   // makes a new version, whatever it changes
    bool bumps;    // is of a root: judges no version
    int64 stored;  // the version that the row trigger gave it
    OwnWrite* outer;
};

// A write that is not running yet; it does so from begin to end.
OwnWrite own_write(Table& table, const Changes& changes, int64 expected);
// The same for the bump of a root, by a statement that sets the version to itself.
OwnWrite own_bump(Table& table);

void begin_own_write(OwnWrite& write);
void end_own_write(const OwnWrite& write);

// The running write with this token, or null.
OwnWrite* find_own_write(int64 token);

// The interlock write that has judged the row which the row trigger of `relation` is looking at, or
// null. It is found once per write.
OwnWrite* take_own_write(Relation relation, int64 old_version);

// The same where it makes a version in any case. No other write is taken.
OwnWrite* take_forced_write(Relation relation, int64 old_version);

}  // namespace interlock
