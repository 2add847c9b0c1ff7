// An argument as a key of a lock namespace: 64 bits for the lock's tag, and text for people.
#pragma once

#include "lock_namespace.hpp"

namespace interlock {

struct LockKey {
    uint64 bits;            // a bigint as it is, a text or uuid by its hash
    std::string_view text;  // null: the bits are all there is to show
};

// Reads an `anycompatible` argument as the namespace's key type, so that typed and untyped callers
// meet: bigint takes integers, integral numerics and text; text takes text, integers and uuids;
// uuid takes uuids and text. 22004 for NULL, 22023 for other types and lossy values, 22P02 for text
// that is no such key, 22003 out of range.
LockKey read_lock_key(FunctionCallInfo fcinfo, int number, const LockNamespace& lock_namespace);

// The same for each element of an array; without order.
std::span<LockKey> read_lock_keys(FunctionCallInfo fcinfo, int number,
                                  const LockNamespace& lock_namespace);

// Reads an argument `slots integer`, how many slots a key has. 22004 for NULL, 22023 outside of 1
// to 1000.
int read_slot_count(FunctionCallInfo fcinfo, int number);

// The bits of one of the key's slots, for the tag of its class of slots.
uint64 slot_bits(const LockKey& key, int number);

// 42, or "invoice-7"; cut where it is long
const char* show_lock_key(const LockKey& key);

// The same in JSON.
const char* lock_key_json(const LockKey& key);

}  // namespace interlock
