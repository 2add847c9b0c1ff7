#include "partition.hpp"

extern "C" {
#include <partitioning/partbounds.h>
#include <partitioning/partdesc.h>
#include <utils/partcache.h>
}

namespace interlock {
namespace {

// The values of the partition key, all of which are columns of the primary key.
bool read_partition_key(Relation parent, Table& table, const KeyValues& key, Datum* values) {
    PartitionKey partition_key = RelationGetPartitionKey(parent);
    for (int i = 0; i < partition_key->partnatts; i++) {
        AttrNumber attno = partition_key->partattrs[i];
        if (attno == 0) return false;  // an expression
        const char* name = NameStr(attribute(RelationGetDescr(parent), attno)->attname);
        int position = 0;
        while (position < key.key->count &&
               strcmp(table.column(key.key->columns[position].attno).name, name) != 0)
            position++;
        if (position == key.key->count) return false;
        values[i] = key.values[position];
    }
    return true;
}

// As get_partition_for_tuple() in execPartition.c, for values that are not NULL.
int partition_index(PartitionKey key, PartitionBoundInfo bounds, Datum* values) {
    bool nulls[PARTITION_MAX_KEYS] = {};
    bool equal = false;
    int index = -1;
    switch (key->strategy) {
        case PARTITION_STRATEGY_HASH: {
            uint64 hash = compute_partition_hash_value(key->partnatts, key->partsupfunc,
                                                       key->partcollation, values, nulls);
            return bounds->indexes[hash % static_cast<uint64>(bounds->nindexes)];
        }
        case PARTITION_STRATEGY_LIST: {
            int offset = partition_list_bsearch(key->partsupfunc, key->partcollation, bounds,
                                                values[0], &equal);
            if (offset >= 0 && equal) index = bounds->indexes[offset];
            break;
        }
        default: {
            int offset = partition_range_datum_bsearch(key->partsupfunc, key->partcollation, bounds,
                                                       key->partnatts, values, &equal);
            index = bounds->indexes[offset + 1];
        }
    }
    return index < 0 ? bounds->default_index : index;
}

// The partition of this one table that takes the key.
Oid next_partition(Relation parent, Table& table, const KeyValues& key, bool* is_leaf) {
    Datum values[PARTITION_MAX_KEYS];
    PartitionDesc partitions = RelationGetPartitionDesc(parent, true);
    if (partitions->nparts == 0 || !read_partition_key(parent, table, key, values))
        return InvalidOid;
    int index = partition_index(RelationGetPartitionKey(parent), partitions->boundinfo, values);
    if (index < 0) return InvalidOid;
    *is_leaf = partitions->is_leaf[index];
    return partitions->oids[index];
}

bool same_columns(const Table& ancestor, const Table& partition) {
    if (ancestor.column_count != partition.column_count) return false;
    for (int i = 0; i < ancestor.column_count; i++) {
        const Column& a = ancestor.columns[i];
        const Column& b = partition.columns[i];
        if (a.dropped != b.dropped || (!a.dropped && strcmp(a.name, b.name) != 0)) return false;
    }
    return true;
}

AttrNumber* find_columns(const Table& ancestor, Table& partition) {
    auto* columns = allocate_in<AttrNumber>(partition.context, ancestor.column_count);
    for (int i = 0; i < ancestor.column_count; i++)
        if (!ancestor.columns[i].dropped)
            columns[i] = find_column(partition, ancestor.columns[i].name)->attno;
    return columns;
}

}  // namespace

Oid leaf_partition(Relation root, Table& table, const KeyValues& key, LOCKMODE lockmode) {
    bool is_leaf = false;
    Oid partition = next_partition(root, table, key, &is_leaf);
    while (OidIsValid(partition) && !is_leaf) {
        Relation parent = table_open(partition, lockmode);
        partition = next_partition(parent, table, key, &is_leaf);
        table_close(parent, NoLock);
    }
    return partition;
}

const AttrNumber* columns_in_partition(const Table& ancestor, Table& partition) {
    if (partition.ancestor.serial != ancestor.serial)
        partition.ancestor = {ancestor.serial, same_columns(ancestor, partition)
                                                   ? nullptr
                                                   : find_columns(ancestor, partition)};
    return partition.ancestor.columns;
}

}  // namespace interlock
