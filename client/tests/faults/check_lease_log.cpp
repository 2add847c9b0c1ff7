// Decides whether a log of leases under faults is one of leases that keep their promise.
//
//     interlock_check_lease_log <LOG
//
// Prints what the log is about and its verdict. Ends with 0 if it is sound, 1 if two holders
// overlapped, a token went back, a lease was stuck, or what somebody was told was not so; 2 if it
// is no log.

#include <iostream>

#include "lease_log.hpp"

int main() try {
    auto log = lease_log::read(std::cin);
    for (const auto& line : lease_log::summary(log))
        std::cout << line << "\n";
    auto found = lease_log::violations(log);
    for (const auto& violation : found)
        std::cout << "VIOLATION " << violation << "\n";
    std::cout << "verdict: " << (found.empty() ? "sound" : "broken") << "\n";
    return found.empty() ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 2;
}
