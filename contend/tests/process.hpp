#pragma once

#include <string>
#include <vector>

// A program that runs beside the test, with what it printed on stdout and stderr.
class process {
  public:
    explicit process(const std::vector<std::string>& command);
    // Ends it the hard way if it is still running.
    ~process();
    process(const process&) = delete;
    process& operator=(const process&) = delete;

    void signal(int number) const;
    // Its exit status, or 128 and the signal that ended it.
    int wait();
    // So far; both streams in the order in which they were written.
    [[nodiscard]] std::string output() const;

  private:
    std::string path_;
    int pid_;
    bool running_ = true;
};
