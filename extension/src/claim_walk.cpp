// What a walk costs is what it passes: with a snapshot held anywhere, index entries of finished
// rows stay, and each costs a look at the table. So a walk begins at marks up to which nothing was
// ready. Rows can become ready below them: committed late, given back, their claims expired or
// rolled back. Those are found by looking back a little way often and farther seldom, and by a
// sweep from the beginning each second, in slices that take a small share of the time.

#include "claim_walk.hpp"

#include "claim_groups.hpp"
#include "claim_marks.hpp"
#include "claim_sort.hpp"
#include "claim_taker.hpp"
#include "key_scan.hpp"
#include "settings.hpp"

#include <utility>

namespace interlock {
namespace {

constexpr int64 sweep_interval = 1000000;
constexpr int64 slice_interval = 20000;
constexpr int64 longest_slice = 5000;
constexpr int slice_share = 40;  // one part in so many of the time
// Where there is nothing else to do.
constexpr int64 longest_dry_slice = 20000;
constexpr int dry_slice_share = 4;
constexpr int shortest_slice = 1000;  // entries

// So many entries that were not ready need not be passed again, should the call be cancelled. A
// call that has claimed something would lose that, too, so it does not go on for much longer.
constexpr int settled_after = 1024;
constexpr int cut_short_after = 4096;

// Is it so long ago? A clock that was set back makes everything so.
bool has_passed(TimestampTz since, TimestampTz now, int64 time) {
    return now < since || now - since >= time;
}

// In microseconds.
int64 look_back_time(int level) {
    int64 time = int64{1000} * claim_look_back();
    return level == 0 ? time : 10 * time;
}

// What was passed in so long is looked at again if it is not more than this: a small share of the
// time, too. Where a great many entries are passed, what comes late is for the sweeps.
uint64 most_behind(int level) {
    return level == 0 ? 500 : 5000;
}

// Who claims again so soon has use for what is read ahead; before it is old, it is looked back.
bool claims_often(const ClaimCall& call, const Marks& marks) {
    return !has_passed(marks.walked, call.now, look_back_time(0) / 2);
}

// How far a sweep may go in this call.
struct Budget {
    int entries;  // without a look at the clock
    TimestampTz until;
};

struct Walk {
    ClaimCall& call;
    Marks& marks;
    ClaimIndex& index;
    ClaimTaker& taker;
    ClaimGroups* groups;
    TupleTableSlot* row;
    bool sweeping;
    Budget budget;
    bool whole;     // has begun everywhere at the beginning
    int passed;     // entries since the sweep found one
    int fruitless;  // entries since the last one that was claimed
};

const ClaimOrder& order_of(const ClaimCall& call, Relation index) {
    ClaimAccess& access = call.access();
    if (access.order) return *access.order;
    MemoryContext previous = MemoryContextSwitchTo(call.table.context);
    auto* order = allocate<ClaimOrder>();
    *order = read_claim_order(call.claiming(), index);
    MemoryContextSwitchTo(previous);
    return *(access.order = order);
}

// A group's rows are claimed by the group's order, which this row may not be the first of.
void take_grouped(Walk& walk, Datum group) {
    walk.call.unordered = true;
    GroupOutcome outcome = take_from_group(*walk.groups, walk.taker, group, walk.row);
    if (outcome != GroupOutcome::empty) park_group(*walk.groups, walk.marks, group);
}

void take_ready(Walk& walk, const ClaimState& state) {
    if (walk.groups) {
        bool is_null;
        Datum group =
            slot_getattr(walk.row, walk.call.claiming().column(ClaimColumn::group), &is_null);
        if (!is_null) return take_grouped(walk, group);
    }
    take_row(walk.taker, walk.row, state);
}

// Nobody's row, or not yet one, is passed, too: a late commit is found when looking back.
void visit(Walk& walk) {
    if (++walk.fruitless >= cut_short_after && walk.call.claimed > 0) walk.call.cut_short = true;
    if (!fetch_entry(walk.index, walk.row)) return;
    ClaimState state = state_in(walk.call.claiming(), walk.row);
    int claimed = walk.call.claimed;
    if (is_ready(state, walk.call.now) && !is_claimed_here(state, writer_of(walk.row)))
        take_ready(walk, state);
    if (walk.call.claimed > claimed) walk.fruitless = 0;
    ExecClearTuple(walk.row);
}

bool is_future(const Walk& walk) {
    return entry_run_at(walk.index) > walk.call.now;
}

bool is_within_budget(Walk& walk) {
    if (++walk.passed < walk.budget.entries || walk.passed % 32) return true;
    return GetCurrentTimestamp() < walk.budget.until;
}

void turn(LookBack& back, const Mark& mark, Marks& marks, TimestampTz now) {
    ClaimEntry oldest = back.older;
    back.older = back.newer;
    back.newer = oldest;
    keep_entry(back.newer, mark.here.tuple, marks.memory);
    back.older_passed = back.newer_passed;
    back.newer_passed = mark.passed;
    back.turned = now;
}

bool is_due(const Walk& walk, const Mark& mark, int level) {
    return has_passed(mark.look_back[level].turned, walk.call.now, look_back_time(level));
}

bool is_any_due(const Walk& walk, const Mark& mark) {
    for (int level = 0; level < look_back_levels; level++)
        if (is_due(walk, mark, level)) return true;
    return false;
}

// A copy, as the places that are remembered move on.
struct Start {
    ClaimEntry place;
    uint64 behind;  // the mark, in entries
};

// Where the walk of a run that has a mark begins. A dry one looks back as far as it can.
Start start_of(Walk& walk, Mark& mark) {
    Start start = {};
    keep_entry(start.place, mark.here.tuple, walk.index.memory);
    for (int level = 0; level < look_back_levels; level++) {
        LookBack& back = mark.look_back[level];
        bool due = is_due(walk, mark, level);
        uint64 behind = mark.passed - back.older_passed;
        if (walk.marks.dry || (due && behind <= most_behind(level))) {
            keep_entry(start.place, back.older.tuple, walk.index.memory);
            start.behind = behind;
        }
        if (due) turn(back, mark, walk.marks, walk.call.now);
    }
    return start;
}

// Below the mark, a sweep begins where it was left.
IndexTuple sweep_from(Walk& walk, const Mark& mark, IndexTuple start) {
    IndexTuple cursor = walk.marks.sweep.cursor.tuple;
    if (cursor == nullptr) return nullptr;
    int order = walk.index.order.ordered ? compare_order(walk.index, mark.here.tuple, cursor) : 0;
    if (order > 0) return nullptr;
    bool swept = order < 0 || compare_entries(walk.index, cursor, start) >= 0;
    return swept ? start : cursor;
}

void seek(Walk& walk, const Mark& mark, IndexTuple start) {
    if (start) {
        walk.whole = false;
        seek_after(walk.index, start);
    } else {
        seek_run(walk.index, mark.here.tuple);
    }
}

void keep_cursor(Walk& walk, IndexTuple place) {
    keep_entry(walk.marks.sweep.cursor, place, walk.marks.memory);
}

// Is the entry at hand still below the mark?
bool is_below(const Walk& walk, const Mark& mark) {
    return compare_entries(walk.index, walk.index.entry, mark.here.tuple) <= 0;
}

void advance(Walk& walk, Mark& mark, const ClaimEntry& last, bool settled = false) {
    if (last.tuple && compare_entries(walk.index, last.tuple, mark.here.tuple) > 0)
        set_mark(walk.marks, mark, last.tuple, settled);
}

bool is_settled(const Walk& walk, int entries) {
    return entries % settled_after == 0 && walk.call.claimed == 0;
}

// The part of a run that is below its mark, where a sweep is under way. True where the walk is to
// go on with what comes then: at the entry at hand, or, after a seek, at the next one.
enum class Swept { enough, at_entry, at_next, end };
Swept sweep_run(Walk& walk, const Mark& mark, IndexTuple start) {
    int entries = 0;
    while (next_entry(walk.index)) {
        CHECK_FOR_INTERRUPTS();
        if (!is_below(walk, mark)) return Swept::at_entry;
        if (!is_within_budget(walk)) {
            keep_cursor(walk, walk.index.entry);
            walk.sweeping = false;
            seek(walk, mark, start);
            return Swept::at_next;
        }
        int claimed = walk.call.claimed;
        visit(walk);
        if (walk.call.claimed > claimed) walk.passed = 0;
        if (is_settled(walk, ++entries)) keep_cursor(walk, walk.index.entry);
        if (!walk.call.has_enough()) continue;
        keep_cursor(walk, walk.index.entry);
        walk.sweeping = false;
        walk.marks.sweep.found = true;
        return Swept::enough;
    }
    return Swept::end;
}

// The entries from here on, as `next` goes to them. True where the call has enough.
template <typename Next>
bool walk_entries(Walk& walk, Mark& mark, ClaimEntry& last, Next next) {
    for (int entries = 1; next(); entries++) {
        CHECK_FOR_INTERRUPTS();
        if (is_future(walk)) return false;
        keep_entry(last, walk.index.entry, walk.index.memory);
        mark.passed++;
        visit(walk);
        if (walk.call.has_enough()) return true;
        if (is_settled(walk, entries)) advance(walk, mark, last, true);
    }
    return false;
}

// A serializable transaction's reads are known by the pages of the index.
bool may_use_ahead(const Walk& walk, const Mark& mark) {
    return walk.marks.ahead.mark == &mark && !walk.sweeping && !walk.marks.dry &&
           !IsolationUsesXactSnapshot() && !is_any_due(walk, mark);
}

// True where the call has enough.
bool walk_ahead(Walk& walk, Mark& mark) {
    ClaimEntry last = {};
    walk.whole = false;
    bool enough =
        walk_entries(walk, mark, last, [&] { return next_ahead(walk.marks.ahead, walk.index); });
    advance(walk, mark, last);
    return enough;
}

void walk_on(Walk& walk, Mark& mark, uint64 behind, bool has_entry) {
    ClaimEntry last = {};
    uint64 passed = mark.passed;
    bool enough = walk_entries(walk, mark, last, [&] {
        return std::exchange(has_entry, false) || next_entry(walk.index);
    });
    advance(walk, mark, last);
    mark.passed -= Min(behind, mark.passed - passed);
    if (enough && claims_often(walk.call, walk.marks) && !IsolationUsesXactSnapshot())
        read_ahead(walk.marks.ahead, mark, walk.index, walk.call.now, walk.marks.memory);
}

void walk_run(Walk& walk, Mark& mark) {
    if (may_use_ahead(walk, mark) && walk_ahead(walk, mark)) return;
    if (walk.marks.ahead.mark == &mark) forget_ahead(walk.marks.ahead);
    Start begin = start_of(walk, mark);
    IndexTuple start = begin.place.tuple;
    bool has_entry = false;
    if (walk.sweeping) {
        seek(walk, mark, sweep_from(walk, mark, start));
        switch (sweep_run(walk, mark, start)) {
            case Swept::enough:
            case Swept::end:
                return;
            case Swept::at_entry:
                has_entry = true;
                begin.behind = 0;
                break;
            case Swept::at_next:
                break;
        }
    } else {
        seek(walk, mark, start);
    }
    walk_on(walk, mark, begin.behind, has_entry);
}

void remember_run(Walk& walk, int& number, ClaimEntry& last) {
    if (last.tuple == nullptr) return;
    if (add_mark(walk.marks, number, last.tuple, walk.call.now)) number++;
    forget_entry(last);
}

// The runs before the mark of that number that have none yet, and give it a new number. True where
// the last of them has its mark, of that number, and is to be walked on.
bool walk_between(Walk& walk, int& number) {
    Marks& marks = walk.marks;
    IndexTuple lower = number > 0 ? marks.marks[number - 1]->here.tuple : nullptr;
    IndexTuple upper = number < marks.count ? marks.marks[number]->here.tuple : nullptr;
    ClaimEntry last = {};
    seek_between(walk.index, lower, upper);
    for (int entries = 1; !walk.call.has_enough() && next_entry(walk.index); entries++) {
        CHECK_FOR_INTERRUPTS();
        if (last.tuple && !same_order(walk.index, last.tuple, walk.index.entry))
            remember_run(walk, number, last);
        if (is_future(walk)) {
            if (!walk.index.order.ordered) break;
            seek_between(walk.index, walk.index.entry, upper);
            continue;
        }
        keep_entry(last, walk.index.entry, walk.index.memory);
        visit(walk);
        if (is_settled(walk, entries) && add_mark(marks, number, last.tuple, walk.call.now, true))
            return true;
    }
    remember_run(walk, number, last);
    return false;
}

// From priority to priority.
void walk_queue(Walk& walk) {
    Marks& marks = walk.marks;
    for (int number = 0; !walk.call.has_enough(); number++) {
        bool whole = walk.whole;
        bool begun = (walk.index.order.ordered || marks.count == 0) && walk_between(walk, number);
        if (number >= marks.count || walk.call.has_enough()) break;
        walk_run(walk, *marks.marks[number]);
        if (begun) walk.whole = whole;
    }
}

// Begins a sweep, or a slice of one, where it is time for it: at once where the last slice found
// so many rows that it was not the end.
void begin_sweep(Walk& walk) {
    Sweep& sweep = walk.marks.sweep;
    TimestampTz now = walk.call.now;
    int64 idle = now - sweep.paused;
    bool dry = walk.marks.dry;
    if (!sweep.active) {
        if (!dry && !has_passed(sweep.begun, now, sweep_interval)) return;
        sweep.active = true;
        sweep.begun = now;
        forget_entry(sweep.cursor);
    } else if (!dry && !sweep.found && !has_passed(sweep.paused, now, slice_interval)) {
        return;
    }
    sweep.found = false;
    int64 time = dry ? Min(idle / dry_slice_share, longest_dry_slice)
                     : Min(idle / slice_share, longest_slice);
    walk.sweeping = true;
    walk.budget = {shortest_slice, GetCurrentTimestamp() + time};
}

// What has enough above the marks has nothing to look for below them.
void end_sweep(Walk& walk) {
    if (!walk.marks.sweep.active) return;
    walk.marks.sweep.paused = GetCurrentTimestamp();
    if (walk.sweeping) walk.marks.sweep.active = false;
}

void walk_once(ClaimCall& call, Marks& marks, ClaimIndex& index, bool& whole) {
    begin_statement();
    ClaimTaker* taker = begin_taking(call);
    ClaimGroups* groups = call.claiming().has(ClaimColumn::group) ? begin_groups(call) : nullptr;
    TupleTableSlot* row = make_slot(call);
    index.snapshot = GetActiveSnapshot();
    Walk walk = {call, marks, index, *taker, groups, row, false, {}, true, 0, 0};
    begin_sweep(walk);
    if (groups && !IsolationUsesXactSnapshot())
        take_from_parked_groups(*groups, *taker, marks, marks.dry);
    walk_queue(walk);
    end_claim_index(index);
    end_sweep(walk);
    whole = walk.whole;
    ExecDropSingleTupleTableSlot(row);
    if (groups) end_groups(groups);
    end_taking(taker);
    PopActiveSnapshot();
}

// A walk that found too little looks below the marks, with a new snapshot; also below where a sweep
// went on that is at its end now.
void walk_marked(ClaimCall& call, Relation index_relation) {
    Marks& marks = begin_walk(call, index_relation);
    ClaimIndex index = {call.relation,
                        index_relation,
                        order_of(call, index_relation),
                        nullptr,
                        call.queue,
                        CurrentMemoryContext,
                        nullptr,
                        {},
                        {},
                        nullptr,
                        false,
                        nullptr,
                        0};
    bool was_dry = marks.dry, went_on = marks.sweep.active, whole;
    walk_once(call, marks, index, whole);
    marks.dry = !call.has_enough();
    int claimed = call.claimed;
    bool again = !was_dry || (went_on && !marks.sweep.active);
    if (marks.dry && again && !whole) {
        call.now = GetCurrentTimestamp();
        walk_once(call, marks, index, whole);
    }
    marks.walked = call.now;
    call.unordered |= claimed > 0 && call.claimed > claimed;
    if (call.unordered && call.claimed > 1) sort_claimed_rows(call, index_relation);
    end_walk(marks);
}

}  // namespace

void claim_ready_rows(ClaimCall& call) {
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "interlock claim", ALLOCSET_DEFAULT_SIZES);
    MemoryContext previous = MemoryContextSwitchTo(memory);
    Relation index = index_open(call.claiming().index, RowExclusiveLock);
    walk_marked(call, index);
    index_close(index, NoLock);
    MemoryContextSwitchTo(previous);
    MemoryContextDelete(memory);
}

}  // namespace interlock
