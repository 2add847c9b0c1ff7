#include "worker.hpp"

#include <fmt/format.h>

#include <random>

#include "cannot_run.hpp"

namespace contend {
namespace {

using std::chrono::steady_clock;

std::mt19937_64 seeded(std::uint64_t seed, int number) {
    std::seed_seq mixed{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                        static_cast<std::uint32_t>(number)};
    return std::mt19937_64{mixed};
}

}  // namespace

void worker::work() {
    job_.go.wait();
    try {
        operate();
    } catch (const stopped&) {
    } catch (const interlock::query_canceled& e) {
        if (!job_.stop.requested()) fail(in_one_line(e));
    } catch (const std::exception& e) {
        fail(in_one_line(e));
    } catch (...) {
        fail("unknown exception");
    }
    end_ = steady_clock::now();
    finished_ = true;
    job_.at_work.leave();
}

void worker::operate() {
    auto random = seeded(job_.opts.seed, number_);
    std::uniform_int_distribution<int> any_row{1, job_.opts.rows};
    const auto& counted = client_.counted();
    while (job_.more_to_do(counted.acknowledged() + counted.gave_up)) {
        if (job_.stop.requested()) throw stopped{};
        client_.measure([&] { job_.strategy.increment(client_, any_row(random)); });
    }
}

void worker::fail(const std::string& message) {
    failure_ = fmt::format("client {}: {}", number_, message);
    job_.stop.request();
}

}  // namespace contend
