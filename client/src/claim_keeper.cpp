#include "claim_keeper.hpp"

#include <algorithm>
#include <utility>

namespace interlock {

using namespace std::chrono_literals;

claim_keeper::claim_keeper(claim_line& line, timer& clock, const heartbeat_times& times,
                           std::function<void(std::exception_ptr)> on_failure)
    : line_{line}, clock_{clock}, times_{times}, on_failure_{std::move(on_failure)} {
    try {
        watching_ = std::thread{[this] { watch(); }};
        renewing_thread_ = std::thread{[this] { renew_until_stopped(); }};
    } catch (...) {
        stop();
        throw;
    }
}

claim_keeper::~claim_keeper() {
    stop();
}

void claim_keeper::keep(const std::vector<held_claim_ptr>& claims, time_point sent) {
    std::lock_guard lock{mutex_};
    bool asleep = std::max(next_renewal(), next_loss()) == time_point::max();
    for (const auto& claim : claims) {  // due later than those that both threads wait for
        claim->renewed = sent;
        claims_.insert(claim);
    }
    if (asleep) changed_.notify_all();
}

void claim_keeper::forget(const held_claim_ptr& claim) {
    std::lock_guard lock{mutex_};
    claims_.erase(claim);
}

bool claim_keeper::lost(const held_claim_ptr& claim) const {
    std::lock_guard lock{mutex_};
    return claim->told || claim->superseded || expired(*claim);
}

bool claim_keeper::superseded(const held_claim_ptr& claim) const {
    std::lock_guard lock{mutex_};
    return claim->superseded;
}

void claim_keeper::request_stop() {
    std::vector<held_claim_ptr> all;
    {
        std::lock_guard lock{mutex_};
        all.assign(claims_.begin(), claims_.end());
    }
    for (const auto& claim : all)
        claim->stop.request_stop();
}

void claim_keeper::stop() noexcept {
    {
        std::unique_lock lock{mutex_};
        stopping_ = true;
        changed_.notify_all();
        changed_.wait_for(lock, times_.grace, [this] { return !renewing_; });
        if (renewing_) line_.cut();
    }
    if (renewing_thread_.joinable()) renewing_thread_.join();
    if (watching_.joinable()) watching_.join();
}

bool claim_keeper::expired(const held_claim& claim) const {
    return clock_.now() >= claim.renewed + times_.ttl - times_.margin;
}

// The others that are old enough go with the one that is due.
claim_keeper::time_point claim_keeper::next_renewal() const {
    auto next = time_point::max();
    for (const auto& claim : claims_)
        if (!claim->superseded) next = std::min(next, claim->renewed + times_.ttl / 3);
    return std::max(next, not_before_);
}

claim_keeper::time_point claim_keeper::next_loss() const {
    auto next = time_point::max();
    for (const auto& claim : claims_) {
        if (claim->told) continue;
        if (claim->superseded) return time_point::min();
        next = std::min(next, claim->renewed + times_.ttl - times_.margin);
    }
    return next;
}

void claim_keeper::renew_until_stopped() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        auto next = next_renewal();
        if (next == time_point::max())
            changed_.wait(lock);
        else if (clock_.now() < next)
            clock_.wait_until(lock, changed_, next);
        else
            renew_due(lock);
    }
}

void claim_keeper::renew_due(std::unique_lock<std::mutex>& lock) {
    auto sent = clock_.now();
    std::vector<held_claim_ptr> due;
    std::vector<claim> claims;
    for (const auto& held : claims_) {
        if (held->superseded || sent < held->renewed + times_.ttl / 6) continue;
        due.push_back(held);
        claims.push_back(held->claim);
    }
    renewing_ = true;
    lock.unlock();
    std::vector<claim_result> results;
    std::exception_ptr failure;
    try {
        results = line_.renew(claims);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && on_failure_) on_failure_(failure);
    lock.lock();
    renewing_ = false;
    if (failure)
        not_before_ = clock_.now() + times_.pause;
    else
        note(due, results, sent);
    changed_.notify_all();
}

// Locked rows are alive: as a rule it is their own work that has locked them.
void claim_keeper::note(const std::vector<held_claim_ptr>& claims,
                        const std::vector<claim_result>& results, time_point sent) {
    for (std::size_t i = 0; i < claims.size() && i < results.size(); ++i) {
        bool alive = results[i] == claim_result::done || results[i] == claim_result::busy;
        if (alive)
            claims[i]->renewed = sent;
        else
            claims[i]->superseded = true;
    }
}

void claim_keeper::watch() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        auto next = next_loss();
        if (next == time_point::max()) {
            changed_.wait(lock);
        } else if (next != time_point::min() && clock_.now() < next) {
            clock_.wait_until(lock, changed_, next);
        } else {
            auto lost = newly_lost();
            lock.unlock();
            for (const auto& claim : lost)
                claim->stop.request_stop();  // calls back what the handler has registered
            lost.clear();
            lock.lock();
        }
    }
}

std::vector<held_claim_ptr> claim_keeper::newly_lost() {
    std::vector<held_claim_ptr> lost;
    for (const auto& claim : claims_) {
        if (claim->told || (!claim->superseded && !expired(*claim))) continue;
        claim->told = true;
        lost.push_back(claim);
    }
    return lost;
}

}  // namespace interlock
