// The trigger that keeps the rows of a table to those who checked them out, and its settings, read
// from the triggers themselves.
#pragma once

#include "postgres.hpp"

namespace interlock {

struct CheckoutGuard {
    bool triggered;  // the row trigger is there
    char fires;      // its tgenabled
    Oid scope;       // whose checkouts they are: the relation, or the ancestor of a partition that
                     // its trigger comes from
    Bitmapset* except;  // attribute numbers
};

// In the caller's memory.
CheckoutGuard read_checkout_guard(Relation relation);

// 0A000: a child has keys of its own, which can be the same as its parent's.
void require_no_children(Relation relation);

// Is the current role a member of one of the roles that its trigger lets pass? A superuser is one
// only where it is named.
bool passes_checkouts(Relation relation);

}  // namespace interlock
