#include "lease_log.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

namespace lease_log {
namespace {

using findings = std::vector<std::string>;

std::string text(const write_id& id) {
    return id.first + "'s write " + std::to_string(id.second);
}

void read_line(log& log, const std::string& what, std::istream& words) {
    std::string key, who;
    std::int64_t token, number;
    if (what == "granted") {
        grant g;
        words >> key >> g.token >> g.who >> g.asked >> g.had;
        log.grants[key].push_back(g);
    } else if (what == "row") {
        span s;
        words >> key >> s.token >> s.id.first >> s.id.second >> s.first >> s.last;
        log.rows[key].push_back(s);
    } else if (what == "file") {
        words >> key >> token >> who >> number;
        log.file[key].push_back({{who, number}, token});
    } else if (what == "done" || what == "doubt") {
        words >> who >> number;
        (what == "done" ? log.done : log.doubt).push_back({who, number});
    } else if (what == "refused") {
        std::string belief;
        words >> who >> number >> belief;
        log.refused.push_back({who, number});
        log.refused_believing += belief == "held";
    } else if (what == "denied") {
        denial d;
        words >> key >> d.at >> d.expires >> d.pid >> d.state;
        log.probed[key].denied.push_back(d);
    } else if (what == "free") {
        words >> key >> number;
        log.probed[key].last_free = number;
    } else if (what == "fault") {
        words >> who;
        ++log.faults[who];
    } else if (what == "ttl") {
        words >> log.ttl;
    } else {
        words.setstate(std::ios::failbit);
    }
}

// Fenced writes of different tokens exclude one another, and come in the order of their tokens.
void check_order(const std::string& key, std::vector<span> spans, const char* where,
                 findings& found) {
    std::ranges::sort(spans, {}, &span::first);
    const span* latest = nullptr;  // of the largest token, the one that ended last
    for (const auto& s : spans) {
        if (latest && s.token != latest->token && s.first < latest->last)
            found.push_back(key + ": " + text(s.id) + " overlaps " + text(latest->id) + " in the " +
                            where);
        if (latest && s.token < latest->token)
            found.push_back(key + ": the token of " + text(s.id) + " goes back in the " + where);
        if (!latest || s.token > latest->token ||
            (s.token == latest->token && s.last > latest->last))
            latest = &s;
    }
}

// The order of the file, of those writes that were committed: it stands outside of the database,
// and cannot take back what the others wrote.
std::vector<span> committed_in_file(const log& log, const std::string& key, findings& found) {
    std::map<write_id, std::vector<std::int64_t>> places;
    if (auto file = log.file.find(key); file != log.file.end())
        for (std::int64_t place = 0; const auto& line : file->second)
            places[line.first].push_back(place++);
    std::vector<span> spans;
    for (const auto& row : log.rows.at(key)) {
        const auto& lines = places[row.id];
        if (lines.size() == 2)
            spans.push_back({row.id, row.token, lines[0], lines[1]});
        else
            found.push_back(key + ": " + text(row.id) + " does not have its two lines in the file");
    }
    return spans;
}

void check_writes(const log& log, findings& found) {
    for (const auto& [key, rows] : log.rows) {
        check_order(key, rows, "table", found);
        check_order(key, committed_in_file(log, key, found), "file", found);
    }
}

// What was asked for after another one was had has a larger token. Two that overlap have no order.
void check_grants(const std::string& key, std::vector<grant> grants, findings& found) {
    auto by_answer = grants;
    std::ranges::sort(grants, {}, &grant::asked);
    std::ranges::sort(by_answer, {}, &grant::had);
    std::set<std::int64_t> tokens;
    std::int64_t had = 0;
    for (auto before = by_answer.begin(); const auto& g : grants) {
        for (; before != by_answer.end() && before->had <= g.asked; ++before)
            had = std::max(had, before->token);
        auto token = std::to_string(g.token);
        if (!tokens.insert(g.token).second)
            found.push_back(key + ": token " + token + " was granted twice");
        else if (g.token <= had)
            found.push_back(key + ": token " + token + " was granted after " + std::to_string(had));
    }
}

// Whoever wrote had been granted the token.
void check_owners(const log& log, const std::string& key, findings& found) {
    std::set<std::pair<std::int64_t, std::string>> owners;
    if (auto grants = log.grants.find(key); grants != log.grants.end())
        for (const auto& g : grants->second)
            owners.insert({g.token, g.who});
    for (const auto& row : log.rows.at(key))
        if (!owners.contains({row.token, row.id.first}))
            found.push_back(key + ": nobody granted the token of " + text(row.id));
}

// What clients were told is so.
void check_answers(const log& log, findings& found) {
    std::set<write_id> there;
    for (const auto& [key, rows] : log.rows)
        for (const auto& row : rows)
            if (!there.insert(row.id).second) found.push_back(text(row.id) + " is there twice");
    for (const auto& id : log.done)
        if (!there.contains(id)) found.push_back(text(id) + " was acknowledged and is not there");
    for (const auto& id : log.refused)
        if (there.contains(id)) found.push_back(text(id) + " was refused and is there");
}

bool expired(const denial& d) {
    return d.at > d.expires;
}

// A denial after the expiry needs an open transaction to blame. One that is gone when it is looked
// for may have ended just then, but not twice.
bool stuck(const denial& d, const denial* before) {
    if (!expired(d) || d.state == "open") return false;
    if (d.state != "gone") return true;
    return before && before->state == "gone" && before->pid == d.pid &&
           before->expires == d.expires;
}

void check_probes(const log& log, const std::string& key, const probes& probes, findings& found) {
    const denial* before = nullptr;
    for (const auto& d : probes.denied) {
        auto at = std::to_string(d.at);
        if (stuck(d, before)) found.push_back(key + ": stuck past its ttl at " + at);
        if (d.expires > d.at + log.ttl + 5'000'000)  // the attempt itself takes time
            found.push_back(key + ": held for longer than any ttl at " + at);
        before = &d;
    }
    if (!probes.last_free || (before && before->at > probes.last_free))
        found.push_back(key + ": not free in the end");
}

template <class Values>
std::size_t total(const std::map<std::string, Values>& of) {
    std::size_t sum = 0;
    for (const auto& [key, values] : of)
        sum += values.size();
    return sum;
}

// A log in which nothing happened shows nothing.
void check_substance(const log& log, findings& found) {
    auto demand = [&](bool there, const char* what) {
        if (!there) found.push_back(std::string{"the log has no "} + what);
    };
    demand(!log.grants.empty(), "grants");
    demand(!log.rows.empty(), "writes");
    demand(!log.done.empty(), "acknowledged writes");
    demand(log.ttl > 0, "ttl");
    for (const auto& [key, grants] : log.grants)
        if (!log.probed.contains(key)) found.push_back(key + ": nobody looked if it was stuck");
}

// Lines of the file that a reader who remembers the largest token would have refused.
int late_lines(const log& log) {
    int late = 0;
    for (const auto& [key, lines] : log.file) {
        std::int64_t largest = 0;
        for (const auto& [id, token] : lines) {
            late += token < largest;
            largest = std::max(largest, token);
        }
    }
    return late;
}

int denials(const log& log, bool past_expiry) {
    int count = 0;
    for (const auto& [key, probes] : log.probed)
        for (const auto& d : probes.denied)
            count += !past_expiry || expired(d);
    return count;
}

}  // namespace

log read(std::istream& in) {
    log log;
    std::string line;
    while (std::getline(in, line)) {
        std::istringstream words{line};
        std::string what, more;
        words >> what;
        read_line(log, what, words);
        if (words.fail() || words >> more) throw std::runtime_error{"not a line of a log: " + line};
    }
    return log;
}

std::vector<std::string> violations(const log& log) {
    findings found;
    check_substance(log, found);
    check_writes(log, found);
    for (const auto& [key, grants] : log.grants)
        check_grants(key, grants, found);
    for (const auto& [key, rows] : log.rows)
        check_owners(log, key, found);
    check_answers(log, found);
    for (const auto& [key, probes] : log.probed)
        check_probes(log, key, probes, found);
    return found;
}

std::vector<std::string> summary(const log& log) {
    std::vector<std::string> lines;
    auto add = [&](const std::string& what, auto count) {
        lines.push_back(what + ": " + std::to_string(count));
    };
    for (const auto& [what, count] : log.faults)
        add("fault " + what, count);
    add("keys", log.grants.size());
    add("leases granted", total(log.grants));
    add("fenced writes in the table", total(log.rows));
    add("of them acknowledged", log.done.size());
    add("writes in doubt", log.doubt.size());
    add("late writes refused", log.refused.size());
    add("of them by holders who believed in their lease", log.refused_believing);
    add("late lines in the file, which nobody refuses", late_lines(log));
    add("attempts denied", denials(log, false));
    add("of them past the expiry, by an open transaction", denials(log, true));
    return lines;
}

}  // namespace lease_log
