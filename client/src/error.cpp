#include "interlock/error.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "detail.hpp"
#include "interlock/bridge.hpp"
#include "json.hpp"
#include "text.hpp"

namespace interlock {

error::error(std::string_view sqlstate, const std::string& message) : std::runtime_error{message} {
    std::copy_n(sqlstate.begin(), std::min(sqlstate.size(), sqlstate_.size() - 1),
                sqlstate_.begin());
}

std::string_view error::sqlstate() const noexcept {
    return sqlstate_.data();
}

write_error::write_error(std::string_view sqlstate, const std::string& message,
                         write_details details)
    : error{sqlstate, message},
      details_{std::make_shared<const write_details>(std::move(details))} {}

stale_version::stale_version(const std::string& message, write_details details)
    : write_error{"IL001", message, std::move(details)} {}
row_missing::row_missing(const std::string& message, write_details details)
    : write_error{"IL002", message, std::move(details)} {}
merge_conflict::merge_conflict(const std::string& message, write_details details)
    : write_error{"IL003", message, std::move(details)} {}
write_rejected::write_rejected(const std::string& message, write_details details)
    : write_error{"IL004", message, std::move(details)} {}
version_required::version_required(const std::string& message, write_details details)
    : write_error{"IL005", message, std::move(details)} {}
row_exists::row_exists(const std::string& message, write_details details)
    : write_error{"IL006", message, std::move(details)} {}

namespace {

const char* batch_sqlstate(const batch_refused::failures& failed) {
    if (!failed.stale.empty()) return "IL001";
    return failed.missing.empty() ? "IL004" : "IL002";
}

// As the server says it: 3 of 10 rows of table "accounts" cannot be updated: 2 stale, 1 missing
std::string batch_message(const std::string& table, std::size_t rows,
                          const batch_refused::failures& failed) {
    std::string counts;
    std::size_t all = 0;
    auto count = [&](std::size_t some, const char* what) {
        if (!some) return;
        all += some;
        counts += (counts.empty() ? "" : ", ") + std::to_string(some) + " " + what;
    };
    count(failed.stale.size(), "stale");
    count(failed.missing.size(), "missing");
    count(failed.rejected.size(), "rejected");
    return std::to_string(all) + " of " + std::to_string(rows) + " rows of table \"" + table +
           "\" cannot be updated: " + counts;
}

}  // namespace

batch_refused::batch_refused(const std::string& table, std::size_t rows, failures failed)
    : write_error{batch_sqlstate(failed), batch_message(table, rows, failed), {table}},
      failures_{std::make_shared<const failures>(std::move(failed))},
      rows_{rows} {}

lease_held::lease_held(const std::string& message, lease_details details)
    : error{"IL010", message},
      details_{std::make_shared<const lease_details>(std::move(details))} {}
lease_lost::lease_lost(const std::string& message, lease_details details, lease_loss reason)
    : error{"IL011", message},
      reason_{reason},
      details_{std::make_shared<const lease_details>(std::move(details))} {}
claim_lost::claim_lost(const std::string& message, claim_details details)
    : error{"IL020", message},
      details_{std::make_shared<const claim_details>(std::move(details))} {}
serialization_failure::serialization_failure(const std::string& message)
    : error{"40001", message} {}
deadlock_detected::deadlock_detected(const std::string& message) : error{"40P01", message} {}
lock_not_available::lock_not_available(const std::string& message, lock_details details)
    : error{"55P03", message}, details_{std::make_shared<const lock_details>(std::move(details))} {}
lock_lost::lock_lost(std::string_view sqlstate, const std::string& message, lock_loss reason,
                     lock_details details)
    : error{sqlstate, message},
      reason_{reason},
      details_{std::make_shared<const lock_details>(std::move(details))} {}
session_locks_off::session_locks_off(const std::string& message) : error{"0A000", message} {}
query_canceled::query_canceled(const std::string& message) : error{"57014", message} {}
read_only_transaction::read_only_transaction(const std::string& message)
    : error{"25006", message} {}
connection_lost::connection_lost(std::string_view sqlstate, const std::string& message)
    : error{sqlstate, message} {}
in_doubt::in_doubt(std::string_view sqlstate, const std::string& message,
                   std::optional<std::uint64_t> transaction_id)
    : error{sqlstate, message}, transaction_id_{transaction_id} {}
retries_exhausted::retries_exhausted(std::string_view sqlstate, const std::string& message,
                                     std::exception_ptr last_error, int attempts,
                                     std::chrono::nanoseconds elapsed)
    : error{sqlstate, message},
      last_error_{std::move(last_error)},
      attempts_{attempts},
      elapsed_{elapsed} {}

// Out of line, so that each type has one vtable and one type_info, in this library.
error::~error() = default;
write_error::~write_error() = default;
stale_version::~stale_version() = default;
row_missing::~row_missing() = default;
merge_conflict::~merge_conflict() = default;
write_rejected::~write_rejected() = default;
version_required::~version_required() = default;
row_exists::~row_exists() = default;
batch_refused::~batch_refused() = default;
lease_held::~lease_held() = default;
lease_lost::~lease_lost() = default;
claim_lost::~claim_lost() = default;
serialization_failure::~serialization_failure() = default;
deadlock_detected::~deadlock_detected() = default;
lock_not_available::~lock_not_available() = default;
lock_lost::~lock_lost() = default;
session_locks_off::~session_locks_off() = default;
query_canceled::~query_canceled() = default;
read_only_transaction::~read_only_transaction() = default;
connection_lost::~connection_lost() = default;
in_doubt::~in_doubt() = default;
retries_exhausted::~retries_exhausted() = default;

namespace {

using make_function = std::exception_ptr (*)(const std::string& message);

template <class Error>
std::exception_ptr make(const std::string& message) {
    if constexpr (std::is_base_of_v<write_error, Error>)
        return std::make_exception_ptr(Error{message, write_details_in(message)});
    else if constexpr (std::is_same_v<lock_not_available, Error>)
        return std::make_exception_ptr(Error{message, lock_details_in(message)});
    else if constexpr (std::is_same_v<lease_held, Error> || std::is_same_v<lease_lost, Error>)
        return std::make_exception_ptr(Error{message, lease_details_in(message)});
    else if constexpr (std::is_same_v<claim_lost, Error>)
        return std::make_exception_ptr(Error{message, claim_details_in(message)});
    else
        return std::make_exception_ptr(Error{message});
}

struct condition {
    std::string_view sqlstate;
    make_function make;
};

constexpr condition conditions[] = {
    {"IL001", make<stale_version>},     {"IL002", make<row_missing>},
    {"IL003", make<merge_conflict>},    {"IL004", make<write_rejected>},
    {"IL005", make<version_required>},  {"IL006", make<row_exists>},
    {"IL010", make<lease_held>},        {"IL011", make<lease_lost>},
    {"IL020", make<claim_lost>},        {"40001", make<serialization_failure>},
    {"40P01", make<deadlock_detected>}, {"55P03", make<lock_not_available>},
    {"57014", make<query_canceled>},    {"25006", make<read_only_transaction>},
};

// The codes with which the server ends a session, and class 08. 08P01 is a misunderstanding.
bool ends_session(std::string_view sqlstate) {
    constexpr std::string_view codes[] = {"57P01", "57P02", "57P03", "57P04",
                                          "57P05", "25P03", "25P04", "53300"};
    return std::ranges::find(codes, sqlstate) != std::end(codes) ||
           (sqlstate.starts_with("08") && sqlstate != "08P01");
}

bool unknown_outcome(std::string_view sqlstate) {
    return sqlstate == "08007" || sqlstate == "40003";
}

std::exception_ptr typed(std::string_view sqlstate, const std::string& message) {
    auto found = std::ranges::find(conditions, sqlstate, &condition::sqlstate);
    if (found != std::end(conditions)) return found->make(message);
    if (unknown_outcome(sqlstate)) return std::make_exception_ptr(in_doubt{sqlstate, message});
    if (ends_session(sqlstate)) return std::make_exception_ptr(connection_lost{sqlstate, message});
    return nullptr;
}

}  // namespace

std::vector<std::string> contested_columns(const std::optional<std::string>& conflicts) {
    return json_members(conflicts.value_or(""));
}

std::string sqlstate_of(const std::exception& failure) {
    if (auto* ours = dynamic_cast<const error*>(&failure)) return std::string{ours->sqlstate()};
    return bridge::sqlstate(failure);
}

std::exception_ptr translate(std::exception_ptr failure) {
    if (!failure) return failure;
    try {
        std::rethrow_exception(failure);
    } catch (const error&) {
        return failure;
    } catch (const std::exception& e) {
        auto ours = typed(bridge::sqlstate(e), trimmed(bridge::message(e)));
        return ours ? ours : failure;
    } catch (...) {
        return failure;
    }
}

}  // namespace interlock
