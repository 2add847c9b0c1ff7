#include "claim_groups.hpp"

#include "lock_tag.hpp"

extern "C" {
#include <common/hashfn.h>
}

namespace interlock {
namespace {

constexpr int parked_groups_per_call = 4;

// So that a call does not fill the server's lock table.
constexpr int most_group_locks = 1000;

struct SeenGroup {
    uint64 hash;
};

bool is_seen(ClaimGroups& groups, uint64 hash) {
    bool found;
    hash_search(groups.seen, &hash, HASH_ENTER, &found);
    return found;
}

// A claim that has not committed holds it.
LOCKTAG group_tag(const ClaimGroups& groups, uint64 hash) {
    return advisory_tag(claim_group_class,
                        hash_combine64(hash, murmurhash32(groups.call.table.relid)));
}

// Visits the group's rows in their order, as they are now, until that says no.
template <typename Visit>
void each_row(ClaimGroups& groups, TupleTableSlot* row, Datum group, Visit visit) {
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    ScanKeyData condition = groups.equal;
    condition.sk_argument = group;
    IndexScanDesc scan = begin_index_scan(groups.call.relation, groups.index, snapshot, 1);
    index_rescan(scan, &condition, 1, nullptr, 0);
    while (index_getnext_slot(scan, ForwardScanDirection, row)) {
        CHECK_FOR_INTERRUPTS();
        if (!visit()) break;
    }
    index_endscan(scan);
    UnregisterSnapshot(snapshot);
}

// What the group comes to: its first row that is due, unless another row is in the way.
struct GroupLook {
    bool closed;
    bool has_first;
    ClaimState first;
};

bool make_dead(ClaimTaker& taker, TupleTableSlot* row, const ClaimState& state, GroupLook& look) {
    look.closed = !take_row(taker, row, state);
    return !look.closed;
}

// A row that is scheduled for later is in nobody's way before. One whose last attempt expired is
// made dead, and gives way.
bool visit(ClaimGroups& groups, ClaimTaker& taker, TupleTableSlot* row, GroupLook& look) {
    const ClaimCall& call = groups.call;
    ClaimState state = state_in(call.claiming(), row);
    if (!is_unfinished(state)) return true;
    look.closed = is_held(state, call.now) || is_claimed_here(state, writer_of(row));
    if (look.closed) return false;
    if (look.has_first || state.run_at > call.now) return true;
    if (is_last_attempt(call, state)) return make_dead(taker, row, state, look);
    look.has_first = true;
    look.first = state;
    ExecCopySlot(groups.row, row);
    return true;
}

GroupLook look_at(ClaimGroups& groups, ClaimTaker& taker, Datum group) {
    GroupLook look = {};
    TupleTableSlot* row = make_slot(groups.call);
    each_row(groups, row, group, [&] { return visit(groups, taker, row, look); });
    ExecDropSingleTupleTableSlot(row);
    return look;
}

// At REPEATABLE READ only a row of the transaction's snapshot can be claimed, if it is the newest.
bool may_take(const ClaimGroups& groups, TupleTableSlot* found) {
    if (!IsolationUsesXactSnapshot()) return true;
    return found && ItemPointerEquals(&found->tts_tid, &groups.row->tts_tid);
}

GroupOutcome take_first(ClaimGroups& groups, ClaimTaker& taker, Datum group,
                        TupleTableSlot* found) {
    GroupLook look = look_at(groups, taker, group);
    if (look.closed) return GroupOutcome::closed;
    if (!look.has_first) return GroupOutcome::empty;
    if (!may_take(groups, found) || !take_row(taker, groups.row, look.first))
        return GroupOutcome::closed;
    return GroupOutcome::taken;
}

int find_parked(const Marks& marks, uint64 hash) {
    for (int i = 0; i < marks.parked_count; i++)
        if (marks.parked[i].hash == hash) return i;
    return -1;
}

const Column& group_column(const ClaimGroups& groups) {
    return groups.call.table.column(groups.call.claiming().column(ClaimColumn::group));
}

void release(const Column& column, Datum value) {
    if (!column.by_value) pfree(DatumGetPointer(value));
}

// Of its own, whatever becomes of the row: a value stored beside it goes with it.
Datum copy_group(const Column& column, Datum group) {
    if (column.length == -1) return PointerGetDatum(PG_DETOAST_DATUM_COPY(group));
    return datumCopy(group, column.by_value, column.length);
}

void unpark(const ClaimGroups& groups, Marks& marks, int i) {
    release(group_column(groups), marks.parked[i].group);
    marks.parked[i] = marks.parked[--marks.parked_count];
}

}  // namespace

ClaimGroups* begin_groups(ClaimCall& call) {
    auto* groups = new (palloc0(sizeof(ClaimGroups)))
        ClaimGroups{call, CurrentMemoryContext, nullptr, nullptr, {}, {}, InvalidOid, nullptr, 0};
    groups->index = index_open(call.claiming().group_index, RowExclusiveLock);
    groups->row = make_slot(call);
    Oid type = groups->index->rd_opcintype[0];
    Oid equal =
        get_opfamily_member(groups->index->rd_opfamily[0], type, type, BTEqualStrategyNumber);
    groups->collation = groups->index->rd_indcollation[0];
    ScanKeyEntryInitialize(&groups->equal, 0, 1, BTEqualStrategyNumber, InvalidOid,
                           groups->collation, get_opcode(equal), 0);
    const TypeCacheEntry* cache =
        lookup_type_cache(group_column(*groups).type, TYPECACHE_HASH_EXTENDED_PROC_FINFO);
    fmgr_info_copy(&groups->hash, const_cast<FmgrInfo*>(&cache->hash_extended_proc_finfo),
                   groups->memory);
    HASHCTL control = {};
    control.keysize = control.entrysize = sizeof(SeenGroup);
    control.hcxt = groups->memory;
    groups->seen =
        hash_create("interlock claim groups", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    return groups;
}

void end_groups(ClaimGroups* groups) {
    ExecDropSingleTupleTableSlot(groups->row);
    index_close(groups->index, NoLock);
    hash_destroy(groups->seen);
}

uint64 hash_group(ClaimGroups& groups, Datum group) {
    return DatumGetUInt64(
        FunctionCall2Coll(&groups.hash, groups.collation, group, Int64GetDatum(0)));
}

GroupOutcome take_from_group(ClaimGroups& groups, ClaimTaker& taker, Datum group,
                             TupleTableSlot* found) {
    uint64 hash = hash_group(groups, group);
    if (is_seen(groups, hash) || groups.locks >= most_group_locks) return GroupOutcome::closed;
    LOCKTAG tag = group_tag(groups, hash);
    if (LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return GroupOutcome::closed;
    GroupOutcome outcome = take_first(groups, taker, group, found);
    ExecClearTuple(groups.row);
    if (outcome == GroupOutcome::taken)
        groups.locks++;
    else
        LockRelease(&tag, ExclusiveLock, false);
    return outcome;
}

void park_group(ClaimGroups& groups, Marks& marks, Datum group) {
    uint64 hash = hash_group(groups, group);
    if (marks.parked_count == most_parked_groups || find_parked(marks, hash) >= 0) return;
    MemoryContext previous = MemoryContextSwitchTo(marks.memory);
    if (marks.parked == nullptr) marks.parked = allocate<ParkedGroup>(most_parked_groups);
    marks.parked[marks.parked_count] = {hash, copy_group(group_column(groups), group)};
    marks.parked_count++;
    MemoryContextSwitchTo(previous);
}

void take_from_parked_groups(ClaimGroups& groups, ClaimTaker& taker, Marks& marks, bool all) {
    int looks = all ? marks.parked_count : Min(marks.parked_count, parked_groups_per_call);
    for (; looks > 0 && marks.parked_count > 0 && !groups.call.has_enough(); looks--) {
        int i = marks.next_parked % marks.parked_count;
        marks.next_parked = i + 1;
        if (take_from_group(groups, taker, marks.parked[i].group, nullptr) == GroupOutcome::empty)
            unpark(groups, marks, i);
    }
}

}  // namespace interlock
