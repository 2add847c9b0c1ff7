// An internal subtransaction around a piece of work, as PL/pgSQL's EXCEPTION blocks have.
#pragma once

#include "postgres.hpp"

namespace interlock {

enum class SubtransactionEnd { commit, roll_back };

// Runs `body`, which says how the subtransaction ends. An error rolls it back, so that whoever
// handles it finds the transaction as it was, and goes on unless `absorbs` takes it. True where the
// body's work was kept.
template <typename Body, typename Absorbs>
bool in_subtransaction(Body body, Absorbs absorbs) {
    MemoryContext memory = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile bool kept = false;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        kept = body() == SubtransactionEnd::commit;
        if (kept)
            ReleaseCurrentSubTransaction();
        else
            RollbackAndReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        // Of its own, because FreeErrorData() leaves a part of a copy behind, and waits can fail
        // forty times a second.
        MemoryContext copy = AllocSetContextCreate(memory, "interlock error", ALLOCSET_SMALL_SIZES);
        MemoryContextSwitchTo(copy);
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(memory);
        CurrentResourceOwner = owner;
        if (!absorbs(*error)) ReThrowError(error);
        MemoryContextDelete(copy);
        return false;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = owner;
    return kept;
}

template <typename Body>
bool in_subtransaction(Body body) {
    return in_subtransaction(body, [](const ErrorData&) { return false; });
}

}  // namespace interlock
