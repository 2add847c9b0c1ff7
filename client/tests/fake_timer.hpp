#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>
#include <vector>

#include "timer.hpp"

// A time that passes only when the test says so.
class fake_timer : public interlock::timer {
  public:
    time_point now() const override {
        std::lock_guard lock{mutex_};
        return now_;
    }

    void wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                    time_point until) override {
        {
            std::lock_guard own{mutex_};
            if (now_ >= until) return;
            waiting_[std::this_thread::get_id()] = {until, lock.mutex(), &condition};
            changed_.notify_all();
        }
        condition.wait(lock);
        std::lock_guard own{mutex_};
        waiting_.erase(std::this_thread::get_id());
    }

    // When those who wait are done waiting, in order, once there are so many and all have seen what
    // the others did. In real time, which does not matter.
    std::vector<std::chrono::nanoseconds> waits(std::size_t count) {
        await(count);
        advance_to(now().time_since_epoch());
        await(count);
        std::lock_guard lock{mutex_};
        std::vector<std::chrono::nanoseconds> all;
        for (const auto& [id, w] : waiting_)
            all.push_back(w.until.time_since_epoch());
        std::ranges::sort(all);
        return all;
    }

    // Wakes everybody: who is not due waits again.
    void advance_to(std::chrono::nanoseconds time) {
        std::map<std::thread::id, waiter> woken;
        {
            std::lock_guard lock{mutex_};
            now_ = time_point{time};
            woken.swap(waiting_);
        }
        for (const auto& [id, w] : woken) {
            std::lock_guard theirs{*w.mutex};
            w.condition->notify_all();
        }
    }

  private:
    struct waiter {
        time_point until;
        std::mutex* mutex;
        std::condition_variable* condition;
    };

    void await(std::size_t count) {
        std::unique_lock lock{mutex_};
        EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds{10},
                                      [&] { return waiting_.size() == count; }));
    }

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    time_point now_{};
    std::map<std::thread::id, waiter> waiting_;
};
