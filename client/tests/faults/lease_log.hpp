#pragma once

#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <utility>
#include <vector>

// What processes that fight for a few leases leave behind, and whether it can have come about under
// leases that keep their promise. One line for each event, in any order but for those of the file:
//
// granted KEY TOKEN WHO ASKED HAD
//     ASKED and HAD are readings of one steady clock, in microseconds.
// row KEY TOKEN WHO NUMBER FIRST LAST
//     A fenced write as the table has it: two turns of the key's sequence, the first after the
//     check of the lease, the last before COMMIT.
// file KEY TOKEN WHO NUMBER
//     A line of the append-only file, in the file's order; a fenced transaction writes two of them,
//     at the same two moments.
// done WHO NUMBER
//     The write's COMMIT was acknowledged.
// doubt WHO NUMBER
//     Its outcome was not learned.
// refused WHO NUMBER BELIEF
//     The write came too late; BELIEF is what its holder thought of the lease: held, lost.
// denied KEY AT EXPIRES PID STATE
//     An attempt after AT, by the server's clock in microseconds; EXPIRES is the lease's, 0 for one
//     that is only just being taken; PID is a session in the way, or 0. STATE says whether that
//     session was found in a transaction: open, gone; without one: none.
// free KEY AT
//     An attempt after AT was granted.
// fault WHAT
// ttl MICROSECONDS
//     The longest that anybody asked for.
namespace lease_log {

struct grant {
    std::string who;
    std::int64_t token, asked, had;
};

using write_id = std::pair<std::string, std::int64_t>;  // who, number

// A fenced write between two moments of one order.
struct span {
    write_id id;
    std::int64_t token, first, last;
};

struct denial {
    std::int64_t at, expires;
    int pid;
    std::string state;
};

struct probes {
    std::vector<denial> denied;  // as they came
    std::int64_t last_free = 0;
};

struct log {
    std::map<std::string, std::vector<grant>> grants;  // by key
    std::map<std::string, std::vector<span>> rows;
    std::map<std::string, std::vector<std::pair<write_id, std::int64_t>>> file;  // with the token
    std::map<std::string, probes> probed;
    std::vector<write_id> done, doubt, refused;
    std::map<std::string, int> faults;
    int refused_believing = 0;
    std::int64_t ttl = 0;
};

// Throws std::runtime_error, which names it, for a line that is none.
log read(std::istream& in);

// What cannot have come about; empty if there is nothing.
std::vector<std::string> violations(const log& log);

// One line each, for people.
std::vector<std::string> summary(const log& log);

}  // namespace lease_log
