// Holds leases in a process of its own, so that a test can really pause and kill it, shift its
// clock, and restart the server beneath it.
//
//     interlock_lease_holder NAMESPACE TABLE [CONNECTION]
//
// Does what it is told line by line, and says what became of it:
//     take KEY MILLISECONDS [WAIT]   the token, or why not; waits so many milliseconds for it
//     write                          into the table, under the fence; and what it believed before
//     release                        or why not
//     stop                           "told" once the loss has been told, "not told" until then

#include <interlock/interlock.hpp>
#include <iostream>
#include <sstream>

namespace {

using namespace interlock;
using std::chrono::milliseconds;

class holder {
  public:
    holder(std::string lock_namespace, std::string table, std::string connection)
        : namespace_{std::move(lock_namespace)},
          table_{std::move(table)},
          connection_{std::move(connection)} {}

    std::string obey(const std::string& line) {
        std::istringstream words{line};
        std::string what, key;
        int ttl = 0, wait = 0;
        words >> what >> key >> ttl >> wait;
        if (what == "take") return take(key, milliseconds{ttl}, milliseconds{wait});
        if (what == "write") return std::string{lease_->held() ? "held " : "lost "} + write();
        if (what == "stop") return lease_->stop_token().stop_requested() ? "told" : "not told";
        lease_->release();
        return "released";
    }

  private:
    std::string take(const std::string& key, milliseconds ttl, milliseconds wait) {
        lease_.reset();
        lease_.emplace([this] { return std::make_unique<pqxx::connection>(connection_); },
                       namespace_, key, "the holder", ttl,
                       lease_options{.wait = lock_wait::at_most(wait)});
        return std::to_string(lease_->token());
    }

    // The write comes first: if the fence refuses, it must not stay.
    std::string write() {
        pqxx::connection db{connection_};
        pqxx::work tx{db};
        tx.exec("INSERT INTO " + table_ + " (token) VALUES (" + std::to_string(lease_->token()) +
                ")");
        try {
            lease_->guard(tx);
        } catch (const lease_lost&) {
            return "refused";
        }
        tx.commit();
        return "written";
    }

    const std::string namespace_, table_, connection_;
    std::optional<lease> lease_;
};

std::string name_of_failure() {
    try {
        std::rethrow_exception(translate(std::current_exception()));
    } catch (const lease_held& e) {
        return "held by " + e.holder();
    } catch (const lease_lost&) {
        return "lease lost";
    } catch (const in_doubt&) {
        return "in doubt";
    } catch (const connection_lost&) {
        return "connection lost";
    } catch (const std::exception& e) {
        return e.what();
    }
}

}  // namespace

int main(int count, char** arguments) {
    holder holder{arguments[1], arguments[2], count > 3 ? arguments[3] : ""};
    for (std::string line; std::getline(std::cin, line);) {
        try {
            std::cout << holder.obey(line) << std::endl;
        } catch (...) {
            std::cout << name_of_failure() << std::endl;
        }
    }
}
