// The only door to PostgreSQL's headers, and the seam where server versions differ.
#pragma once

// PostgreSQL 15 defines PGDLLEXPORT empty, which -fvisibility=hidden would take literally.
#define PGDLLEXPORT __attribute__((visibility("default")))

extern "C" {
#include <postgres.h>

#include <access/genam.h>
#include <access/htup_details.h>
#include <access/nbtree.h>
#include <access/relation.h>
#include <access/sysattr.h>
#include <access/table.h>
#include <access/tupconvert.h>
#include <access/xact.h>
#include <catalog/catalog.h>
#include <catalog/namespace.h>
#include <catalog/partition.h>
#include <catalog/pg_am.h>
#include <catalog/pg_attribute.h>
#include <catalog/pg_cast.h>
#include <catalog/pg_class.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_constraint.h>
#include <catalog/pg_database.h>
#include <catalog/pg_enum.h>
#include <catalog/pg_index.h>
#include <catalog/pg_inherits.h>
#include <catalog/pg_namespace.h>
#include <catalog/pg_opclass.h>
#include <catalog/pg_operator.h>
#include <catalog/pg_proc.h>
#include <catalog/pg_trigger.h>
#include <catalog/pg_type.h>
#include <commands/extension.h>
#include <commands/trigger.h>
#include <executor/executor.h>
#include <executor/spi.h>
#include <funcapi.h>
#include <miscadmin.h>
#include <nodes/makefuncs.h>
#include <nodes/nodeFuncs.h>
#include <parser/parse_coerce.h>
#include <parser/parsetree.h>
#include <pgstat.h>
#include <rewrite/prs2lock.h>
#include <rewrite/rewriteDefine.h>
#include <rewrite/rewriteHandler.h>
#include <storage/lmgr.h>
#include <storage/lock.h>
#include <tcop/utility.h>
#include <utils/acl.h>
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/datum.h>
#include <utils/fmgroids.h>
#include <utils/guc.h>
#include <utils/inval.h>
#include <utils/json.h>
#include <utils/jsonb.h>
#include <utils/lsyscache.h>
#include <utils/memutils.h>
#include <utils/numeric.h>
#include <utils/rel.h>
#include <utils/rls.h>
#include <utils/snapmgr.h>
#include <utils/syscache.h>
#include <utils/timestamp.h>
#include <utils/typcache.h>
}

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

// Declares and opens an SQL-callable function; the prefix keeps our symbols apart from other
// modules'. (PostgreSQL 15's PG_FUNCTION_INFO_V1 exports the info record only, so the function is
// declared first.)
#define INTERLOCK_FUNCTION(name)                                 \
    extern "C" {                                                 \
    PGDLLEXPORT Datum interlock_##name(FunctionCallInfo fcinfo); \
    PG_FUNCTION_INFO_V1(interlock_##name);                       \
    }                                                            \
    Datum interlock_##name(FunctionCallInfo fcinfo)

namespace interlock {

// Does the role own the relation? (pg_class_ownercheck became object_ownercheck in PostgreSQL 16.)
inline bool owns_relation(Oid relid, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, relid, role);
#else
    return pg_class_ownercheck(relid, role);
#endif
}

// Does the role own this database?
inline bool owns_database(Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(DatabaseRelationId, MyDatabaseId, role);
#else
    return pg_database_ownercheck(MyDatabaseId, role);
#endif
}

// May the role use the schema? (pg_namespace_aclcheck became object_aclcheck in PostgreSQL 16.)
inline bool may_use_schema(Oid schema, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK;
#else
    return pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK;
#endif
}

// Does this session hold the lock in just this mode? (Another argument from PostgreSQL 17 on.)
inline bool holds_lock(const LOCKTAG& tag, LOCKMODE mode) {
#if PG_VERSION_NUM >= 170000
    return LockHeldByMe(&tag, mode, false);
#else
    return LockHeldByMe(&tag, mode);
#endif
}

// Is the process that holds or awaits the lock in a transaction? (Its number moved in PostgreSQL
// 17.)
inline bool is_in_transaction(const LockInstanceData& lock) {
#if PG_VERSION_NUM >= 170000
    return lock.vxid.localTransactionId != InvalidLocalTransactionId;
#else
    return lock.lxid != InvalidLocalTransactionId;
#endif
}

// Intervals know infinity from PostgreSQL 17 on.
inline bool is_infinite([[maybe_unused]] const Interval& interval) {
#if PG_VERSION_NUM >= 170000
    return INTERVAL_NOT_FINITE(&interval);
#else
    return false;
#endif
}

// An attribute of a descriptor, the same on servers whose TupleDesc keeps compact attributes.
inline Form_pg_attribute attribute(TupleDesc desc, AttrNumber attno) {
    return TupleDescAttr(desc, attno - 1);
}

// Allocates trivially destructible objects in a memory context; PostgreSQL frees them with it.
template <typename T>
T* allocate(std::size_t count = 1) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(palloc0(sizeof(T) * count));
}

// The same for a great many of them.
template <typename T>
T* allocate_many(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(MemoryContextAllocExtended(CurrentMemoryContext, sizeof(T) * count,
                                                      MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
}

template <typename T>
T* allocate_in(MemoryContext context, std::size_t count = 1) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(MemoryContextAllocZero(context, sizeof(T) * count));
}

// Runs `body`, then `cleanup`, also when `body` raises a PostgreSQL error (which goes on).
template <typename Body, typename Cleanup>
void with_cleanup(Body body, Cleanup cleanup) {
    PG_TRY();
    { body(); }
    PG_CATCH();
    {
        cleanup();
        PG_RE_THROW();
    }
    PG_END_TRY();
    cleanup();
}

}  // namespace interlock
