// A program of somebody else's, built against the installed library. It needs no server.

#include <interlock/interlock.hpp>
#include <iostream>

int main() {
    try {
        throw interlock::stale_version{"stale", {"accounts", "7", 1, 2, {}, {}}};
    } catch (const interlock::error& e) {
        std::cout << "interlock " << interlock::library_version() << " " << e.sqlstate() << "\n";
    }
    interlock::retry_policy policy{.attempts = 3};
    return interlock::classify("40001", policy) == interlock::verdict::rerun ? 0 : 1;
}
