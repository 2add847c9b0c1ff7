#include "claim_ahead.hpp"

namespace interlock {
namespace {

constexpr Size room_size = 8192;  // bytes
constexpr int most_entries = 128;

bool keep(EntriesAhead& ahead, const ClaimIndex& index) {
    Size size = IndexTupleSize(index.entry);
    if (ahead.used + size > room_size) return false;
    auto* copy = reinterpret_cast<IndexTuple>(ahead.room + ahead.used);
    memcpy(copy, index.entry, size);
    copy->t_tid = index.scan->xs_heaptid;
    ahead.used += MAXALIGN(size);
    return true;
}

}  // namespace

void read_ahead(EntriesAhead& ahead, const Mark& mark, ClaimIndex& index, TimestampTz now,
                MemoryContext memory) {
    if (ahead.room == nullptr)
        ahead.room = static_cast<char*>(MemoryContextAlloc(memory, room_size));
    ahead.mark = nullptr;
    ahead.used = ahead.next = 0;
    for (int i = 0; i < most_entries && next_entry(index); i++)
        if (entry_run_at(index) > now || !keep(ahead, index)) break;
    if (ahead.used > 0) ahead.mark = &mark;
}

bool next_ahead(EntriesAhead& ahead, ClaimIndex& index) {
    if (ahead.next == ahead.used) return false;
    auto* entry = reinterpret_cast<IndexTuple>(ahead.room + ahead.next);
    ahead.next += MAXALIGN(IndexTupleSize(entry));
    show_remembered(index, entry);
    return true;
}

}  // namespace interlock
