#include "claim_listener.hpp"

#include <utility>

#include "json.hpp"
#include "random_share.hpp"

namespace interlock {

using namespace std::chrono_literals;

claim_listener::claim_listener(connection_factory connect, const work_table& table,
                               std::function<void()> wake, worker_tally& tally)
    : connect_{std::move(connect)},
      schema_{table.schema()},
      relation_{table.relation()},
      wake_{std::move(wake)},
      tally_{tally},
      pause_{100ms, 5s},
      thread_{[this] { listen_until_stopped(); }} {}

claim_listener::~claim_listener() {
    {
        std::lock_guard lock{mutex_};
        stopping_ = true;
        stopped_.notify_all();
    }
    cutter_.cut();
    thread_.join();
}

bool claim_listener::stopping() const {
    std::lock_guard lock{mutex_};
    return stopping_;
}

void claim_listener::pause() {
    std::unique_lock lock{mutex_};
    stopped_.wait_for(lock, pause_.next(random_share()), [this] { return stopping_; });
}

void claim_listener::listen_until_stopped() {
    while (!stopping()) {
        try {
            listen();
        } catch (...) {
            cutter_.watch(-1);
            if (stopping()) return;
            tally_.trouble(translate(std::current_exception()));
            pause();
        }
    }
}

// Before it listens something may have been inserted: so first of all it wakes.
void claim_listener::listen() {
    auto connection = connect_();
    bridge::forbid_reconnect(*connection);
    cutter_.watch(connection->sock());
    bridge::listener listener{*connection, "interlock_claims", [this](const std::string& payload) {
                                  bool ours = true;
                                  for (const auto& [name, value] : json_object(payload)) {
                                      if (name == "schema") ours &= json_value(value) == schema_;
                                      if (name == "table") ours &= json_value(value) == relation_;
                                  }
                                  if (ours) wake_();
                              }};
    wake_();
    while (!stopping()) {
        connection->await_notification(60, 0);
        pause_.reset();
    }
}

}  // namespace interlock
