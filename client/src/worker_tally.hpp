#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <utility>

#include "interlock/worker.hpp"

namespace interlock {

// What a worker has done, counted by all its threads; and whom to tell what went wrong.
class worker_tally {
  public:
    explicit worker_tally(std::function<void(std::exception_ptr)> on_trouble)
        : on_trouble_{std::move(on_trouble)} {}

    void add(std::uint64_t worker_statistics::*what, std::uint64_t count = 1) {
        std::lock_guard lock{mutex_};
        counts_.*what += count;
    }
    worker_statistics counts() const {
        std::lock_guard lock{mutex_};
        return counts_;
    }

    void trouble(std::exception_ptr failure) noexcept {
        add(&worker_statistics::troubles);
        if (!on_trouble_) return;
        std::lock_guard lock{telling_};
        try {
            on_trouble_(std::move(failure));
        } catch (...) {
            // Nobody could catch it here.
        }
    }

  private:
    const std::function<void(std::exception_ptr)> on_trouble_;
    mutable std::mutex mutex_;
    std::mutex telling_;
    worker_statistics counts_;
};

// Whether it will get better by itself: a lost connection, a conflict, a timeout, a shortage, a
// standby that is to be promoted. Of what is no error of the server's that is hoped, too.
bool is_passing(const std::exception_ptr& failure);

// Whether what was sent may have been done all the same.
bool is_unknown(const std::exception_ptr& failure);

// What it says.
std::string message_of(const std::exception_ptr& failure);

}  // namespace interlock
