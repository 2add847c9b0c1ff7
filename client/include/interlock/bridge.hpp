#pragma once

// Everything that libpqxx 6.4, 7.10 and 8.0 do differently, and nothing else. The rest of the
// client is written against the names in here and has no #if. What an application may want from
// it are connection_type and connection_factory; the namespace bridge is for this library.
//
// What differs, and what we make of it:
//  - 6.4 reconnects silently when the server has ended the session. A session lock, a temporary
//    table, a prepared statement is gone then and nobody is told. transact switches that off for
//    good on the connection it is given; a lost session is reported, as on 7 and 8.
//  - Parameters: exec_params and dynamic parameters on 6.4, pqxx::params later.
//  - SQLSTATEs are missing on some exception types (40001, 40P01, 40003, 42501, 08…, 53300 on 6.4;
//    42501 up to 7.10.3; 08… and 53300 everywhere): the type tells, see sqlstate().
//  - What 6.4 says of a lost session is not what happened to it: see message().
//  - Who listens is a subclass of notification_receiver before 7.10, a function from then on.
//  - A transaction whose COMMIT we word ourselves must derive from dbtransaction, whose hooks have
//    changed their signatures.

#include <functional>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

namespace interlock {

#if PQXX_VERSION_MAJOR < 7
/// What transact and its siblings take: any of libpqxx 6's connection types.
using connection_type = pqxx::connection_base;
#else
/// What transact and its siblings take.
using connection_type = pqxx::connection;
#endif

/// Makes another connection to the same database; for what cannot be done on the application's own.
using connection_factory = std::function<std::unique_ptr<pqxx::connection>()>;

namespace bridge {

/// A statement parameter: text without a type, or NULL.
using parameter = std::optional<std::string>;

#if PQXX_VERSION_MAJOR < 7

inline auto bind(const std::vector<parameter>& parameters) {
    std::vector<const char*> texts;
    for (const auto& p : parameters)
        texts.push_back(p ? p->c_str() : nullptr);
    return texts;
}

// A work is closed by the first error of its exec(), and whatever exec_params() sends through it
// from then on is committed at once (6.4.5). prepared() does nothing but refuse a closed
// transaction.
inline void demand_open(pqxx::transaction_base& tx) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    tx.prepared();
#pragma GCC diagnostic pop
}

inline pqxx::result execute(pqxx::transaction_base& tx, const std::string& sql,
                            const std::vector<parameter>& parameters) {
    demand_open(tx);
    auto texts = bind(parameters);
    return tx.exec_params(sql, pqxx::prepare::make_dynamic_params(texts));
}

inline pqxx::result execute_prepared(pqxx::transaction_base& tx, const std::string& name,
                                     const std::vector<parameter>& parameters) {
    demand_open(tx);
    auto texts = bind(parameters);
    return tx.exec_prepared(name, pqxx::prepare::make_dynamic_params(texts));
}

inline void forbid_reconnect(connection_type& connection) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
}

#else

inline pqxx::params bind(const std::vector<parameter>& parameters) {
    pqxx::params bound;
    for (const auto& p : parameters) {
        if (p)
            bound.append(*p);
        else
            bound.append();
    }
    return bound;
}

inline pqxx::result execute(pqxx::transaction_base& tx, const std::string& sql,
                            const std::vector<parameter>& parameters) {
    return tx.exec(sql, bind(parameters));
}

inline pqxx::result execute_prepared(pqxx::transaction_base& tx, const std::string& name,
                                     const std::vector<parameter>& parameters) {
    return tx.exec(pqxx::prepped{name}, bind(parameters));
}

inline void forbid_reconnect(connection_type&) {}

#endif

template <class Type>
bool is(const std::exception& failure) {
    return dynamic_cast<const Type*>(&failure) != nullptr;
}

/// The SQLSTATE of one of libpqxx's exceptions, or empty. A session that is gone without a last
/// word from the server is 08006.
inline std::string sqlstate(const std::exception& failure) {
    if (auto* e = dynamic_cast<const pqxx::sql_error*>(&failure); e && !e->sqlstate().empty())
        return std::string{e->sqlstate()};
    if (is<pqxx::serialization_failure>(failure)) return "40001";
    if (is<pqxx::deadlock_detected>(failure)) return "40P01";
    if (is<pqxx::statement_completion_unknown>(failure)) return "40003";
    if (is<pqxx::transaction_rollback>(failure)) return "40000";
    if (is<pqxx::insufficient_privilege>(failure)) return "42501";
    if (is<pqxx::too_many_connections>(failure)) return "53300";
    if (is<pqxx::in_doubt_error>(failure)) return "08007";
#if PQXX_VERSION_MAJOR >= 7
    if (is<pqxx::protocol_violation>(failure)) return "08P01";
#else
    // libpq's own failures come without a code: the session broke in the middle of a statement.
    if (typeid(failure) == typeid(pqxx::sql_error)) return "08006";
#endif
    if (is<pqxx::broken_connection>(failure)) return "08006";
    return {};
}

