#pragma once

// The loop of those who work on a table of jobs: claims rows, has a handler work on each, finishes
// them, gives back what failed, and renews what takes long.
//
//     using job = std::tuple<std::int64_t, std::string>;                   // id, payload
//     interlock::worker<job> worker{
//         connect, "jobs",
//         [](const interlock::claimed<job>& job, std::stop_token stop) {
//             send_mail(std::get<1>(job.row));       // outside of any transaction: at least once
//         },
//         {.name = "mailer 7", .concurrency = 4, .prefetch = 20}};
//     worker.run(shutting_down);                     // a std::stop_token
//
// A handler that gets a transaction works exactly once, as far as this database goes: the claim is
// finished in the same transaction.
//
//     interlock::worker<job> worker{connect, "jobs",
//         [](pqxx::dbtransaction& tx, const interlock::claimed<job>& job) {
//             tx.exec("UPDATE …");                   // committed with the end of the claim
//         }, {.name = "booker 7"}};
//
// | the handler                     | the row                                                     |
// |---------------------------------|-------------------------------------------------------------|
// | returns                         | is finished                                                 |
// | throws retry_later              | is ready again later; the attempt does not count            |
// | throws anything else            | has the message in last_error, is ready again after the     |
// |                                 | table's backoff, and dead after its max_attempts            |
// | throws because it was to stop,  | is given back; the attempt does not count                   |
// | as the worker was told to stop  |                                                             |
// | was not started when the worker | is given back; the attempt does not count                   |
// | was told to stop                |                                                             |
// | is gone with its process        | is another worker's when the claim expires                  |
//
// All claims of a worker are renewed together, each third of their ttl, on a connection of its own,
// whatever the handlers are doing. A renewal that fails is tried again until the margin before the
// expiry; then, and when the server says that somebody else has the row, the handler's stop_token
// is told. It may go on: what it does in a transaction of the worker, or the end of the claim, is
// refused if the row is somebody else's by then.
//
// Connections that are lost are made anew. Whether what was being finished meanwhile has been is
// asked again, never assumed.

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "interlock/bridge.hpp"
#include "interlock/claims.hpp"
#include "interlock/export.hpp"
#include "interlock/retry.hpp"

namespace interlock {

struct worker_options {
    /// Who people are told has the row, and what release_worker is called with: 1 to 200
    /// characters, another one for each process.
    std::string name{};
    /// How many handlers run at once, each on a thread of its own.
    int concurrency = 1;
    /// How many rows are claimed ahead of the handlers, so that these need not wait and the server
    /// has fewer statements to run: several times as many jobs a second where a job takes
    /// milliseconds. Where it takes seconds none: other workers could have begun with them.
    int prefetch = 0;
    /// How long a claim lasts that is not renewed: how long the rows of a process that died wait.
    std::chrono::nanoseconds ttl = std::chrono::seconds{30};
    /// How long before the expiry a claim that could not be renewed counts as lost: the time that
    /// is left to stop working. Less than two thirds of the ttl; by default a fifth.
    std::optional<std::chrono::nanoseconds> margin{};
    /// Which rows of a table with a queue column.
    std::optional<std::string> queue{};
    /// How soon to look again where nothing was ready: from the first to the second, doubled each
    /// time, and from the first again when something was.
    std::chrono::nanoseconds poll_min = std::chrono::milliseconds{20};
    std::chrono::nanoseconds poll_max = std::chrono::seconds{1};
    /// Listen, on a connection of its own, where the table was set up to notify. Rows that become
    /// ready by the clock are found by polling all the same.
    bool listen = true;
    /// How long a finished job waits for others, to be sent with them, while handlers are running,
    /// and how many are sent at once.
    std::chrono::nanoseconds finish_within = std::chrono::milliseconds{2};
    int finish_batch = 100;
    /// How long handlers that run may go on after the worker was told to stop, before they are told
    /// so, too; and how long the server is then asked, if need be, to take the ends of claims.
    std::chrono::nanoseconds grace = std::chrono::seconds{10};
    /// Of transactions that handlers get: when to run them again. See transact.
    retry_policy retry{};
    /// Told of what went wrong and is tried again: lost connections, a statement that failed. Not
    /// of what handlers throw. From several threads, one at a time; what it throws is swallowed.
    std::function<void(std::exception_ptr)> on_trouble{};
};

/// What a worker has done.
struct worker_statistics {
    std::uint64_t claimed = 0;
    std::uint64_t finished = 0;     // and the server has said so
    std::uint64_t failed = 0;       // given back with a message
    std::uint64_t handed_back = 0;  // given back without
    std::uint64_t lost = 0;         // somebody else's, or gone, before they could be ended
    /// Gone when they were to be finished again after a lost connection: it seems that they had
    /// been.
    std::uint64_t in_doubt = 0;
    /// Not ended when the worker was, for want of a server: left to expire.
    std::uint64_t abandoned = 0;
    std::uint64_t claim_calls = 0;  // how often it looked for rows
    std::uint64_t finish_calls = 0;
    std::uint64_t troubles = 0;  // what on_trouble was told
};

/// Thrown by a handler that wants to have its row later: the attempt does not count.
class INTERLOCK_EXPORT retry_later : public std::runtime_error {
  public:
    explicit retry_later(std::chrono::nanoseconds in);
    ~retry_later() override;

