// The keys of many rows: an array of any that read_key() reads.
#pragma once

#include "key.hpp"

namespace interlock {

// In the order of the key, each once. It takes memory for the keys' columns alone.
struct KeyList {
    Key* key;  // of all of them; null where there are none
    int64 count;
    Datum* values;

    const Datum* from(int64 i) const { return values + i * key->count; }
    void get(int64 i, KeyValues& one) const;
};

// The same in the order of the array, each as often as it is there.
KeyList read_keys_as_sent(FunctionCallInfo fcinfo, int number, const char* name, Relation relation,
                          Table& table);

// Reads an `anycompatiblearray` argument of that name. 22023 for more than one dimension, and for
// JSON keys of a view that name different columns; else as read_key().
KeyList read_keys(FunctionCallInfo fcinfo, int number, const char* name, Relation relation,
                  Table& table);

}  // namespace interlock
