// Fights for a few leases and writes under them, until it is killed; lease_log.hpp says what it
// leaves behind. Half of the time it takes no notice of a loss, so that there are late writes.
//
//     interlock_lease_worker NAME EVENTS FOLDER KEYS MILLISECONDS
//
// Appends its events to EVENTS, and each fenced write to FOLDER/KEY, the file beside the table.

#include <interlock/interlock.hpp>
#include <iostream>
#include <random>
#include <thread>

#include "event_file.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

class lease_worker {
  public:
    lease_worker(std::string name, const std::string& events, std::string folder, int keys,
                 milliseconds ttl)
        : name_{std::move(name)},
          events_{events},
          folder_{std::move(folder)},
          keys_{keys},
          ttl_{ttl} {}

    // What fails does so because of a fault: once more.
    void run() {
        while (!orphaned()) {
            try {
                hold_one("k" + std::to_string(below(keys_)));
            } catch (const std::exception&) {
                std::this_thread::sleep_for(50ms);
            }
        }
    }

  private:
    int below(int bound) { return std::uniform_int_distribution{0, bound - 1}(random_); }
    void pause(int least, int most) {
        std::this_thread::sleep_for(milliseconds{least + below(most - least)});
    }
    std::unique_ptr<pqxx::connection> connect() const {
        return std::make_unique<pqxx::connection>("application_name='" + name_ + "'");
    }

    void hold_one(const std::string& key) {
        auto asked = steady_now();
        auto taken = try_lease([this] { return connect(); }, "work", key, name_, ttl_,
                               {.wait = lock_wait::at_most(milliseconds{below(2000)})});
        if (!taken) return;
        // It was asked for anew, at times: only the answer is known.
        events_.add("granted", key, taken->token(), name_, asked, steady_now());
        bool deaf = below(2);
        for (int writes = 1 + below(15); writes > 0 && (deaf || taken->held()); --writes) {
            write(*taken, key);
            pause(20, 200);
        }
        if (below(4)) taken->release();
    }

    void write(const lease& lease, const std::string& key) {
        auto id = std::to_string(++number_);
        const char* belief = lease.held() ? "held" : "lost";
        auto db = connect();
        pqxx::work tx{*db};
        try {
            lease.guard(tx);
        } catch (const lease_lost&) {
            events_.add("refused", name_, id, belief);
            throw;
        }
        event_file file{folder_ + "/" + key};
        auto first = tx.exec("SELECT nextval('order_" + key + "')")[0][0].as<std::string>();
        file.add("file", key, lease.token(), name_, id);
        pause(0, 40);
        file.add("file", key, lease.token(), name_, id);
        tx.exec("INSERT INTO fenced VALUES ('" + key + "', " + std::to_string(lease.token()) +
                ", '" + name_ + "', " + id + ", " + first + ", nextval('order_" + key + "'))");
        commit(tx, id);
    }

    void commit(pqxx::work& tx, const std::string& id) {
        try {
            tx.commit();
        } catch (const std::exception&) {
            events_.add("doubt", name_, id);
            throw;
        }
        events_.add("done", name_, id);
    }

    const std::string name_;
    event_file events_;
    const std::string folder_;
    const int keys_;
    const milliseconds ttl_;
    long number_ = 0;
    std::mt19937 random_{std::random_device{}()};
};

}  // namespace

int main(int count, char** arguments) try {
    if (count != 6) throw std::invalid_argument{"five arguments are needed"};
    lease_worker{arguments[1], arguments[2], arguments[3], std::stoi(arguments[4]),
                 milliseconds{std::stoi(arguments[5])}}
        .run();
} catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
}