    [[nodiscard]] std::chrono::nanoseconds in() const noexcept { return in_; }

  private:
    std::chrono::nanoseconds in_;
};

class worker_loop;

namespace detail {

/// What is done with one row: its result and number, when to stop, and the transaction if it is
/// to be had.
using row_handler =
    std::function<void(const pqxx::result&, int, std::stop_token, pqxx::dbtransaction*)>;

/// What a worker<T> is but for T.
class INTERLOCK_EXPORT any_worker {
  public:
    any_worker(connection_factory connect, std::string_view table, row_handler handler,
               bool in_transaction, worker_options options);
    ~any_worker();
    any_worker(const any_worker&) = delete;
    any_worker& operator=(const any_worker&) = delete;

    void run(std::stop_token stop);
    void wake() noexcept;
    [[nodiscard]] worker_statistics statistics() const;

  private:
    std::unique_ptr<worker_loop> loop_;
};

template <class Handler, class T>
concept transaction_handler = std::invocable < Handler&,
        pqxx::dbtransaction&, const claimed<T>
& > || std::invocable<Handler&, pqxx::dbtransaction&, const claimed<T>&, std::stop_token>;

template <class Handler, class T>
concept plain_handler = std::invocable < Handler&,
        const claimed<T>
& > || std::invocable<Handler&, const claimed<T>&, std::stop_token>;

template <class Handler, class... Arguments>
void invoke_with_stop(Handler& handler, std::stop_token stop, Arguments&... arguments) {
    if constexpr (std::invocable<Handler&, Arguments&..., std::stop_token>)
        std::invoke(handler, arguments..., std::move(stop));
    else
        std::invoke(handler, arguments...);
}

template <class T, class Reader, class Handler>
row_handler handler_of_rows(Reader reader, Handler handler) {
    return [reader = std::move(reader), handler = std::move(handler)](
               const pqxx::result& rows, int row, std::stop_token stop,
               pqxx::dbtransaction* tx) mutable {
        const auto claimed = read_claimed<T>(rows, row, reader);
        if constexpr (transaction_handler<Handler, T>)
            invoke_with_stop(handler, std::move(stop), *tx, claimed);
        else
            invoke_with_stop(handler, std::move(stop), claimed);
    };
}

}  // namespace detail

/// What a worker can call: with a claimed<T>, or with a transaction and that; and, if it wants to
/// know, a std::stop_token. Called from several threads at once.
template <class Handler, class T>
concept claim_handler =
    detail::plain_handler<Handler, T> || detail::transaction_handler<Handler, T>;

/// Works on the rows of one table while run() is called. T is what a row becomes, as of
/// row_locks.hpp: a std::tuple of the first columns, a type with a row_reader, or what a reader
/// makes of it.
///
/// Of connections it has one to claim, one to finish, one to renew, one to listen if it does, and,
/// if handlers get transactions, one for each of them. No statement of its own takes longer than a
/// sixth of the ttl, or five seconds, whichever is less, as with interlock::lease; what cannot be
/// bounded is the factory: set connect_timeout where it connects.
template <class T>
class worker {
  public:
    /// Sends nothing yet.
    ///
    /// @param connect is kept, and called from several threads at once: what it refers to must
    ///     outlive the worker. Its sessions must find the table by the same name.
    /// @param handler, reader copied; called from several threads at once.
    /// @throws std::invalid_argument for options that make no sense, and what is no table's name.
    template <claim_handler<T> Handler>
    requires readable_row<T> worker(connection_factory connect, std::string_view table,
                                    Handler handler, worker_options options)
        : worker{std::move(connect), table, row_reader<T>::read, std::move(handler),
                 std::move(options)} {}

    template <row_reading Reader, claim_handler<T> Handler>
    worker(connection_factory connect, std::string_view table, Reader reader, Handler handler,
           worker_options options)
        : any_{std::move(connect), table,
               detail::handler_of_rows<T>(std::move(reader), std::move(handler)),
               detail::transaction_handler<Handler, T>, std::move(options)} {}

    /// Works until it is told to stop: then it claims nothing more, gives back what has not been
    /// started, lets handlers that run finish for options.grace, tells them to stop then, and
    /// returns when they have returned. All its threads have ended then. May be called again, but
    /// not twice at once.
    ///
    /// @throws what the first connection and the first look at the table do (connection_lost, 42P01
    ///     no such table, error 55000 not set up for claims, 42501 no privilege, 22004 no queue);
    ///     later on, after an orderly end, what will not get better by itself: the table is gone, a
    ///     privilege is. What will (lost connections, timeouts, conflicts, a standby that will be
    ///     promoted) is tried again for ever, at growing intervals.
    void run(std::stop_token stop) { any_.run(std::move(stop)); }

    /// There is something to do: it looks at once. From any thread; for those who insert in the
    /// same process, after their commit.
    void wake() noexcept { any_.wake(); }

    /// Of all runs so far, the present one included. From any thread.
    [[nodiscard]] worker_statistics statistics() const { return any_.statistics(); }

  private:
    detail::any_worker any_;
};

}  // namespace interlock