/// What the exception says. When the session breaks, 6.4 complains of what it tried to do next.
inline std::string message(const std::exception& failure) {
    std::string text = failure.what();
#if PQXX_VERSION_MAJOR < 7
    if (text.starts_with("Could not obtain client encoding") ||
        text.starts_with("Could not reactivate connection"))
        return "the session is gone: the server ended it, or the connection broke";
#endif
    return text;
}

/// Listens on a channel while it lives. The connection hands notifications on while it waits for
/// them (await_notification), outside of transactions. Must not outlive the connection.
#if PQXX_VERSION_MAJOR < 7 || (PQXX_VERSION_MAJOR == 7 && PQXX_VERSION_MINOR < 10)

class listener final : private pqxx::notification_receiver {
  public:
    listener(pqxx::connection& connection, const std::string& channel,
             std::function<void(const std::string& payload)> handler)
        : pqxx::notification_receiver{connection, channel}, handler_{std::move(handler)} {}

  private:
    void operator()(const std::string& payload, int) override { handler_(payload); }

    std::function<void(const std::string& payload)> handler_;
};

#else

class listener final {
  public:
    listener(pqxx::connection& connection, const std::string& channel,
             std::function<void(const std::string& payload)> handler)
        : connection_{connection}, channel_{channel} {
        connection_.listen(channel_, [handler](const pqxx::notification& n) {
            handler(std::string{std::string_view{n.payload}});
        });
    }
    ~listener() {
        try {
            connection_.listen(channel_, {});
        } catch (const std::exception&) {
            // The session is gone: nobody listens any more.
        }
    }
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;

  private:
    pqxx::connection& connection_;
    std::string channel_;
};

#endif

/// How a transaction of ours commits. Two reasons for wording it ourselves:
///  - COMMIT of a transaction that has failed is answered by a ROLLBACK without an error, and
///    libpqxx reports success. So a statement goes ahead of it in the same message, which fails
///    (25P02) where the transaction has.
///  - The body must not commit: only the transaction's owner may, and says so by `permitted`.
struct commit_protocol {
    bool permitted = false;
    bool sent = false;  // false as long as the server has certainly not been told to commit

    template <class Send>
    void run(Send&& send) {
        if (!permitted) {
            send("ROLLBACK");
            throw pqxx::usage_error{"interlock::transact commits by itself: its body must not"};
        }
        sent = true;
        try {
            send("SELECT; COMMIT");
        } catch (const std::exception& e) {
            leave(send, sqlstate(e));
            throw;
        }
    }

  private:
    // COMMIT that failed has ended the transaction; a statement ahead of it that failed (it had
    // failed before, or was cancelled just now) has not. ROLLBACK where there is none would be a
    // warning in the server's log.
    template <class Send>
    static void leave(Send&& send, const std::string& failure) noexcept {
        try {
            if (failure == "25P02" || in_failed_transaction(send)) send("ROLLBACK");
        } catch (const std::exception&) {
            // The session is gone, and the transaction with it.
        }
    }

    template <class Send>
    static bool in_failed_transaction(Send&& send) {
        try {
            send("SELECT");
            return false;
        } catch (const std::exception& e) {
            return sqlstate(e) == "25P02";
        }
    }
};

/// A transaction that begins and commits as we word it. Not for concurrent use; must not outlive
/// the connection.
#if PQXX_VERSION_MAJOR < 7

class transaction final : public pqxx::dbtransaction {
  public:
    transaction(connection_type& connection, const std::string& begin)
        : namedclass{"interlock::transaction"}, pqxx::dbtransaction{connection}, begin_{begin} {
        Begin();
    }
    ~transaction() noexcept override { End(); }

    commit_protocol committing;

  private:
    void do_begin() override { direct_exec(begin_.c_str()); }
    // The base class aborts at the first error of exec(), and at none of exec_params().
    pqxx::result do_exec(const char sql[]) override { return direct_exec(sql); }
    void do_commit() override {
        committing.run([this](const char* sql) { direct_exec(sql); });
    }

    std::string begin_;
};

#else

class transaction final : public pqxx::dbtransaction {
  public:
    transaction(connection_type& connection, const std::string& begin)
        : pqxx::dbtransaction{connection, "interlock"} {
        register_transaction();
        try {
            send(begin);
        } catch (...) {
            close();
            throw;
        }
    }
    ~transaction() noexcept override { close(); }

    commit_protocol committing;

  private:
#if PQXX_VERSION_MAJOR < 8
    void send(const std::string& sql) {
        direct_exec(sql);
    }
    void do_commit() override {
        committing.run([this](const char* sql) { send(sql); });
    }
#else
    void send(const std::string& sql) {
        direct_exec(sql, pqxx::sl::current());
    }
    void do_commit(pqxx::sl) override {
        committing.run([this](const char* sql) { send(sql); });
    }
#endif
};

#endif

}  // namespace bridge
}  // namespace interlock
