#include "heartbeat.hpp"

#include <utility>

namespace interlock {

heartbeat::heartbeat(lease_line& line, timer& clock, const heartbeat_times& times, time_point sent,
                     std::function<void(lease_loss)> on_loss)
    : line_{line}, clock_{clock}, times_{times}, on_loss_{std::move(on_loss)} {
    next_renewal_ = sent + times.ttl / 3;
    lost_at_ = sent + times.ttl - times.margin;
    try {
        std::lock_guard lock{mutex_};  // telling() may be asked at once
        watching_ = std::thread{[this] { watch(); }};
        renewing_thread_ = std::thread{[this] { renew_until_over(); }};
    } catch (...) {
        stop();
        throw;
    }
}

heartbeat::~heartbeat() {
    stop();
}

bool heartbeat::held() const {
    std::lock_guard lock{mutex_};
    return !over() && clock_.now() < lost_at_;
}

std::optional<lease_loss> heartbeat::lost() const {
    std::lock_guard lock{mutex_};
    return loss_;
}

std::string heartbeat::last_failure() const {
    std::lock_guard lock{mutex_};
    return last_failure_;
}

void heartbeat::stop() noexcept {
    {
        std::unique_lock lock{mutex_};
        if (!over() && clock_.now() >= lost_at_) lose(lease_loss::not_renewed);
        stopping_ = true;
        changed_.notify_all();
        changed_.wait_for(lock, times_.grace, [this] { return !renewing_; });
        if (renewing_) line_.cut();
    }
    if (renewing_thread_.joinable()) renewing_thread_.join();
    if (watching_.joinable()) watching_.join();
}

void heartbeat::renew_until_over() {
    std::unique_lock lock{mutex_};
    while (!over()) {
        if (clock_.now() < next_renewal_)
            clock_.wait_until(lock, changed_, next_renewal_);
        else
            renew_once(lock);
    }
}

void heartbeat::renew_once(std::unique_lock<std::mutex>& lock) {
    renewing_ = true;
    lock.unlock();
    auto sent = clock_.now();
    std::optional<bool> current;
    std::string failure;
    try {
        current = line_.renew();
    } catch (const std::exception& e) {
        failure = e.what();
    } catch (...) {
        failure = "unknown";
    }
    lock.lock();
    renewing_ = false;
    if (stopping_) changed_.notify_all();
    if (!current) {
        last_failure_ = std::move(failure);
        next_renewal_ = clock_.now() + times_.pause;
    } else if (*current) {
        renewed(sent);
    } else {
        lose(lease_loss::superseded);
    }
}

// One that comes too late does not count: whoever asked held() may know already.
void heartbeat::renewed(time_point sent) {
    if (clock_.now() >= lost_at_) return lose(lease_loss::not_renewed);
    next_renewal_ = sent + times_.ttl / 3;
    lost_at_ = sent + times_.ttl - times_.margin;
}

void heartbeat::lose(lease_loss reason) {
    if (loss_) return;
    loss_ = reason;
    changed_.notify_all();
}

void heartbeat::watch() {
    std::unique_lock lock{mutex_};
    while (!over()) {
        if (clock_.now() < lost_at_)
            clock_.wait_until(lock, changed_, lost_at_);
        else
            lose(lease_loss::not_renewed);
    }
    if (!loss_) return;
    auto reason = *loss_;
    lock.unlock();
    tell(reason);
}

void heartbeat::tell(lease_loss reason) {
    line_.cut();
    stop_.request_stop();
    if (!on_loss_) return;
    try {
        on_loss_(reason);
    } catch (...) {
        // Nobody could catch it here.
    }
}

}  // namespace interlock
