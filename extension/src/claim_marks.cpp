#include "claim_marks.hpp"

extern "C" {
#include <common/hashfn.h>
}

namespace interlock {
namespace {

constexpr int most_queues = 1024;

struct QueueKey {
    Oid relid;
    Oid index;
    Oid storage;  // the index's file: a new one for a table that was emptied
    Oid groups;   // the index that tells which column, of which type, parked groups are of
    Oid role;
    uint32 unused;  // it is compared byte by byte
    uint64 queue;   // a hash
};

struct QueueEntry {
    QueueKey key;
    Marks marks;
};

HTAB* queues;
uint64 transaction = 1;
bool marked;   // in this transaction
bool walking;  // and begun a walk

template <typename Visit>
void each_queue(Visit visit) {
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, queues);
    while (auto* entry = static_cast<QueueEntry*>(hash_seq_search(&scan)))
        visit(*entry);
}

void drop(QueueEntry& entry) {
    MemoryContextDelete(entry.marks.memory);
    hash_search(queues, &entry.key, HASH_REMOVE, nullptr);
}

void free_mark(Mark* mark) {
    forget_entry(mark->here);
    forget_entry(mark->before);
    for (LookBack& back : mark->look_back) {
        forget_entry(back.older);
        forget_entry(back.newer);
    }
    pfree(mark);
}

void copy_entry(Marks& marks, ClaimEntry& to, const ClaimEntry& from) {
    if (from.tuple)
        keep_entry(to, from.tuple, marks.memory);
    else
        forget_entry(to);
}

void set_back(Marks& marks, Mark& mark) {
    copy_entry(marks, mark.here, mark.before);
    for (LookBack& back : mark.look_back) {
        copy_entry(marks, back.older, mark.before);
        copy_entry(marks, back.newer, mark.before);
    }
}

// Those that this transaction set first are gone with it.
void set_all_back(Marks& marks) {
    int kept = 0;
    for (int i = 0; i < marks.count; i++) {
        Mark* mark = marks.marks[i];
        if (mark->transaction == transaction) set_back(marks, *mark);
        if (mark->here.tuple)
            marks.marks[kept++] = mark;
        else
            free_mark(mark);
    }
    marks.count = kept;
}

// What a subtransaction within a walk does is none of the walk.
void undo(int level) {
    if (!walking) return;
    each_queue([&](QueueEntry& entry) {
        if (entry.marks.walk_level && level > entry.marks.walk_level) return;
        entry.marks.walk_level = 0;
        forget_ahead(entry.marks.ahead);
        if (marked) set_all_back(entry.marks);
    });
}

void transaction_ended(XactEvent event, void*) {
    if (event == XACT_EVENT_ABORT) undo(0);
    if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
        return;
    transaction++;
    marked = walking = false;
}

void subtransaction_ended(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
    if (event == SUBXACT_EVENT_ABORT_SUB) undo(GetCurrentTransactionNestLevel());
}

QueueKey queue_key(const ClaimCall& call, Relation index) {
    QueueKey key = {};
    key.relid = RelationGetRelid(call.relation);
    key.index = RelationGetRelid(index);
    key.storage = index->rd_rel->relfilenode;
    key.groups = call.claiming().group_index;
    key.role = GetUserId();
    if (call.queue) {
        text* name = DatumGetTextPP(call.queue);
        key.queue = hash_bytes_extended(reinterpret_cast<unsigned char*>(VARDATA_ANY(name)),
                                        static_cast<int>(VARSIZE_ANY_EXHDR(name)), 0);
    }
    return key;
}

// With these, none of another one that has the same hash.
bool is_of(const Marks& marks, Datum queue) {
    if (queue == 0) return true;
    text* name = DatumGetTextPP(queue);
    return std::string_view(marks.queue) ==
           std::string_view(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
}

Marks new_marks(Datum queue, MemoryContext parent) {
    Marks marks = {};
    marks.memory = AllocSetContextCreate(parent, "interlock claim marks", ALLOCSET_SMALL_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(marks.memory);
    if (queue) marks.queue = TextDatumGetCString(queue);
    MemoryContextSwitchTo(previous);
    return marks;
}

Marks& passing_marks(Datum queue) {
    auto* marks = allocate<Marks>();
    *marks = new_marks(queue, CurrentMemoryContext);
    return *marks;
}

void drop_unused() {
    each_queue([](QueueEntry& entry) {
        if (entry.marks.walk_level == 0) drop(entry);
    });
}

}  // namespace

void initialize_claim_marks() {
    HASHCTL control = {};
    control.keysize = sizeof(QueueKey);
    control.entrysize = sizeof(QueueEntry);
    control.hcxt = TopMemoryContext;
    queues =
        hash_create("interlock claim marks", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    RegisterXactCallback(transaction_ended, nullptr);
    RegisterSubXactCallback(subtransaction_ended, nullptr);
}

Marks& begin_walk(const ClaimCall& call, Relation index) {
    Datum queue = call.queue;
    QueueKey key = queue_key(call, index);
    auto* entry = static_cast<QueueEntry*>(hash_search(queues, &key, HASH_FIND, nullptr));
    if (entry && entry->marks.walk_level) return passing_marks(queue);
    if (entry && (entry->marks.forgotten || !is_of(entry->marks, queue))) {
        drop(*entry);
        entry = nullptr;
    }
    if (entry == nullptr) {
        if (hash_get_num_entries(queues) >= most_queues) drop_unused();
        Marks marks = new_marks(queue, CacheMemoryContext);
        entry = static_cast<QueueEntry*>(hash_search(queues, &key, HASH_ENTER, nullptr));
        entry->marks = marks;
    }
    walking = true;
    entry->marks.walk_level = GetCurrentTransactionNestLevel();
    return entry->marks;
}

void end_walk(Marks& marks) {
    marks.walk_level = 0;
}

void set_mark(Marks& marks, Mark& mark, IndexTuple place, bool settled) {
    if (mark.transaction != transaction && !settled) {
        copy_entry(marks, mark.before, mark.here);
        mark.transaction = transaction;
        marked = true;
    }
    keep_entry(mark.here, place, marks.memory);
}

bool add_mark(Marks& marks, int number, IndexTuple place, TimestampTz now, bool settled) {
    if (marks.count == most_marks) return false;
    auto* mark = allocate_in<Mark>(marks.memory);
    memmove(&marks.marks[number + 1], &marks.marks[number], sizeof(Mark*) * (marks.count - number));
    marks.marks[number] = mark;
    marks.count++;
    set_mark(marks, *mark, place, settled);
    for (LookBack& back : mark->look_back) {
        keep_entry(back.older, place, marks.memory);
        keep_entry(back.newer, place, marks.memory);
        back.turned = now;
    }
    return true;
}

void forget_claim_marks(Oid relid) {
    each_queue([&](QueueEntry& entry) {
        if (entry.key.relid == relid) entry.marks.forgotten = true;
    });
}

}  // namespace interlock
