#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <pqxx/pqxx>
#include <string>

#include "interlock/bridge.hpp"
#include "interlock/error.hpp"
#include "session_cutter.hpp"

namespace interlock {

// How long a statement of what is renewed may take.
std::chrono::nanoseconds renewal_bound(std::chrono::nanoseconds ttl);

// A connection of our own, replaced whenever it is lost. Each call is a transaction with bounds of
// its own, because a pooler may hand the session on in between.
class bounded_session {
  public:
    explicit bounded_session(connection_factory connect,
                             std::unique_ptr<pqxx::connection> connection = {});

    // Calls with a pqxx::transaction_base&, and commits. What it throws is typed. A connection that
    // has failed is not used again: who knows what is the matter with it.
    template <class Call>
    auto run(std::chrono::nanoseconds bound, Call call) {
        try {
            auto& connection = connected();
            session_deadline deadline{cutter_, bound + bound / 2};  // the server's own bounds first
            pqxx::work tx{connection};
            tx.exec(bounds(bound));
            auto result = call(tx);
            tx.commit();
            return result;
        } catch (...) {
            auto failure = translate(std::current_exception());
            disconnect();
            std::rethrow_exception(failure);
        }
    }

    // From any thread: a call that hangs fails, and so does any that comes after, until forgotten.
    void cut() noexcept { cutter_.cut(); }
    bool is_cut() const { return cutter_.is_cut(); }
    void forget_cut() { cutter_.forget_cut(); }

  private:
    static std::string bounds(std::chrono::nanoseconds bound);
    pqxx::connection& connected();
    void disconnect();

    const connection_factory connect_;
    std::unique_ptr<pqxx::connection> connection_;
    session_cutter cutter_;
};

}  // namespace interlock
