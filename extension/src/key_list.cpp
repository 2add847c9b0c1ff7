#include "key_list.hpp"

#include <algorithm>

namespace interlock {
namespace {

// Defines sort_integers(Datum*, size_t), for values that are integers.
#define ST_SORT sort_integers
#define ST_ELEMENT_TYPE Datum
#define ST_COMPARE(a, b) compare_integers(DatumGetInt64(*(a)), DatumGetInt64(*(b)))
#define ST_SCOPE static
#define ST_DEFINE
#define ST_CHECK_FOR_INTERRUPTS
int compare_integers(int64 left, int64 right) {
    return left < right ? -1 : left > right;
}
#include <lib/sort_template.h>

// Where the values of one key are in the list.
Datum* place(const KeyList& list, int64 i) {
    return list.values + i * list.key->count;
}

// What a key refers to must outlive what it was read in.
Datum copy_value(const Column& column, Datum value, MemoryContext memory) {
    if (column.by_value) return value;
    MemoryContext previous = MemoryContextSwitchTo(memory);
    Datum copy = datumCopy(value, false, column.length);
    MemoryContextSwitchTo(previous);
    return copy;
}

[[noreturn]] void raise_other_columns(Relation relation, const char* name) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"%s\" holds keys of different columns", name),
                    errhint("Name the same columns in each of them."), errtable(relation)));
    pg_unreachable();
}

void begin_list(KeyList& list, Key& key, int most) {
    list.key = &key;
    list.values = allocate_many<Datum>(static_cast<size_t>(most) * static_cast<size_t>(key.count));
}

void add_key(KeyList& list, Table& table, const KeyValues& key, MemoryContext memory) {
    Datum* values = place(list, list.count++);
    for (int i = 0; i < key.key->count; i++)
        values[i] = copy_value(table.column(key.key->columns[i].attno), key.values[i], memory);
}

struct Order {
    Table& table;
    Key& key;
};

int compare(const void* left, const void* right, void* argument) {
    auto* order = static_cast<Order*>(argument);
    return compare_keys(order->table, order->key, static_cast<const Datum*>(left),
                        static_cast<const Datum*>(right));
}

// Integers, as nearly all keys are, are compared in place.
bool are_integers(const KeyList& list, const Table& table) {
    const KeyColumn& column = list.key->columns[0];
    return list.key->count == 1 && is_integer_order(column) &&
           table.columns[column.attno - 1].by_value;
}

void sort_and_unite_integers(KeyList& list) {
    sort_integers(list.values, static_cast<size_t>(list.count));
    Datum* end = std::unique(list.values, list.values + list.count);
    if (list.key->columns[0].descending) std::reverse(list.values, end);
    list.count = end - list.values;
}

void sort_and_unite(KeyList& list, Table& table) {
    if (list.count < 2) return;
    if (are_integers(list, table)) return sort_and_unite_integers(list);
    Order order = {table, *list.key};
    Size size = sizeof(Datum) * static_cast<Size>(list.key->count);
    qsort_interruptible(list.values, static_cast<size_t>(list.count), size, compare, &order);
    int64 last = 0;
    for (int64 i = 1; i < list.count; i++)
        if (compare(place(list, i), place(list, last), &order) != 0 && ++last != i)
            memcpy(place(list, last), place(list, i), size);
    list.count = last + 1;
}

struct Elements {
    Oid type;
    int count;
    Datum* values;
    bool* nulls;
};

Elements read_elements(ArrayType* array, const char* name) {
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("\"%s\" must be an array of one dimension", name)));
    Elements elements = {ARR_ELEMTYPE(array), 0, nullptr, nullptr};
    int16 length;
    bool by_value;
    char align;
    get_typlenbyvalalign(elements.type, &length, &by_value, &align);
    deconstruct_array(array, elements.type, length, by_value, align, &elements.values,
                      &elements.nulls, &elements.count);
    return elements;
}

// Integers, as nearly all keys are, need no conversion and no copy.
bool are_keys(const Elements& elements, const Table& table) {
    if (table.key.count != 1 || elements.type != table.key.columns[0].type) return false;
    if (!table.columns[table.key.columns[0].attno - 1].by_value) return false;
    for (int i = 0; i < elements.count; i++)
        if (elements.nulls[i]) return false;
    return true;
}

// Each is read in memory of its own, and kept.
void convert(KeyList& list, const Elements& elements, const char* name, Relation relation,
             Table& table) {
    MemoryContext memory = CurrentMemoryContext;
    MemoryContext scratch = AllocSetContextCreate(memory, "interlock key", ALLOCSET_SMALL_SIZES);
    for (int i = 0; i < elements.count; i++) {
        CHECK_FOR_INTERRUPTS();
        MemoryContextSwitchTo(scratch);
        KeyValues key =
            read_key(relation, table, elements.type, {elements.values[i], elements.nulls[i]});
        MemoryContextSwitchTo(memory);
        if (list.key == nullptr) begin_list(list, *key.key, elements.count);
        if (key.key != list.key) raise_other_columns(relation, name);
        add_key(list, table, key, memory);
        MemoryContextReset(scratch);
    }
    MemoryContextDelete(scratch);
}

}  // namespace

void KeyList::get(int64 i, KeyValues& one) const {
    one.key = key;
    memcpy(one.values, place(*this, i), sizeof(Datum) * static_cast<Size>(key->count));
}

KeyList read_keys_as_sent(FunctionCallInfo fcinfo, int number, const char* name, Relation relation,
                          Table& table) {
    Elements elements = read_elements(PG_GETARG_ARRAYTYPE_P(number), name);
    KeyList list = {};
    if (are_keys(elements, table))
        list = {&table.key, elements.count, elements.values};
    else
        convert(list, elements, name, relation, table);
    return list;
}

KeyList read_keys(FunctionCallInfo fcinfo, int number, const char* name, Relation relation,
                  Table& table) {
    KeyList list = read_keys_as_sent(fcinfo, number, name, relation, table);
    sort_and_unite(list, table);
    return list;
}

}  // namespace interlock
