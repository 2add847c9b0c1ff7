#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "growing_pause.hpp"
#include "interlock/claims.hpp"
#include "session_cutter.hpp"
#include "worker_tally.hpp"

namespace interlock {

// Listens for what is inserted into a work table, on a thread and a connection of its own.
class claim_listener {
  public:
    claim_listener(connection_factory connect, const work_table& table, std::function<void()> wake,
                   worker_tally& tally);
    ~claim_listener();

  private:
    void listen_until_stopped();
    void listen();
    void pause();
    bool stopping() const;

    const connection_factory connect_;
    const std::string schema_, relation_;
    const std::function<void()> wake_;
    worker_tally& tally_;
    session_cutter cutter_;
    growing_pause pause_;

    mutable std::mutex mutex_;
    std::condition_variable stopped_;
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace interlock
