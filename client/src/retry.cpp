#include "interlock/retry.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <thread>
#include <utility>

#include "interlock/error.hpp"
#include "random_share.hpp"
#include "waiting.hpp"

namespace interlock {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

nanoseconds backoff::bound(int failures) const noexcept {
    auto longest = static_cast<double>(cap.count());
    auto grown = static_cast<double>(first.count()) * std::pow(factor, failures - 1);
    return grown < longest ? nanoseconds{static_cast<nanoseconds::rep>(grown)} : cap;
}

steady_clock::time_point now(const retry_policy& policy) {
    return policy.clock ? policy.clock() : steady_clock::now();
}

void wait(const retry_policy& policy, nanoseconds time) {
    if (policy.sleeper)
        policy.sleeper(time);
    else
        std::this_thread::sleep_for(time);
}

nanoseconds drawn(const retry_policy& policy, nanoseconds bound) {
    auto share = policy.random ? policy.random() : random_share();
    return nanoseconds{static_cast<nanoseconds::rep>(share * static_cast<double>(bound.count()))};
}

verdict classify(std::string_view sqlstate, const retry_policy& policy) noexcept {
    if (sqlstate == "40001" || sqlstate == "40P01") return verdict::rerun;
    if (sqlstate == "IL001" && policy.rerun_stale) return verdict::rerun;
    if (sqlstate == "55P03" && policy.lock_budget.count() > 0) return verdict::rerun_lock;
    // 53400: a bound was set, and the transaction would go beyond it again.
    if (sqlstate.starts_with("53") && sqlstate != "53400") return verdict::rerun_later;
    return verdict::give_up;
}

namespace {

void check(const retry_policy& policy) {
    auto demand = [](bool good, const char* what) {
        if (!good) throw std::invalid_argument{what};
    };
    constexpr nanoseconds zero{0};
    demand(policy.attempts >= 1, "retry_policy: attempts must be at least 1");
    demand(policy.deadline >= zero, "retry_policy: deadline must not be negative");
    demand(policy.lock_budget >= zero, "retry_policy: lock_budget must not be negative");
    demand(policy.backoff.first >= zero, "retry_policy: backoff.first must not be negative");
    demand(policy.backoff.cap >= zero, "retry_policy: backoff.cap must not be negative");
    demand(policy.shortage_wait >= zero, "retry_policy: shortage_wait must not be negative");
    demand(policy.backoff.factor >= 1, "retry_policy: backoff.factor must be at least 1");
}

// What others threw, and what is final by its type whatever code it carries.
verdict judge(const std::exception_ptr& failure, std::string& sqlstate, std::string& message,
              const retry_policy& policy) {
    try {
        std::rethrow_exception(failure);
    } catch (const retries_exhausted&) {
        return verdict::give_up;
    } catch (const connection_lost&) {
        return verdict::give_up;
    } catch (const in_doubt&) {
        return verdict::give_up;
    } catch (const std::exception& e) {
        sqlstate = sqlstate_of(e);
        message = e.what();
        return classify(sqlstate, policy);
    } catch (...) {
        return verdict::give_up;
    }
}

}  // namespace

retry_loop::retry_loop(const retry_policy& policy) : policy_{policy} {
    check(policy);
    start_ = attempt_start_ = now(policy);
}

nanoseconds retry_loop::elapsed() const {
    return now(policy_) - start_;
}

bool retry_loop::may_go_on(verdict kind, nanoseconds wait) const {
    if (attempt_ >= policy_.attempts) return false;
    if (kind == verdict::rerun_lock && lock_time_ >= policy_.lock_budget) return false;
    return wait < policy_.deadline - std::min(elapsed(), policy_.deadline);
}

void retry_loop::failed(std::exception_ptr failure) {
    std::string sqlstate, message;
    auto kind = judge(failure, sqlstate, message, policy_);
    if (kind == verdict::give_up) std::rethrow_exception(failure);

    auto bound =
        kind == verdict::rerun_later ? policy_.shortage_wait : policy_.backoff.bound(attempt_);
    auto pause = drawn(policy_, bound);
    if (kind == verdict::rerun_lock) lock_time_ += now(policy_) - attempt_start_ + pause;
    bool rerun = may_go_on(kind, pause);
    if (policy_.observer)
        policy_.observer(
            {attempt_, sqlstate, failure, elapsed(), rerun, rerun ? pause : nanoseconds{}});
    if (!rerun) {
        throw retries_exhausted{
            sqlstate, "gave up after " + std::to_string(attempt_) + " attempts: " + message,
            failure, attempt_, elapsed()};
    }
    wait(policy_, pause);
    ++attempt_;
    attempt_start_ = now(policy_);
}

}  // namespace interlock
