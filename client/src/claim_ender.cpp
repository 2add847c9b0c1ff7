#include "claim_ender.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "random_share.hpp"

namespace interlock {

using namespace std::chrono_literals;

namespace {

// What any server can read, whatever its encoding.
std::string ascii(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) >= 0x80 || !c; }, '?');
    return text;
}

// What all rows of one call have in common.
auto manner_of(const release_options& how) {
    return std::tie(how.error, how.retry_in);
}

}  // namespace

claim_ender::claim_ender(connection_factory connect, std::string table, const ending_times& times,
                         claim_keeper& keeper, worker_tally& tally)
    : table_{std::move(table)},
      times_{times},
      keeper_{keeper},
      tally_{tally},
      session_{std::move(connect)},
      pause_{50ms, 2s},
      thread_{[this] { send_until_drained(); }} {}

claim_ender::~claim_ender() {
    drain(clock_.now());
}

void claim_ender::finish(held_claim_ptr claim) {
    add({std::move(claim), {}, clock_.now()});
}

void claim_ender::release(held_claim_ptr claim, release_options options, bool in_doubt) {
    add({std::move(claim), std::move(options), clock_.now(), {}, in_doubt});
}

void claim_ender::add(ending one) {
    std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(one));
    if (at_once() || due(waiting_.back()) < sleeping_until_) changed_.notify_all();
}

void claim_ender::hurry() {
    std::lock_guard lock{mutex_};
    hurry_ = true;
    changed_.notify_all();
}

