#include "interlock/advisory_locks.hpp"

#include <stdexcept>
#include <utility>

#include "call.hpp"
#include "detail.hpp"
#include "lock_call.hpp"
#include "text.hpp"

namespace interlock {
namespace {

// Parameters: 1 namespace, 2 key, or keys as an array, 3 shared, or number of slots, 4 wait.

const statement take_for_transaction{"interlock_xact_lock", R"(
    SELECT interlock.try_advisory_xact_lock($1, $2, $3::pg_catalog.bool,
                                            $4::pg_catalog.interval))"};

const statement take_for_session{"interlock_session_lock", R"(
    SELECT interlock.try_advisory_session_lock($1, $2, $3::pg_catalog.bool,
                                               $4::pg_catalog.interval))"};

const statement take_many{"interlock_xact_lock_many", R"(
    SELECT interlock.try_advisory_xact_lock_many($1, $2::pg_catalog.text[], $3::pg_catalog.bool,
                                                 $4::pg_catalog.interval))"};

const statement take_slot{"interlock_xact_slot", R"(
    SELECT interlock.try_advisory_xact_slot($1, $2, $3::pg_catalog.int4,
                                            $4::pg_catalog.interval))"};

// Who is in the way of what was not to be had: asked only then, and in a statement of its own,
// because planning it would cost more than taking a lock that is free. Parameters 1 to 3 as above.
// The answer is written like the DETAIL of the server's own error.

const statement ask_holders{"interlock_lock_holders", R"(
    SELECT pg_catalog.jsonb_build_object('blocking_pids',
               pg_catalog.jsonb_agg(DISTINCT coalesce(h.pid, 0)))
      FROM interlock.advisory_lock_holders($1, $2) AS h
     WHERE (h.pid IS NULL OR h.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid())
       AND (NOT $3::pg_catalog.bool OR h.mode OPERATOR(pg_catalog.=) 'exclusive'))"};

const statement ask_slot_holders{"interlock_slot_holders", R"(
    SELECT pg_catalog.jsonb_build_object('blocking_pids',
               pg_catalog.jsonb_agg(DISTINCT coalesce(h.pid, 0)))
      FROM interlock.advisory_lock_holders($1, $2, $3::pg_catalog.int4) AS h
     WHERE h.pid IS NULL OR h.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid())"};

// Of many keys one that somebody is found to hold; it looks no further.
const statement ask_holders_of_many{"interlock_lock_many_holders", R"(
    SELECT pg_catalog.jsonb_build_object('key', k.key, 'blocking_pids', h.pids)
      FROM pg_catalog.unnest($2::pg_catalog.text[]) AS k (key)
     CROSS JOIN LATERAL (
           SELECT pg_catalog.jsonb_agg(DISTINCT coalesce(h.pid, 0)) AS pids
             FROM interlock.advisory_lock_holders($1, k.key) AS h
            WHERE (h.pid IS NULL OR h.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid())
              AND (NOT $3::pg_catalog.bool OR h.mode OPERATOR(pg_catalog.=) 'exclusive')) AS h
     WHERE h.pids IS NOT NULL
     LIMIT 1)"};

// Parameter 4: the pid of the session that took it. Another one must not give its own back.
const statement unlock{"interlock_session_unlock", R"(
    SELECT same.pid, CASE WHEN same.pid
           THEN interlock.advisory_session_unlock($1, $2, $3::pg_catalog.bool) END
      FROM (SELECT pg_catalog.pg_backend_pid()
                   OPERATOR(pg_catalog.=) $4::pg_catalog.int4) AS same (pid))"};

const statement still_held{"interlock_session_lock_held", R"(
    SELECT pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) $4::pg_catalog.int4,
           EXISTS (SELECT FROM interlock.advisory_lock_holders($1, $2) AS h
                    WHERE h.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
                      AND h.kind OPERATOR(pg_catalog.=) 'lock'
                      AND h.scope OPERATOR(pg_catalog.=) 'session'
                      AND h.mode OPERATOR(pg_catalog.=)
                          CASE WHEN $3::pg_catalog.bool THEN 'share' ELSE 'exclusive' END))"};

std::string text_array(const std::vector<key>& keys) {
    std::vector<std::string> texts;
    for (const auto& key : keys)
        texts.push_back(plain_text(key));
    return array_literal(texts);
}

std::vector<bridge::parameter> parameters(std::string_view lock_namespace, const key& key,
                                          lock_mode mode, bridge::parameter last) {
    return {without_zero_bytes(lock_namespace, "lock_namespace"), plain_text(key),
            boolean(mode == lock_mode::shared), std::move(last)};
}

std::vector<bridge::parameter> parameters(std::string_view lock_namespace,
                                          const std::vector<key>& keys, lock_mode mode,
                                          lock_wait wait) {
    return {without_zero_bytes(lock_namespace, "lock_namespace"), text_array(keys),
            boolean(mode == lock_mode::shared), interval(wait)};
}

std::vector<bridge::parameter> parameters(std::string_view lock_namespace, const key& key,
                                          int slots, lock_wait wait) {
    return {without_zero_bytes(lock_namespace, "lock_namespace"), plain_text(key),
            std::to_string(slots), interval(wait)};
}

// As the server names it: lock 42 of namespace "billing"
std::string name_of(const std::string& key, std::string_view lock_namespace) {
    bool number =
        !key.empty() && key.find_first_not_of("0123456789", key[0] == '-') == std::string::npos;
    return "lock " + (number ? key : '"' + key + '"') + " of namespace \"" +
           std::string{lock_namespace} + "\"";
}

// `answer`: what asking for the holders said; nobody by now, perhaps. `key`: none for many.
[[noreturn]] void throw_unavailable(const pqxx::result& answer, std::string_view lock_namespace,
                                    const key* key, const char* what = "") {
    lock_details details;
    if (!answer.empty()) details = read_lock_details(answer[0][0].as<std::string>());
    details.lock_namespace = lock_namespace;
    if (key) details.key = key->text();
    auto name = details.key.empty() && !key
                    ? "the locks of namespace \"" + details.lock_namespace + "\""
                    : name_of(details.key, lock_namespace);
    throw lock_not_available{std::string{"could not obtain "} + what + name, std::move(details)};
}

// The parameters of the question, from those of the attempt.
std::vector<bridge::parameter> without_wait(std::vector<bridge::parameter> parameters) {
    parameters.pop_back();
    return parameters;
}

// libpqxx reports an unexpected loss in a nontransaction as a question: did the statement happen?
// Of a session's lock it is none: the lock went with the session.
pqxx::result session_call(connection_type& connection, const statement& statement,
                          const std::vector<bridge::parameter>& parameters) {
    try {
        pqxx::nontransaction tx{connection};
        return call(tx, statement, parameters);
    } catch (const in_doubt& e) {
        throw connection_lost{e.sqlstate(), e.what()};
    } catch (...) {
        std::rethrow_exception(translate(std::current_exception()));
    }
}

// True if it has it. What only interlock.session_locks refuses with 0A000.
bool take_session_lock(connection_type& connection,
                       const std::vector<bridge::parameter>& parameters) {
    bridge::forbid_reconnect(connection);
    try {
        return session_call(connection, take_for_session, parameters)[0][0].as<bool>();
    } catch (const std::exception& e) {
        if (sqlstate_of(e) == "0A000") throw session_locks_off{trimmed(bridge::message(e))};
        throw;
    }
}

}  // namespace

