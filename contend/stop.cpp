#include "stop.hpp"

#include <unistd.h>

#include <csignal>

namespace contend {

void stop_flag::request() {
    std::lock_guard lock{mutex_};
    requested_ = true;
    changed_.notify_all();
}

bool stop_flag::requested() const {
    std::lock_guard lock{mutex_};
    return requested_;
}

bool stop_flag::wait_for(std::chrono::nanoseconds time) const {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, time, [this] { return requested_; });
}

namespace {

constexpr int patience = 3;

volatile std::sig_atomic_t caught = 0;

void remember(int) {
    caught = caught + 1;
    if (caught == patience) _exit(130);
}

}  // namespace

void catch_signals() {
    struct sigaction action = {};
    action.sa_handler = remember;
    action.sa_flags = SA_RESTART;
    for (int signal : {SIGINT, SIGTERM, SIGHUP})
        sigaction(signal, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

bool signal_caught() {
    return caught != 0;
}

}  // namespace contend
