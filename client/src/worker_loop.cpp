#include "worker_loop.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "interlock/transact.hpp"
#include "kept_lease.hpp"
#include "random_share.hpp"
#include "table_name.hpp"

namespace interlock {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

void demand_of_options(bool good, const char* what) {
    if (!good) throw std::invalid_argument{std::string{"worker: "} + what};
}

worker_options checked(worker_options options) {
    demand_of_options(!options.name.empty(), "it must have a name");
    demand_of_options(options.concurrency >= 1, "the concurrency must be 1 at least");
    demand_of_options(options.prefetch >= 0 && options.prefetch <= 10'000,
                      "the prefetch must be from 0 to 10,000");
    demand_of_options(options.poll_min > 0ns && options.poll_max >= options.poll_min,
                      "poll_min must be positive, and poll_max not less");
    demand_of_options(options.finish_within >= 0ns && options.grace >= 0ns,
                      "times must not be negative");
    demand_of_options(options.finish_batch >= 1, "the finish_batch must be 1 at least");
    options.ttl = whole_microseconds(options.ttl);
    (void)times_of(options.ttl, options.margin);
    return options;
}

ending_times ending_times_of(const worker_options& options) {
    return {renewal_bound(options.ttl), options.finish_within,
            static_cast<std::size_t>(options.finish_batch)};
}

}  // namespace

retry_later::retry_later(nanoseconds in) : std::runtime_error{"to be tried again later"}, in_{in} {}
retry_later::~retry_later() = default;

std::vector<claim_result> claim_renewals::renew(const std::vector<claim>& claims) {
    auto results = session_.run(renewal_bound(ttl_), [&](pqxx::transaction_base& tx) {
        return renew_claims(tx, table_, claims, ttl_);
    });
    std::vector<claim_result> bare;
    for (const auto& one : results)
        bare.push_back(one.result);
    return bare;
}

worker_run::worker_run(const worker_parts& parts, worker_tally& tally)
    : parts_{parts},
      options_{parts.options},
      tally_{tally},
      session_{parts.connect},
      renewals_{parts.connect, parts.table, options_.ttl},
      keeper_{renewals_, clock_, times_of(options_.ttl, options_.margin),
              [this](std::exception_ptr failure) { tally_.trouble(std::move(failure)); }},
      ender_{parts.connect, parts.table, ending_times_of(options_), keeper_, tally} {}

worker_run::~worker_run() {
    end();
}

void worker_run::wake() {
    std::lock_guard lock{mutex_};
    woken_ = true;
    changed_.notify_all();
}

void worker_run::run(std::stop_token stop) {
    open();
    std::stop_callback stopped{stop, [this] { begin_to_stop(); }};
    for (int i = 0; i < options_.concurrency; ++i)
        handlers_.emplace_back([this] { handle_until_stopped(); });
    claim_until_stopped();
}

// What is wrong from the beginning is the caller's to know.
void worker_run::open() {
    table_ = session_.run(renewal_bound(options_.ttl), [this](pqxx::transaction_base& tx) {
        return work_table{tx, parts_.table};
    });
    if (!table_->notify() || !options_.listen) return;
    listener_.emplace(
        parts_.connect, *table_, [this] { wake(); }, tally_);
}

// Claiming.

void worker_run::claim_until_stopped() {
    growing_pause poll{options_.poll_min, options_.poll_max}, trouble{50ms, 2s};
    auto next = clock_.now();
    bool claimed_once = false;
    while (int n = await_demand(next)) {
        nanoseconds pause{};
        try {
            int found = claim_some(n);
            claimed_once = true;
            trouble.reset();
            if (found) poll.reset();
            if (found < n) pause = poll.next(random_share());
        } catch (...) {
            auto failure = translate(std::current_exception());
            table_.reset();
            if (!claimed_once || !is_passing(failure)) std::rethrow_exception(failure);
            tally_.trouble(failure);
            pause = trouble.next(random_share());
        }
        next = clock_.now() + pause;
    }
}

// How many rows are wanted; zero: it is to stop.
int worker_run::await_demand(time_point next) {
    std::unique_lock lock{mutex_};
    for (;;) {
        if (stopping_) return 0;
        int n = demand();
        if (!n) {
            changed_.wait(lock);
        } else if (woken_ || clock_.now() >= next) {
            woken_ = false;
            return n;
        } else {
            clock_.wait_until(lock, changed_, next);
        }
    }
}

// Not one by one, unless a handler has nothing to do.
int worker_run::demand() const {
    int idle = options_.concurrency - busy_;
    int missing = idle + options_.prefetch - static_cast<int>(waiting_.size());
    bool starving = idle > static_cast<int>(waiting_.size());
    if (!starving && missing < (options_.prefetch + 1) / 2) return 0;
    return std::clamp(missing, 0, 10'000);
}

int worker_run::claim_some(int n) {
    tally_.add(&worker_statistics::claim_calls);
    auto sent = clock_.now();
    auto rows = session_.run(renewal_bound(options_.ttl), [&](pqxx::transaction_base& tx) {
        if (!table_) table_.emplace(tx, parts_.table);
        return detail::claim_rows(tx, *table_, options_.name,
                                  {.n = n, .ttl = options_.ttl, .queue = options_.queue});
    });
    std::vector<held_claim_ptr> claims;
    for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
        auto claimed = detail::read_claim(rows, i);
        claims.push_back(
            std::make_shared<held_claim>(claim{std::move(claimed.key), claimed.token}, rows, i));
    }
    if (claims.empty()) return 0;
    tally_.add(&worker_statistics::claimed, claims.size());
    keeper_.keep(claims, sent);
    std::lock_guard lock{mutex_};
    waiting_.insert(waiting_.end(), claims.begin(), claims.end());
    work_.notify_all();
    return static_cast<int>(claims.size());
}

