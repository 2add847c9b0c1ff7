#include "namespace_usage.hpp"

#include "settings.hpp"

namespace interlock {
namespace {

HTAB* usages;
uint64 transaction = 1;

void transaction_ended(XactEvent event, void*) {
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
        transaction++;
}

void create_usages() {
    HASHCTL settings = {};
    settings.keysize = sizeof(int);
    settings.entrysize = sizeof(NamespaceUsage);
    usages = hash_create("interlock namespace usage", 32, &settings, HASH_ELEM | HASH_BLOBS);
}

int64 transaction_locks(const NamespaceUsage& usage) {
    return usage.transaction == transaction ? usage.transaction_locks : 0;
}

// As the lock manager knows it.
int64 locks_held(int id) {
    const LockData* locks = GetLockStatusData();
    int64 count = 0;
    for (int i = 0; i < locks->nelements; i++) {
        const LockInstanceData& lock = locks->locks[i];
        if (lock.pid == MyProcPid && lock.holdMask && is_namespace_tag(lock.locktag) &&
            namespace_of_class(lock.locktag.locktag_field4) == id)
            count++;
    }
    return count;
}

// The counts are too high after a savepoint was rolled back and after DISCARD ALL: before anything
// is refused they are set right.
void recount(NamespaceUsage& usage) {
    int64 held = locks_held(usage.id);
    usage.session_locks = Min(usage.session_locks, held);
    usage.transaction_locks = held - usage.session_locks;
    usage.transaction = transaction;
}

}  // namespace

void initialize_namespace_usage() {
    RegisterXactCallback(transaction_ended, nullptr);
}

NamespaceUsage* namespace_usage(int id) {
    if (usages == nullptr) create_usages();
    bool found;
    auto* usage = static_cast<NamespaceUsage*>(hash_search(usages, &id, HASH_ENTER, &found));
    if (!found) *usage = {id, 0, 0, 0};
    return usage;
}

void require_room(const LockNamespace& entry) {
    NamespaceUsage& usage = *entry.usage;
    int64 most = entry.max_locks > 0 ? entry.max_locks : max_namespace_locks();
    if (transaction_locks(usage) + usage.session_locks < most) return;
    recount(usage);
    if (usage.transaction_locks + usage.session_locks < most) return;
    ereport(ERROR,
            (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
             errmsg("cannot hold more than " INT64_FORMAT " locks of namespace \"%s\"", most,
                    entry.name),
             errhint("Lock fewer keys in one transaction, or one that stands for them all; the "
                     "bound is the namespace's max_locks or interlock.max_namespace_locks.")));
}

void count_transaction_lock(const LockNamespace& entry) {
    NamespaceUsage& usage = *entry.usage;
    usage.transaction_locks = transaction_locks(usage) + 1;
    usage.transaction = transaction;
}

void count_session_locks(int id, int change) {
    NamespaceUsage& usage = *namespace_usage(id);
    usage.session_locks = Max(usage.session_locks + change, 0);
}

}  // namespace interlock
