#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <sstream>
#include <stdexcept>
#include <string>

// A file that processes append lines to, each in one piece, and which loses none when they are
// killed.
class event_file {
  public:
    explicit event_file(const std::string& path)
        : file_{::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)} {
        if (file_ < 0) throw std::runtime_error{"cannot open " + path};
    }
    ~event_file() { ::close(file_); }
    event_file(const event_file&) = delete;
    event_file& operator=(const event_file&) = delete;

    template <class... Words>
    void add(const Words&... words) {
        std::ostringstream line;
        const char* space = "";
        ((line << space << words, space = " "), ...);
        line << "\n";
        auto text = line.str();
        if (::write(file_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
            throw std::runtime_error{"cannot write an event"};
    }

  private:
    int file_;
};

// Whether whoever started this process is gone: then it is to end, too.
inline bool orphaned() {
    static const auto parent = ::getppid();
    return ::getppid() != parent;
}

// Microseconds on a clock that all processes of the machine share.
inline long long steady_now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}
