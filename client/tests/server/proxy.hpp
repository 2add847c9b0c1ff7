#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

// Stands between a client and the server, hands on every byte, and breaks the connection at the
// worst moment: around COMMIT; or holds it up.
class proxy {
  public:
    enum class cut {
        before_commit,  // the server never hears of it, the client believes it sent it
        after_commit,   // the server gets it, and the client is cut off at once
        before_answer,  // the server answers, and the answer is thrown away
        never,
    };

    // Connects to the server of libpq's environment.
    explicit proxy(cut when);
    ~proxy();
    proxy(const proxy&) = delete;
    proxy& operator=(const proxy&) = delete;

    // For a connection string: leads a client here. Every client is cut once, at its first COMMIT,
    // or never.
    std::string address() const;

    // From now on nothing is handed on and nothing is closed, as behind a dead network.
    void stall() { stalled_ = true; }

  private:
    void accept_clients();
    void serve(int client);

    cut when_;
    std::string folder_;
    int listener_;
    std::atomic<bool> stopping_ = false;
    std::atomic<bool> stalled_ = false;
    std::vector<std::thread> sessions_;
    std::thread acceptor_;
};