void claim_ender::drain(timer::time_point until) noexcept {
    {
        std::lock_guard lock{mutex_};
        drain_until_ = until;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
}

bool claim_ender::too_late() const {
    return drain_until_ && clock_.now() >= *drain_until_;
}

bool claim_ender::at_once() const {
    return hurry_ || drain_until_ || waiting_.size() >= times_.batch;
}

timer::time_point claim_ender::due(const ending& one) const {
    return at_once() ? one.not_before : std::max(one.added + times_.within, one.not_before);
}

timer::time_point claim_ender::next_due() const {
    auto next = timer::time_point::max();
    for (const auto& one : waiting_)
        next = std::min(next, due(one));
    return next;
}

// Once one is due, those that only wait for others go along.
claim_ender::endings claim_ender::take_due() {
    endings batch;
    auto now = clock_.now();
    if (next_due() > now) return batch;
    for (auto one = waiting_.begin(); one != waiting_.end() && batch.size() < times_.batch;) {
        if (one->not_before > now) {
            ++one;
        } else {
            batch.push_back(std::move(*one));
            one = waiting_.erase(one);
        }
    }
    hurry_ = false;
    return batch;
}

void claim_ender::send_until_drained() {
    std::unique_lock lock{mutex_};
    for (;;) {
        if (waiting_.empty() || too_late()) {
            if (drain_until_) break;
            sleeping_until_ = timer::time_point::max();
            hurry_ = false;
            changed_.wait(lock);
            continue;
        }
        auto batch = take_due();
        if (batch.empty()) {
            sleeping_until_ = next_due();
            if (drain_until_) sleeping_until_ = std::min(sleeping_until_, *drain_until_);
            clock_.wait_until(lock, changed_, sleeping_until_);
        } else {
            lock.unlock();
            send(std::move(batch));
            lock.lock();
        }
    }
    give_up();
}

void claim_ender::give_up() {
    tally_.add(&worker_statistics::abandoned, waiting_.size());
    for (const auto& one : waiting_)
        keeper_.forget(one.held);
    waiting_.clear();
}

void claim_ender::send(endings batch) {
    drop_superseded(batch);
    auto releases = std::ranges::partition(batch, [](const ending& one) { return !one.release; });
    endings released{std::make_move_iterator(releases.begin()),
                     std::make_move_iterator(releases.end())};
    batch.erase(releases.begin(), batch.end());
    finish_all(batch);
    release_all(released);
}

void claim_ender::drop_superseded(endings& batch) {
    std::erase_if(batch, [this](const ending& one) {
        if (!keeper_.superseded(one.held)) return false;
        ended(one, claim_result::lost);
        return true;
    });
}

void claim_ender::finish_all(endings& batch) {
    attempt(batch, [this](const endings& some) { send_finishes(some); });
}

void claim_ender::release_all(endings& batch) {
    std::vector<ending*> order;
    for (auto& one : batch)
        order.push_back(&one);
    std::ranges::stable_sort(order, {}, [](const ending* one) { return manner_of(*one->release); });
    endings sorted;
    for (auto* one : order)
        sorted.push_back(std::move(*one));
    batch = std::move(sorted);
    attempt(batch, [this](const endings& some) { send_releases(some); });
}

// One that fails by itself must not keep the others from ending.
template <class Send>
void claim_ender::attempt(endings& batch, Send send) {
    if (batch.empty()) return;
    std::exception_ptr failure;
    try {
        send(batch);
        return pause_.reset();
    } catch (...) {
        failure = std::current_exception();
    }
    tally_.trouble(failure);
    if (batch.size() == 1 || is_unknown(failure)) {
        auto pause = pause_.next(random_share());
        for (auto& one : batch)
            failed(std::move(one), failure, pause);
        return;
    }
    for (auto& one : batch) {
        endings single{std::move(one)};
        attempt(single, send);
    }
}

std::vector<claim> claim_ender::claims_of(std::span<const ending> some) {
    std::vector<claim> claims;
    for (const auto& one : some)
        claims.push_back(one.held->claim);
    return claims;
}

void claim_ender::send_finishes(const endings& batch) {
    tally_.add(&worker_statistics::finish_calls);
    ended_all(batch, session_.run(times_.bound, [&](pqxx::transaction_base& tx) {
        return finish_claims(tx, table_, claims_of(batch));
    }));
}

// Those that are given back alike are next to each other, and go in one call.
void claim_ender::send_releases(const endings& batch) {
    ended_all(batch, session_.run(times_.bound, [&](pqxx::transaction_base& tx) {
        std::vector<keyed_claim_result> results;
        for (auto first = batch.begin(); first != batch.end();) {
            auto last = std::find_if(first, batch.end(), [&](const ending& one) {
                return manner_of(*one.release) != manner_of(*first->release);
            });
            std::ranges::move(release_claims(tx, table_, claims_of({first, last}), *first->release),
                              std::back_inserter(results));
            first = last;
        }
        return results;
    }));
}

void claim_ender::ended_all(const endings& batch, const std::vector<keyed_claim_result>& results) {
    for (std::size_t i = 0; i < batch.size() && i < results.size(); ++i)
        ended(batch[i], results[i].result);
}

void claim_ender::ended(const ending& one, claim_result result) {
    keeper_.forget(one.held);
    if (result != claim_result::done)
        tally_.add(one.in_doubt ? &worker_statistics::in_doubt : &worker_statistics::lost);
    else if (!one.release)
        tally_.add(&worker_statistics::finished);
    else
        tally_.add(one.release->error ? &worker_statistics::failed
                                      : &worker_statistics::handed_back);
}

// What will not get better by itself: a row that cannot be finished has failed; one whose message
// the server cannot read has another; and what is left expires.
void claim_ender::failed(ending one, const std::exception_ptr& failure,
                         std::chrono::nanoseconds pause) {
    if (is_passing(failure)) {
        one.in_doubt |= is_unknown(failure);
        one.not_before = clock_.now() + pause;
    } else if (!one.release) {
        one.release = release_options{.error = "it cannot be finished: " + message_of(failure)};
    } else if (one.release->error && *one.release->error != ascii(*one.release->error)) {
        one.release->error = ascii(*one.release->error);
    } else {
        keeper_.forget(one.held);
        return tally_.add(&worker_statistics::abandoned);
    }
    std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(one));
}

}  // namespace interlock
