#include "row_holders.hpp"

#include "current_row.hpp"
#include "lock_table.hpp"

extern "C" {
#include <access/heapam.h>
#include <access/multixact.h>
#include <access/subtrans.h>
#include <storage/bufmgr.h>
#include <storage/procarray.h>
}

namespace interlock {
namespace {

// What stands in a row's header.
struct RowHeader {
    TransactionId xmax;
    uint16 infomask;
    uint16 infomask2;
};

// The mode of the heavyweight lock on a tuple that stands for a lock on the row, as
// tupleLockExtraInfo (heapam.c) has it.
LOCKMODE tuple_lock_mode(LockTupleMode mode) {
    constexpr LOCKMODE modes[] = {AccessShareLock, RowShareLock, ExclusiveLock,
                                  AccessExclusiveLock};
    return modes[mode];
}

// The same for what the member of a multixact did to the row.
LOCKMODE member_lock_mode(MultiXactStatus status) {
    constexpr LOCKMODE modes[] = {AccessShareLock,     RowShareLock,  ExclusiveLock,
                                  AccessExclusiveLock, ExclusiveLock, AccessExclusiveLock};
    return modes[status];
}

// And for the one transaction that the header names.
LOCKMODE header_lock_mode(const RowHeader& header) {
    if (!HEAP_XMAX_IS_LOCKED_ONLY(header.infomask) || HEAP_XMAX_IS_EXCL_LOCKED(header.infomask))
        return header.infomask2 & HEAP_KEYS_UPDATED ? AccessExclusiveLock : ExclusiveLock;
    return HEAP_XMAX_IS_SHR_LOCKED(header.infomask) ? RowShareLock : AccessShareLock;
}

bool read_header(Relation relation, const ItemPointerData& tid, RowHeader* header) {
    HeapTupleData tuple = {};
    tuple.t_self = tid;
    Buffer buffer;
    if (!heap_fetch(relation, SnapshotAny, &tuple, &buffer, false)) return false;
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    *header = {HeapTupleHeaderGetRawXmax(tuple.t_data), tuple.t_data->t_infomask,
               tuple.t_data->t_infomask2};
    LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
    ReleaseBuffer(buffer);
    return true;
}

// The locks that somebody who wants the row would wait for.
struct Obstacles {
    WantedLock* locks;
    int count;
    LOCKMODE mode;

    void add(TransactionId xid, LOCKMODE held) {
        if (!DoLockModesConflict(held, mode) || !TransactionIdIsInProgress(xid)) return;
        locks[count].mode = ShareLock;
        SET_LOCKTAG_TRANSACTION(locks[count].tag, SubTransGetTopmostTransaction(xid));
        count++;
    }
};

void add_members(Obstacles& obstacles, const RowHeader& header) {
    MultiXactMember* members;
    int count = GetMultiXactIdMembers(header.xmax, &members, HEAP_LOCKED_UPGRADED(header.infomask),
                                      HEAP_XMAX_IS_LOCKED_ONLY(header.infomask));
    if (count <= 0) return;
    obstacles.locks = static_cast<WantedLock*>(
        repalloc(obstacles.locks, sizeof(WantedLock) * static_cast<Size>(count + 1)));
    for (int i = 0; i < count; i++)
        obstacles.add(members[i].xid, member_lock_mode(members[i].status));
}

// Who stands in line holds the lock on the tuple, and waits for those who hold the row.
void add_queue(Obstacles& obstacles, Relation relation, const ItemPointerData& tid) {
    WantedLock& lock = obstacles.locks[obstacles.count++];
    lock.mode = obstacles.mode;
    SET_LOCKTAG_TUPLE(lock.tag, relation->rd_lockInfo.lockRelId.dbId,
                      relation->rd_lockInfo.lockRelId.relId, ItemPointerGetBlockNumber(&tid),
                      ItemPointerGetOffsetNumber(&tid));
}

void add_holders(Obstacles& obstacles, Relation relation, const ItemPointerData& tid) {
    RowHeader header;
    if (relation->rd_rel->relam != HEAP_TABLE_AM_OID || !read_header(relation, tid, &header))
        return;
    if (header.infomask & HEAP_XMAX_INVALID) return;
    if (header.infomask & HEAP_XMAX_IS_MULTI) return add_members(obstacles, header);
    obstacles.add(header.xmax, header_lock_mode(header));
}

RowIdentity locate(const KeyedRow& row) {
    SPI_connect();
    RowIdentity identity = newest_identity(row);
    SPI_finish();
    return identity;
}

}  // namespace

// It must not wait in turn: not for a partition that somebody is altering.
List* blockers_of_row(const KeyedRow& row, LockTupleMode mode) {
    RowIdentity identity = locate(row);
    if (!identity.found || !ConditionalLockRelationOid(identity.relid, AccessShareLock)) return NIL;
    Relation relation = RelationIdGetRelation(identity.relid);
    if (relation == nullptr) return NIL;
    List* pids = blockers_of_tuple(relation, identity.tid, mode);
    RelationClose(relation);
    return pids;
}

List* blockers_of_tuple(Relation relation, const ItemPointerData& tid, LockTupleMode mode) {
    Obstacles obstacles = {allocate<WantedLock>(2), 0, tuple_lock_mode(mode)};
    add_holders(obstacles, relation, tid);
    add_queue(obstacles, relation, tid);
    return conflicting_holders({obstacles.locks, static_cast<size_t>(obstacles.count)});
}

}  // namespace interlock