advisory_xact_lock::advisory_xact_lock(pqxx::transaction_base& tx, std::string_view lock_namespace,
                                       const interlock::key& key, lock_wait wait, lock_mode mode)
    : advisory_xact_lock{taken{}, lock_namespace, key, mode} {
    require_transaction(tx);
    auto sent = parameters(lock_namespace, key, mode, interval(wait));
    if (call(tx, take_for_transaction, sent)[0][0].as<bool>()) return;
    throw_unavailable(call(tx, ask_holders, without_wait(sent)), lock_namespace, &key);
}

advisory_xact_lock::advisory_xact_lock(taken, std::string_view lock_namespace,
                                       const interlock::key& key, lock_mode mode)
    : lock_namespace_{lock_namespace}, key_{key}, mode_{mode} {}

std::optional<advisory_xact_lock> try_advisory_xact_lock(pqxx::transaction_base& tx,
                                                         std::string_view lock_namespace,
                                                         const key& key, lock_wait wait,
                                                         lock_mode mode) {
    require_transaction(tx);
    advisory_xact_lock lock{advisory_xact_lock::taken{}, lock_namespace, key, mode};
    auto r = call(tx, take_for_transaction, parameters(lock_namespace, key, mode, interval(wait)));
    if (!r[0][0].as<bool>()) return {};
    return lock;
}

