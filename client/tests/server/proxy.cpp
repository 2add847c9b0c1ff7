#include "proxy.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace {

std::string environment(const char* name, const char* otherwise) {
    const char* value = std::getenv(name);
    return value && *value ? value : otherwise;
}

sockaddr_un socket_in(const std::string& folder, const std::string& port) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    auto path = folder + "/.s.PGSQL." + port;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error{"path too long: " + path};
    std::strcpy(address.sun_path, path.c_str());
    return address;
}

int checked(int result, const char* what) {
    if (result < 0) throw std::runtime_error{std::string{what} + ": " + std::strerror(errno)};
    return result;
}

int connect_by_path(const std::string& folder, const std::string& port) {
    int fd = checked(::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    auto address = socket_in(folder, port);
    checked(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
    return fd;
}

int connect_by_name(const std::string& host, const std::string& port) {
    addrinfo hints{}, *found;
    hints.ai_socktype = SOCK_STREAM;
    if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0)
        throw std::runtime_error{"no address for " + host};
    int fd = checked(::socket(found->ai_family, found->ai_socktype, 0), "socket");
    checked(::connect(fd, found->ai_addr, found->ai_addrlen), "connect");
    ::freeaddrinfo(found);
    return fd;
}

int connect_to_server() {
    auto host = environment("PGHOST", "/var/run/postgresql");
    auto port = environment("PGPORT", "5432");
    return host.starts_with('/') ? connect_by_path(host, port) : connect_by_name(host, port);
}

// Empty once the peer is gone.
std::string receive(int fd) {
    char buffer[65536];
    auto n = ::recv(fd, buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string{};
}

bool hand_on(int to, const std::string& bytes) {
    return !bytes.empty() && ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                                 static_cast<ssize_t>(bytes.size());
}

constexpr const char* own_port = "5432";

}  // namespace

proxy::proxy(cut when) : when_{when} {
    char pattern[] = "/tmp/interlock-proxy-XXXXXX";
    if (!::mkdtemp(pattern)) throw std::runtime_error{"mkdtemp failed"};
    folder_ = pattern;
    listener_ = checked(::socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    auto address = socket_in(folder_, own_port);
    checked(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    checked(::listen(listener_, 10), "listen");
    acceptor_ = std::thread{[this] { accept_clients(); }};
}

proxy::~proxy() {
    stopping_ = true;
    acceptor_.join();
    for (auto& session : sessions_)
        session.join();
    ::close(listener_);
    ::unlink((folder_ + "/.s.PGSQL." + own_port).c_str());
    ::rmdir(folder_.c_str());
}

std::string proxy::address() const {
    return "host=" + folder_ + " port=" + own_port;
}

void proxy::accept_clients() {
    while (!stopping_) {
        pollfd waiting{listener_, POLLIN, 0};
        if (::poll(&waiting, 1, 50) <= 0) continue;
        int client = ::accept(listener_, nullptr, nullptr);
        if (client >= 0) sessions_.emplace_back([this, client] { serve(client); });
    }
}

void proxy::serve(int client) {
    int server = connect_to_server();
    bool committing = false;
    for (bool open = true; open && !stopping_;) {
        if (stalled_) {
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
            continue;
        }
        pollfd both[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
        if (::poll(both, 2, 50) <= 0) continue;
        if (both[0].revents) {
            auto request = receive(client);
            committing = request.find("COMMIT") != std::string::npos;
            open = !(committing && when_ == cut::before_commit) && hand_on(server, request) &&
                   !(committing && when_ == cut::after_commit);
        }
        if (open && both[1].revents) {
            auto answer = receive(server);
            open = !(committing && when_ == cut::before_answer) && hand_on(client, answer);
        }
    }
    ::close(client);
    ::close(server);
}
