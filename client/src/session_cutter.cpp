#include "session_cutter.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <stop_token>

namespace interlock {

session_cutter::~session_cutter() {
    watch(-1);
}

void session_cutter::watch(int socket) {
    std::lock_guard lock{mutex_};
    if (socket_ >= 0) ::close(socket_);
    socket_ = socket >= 0 ? ::dup(socket) : -1;
    if (cut_ && socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

void session_cutter::cut() noexcept {
    {
        std::lock_guard lock{mutex_};
        cut_ = true;
    }
    interrupt();
}

void session_cutter::interrupt() noexcept {
    std::lock_guard lock{mutex_};
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

bool session_cutter::is_cut() const {
    std::lock_guard lock{mutex_};
    return cut_;
}

void session_cutter::forget_cut() {
    std::lock_guard lock{mutex_};
    cut_ = false;
}

session_deadline::session_deadline(session_cutter& session, std::chrono::nanoseconds time)
    : watching_{[&session, time](std::stop_token in_time) {
          std::mutex mutex;
          std::unique_lock lock{mutex};
          std::condition_variable_any never;
          never.wait_for(lock, in_time, time, [] { return false; });
          if (!in_time.stop_requested()) session.interrupt();
      }} {}

}  // namespace interlock
