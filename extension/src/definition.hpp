// What setting a table up and taking it off again share: the statements of a definition, who may
// give them, and which triggers of ours a table carries.
#pragma once

#include "table.hpp"

namespace interlock {

// Needs an SPI connection; query() for what only reads.
void execute(const char* sql);
void query(const char* sql);

// A column of the rows that were read last, as a list of OIDs.
List* fetched_oids();

// The SPI connection that a definition needs, for the length of `body`.
template <typename Body>
void with_spi(Body body) {
    SPI_connect();
    body();
    SPI_finish();
}

char* quoted_table(Oid relid);

// The elements of an argument `name[]` of that name, as a list of char*: 22004 for a null.
List* read_names(ArrayType* array, const char* argument);

// a, "b c"
char* column_list(List* names);

// The columns of those names: 42703 where there is none, 42701 in these words where one is named
// twice.
Bitmapset* find_columns(Relation relation, Table& table, List* names,
                        const char* twice = "is excepted twice");

// column "c" of table "t" PROBLEM
[[noreturn]] void raise_bad_column(Relation relation, const Column& column, int sqlstate,
                                   const char* problem, const char* hint = nullptr);

// 42501. Before any lock: who does not own the table must not even queue for it. A relation that is
// not there is for open_table() to report.
void require_owner(Oid relid);

// Opens a table to be defined, whose owner may be another one by the time that it is locked.
Relation open_owned_table(Oid relid, LOCKMODE lockmode);

// Which of our triggers: of a table that is versioned, of a child of a root, of a table whose rows
// can be checked out, of a work table, or all of them.
enum class TriggerFamily { versioning, roots, checkouts, claims, all };

// A trigger that never fires and holds the names of columns, in its UPDATE OF, and settings.
void create_marker(Oid relid, const char* name, TriggerFunction function, const char* columns,
                   const char* settings = "");

// Of the relation and the family, true where there was one. Those cloned from a partitioned table
// go with the parent's.
bool drop_triggers(Oid relid, TriggerFamily family);

// Drops the indexes of claims, which are known by the triggers: before those.
void drop_claim_indexes(Oid relid);

// Those of a child that touch this root, with the foreign key of these columns or, without any,
// with every one.
bool drop_root_triggers(Oid child, Oid root, const Bitmapset* columns);

// The same for all children of the root. They are locked first, and before the root, as their
// writers do it.
void lock_children(Oid root);
void drop_triggers_of_children(Oid root);

// Has the partition a trigger of the family from its parent?
bool has_inherited_triggers(Oid relid, TriggerFamily family);

// 55000 where it has: it is what it is ("versioned") through its parent.
void require_not_inherited(Oid relid, TriggerFamily family, const char* what);

// The same for a table that triggers are to be taken off, which it locks.
void require_removable(Oid relid, TriggerFamily family, const char* what);

// The roots that triggers of the relation touch.
List* roots_of(Relation relation);

// The columns of the child that a root trigger watches: those of a foreign key.
Bitmapset* watched_columns(const Trigger& trigger);

}  // namespace interlock
