#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "bounded_session.hpp"
#include "heartbeat.hpp"
#include "interlock/bridge.hpp"

namespace interlock {

// What is held by the clock, and how the server is told so: a lease, a checkout.
class leased {
  public:
    virtual ~leased() = default;
    // False: the token is no longer the current one.
    virtual bool renew(pqxx::transaction_base& tx, std::chrono::nanoseconds ttl) const = 0;
    virtual bool release(pqxx::transaction_base& tx) const = 0;
    [[noreturn]] virtual void throw_lost(lease_loss reason, const std::string& why) const = 0;
};

// The connection of a lease's own.
class lease_session final : public lease_line {
  public:
    lease_session(connection_factory connect, std::unique_ptr<pqxx::connection> connection,
                  const leased& what, std::chrono::nanoseconds ttl);

    bool renew() override;
    void cut() noexcept override { session_.cut(); }

    // Once nobody renews any more. False: the token is no longer the current one.
    bool release(std::chrono::nanoseconds bound);
    bool is_cut() const { return session_.is_cut(); }
    std::chrono::nanoseconds bound() const { return bound_; }

  private:
    bounded_session session_;
    const leased& what_;
    const std::chrono::nanoseconds ttl_;
    const std::chrono::nanoseconds bound_;
};

}  // namespace interlock