void advisory_xact_lock_many(pqxx::transaction_base& tx, std::string_view lock_namespace,
                             const std::vector<key>& keys, lock_wait wait, lock_mode mode) {
    require_transaction(tx);
    auto sent = parameters(lock_namespace, keys, mode, wait);
    if (call(tx, take_many, sent)[0][0].as<bool>()) return;
    throw_unavailable(call(tx, ask_holders_of_many, without_wait(sent)), lock_namespace, nullptr);
}

bool try_advisory_xact_lock_many(pqxx::transaction_base& tx, std::string_view lock_namespace,
                                 const std::vector<key>& keys, lock_wait wait, lock_mode mode) {
    require_transaction(tx);
    return call(tx, take_many, parameters(lock_namespace, keys, mode, wait))[0][0].as<bool>();
}

int advisory_xact_slot(pqxx::transaction_base& tx, std::string_view lock_namespace, const key& key,
                       int slots, lock_wait wait) {
    require_transaction(tx);
    auto sent = parameters(lock_namespace, key, slots, wait);
    auto r = call(tx, take_slot, sent);
    if (!r[0][0].is_null()) return r[0][0].as<int>();
    throw_unavailable(call(tx, ask_slot_holders, without_wait(sent)), lock_namespace, &key,
                      "a slot of ");
}

std::optional<int> try_advisory_xact_slot(pqxx::transaction_base& tx,
                                          std::string_view lock_namespace, const key& key,
                                          int slots, lock_wait wait) {
    require_transaction(tx);
    auto r = call(tx, take_slot, parameters(lock_namespace, key, slots, wait));
    if (r[0][0].is_null()) return {};
    return r[0][0].as<int>();
}

advisory_session_lock::advisory_session_lock(empty, std::string_view lock_namespace,
                                             const interlock::key& key, lock_mode mode)
    : lock_namespace_{lock_namespace}, key_{key}, mode_{mode} {}

advisory_session_lock::advisory_session_lock(connection_type& connection,
                                             std::string_view lock_namespace,
                                             const interlock::key& key, lock_wait wait,
                                             lock_mode mode)
    : advisory_session_lock{empty{}, lock_namespace, key, mode} {
    auto sent = parameters(lock_namespace, key, mode, interval(wait));
    if (!take_session_lock(connection, sent))
        throw_unavailable(session_call(connection, ask_holders, without_wait(sent)), lock_namespace,
                          &key);
    holds_on(connection);
}

std::optional<advisory_session_lock> try_advisory_session_lock(connection_type& connection,
                                                               std::string_view lock_namespace,
                                                               const key& key, lock_wait wait,
                                                               lock_mode mode) {
    std::optional lock{
        advisory_session_lock{advisory_session_lock::empty{}, lock_namespace, key, mode}};
    if (!take_session_lock(connection, parameters(lock_namespace, key, mode, interval(wait))))
        return {};
    lock->holds_on(connection);
    return lock;
}

