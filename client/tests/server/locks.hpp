#pragma once

#include "server.hpp"

// A test with lock namespaces of its own: numbers() with keys of type bigint, texts() of type text.
class Locks : public Server {
  protected:
    void SetUp() override;
    void TearDown() override;

    std::string numbers() const { return name_ + " numbers"; }
    std::string texts() const { return name_ + " texts"; }

    // How many hold the lock of a key, and how many wait for it.
    int holders(const std::string& lock_namespace, const std::string& key) const;
    void wait_until_awaited(const std::string& lock_namespace, int waiters = 1) const;

    // Milliseconds that it takes.
    template <class Body>
    static double milliseconds(Body body) {
        auto start = std::chrono::steady_clock::now();
        body();
        std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
        return taken.count();
    }

  private:
    std::string name_;
};
