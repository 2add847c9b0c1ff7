#pragma once

#include <chrono>
#include <mutex>
#include <thread>

namespace interlock {

// Ends a session from another thread, whatever it is waiting for, by shutting down its socket. It
// has a descriptor of its own for that, because libpq may close its one at any time, and the number
// would be somebody else's.
class session_cutter {
  public:
    session_cutter() = default;
    ~session_cutter();
    session_cutter(const session_cutter&) = delete;
    session_cutter& operator=(const session_cutter&) = delete;

    // The session to cut from now on; -1: none. At once if it has been cut already.
    void watch(int socket);
    void cut() noexcept;
    bool is_cut() const;
    void forget_cut();
    // Ends the session of now, and no other.
    void interrupt() noexcept;

  private:
    mutable std::mutex mutex_;
    int socket_ = -1;
    bool cut_ = false;
};

// Interrupts the session if it is not gone in time: statement_timeout is of no use where the answer
// does not come through.
class session_deadline {
  public:
    session_deadline(session_cutter& session, std::chrono::nanoseconds time);

  private:
    std::jthread watching_;
};

}  // namespace interlock
