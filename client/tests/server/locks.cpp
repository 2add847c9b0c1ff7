#include "locks.hpp"

#include <unistd.h>

void Locks::SetUp() {
    Server::SetUp();
    if (HasFatalFailure()) return;
    auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    name_ = std::string{"client "} + test->name() + " " + std::to_string(::getpid());
    run("SELECT interlock.create_lock_namespace('" + numbers() + "')");
    run("SELECT interlock.create_lock_namespace('" + texts() + "', 'text')");
}

// The namespaces of a test that has failed may still be in use: let that not hide the failure.
void Locks::TearDown() {
    for (const auto& name : {numbers(), texts()}) {
        try {
            run("SELECT interlock.drop_lock_namespace(name) FROM interlock.lock_namespaces"
                " WHERE name = '" +
                name + "'");
        } catch (const std::exception& e) {
            EXPECT_TRUE(HasFailure()) << e.what();
        }
    }
    Server::TearDown();
}

int Locks::holders(const std::string& lock_namespace, const std::string& key) const {
    return number("SELECT count(*) FROM interlock.advisory_lock_holders('" + lock_namespace +
                  "', '" + key + "')");
}

void Locks::wait_until_awaited(const std::string& lock_namespace, int waiters) const {
    wait_until("count(*) = " + std::to_string(waiters) +
               " FROM interlock.advisory_locks WHERE NOT granted AND namespace = '" +
               lock_namespace + "'");
}
