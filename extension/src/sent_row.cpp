#include "sent_row.hpp"

#include "version.hpp"

namespace interlock {
namespace {

// The key of a row to insert is written like any other column.
RowShape* add_shape(Table& table, ColumnSet& set) {
    bool updates = set.purpose == Purpose::row;
    auto* shape = allocate_in<RowShape>(table.context);
    auto* attnos = allocate<AttrNumber>(set.count);
    shape->positions = allocate_in<int>(table.context, set.count);
    shape->version = -1;
    for (int& position : shape->key)
        position = -1;
    int count = 0;
    for (int i = 0; i < set.count; i++) {
        int key = table.key_position(set.attnos[i]);
        if (key >= 0) shape->key[key] = i;
        if (set.attnos[i] == table.versioning.column)
            shape->version = i;
        else if (key < 0 || !updates) {
            attnos[count] = set.attnos[i];
            shape->positions[count++] = i;
        }
    }
    shape->others =
        &column_set(table, updates ? Purpose::changes : Purpose::expected, attnos, count);
    return set.shape = shape;
}

KeyValues key_of(Relation relation, Table& table, const RowShape& shape, const ColumnValues& all) {
    KeyValues key = {&table.key, {}};
    for (int i = 0; i < table.key.count; i++) {
        int position = shape.key[i];
        if (position < 0) raise_no_key_column(relation, table, i);
        if (all.nulls[position]) raise_null_key_column(relation, table, i);
        key.values[i] = all.values[position];
    }
    return key;
}

std::optional<int64> version_of(const Table& table, const RowShape& shape,
                                const ColumnValues& all) {
    if (shape.version < 0 || all.nulls[shape.version]) return {};
    return version_number(table.versioning.kind, all.values[shape.version]);
}

// They move up in the arrays that hold all.
ColumnValues others_of(const RowShape& shape, const ColumnValues& all) {
    for (int i = 0; i < shape.others->count; i++) {
        all.values[i] = all.values[shape.positions[i]];
        all.nulls[i] = all.nulls[shape.positions[i]];
    }
    return {shape.others, all.values, all.nulls, nullptr};
}

SentRow read_row(Relation relation, Table& table, Jsonb* row, Purpose purpose,
                 const char* argument) {
    ColumnValues all = read_row_values(relation, table, row, purpose, argument);
    RowShape* shape = all.columns->shape;
    if (shape == nullptr) shape = add_shape(table, *all.columns);
    SentRow sent = {{&table.key, {}}, version_of(table, *shape, all), {}};
    if (purpose == Purpose::row) sent.key = key_of(relation, table, *shape, all);
    sent.others = others_of(*shape, all);
    return sent;
}

}  // namespace

SentRow read_row_to_update(Relation relation, Table& table, Jsonb* row, const char* argument) {
    return read_row(relation, table, row, Purpose::row, argument);
}

SentRow read_row_to_insert(Relation relation, Table& table, Jsonb* row, const char* argument) {
    return read_row(relation, table, row, Purpose::insert, argument);
}

}  // namespace interlock
