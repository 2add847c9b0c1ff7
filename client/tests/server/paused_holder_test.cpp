// The case that leases are infamous for: the holder's process stands still, somebody else takes
// over, and the holder wakes up in the belief that nothing happened.

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <array>

#include "leases.hpp"

namespace {

using namespace interlock;
using namespace std::chrono_literals;

// A process whose standard input and output are ours.
class process {
  public:
    explicit process(std::vector<std::string> command) {
        std::array<int, 2> in, out;
        if (::pipe(in.data()) || ::pipe(out.data())) throw std::runtime_error{"pipe failed"};
        std::vector<char*> arguments;
        for (auto& word : command)
            arguments.push_back(word.data());
        arguments.push_back(nullptr);
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(in[0], 0);
            ::dup2(out[1], 1);
            for (int fd : {in[0], in[1], out[0], out[1]})
                ::close(fd);
            ::execv(arguments[0], arguments.data());
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        in_ = in[1];
        out_ = ::fdopen(out[0], "r");
    }
    ~process() {
        ::close(in_);
        signal(SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        ::fclose(out_);
    }
    process(const process&) = delete;
    process& operator=(const process&) = delete;

    void signal(int number) { ::kill(pid_, number); }
    // Returns once it stands still.
    void pause() {
        signal(SIGSTOP);
        int status;
        ::waitpid(pid_, &status, WUNTRACED);
    }
    void resume() { signal(SIGCONT); }
    void send(std::string line) {
        line += '\n';
        (void)!::write(in_, line.data(), line.size());
    }
    std::string line() {
        char buffer[1000];
        if (!std::fgets(buffer, sizeof buffer, out_)) return "nothing";
        std::string text{buffer};
        text.pop_back();
        return text;
    }

  private:
    pid_t pid_;
    int in_;
    FILE* out_;
};

class PausedHolder : public Leases {
  protected:
    process start() const {
        return process{{LEASE_HOLDER, texts(), value("SELECT current_schema() || '.log'")}};
    }
    int written_under(const std::string& token) const {
        return number("SELECT count(*) FROM log WHERE token = " + token);
    }
};

TEST_F(PausedHolder, LateWriteIsRefused) {
    // Proves that a process which is paused beyond the expiry of its lease, and resumed after
    // somebody took over, believes and writes nothing any more.
    auto held = start();
    held.send("take a 1000");
    auto token = held.line();
    held.send("write");
    EXPECT_EQ(held.line(), "held written");
    held.pause();
    lease next{factory(), texts(), "a", "the next one", 1min, {.wait = lock_wait::at_most(20s)}};
    EXPECT_GT(next.token(), std::stoll(token));
    auto c = connect();
    transact(*c, [&](pqxx::dbtransaction& tx) { write(tx, next); });
    held.resume();
    held.send("write");
    EXPECT_EQ(held.line(), "lost refused");
    EXPECT_EQ(written_under(token), 1);
    EXPECT_EQ(written_under(std::to_string(next.token())), 1);
    next.release();
}

TEST_F(PausedHolder, KilledHoldersLeaseExpires) {
    // Proves that a killed holder's lease is free when it expires, and no sooner.
    auto held = start();
    held.send("take a 1500");
    auto token = held.line();
    held.signal(SIGKILL);
    EXPECT_FALSE(try_lease(factory(), texts(), "a", "the next one", 1min));
    lease next{factory(), texts(), "a", "the next one", 1min, {.wait = lock_wait::at_most(20s)}};
    EXPECT_GT(next.token(), std::stoll(token));
}

}  // namespace
