// Asks for leases again and again, to see that none is stuck past its ttl; lease_log.hpp says what
// it leaves behind.
//
//     interlock_lease_probe EVENTS KEYS TIMES
//
// Asks for every key so many times, ten times a second, and gives each at once back that it gets.

#include <interlock/interlock.hpp>
#include <iostream>
#include <thread>

#include "event_file.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

class probe {
  public:
    explicit probe(const std::string& events) : events_{events} {}

    void ask(const std::string& key) {
        try {
            if (!db_) db_ = std::make_unique<pqxx::connection>("application_name=probe");
            ask_once(key);
        } catch (const std::exception&) {
            db_.reset();
        }
    }

  private:
    std::string value(pqxx::transaction_base& tx, const std::string& sql) {
        return tx.exec("SELECT " + sql)[0][0].as<std::string>();
    }

    // The time is taken before: a lease that had expired by then has expired for the server.
    void ask_once(const std::string& key) {
        pqxx::nontransaction tx{*db_};
        auto at = value(tx, "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint");
        auto asked = steady_now();
        auto seen = try_acquire_lease(tx, "work", key, "probe", 500ms);
        if (seen.granted) {
            events_.add("granted", key, *seen.token, "probe", asked, steady_now());
            events_.add("free", key, at);
            release_lease(tx, "work", key, *seen.token);
        } else {
            auto pid = seen.blocking_pid.value_or(0);
            events_.add("denied", key, at, expiry(seen), pid, pid ? state(tx, pid) : "none");
        }
    }

    static long long expiry(const lease_result& seen) {
        if (!seen.expires_at) return 0;
        return std::chrono::duration_cast<std::chrono::microseconds>(
                   seen.expires_at->time_since_epoch())
            .count();
    }

    std::string state(pqxx::transaction_base& tx, int pid) {
        return value(tx,
                     "CASE WHEN EXISTS (SELECT FROM pg_stat_activity WHERE xact_start IS NOT "
                     "NULL AND pid = " +
                         std::to_string(pid) + ") THEN 'open' ELSE 'gone' END");
    }

    event_file events_;
    std::unique_ptr<pqxx::connection> db_;
};

}  // namespace

int main(int count, char** arguments) try {
    if (count != 4) throw std::invalid_argument{"three arguments are needed"};
    probe probe{arguments[1]};
    int keys = std::stoi(arguments[2]);
    for (int times = std::stoi(arguments[3]); times > 0 && !orphaned(); --times) {
        for (int key = 0; key < keys; ++key)
            probe.ask("k" + std::to_string(key));
        std::this_thread::sleep_for(100ms);
    }
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
