// Holds a lease in a process of its own, so that a test can really pause it.
//
//     interlock_lease_holder NAMESPACE KEY MILLISECONDS TABLE
//
// Says its token when it has the lease. For each line that it is sent it writes into the table,
// under the fence, and says what became of it and whether it believed to hold the lease before.

#include <interlock/interlock.hpp>
#include <iostream>

int main(int, char** arguments) try {
    auto connect = [] { return std::make_unique<pqxx::connection>(""); };
    interlock::lease lease{connect, arguments[1], arguments[2], "the paused one",
                           std::chrono::milliseconds{std::stoi(arguments[3])}};
    std::cout << lease.token() << std::endl;
    pqxx::connection db;
    auto token = std::to_string(lease.token());
    for (std::string line; std::getline(std::cin, line);) {
        const char* belief = lease.held() ? "held" : "lost";
        try {
            interlock::transact(db, [&](pqxx::dbtransaction& tx) {
                tx.exec(std::string{"INSERT INTO "} + arguments[4] + " (token) VALUES (" + token +
                        ")");
                lease.guard(tx);
            });
            std::cout << belief << " written" << std::endl;
        } catch (const interlock::lease_lost&) {
            std::cout << belief << " refused" << std::endl;
        }
    }
} catch (const std::exception& e) {
    std::cout << e.what() << std::endl;
    return 1;
}
