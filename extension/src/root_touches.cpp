#include "root_touches.hpp"

extern "C" {
#include <common/hashfn.h>
}

namespace interlock {
namespace {

// A row that a bump has written. One that is rolled back is nobody's to see. It is a key of a hash
// table, compared by its bytes: padding would be some of them.
struct RowPlace {
    Oid relid;
    ItemPointerData tid;
    uint16 zero;
};
static_assert(std::has_unique_object_representations_v<RowPlace>);

struct Bump {
    RowPlace place;
    int64 version;
};

struct Touches {
    Touch* first;
    Touch* last;
};

// What one subtransaction, and those of it that are committed, did: it may yet be rolled back.
struct Level {
    SubTransactionId id;
    Level* outer;
    Touches touched;
    Touches flushed;
};

// Of the present transaction, in its memory context.
HTAB* touches;
HTAB* bumps;
Touch* pending;
Level* level;

uint32 hash_name(const void* key, Size) {
    const RowName* name = *static_cast<RowName* const*>(key);
    return DatumGetUInt32(
        hash_any(reinterpret_cast<const unsigned char*>(name), static_cast<int>(name->length)));
}

int match_names(const void* left, const void* right, Size) {
    const RowName* a = *static_cast<RowName* const*>(left);
    const RowName* b = *static_cast<RowName* const*>(right);
    return a->length == b->length ? memcmp(a, b, a->length) : 1;
}

void create_touches() {
    HASHCTL control = {};
    control.keysize = sizeof(RowName*);
    control.entrysize = sizeof(Touch);
    control.hash = hash_name;
    control.match = match_names;
    control.hcxt = TopTransactionContext;
    touches = hash_create("interlock roots", 64, &control,
                          HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

void create_bumps() {
    HASHCTL control = {};
    control.keysize = sizeof(RowPlace);
    control.entrysize = sizeof(Bump);
    control.hcxt = TopTransactionContext;
    bumps = hash_create("interlock bumps", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

RowPlace row_place(Oid relid, ItemPointer tid) {
    RowPlace place = {};
    place.relid = relid;
    ItemPointerCopy(tid, &place.tid);
    return place;
}

Level& present_level() {
    SubTransactionId id = GetCurrentSubTransactionId();
    if (level == nullptr || level->id != id) {
        auto* inner = allocate_in<Level>(TopTransactionContext);
        inner->id = id;
        inner->outer = level;
        level = inner;
    }
    return *level;
}

void append(Touches& list, Touch* Touch::*next, Touch* first, Touch* last) {
    if (first == nullptr) return;
    if (list.last)
        list.last->*next = first;
    else
        list.first = first;
    list.last = last;
}

void make_pending(Touch& touch) {
    touch.previous_pending = nullptr;
    touch.next_pending = pending;
    if (pending) pending->previous_pending = &touch;
    pending = &touch;
}

void end_pending(Touch& touch) {
    if (touch.previous_pending)
        touch.previous_pending->next_pending = touch.next_pending;
    else
        pending = touch.next_pending;
    if (touch.next_pending) touch.next_pending->previous_pending = touch.previous_pending;
}

void transaction_ended(XactEvent event, void*) {
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    touches = nullptr;
    bumps = nullptr;
    pending = nullptr;
    level = nullptr;
}

// Its events are gone from the queue, and those that it fired are due again.
void roll_back(const Level& lost) {
    for (Touch* touch = lost.flushed.first; touch; touch = touch->next_flushed) {
        touch->flushed = false;
        make_pending(*touch);
    }
    for (Touch* touch = lost.touched.first; touch;) {
        Touch* next = touch->next_touched;
        RowName* name = touch->name;
        end_pending(*touch);
        hash_search(touches, &name, HASH_REMOVE, nullptr);
        pfree(name);
        touch = next;
    }
}

void hand_up(Level& done, SubTransactionId parent) {
    if (done.outer == nullptr || done.outer->id != parent) {
        done.id = parent;
        return;
    }
    append(done.outer->touched, &Touch::next_touched, done.touched.first, done.touched.last);
    append(done.outer->flushed, &Touch::next_flushed, done.flushed.first, done.flushed.last);
    level = done.outer;
    pfree(&done);
}

void subtransaction_ended(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void*) {
    if (level == nullptr || level->id != id) return;
    if (event == SUBXACT_EVENT_COMMIT_SUB) {
        hand_up(*level, parent);
    } else if (event == SUBXACT_EVENT_ABORT_SUB) {
        Level* lost = level;
        level = lost->outer;
        roll_back(*lost);
        pfree(lost);
    }
}

}  // namespace

Touch* pending_touches() {
    return pending;
}

bool remember_touch(RowName* name) {
    if (touches == nullptr) create_touches();
    bool found;
    auto* touch = static_cast<Touch*>(hash_search(touches, &name, HASH_ENTER, &found));
    if (found) return false;
    auto* kept = static_cast<RowName*>(MemoryContextAlloc(TopTransactionContext, name->length));
    memcpy(kept, name, name->length);
    *touch = {kept, false, nullptr, nullptr, nullptr, nullptr};
    make_pending(*touch);
    append(present_level().touched, &Touch::next_touched, touch, touch);
    return true;
}

void mark_flushed(Touch& touch) {
    end_pending(touch);
    touch.flushed = true;
    touch.next_flushed = nullptr;
    append(present_level().flushed, &Touch::next_flushed, &touch, &touch);
}

void remember_bump(Oid relid, ItemPointer tid, int64 version) {
    if (bumps == nullptr) create_bumps();
    RowPlace place = row_place(relid, tid);
    static_cast<Bump*>(hash_search(bumps, &place, HASH_ENTER, nullptr))->version = version;
}

bool is_own_bump(Oid relid, HeapTuple row, int64 version) {
    if (bumps == nullptr) return false;
    if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data))) return false;
    RowPlace place = row_place(relid, &row->t_self);
    auto* bump = static_cast<Bump*>(hash_search(bumps, &place, HASH_FIND, nullptr));
    return bump && bump->version == version;
}

void initialize_root_touches() {
    RegisterXactCallback(transaction_ended, nullptr);
    RegisterSubXactCallback(subtransaction_ended, nullptr);
}

}  // namespace interlock
