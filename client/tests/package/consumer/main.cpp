// A program of somebody else's, built against the installed library. It needs no server.

#include <interlock/interlock.hpp>
#include <iostream>

int main() {
    try {
        throw interlock::stale_version{"stale", {"accounts", "7", 1, 2, {}, {}}};
    } catch (const interlock::error& e) {
        std::cout << "interlock " << interlock::library_version() << " " << e.sqlstate() << "\n";
    }
    try {
        throw interlock::lock_lost{"", "lost", interlock::lock_loss::unlocked, {"jobs"}};
    } catch (const interlock::lock_lost& e) {
        if (e.lock_namespace() != "jobs") return 1;
    }
    // What is exported can be linked: one function of each family of locks and leases.
    auto* advisory = &interlock::advisory_xact_lock_many;
    auto* row =
        static_cast<std::tuple<int> (*)(pqxx::transaction_base&, std::string_view,
                                        const interlock::key&, const interlock::lock_row_options&)>(
            &interlock::lock_row<std::tuple<int>>);
    auto* lease = &interlock::try_lease;
    if (!advisory || !row || !lease) return 1;
    interlock::retry_policy policy{.attempts = 3};
    return interlock::classify("40001", policy) == interlock::verdict::rerun ? 0 : 1;
}