void advisory_session_lock::holds_on(connection_type& connection) noexcept {
    connection_ = &connection;
    pid_ = connection.backendpid();
}

advisory_session_lock::~advisory_session_lock() {
    release_quietly();
}

advisory_session_lock::advisory_session_lock(advisory_session_lock&& other) noexcept
    : connection_{std::exchange(other.connection_, nullptr)},
      lock_namespace_{std::move(other.lock_namespace_)},
      key_{std::move(other.key_)},
      mode_{other.mode_},
      pid_{other.pid_},
      lost_{other.lost_} {}

advisory_session_lock& advisory_session_lock::operator=(advisory_session_lock&& other) noexcept {
    if (this == &other) return *this;
    release_quietly();
    connection_ = std::exchange(other.connection_, nullptr);
    lock_namespace_ = std::move(other.lock_namespace_);
    key_ = std::move(other.key_);
    mode_ = other.mode_;
    pid_ = other.pid_;
    lost_ = other.lost_;
    return *this;
}

bool advisory_session_lock::held() try {
    if (!connection_) return false;
    ensure_held();
    return true;
} catch (const lock_lost&) {
    return false;
}

bool advisory_session_lock::held(pqxx::transaction_base& tx) try {
    if (!connection_) return false;
    ensure_held(tx);
    return true;
} catch (const lock_lost&) {
    return false;
}

void advisory_session_lock::ensure_held() {
    check_not_empty();
    try {
        judge(session_call(*connection_, still_held,
                           parameters(lock_namespace_, key_, mode_, std::to_string(pid_))));
    } catch (const connection_lost& e) {
        lose(lock_loss::session_ended, e.sqlstate(), e.what());
    }
}

void advisory_session_lock::ensure_held(pqxx::transaction_base& tx) {
    if (connection_ && &tx.conn() != connection_)
        throw std::invalid_argument{"the transaction is not on the connection that has the lock"};
    check_not_empty();
    try {
        judge(call(tx, still_held, parameters(lock_namespace_, key_, mode_, std::to_string(pid_))));
    } catch (const connection_lost& e) {
        lose(lock_loss::session_ended, e.sqlstate(), e.what());
    } catch (const in_doubt& e) {
        lose(lock_loss::session_ended, e.sqlstate(), e.what());
    }
}

void advisory_session_lock::release() {
    check_not_empty();
    try {
        judge(session_call(*connection_, unlock,
                           parameters(lock_namespace_, key_, mode_, std::to_string(pid_))));
    } catch (const connection_lost& e) {
        lose(lock_loss::session_ended, e.sqlstate(), e.what());
    }
    connection_ = nullptr;
}

void advisory_session_lock::check_not_empty() const {
    if (!connection_)
        throw std::logic_error{"the advisory_session_lock was released, or moved from"};
    if (lost_)
        throw lock_lost{"",
                        name_of(key_.text(), lock_namespace_) + " was lost",
                        *lost_,
                        {lock_namespace_, {}, key_.text(), {}}};
}

// Column 0: is it the session that took the lock? Column 1: did it have it?
void advisory_session_lock::judge(const pqxx::result& answer) {
    if (!answer[0][0].as<bool>())
        lose(lock_loss::session_replaced, {}, "the connection has another session now");
    if (!answer[0][1].as<bool>())
        lose(lock_loss::unlocked, {}, "its session does not hold it any more");
}

void advisory_session_lock::lose(lock_loss reason, std::string_view sqlstate,
                                 const std::string& why) {
    lost_ = reason;
    throw lock_lost{sqlstate,
                    name_of(key_.text(), lock_namespace_) + " was lost: " + why,
                    reason,
                    {lock_namespace_, {}, key_.text(), {}}};
}

void advisory_session_lock::release_quietly() noexcept {
    if (!connection_ || lost_) return;
    try {
        release();
    } catch (const std::exception&) {
        // The session is gone, and the lock with it; or libpqxx has a transaction open there.
    }
}

}  // namespace interlock
