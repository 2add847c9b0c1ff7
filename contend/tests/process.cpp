#include "process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

process::process(const std::vector<std::string>& command)
    : path_{(std::string{std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp"})} {
    path_ += "/contend-output-XXXXXX";
    int output = ::mkstemp(path_.data());
    std::vector<char*> argv;
    for (const auto& argument : command)
        argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (output < 0 || pid_ < 0) throw std::runtime_error{"cannot start " + command.at(0)};
    if (pid_ == 0) {
        ::fcntl(output, F_SETFL, O_APPEND);
        ::dup2(output, STDOUT_FILENO);
        ::dup2(output, STDERR_FILENO);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    ::close(output);
}

process::~process() {
    if (running_) {
        signal(SIGKILL);
        wait();
    }
    ::unlink(path_.c_str());
}

void process::signal(int number) const {
    ::kill(pid_, number);
}

int process::wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    running_ = false;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string process::output() const {
    std::ostringstream text;
    text << std::ifstream{path_}.rdbuf();
    return text.str();
}
