#include "known_keys.hpp"

extern "C" {
#include <mb/pg_wchar.h>
#include <storage/ipc.h>
#include <storage/lwlock.h>
#include <storage/shmem.h>
}

namespace interlock {
namespace {

constexpr const char* area_name = "interlock known keys";
constexpr int places = 4;  // for the keys of one bucket
constexpr int shared_buckets = 2048;
constexpr int private_buckets = 64;
constexpr int lock_count = 16;
constexpr int longest_text = 100;

struct KnownKey {
    Oid database;
    LockClass lock_class;
    uint8 size;
    uint64 bits;
    char text[longest_text];
};

struct Bucket {
    int next;  // to be overwritten
    KnownKey keys[places];
};

struct KnownKeys {
    int buckets;
    LWLockPadded* locks;  // null: of this session only
    Bucket bucket[FLEXIBLE_ARRAY_MEMBER];
};

KnownKeys* known;
shmem_request_hook_type previous_request_hook;
shmem_startup_hook_type previous_startup_hook;

Size area_size(int buckets) {
    return offsetof(KnownKeys, bucket) + sizeof(Bucket) * buckets;
}

void request_area() {
    if (previous_request_hook) previous_request_hook();
    RequestAddinShmemSpace(area_size(shared_buckets));
    RequestNamedLWLockTranche(area_name, lock_count);
}

void start_area() {
    if (previous_startup_hook) previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found;
    known = static_cast<KnownKeys*>(ShmemInitStruct(area_name, area_size(shared_buckets), &found));
    if (!found) memset(known, 0, area_size(shared_buckets));
    known->buckets = shared_buckets;
    known->locks = GetNamedLWLockTranche(area_name);
    LWLockRelease(AddinShmemInitLock);
}

void start_private_area() {
    known = static_cast<KnownKeys*>(
        MemoryContextAllocZero(TopMemoryContext, area_size(private_buckets)));
    known->buckets = private_buckets;
}

// Small integers are keys of slots' queues: spread them.
int bucket_of(LockClass lock_class, uint64 bits) {
    uint64 mixed = (bits ^ lock_class) * 0x9e3779b97f4a7c15;
    return static_cast<int>((mixed >> 32) % known->buckets);
}

LWLock* lock_of(int bucket) {
    return &known->locks[bucket % lock_count].lock;
}

template <typename Body>
auto with_bucket(int number, LWLockMode mode, Body body) {
    if (known->locks) LWLockAcquire(lock_of(number), mode);
    auto result = body(known->bucket[number]);
    if (known->locks) LWLockRelease(lock_of(number));
    return result;
}

KnownKey* find_key(Bucket& bucket, LockClass lock_class, uint64 bits) {
    for (KnownKey& key : bucket.keys)
        if (key.bits == bits && key.lock_class == lock_class && key.database == MyDatabaseId)
            return &key;
    return nullptr;
}

bool store_key(Bucket& bucket, LockClass lock_class, uint64 bits, std::string_view text, int size) {
    if (find_key(bucket, lock_class, bits)) return false;
    KnownKey& key = bucket.keys[bucket.next];
    bucket.next = (bucket.next + 1) % places;
    key.database = MyDatabaseId;
    key.lock_class = lock_class;
    key.bits = bits;
    key.size = static_cast<uint8>(size);
    memcpy(key.text, text.data(), size);
    return true;
}

}  // namespace

void reserve_known_keys() {
    if (!process_shared_preload_libraries_in_progress) return;
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request_area;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = start_area;
}

void remember_key(LockClass lock_class, uint64 bits, std::string_view text) {
    if (known == nullptr) start_private_area();
    int number = bucket_of(lock_class, bits);
    if (with_bucket(number, LW_SHARED,
                    [&](Bucket& bucket) { return find_key(bucket, lock_class, bits) != nullptr; }))
        return;
    int size = static_cast<int>(text.size());
    if (size > longest_text) size = pg_mbcliplen(text.data(), size, longest_text);
    with_bucket(number, LW_EXCLUSIVE,
                [&](Bucket& bucket) { return store_key(bucket, lock_class, bits, text, size); });
}

char* known_key(LockClass lock_class, uint64 bits) {
    if (known == nullptr) return nullptr;
    char* copy = static_cast<char*>(palloc0(longest_text + 1));
    bool found = with_bucket(bucket_of(lock_class, bits), LW_SHARED, [&](Bucket& bucket) {
        KnownKey* key = find_key(bucket, lock_class, bits);
        if (key) memcpy(copy, key->text, key->size);
        return key != nullptr;
    });
    return found ? copy : nullptr;
}

}  // namespace interlock
