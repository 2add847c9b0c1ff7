#include "claim_sort.hpp"

extern "C" {
#include <utils/tuplesort.h>
}

namespace interlock {
namespace {

Tuplesortstate* begin_sort(const ClaimCall& call, Relation index) {
    int count = index->rd_index->indnkeyatts;
    AttrNumber columns[INDEX_MAX_KEYS];
    Oid less[INDEX_MAX_KEYS];
    bool nulls_first[INDEX_MAX_KEYS] = {};
    for (int i = 0; i < count; i++) {
        Oid type = index->rd_opcintype[i];
        columns[i] = index->rd_index->indkey.values[i];
        less[i] = get_opfamily_member(index->rd_opfamily[i], type, type, BTLessStrategyNumber);
    }
    return tuplesort_begin_heap(call.desc, count, columns, less, index->rd_indcollation,
                                nulls_first, work_mem, nullptr, TUPLESORT_NONE);
}

}  // namespace

void sort_claimed_rows(ClaimCall& call, Relation index) {
    Tuplesortstate* sort = begin_sort(call, index);
    TupleTableSlot* row = MakeSingleTupleTableSlot(call.desc, &TTSOpsMinimalTuple);
    tuplestore_rescan(call.rows);
    while (tuplestore_gettupleslot(call.rows, true, false, row))
        tuplesort_puttupleslot(sort, row);
    tuplesort_performsort(sort);
    tuplestore_clear(call.rows);
    while (tuplesort_gettupleslot(sort, true, false, row, nullptr))
        tuplestore_puttupleslot(call.rows, row);
    ExecDropSingleTupleTableSlot(row);
    tuplesort_end(sort);
}

}  // namespace interlock