// Working.

void worker_run::handle_until_stopped() {
    std::unique_ptr<pqxx::connection> connection;
    while (auto claim = take()) {
        if (keeper_.lost(claim)) {
            keeper_.forget(claim);
            tally_.add(&worker_statistics::lost);
        } else {
            handle(claim, connection);
        }
        claim.reset();
        done();
    }
}

held_claim_ptr worker_run::take() {
    std::unique_lock lock{mutex_};
    work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return {};
    auto claim = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    changed_.notify_all();
    return claim;
}

void worker_run::done() {
    bool idle;
    {
        std::lock_guard lock{mutex_};
        --busy_;
        idle = !busy_ && waiting_.empty();
        changed_.notify_all();
    }
    if (idle) ender_.hurry();
}

void worker_run::handle(const held_claim_ptr& claim,
                        std::unique_ptr<pqxx::connection>& connection) {
    try {
        if (parts_.in_transaction) {
            if (!connect_handler(claim, connection)) return;
            handle_in_transaction(claim, connection);
            keeper_.forget(claim);
            tally_.add(&worker_statistics::finished);
        } else {
            parts_.handler(claim->rows, claim->row, claim->stop.get_token(), nullptr);
            ender_.finish(claim);
        }
    } catch (...) {
        handler_failed(claim, std::current_exception());
    }
}

// The claim is finished first: from then on nobody else gets the row, and who is late does nothing
// in vain.
void worker_run::handle_in_transaction(const held_claim_ptr& claim,
                                       std::unique_ptr<pqxx::connection>& connection) {
    try {
        transact(*connection, options_.retry, [&](pqxx::dbtransaction& tx) {
            finish_claim(tx, parts_.table, claim->claim.key, claim->claim.token);
            parts_.handler(claim->rows, claim->row, claim->stop.get_token(), &tx);
        });
    } catch (...) {
        if (is_unknown(translate(std::current_exception())) || !connection->is_open())
            connection.reset();
        throw;
    }
}

// That there is no connection is not the row's fault.
bool worker_run::connect_handler(const held_claim_ptr& claim,
                                 std::unique_ptr<pqxx::connection>& connection) {
    if (connection) return true;
    try {
        connection = parts_.connect();
        return true;
    } catch (...) {
        tally_.trouble(translate(std::current_exception()));
    }
    ender_.release(claim, {});
    std::unique_lock lock{mutex_};
    work_.wait_for(lock, 500ms, [this] { return stopping_; });
    return false;
}

void worker_run::handler_failed(const held_claim_ptr& claim, const std::exception_ptr& failure) {
    bool told_to_stop;
    {
        std::lock_guard lock{mutex_};
        told_to_stop = told_handlers_;
    }
    try {
        std::rethrow_exception(failure);
    } catch (const retry_later& e) {
        ender_.release(claim, {.retry_in = e.in()});
    } catch (const claim_lost&) {
        keeper_.forget(claim);
        tally_.add(&worker_statistics::lost);
    } catch (const in_doubt& e) {
        ender_.release(claim, {.error = e.what()}, true);
    } catch (...) {
        release_options how;
        if (!told_to_stop) how.error = message_of(failure);
        ender_.release(claim, std::move(how));
    }
}

// The end.

void worker_run::begin_to_stop() {
    std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
    work_.notify_all();
}

void worker_run::end() {
    listener_.reset();
    begin_to_stop();
    release_waiting();
    await_handlers();
    ender_.drain(clock_.now() + std::max(options_.grace, renewal_bound(options_.ttl)));
    keeper_.stop();
}

void worker_run::release_waiting() {
    std::deque<held_claim_ptr> unstarted;
    {
        std::lock_guard lock{mutex_};
        unstarted.swap(waiting_);
    }
    for (const auto& claim : unstarted)
        ender_.release(claim, {});
    ender_.hurry();
}

void worker_run::await_handlers() {
    {
        std::unique_lock lock{mutex_};
        auto until = clock_.now() + options_.grace;
        while (busy_ && clock_.now() < until)
            clock_.wait_until(lock, changed_, until);
        told_handlers_ = busy_;
    }
    keeper_.request_stop();
    for (auto& handler : handlers_)
        handler.join();
}

worker_loop::worker_loop(worker_parts parts)
    : parts_{std::move(parts)}, tally_{parts_.options.on_trouble} {}

void worker_loop::run(std::stop_token stop) {
    worker_run run{parts_, tally_};
    auto be_running = [this](worker_run* current) {
        std::lock_guard lock{mutex_};
        if (current && running_) throw std::logic_error{"the worker is running already"};
        running_ = current;
    };
    be_running(&run);
    try {
        run.run(std::move(stop));
    } catch (...) {
        be_running(nullptr);
        throw;
    }
    be_running(nullptr);
}

void worker_loop::wake() noexcept {
    std::lock_guard lock{mutex_};
    if (running_) running_->wake();
}

namespace detail {

any_worker::any_worker(connection_factory connect, std::string_view table, row_handler handler,
                       bool in_transaction, worker_options options) {
    (void)quoted_table_name(table);
    loop_ = std::make_unique<worker_loop>(worker_parts{std::move(connect), std::string{table},
                                                       std::move(handler), in_transaction,
                                                       checked(std::move(options))});
}

any_worker::~any_worker() = default;

void any_worker::run(std::stop_token stop) {
    loop_->run(std::move(stop));
}

void any_worker::wake() noexcept {
    loop_->wake();
}

worker_statistics any_worker::statistics() const {
    return loop_->statistics();
}

}  // namespace detail
}  // namespace interlock
