// The mark by which a write of ours is known while its statement runs.
#pragma once

#include "writer.hpp"

namespace interlock {

// What the last condition of a planned statement learned about the row that had the key and the
// version: the statement did not get there; the row already is as wanted; it will be written; it no
// longer holds the expected values.
enum class Match { none, same, differs, stale };

struct OwnWrite {
    int64 token;                    // known to our statement alone
    Oid relid;                      // whose row trigger will see the row, or that of its partitions
    std::optional<int64> expected;  // the version that the row has, where one was judged
    bool forces;                    // a new version even if nothing changes
    const Write* write;             // null for the bump of a root
    bool compares;                  // rows that are as wanted already are not written
    int trigger_depth;
    Match match;
    int looks;     // how often the condition was evaluated: again for a row that changed under the
                   // statement
    bool taken;    // the row trigger has seen its row
    int64 stored;  // the version that the row trigger gave it
    OwnWrite* outer;
};

// A write that is not running yet; it does so from begin to end.
OwnWrite own_write(const Write& write, bool compares);
// The same for the bump of a root, by a statement that sets the version to itself.
OwnWrite own_bump(const Table& table);

void begin_own_write(OwnWrite& write);
void end_own_write(const OwnWrite& write);

// The running write with this token, or null.
OwnWrite* find_own_write(int64 token);

// The interlock write that has judged the row which the row trigger of `relation` is looking at, or
// null. It is found once per write.
OwnWrite* take_own_write(Relation relation, int64 old_version);

// The same where it makes a version in any case. No other write is taken.
OwnWrite* take_forced_write(Relation relation, int64 old_version);

// Is the row that the row trigger of `relation` is about to see to have a new version in any case?
// The write is not taken: another trigger, which fires before that one, asks.
bool forces_version(Relation relation);

}  // namespace interlock
