#include "own_write.hpp"

namespace interlock {
namespace {

OwnWrite* innermost;
int64 next_token;

int trigger_depth() {
    return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, 0));
}

// Functions that a statement of ours calls (policies, checks) could pass a token that they guessed.
int64 new_token() {
    if (next_token == 0 && !pg_strong_random(&next_token, sizeof next_token))
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random token")));
    return next_token++;
}

bool is_part_of(Relation relation, Oid named) {
    Oid relid = RelationGetRelid(relation);
    if (relid == named) return true;
    if (relation->rd_rel->relispartition)
        return list_member_oid(get_partition_ancestors(relid), named);
    return has_superclass(relid);
}

}  // namespace

static OwnWrite own_write(Oid relid, std::optional<int64> expected, bool forces) {
    OwnWrite write = {};
    write.token = new_token();
    write.relid = relid;
    write.expected = expected;
    write.forces = forces;
    write.trigger_depth = trigger_depth();
    write.outer = innermost;
    return write;
}

OwnWrite own_write(const Write& write, bool compares) {
    OwnWrite own =
        own_write(write.table.written, write.expected, write.operation == Operation::touch);
    own.write = &write;
    own.compares = compares;
    return own;
}

OwnWrite own_bump(const Table& table) {
    OwnWrite own = own_write(table.relid, {}, true);
    own.match = Match::differs;
    return own;
}

void begin_own_write(OwnWrite& write) {
    innermost = &write;
}

void end_own_write(const OwnWrite& write) {
    innermost = write.outer;
}

OwnWrite* find_own_write(int64 token) {
    return innermost && innermost->token == token ? innermost : nullptr;
}

static bool is_about(const OwnWrite& write, Relation relation) {
    return !write.taken && write.match == Match::differs &&
           write.trigger_depth + 1 == trigger_depth() && is_part_of(relation, write.relid);
}

OwnWrite* take_own_write(Relation relation, int64 old_version) {
    OwnWrite* write = innermost;
    if (write == nullptr || (write->expected && *write->expected != old_version)) return nullptr;
    if (!is_about(*write, relation)) return nullptr;
    write->taken = true;
    return write;
}

OwnWrite* take_forced_write(Relation relation, int64 old_version) {
    return innermost && innermost->forces ? take_own_write(relation, old_version) : nullptr;
}

bool forces_version(Relation relation) {
    return innermost && innermost->forces && is_about(*innermost, relation);
}

}  // namespace interlock
