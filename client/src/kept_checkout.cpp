#include <stdexcept>
#include <utility>

#include "interlock/checkouts.hpp"
#include "kept_lease.hpp"

namespace interlock {

using std::chrono::nanoseconds;

namespace {

class leased_row final : public leased {
  public:
    explicit leased_row(const checkout& taken) : taken_{taken} {}

    bool renew(pqxx::transaction_base& tx, nanoseconds ttl) const override {
        return taken_.try_renew(tx, ttl).has_value();
    }
    bool release(pqxx::transaction_base& tx) const override { return taken_.checkin(tx); }
    [[noreturn]] void throw_lost(lease_loss reason, const std::string& why) const override {
        auto key = taken_.key().text();
        throw lease_lost{
            "the checkout of row " + key + " of table \"" + taken_.table() + "\" is lost: " + why,
            {.table = taken_.table(), .key = key, .token = taken_.token()},
            reason};
    }

  private:
    const checkout taken_;
};

// What libpqxx throws, as error.hpp has it.
template <class Body>
auto typed(Body body) {
    try {
        return body();
    } catch (...) {
        std::rethrow_exception(translate(std::current_exception()));
    }
}

granted_session open_session(connection_factory connect) {
    auto connection = connect();
    bridge::forbid_reconnect(*connection);
    return {std::move(connect), std::move(connection), timer{}.now()};
}

// The session's own transaction: what was granted counts at once.
template <class Ask>
auto ask_on(const granted_session& session, Ask ask) {
    pqxx::nontransaction tx{*session.connection};
    return ask(tx);
}

}  // namespace

kept_checkout::kept_checkout(std::string_view table, const interlock::key& key)
    : taken_{table, key, 0} {}

kept_checkout::kept_checkout(connection_factory connect, std::string_view table,
                             const interlock::key& key, std::string_view holder, nanoseconds ttl,
                             kept_checkout_options options)
    : kept_checkout{table, key} {
    take(std::move(connect), ttl, std::move(options),
         [&](pqxx::transaction_base& tx, const kept_checkout_options& options) {
             return std::optional{checkout{tx, table, key, holder, ttl, options.note}};
         });
}

std::optional<kept_checkout> try_kept_checkout(connection_factory connect, std::string_view table,
                                               const key& key, std::string_view holder,
                                               nanoseconds ttl, kept_checkout_options options) {
    auto ask = [&](pqxx::transaction_base& tx, const kept_checkout_options& options) {
        auto seen = try_checkout(tx, table, key, holder, ttl, options.note);
        return seen.granted ? std::optional{checkout{table, key, *seen.token}} : std::nullopt;
    };
    std::optional taken{kept_checkout{table, key}};
    if (!taken->take(std::move(connect), ttl, std::move(options), ask)) return {};
    return taken;
}

template <class Ask>
bool kept_checkout::take(connection_factory connect, nanoseconds ttl, kept_checkout_options options,
                         Ask ask) {
    ttl = whole_microseconds(ttl);
    auto times = times_of(ttl, options.margin);
    return typed([&] {
        auto session = open_session(std::move(connect));
        auto granted =
            ask_on(session, [&](pqxx::transaction_base& tx) { return ask(tx, options); });
        if (!granted) return false;
        taken_ = std::move(*granted);
        kept_ =
            std::make_unique<kept_lease>(std::move(session), std::make_unique<leased_row>(taken_),
                                         times, std::move(options.on_loss));
        return true;
    });
}

kept_checkout::~kept_checkout() = default;
kept_checkout::kept_checkout(kept_checkout&& other) noexcept = default;
kept_checkout& kept_checkout::operator=(kept_checkout&& other) noexcept = default;

kept_lease& kept_checkout::not_empty() const {
    if (!kept_) throw std::logic_error{"the checkout was given back, left, or moved from"};
    return *kept_;
}

bool kept_checkout::held() const noexcept {
    return kept_ && kept_->held();
}

std::stop_token kept_checkout::stop_token() const {
    return not_empty().stop_token();
}

void kept_checkout::use(pqxx::transaction_base& tx) const {
    not_empty();
    taken_.use(tx);
}

void kept_checkout::checkin() {
    not_empty().release();
    kept_.reset();
}

checkout kept_checkout::leave() {
    not_empty().leave();
    kept_.reset();
    return taken_;
}

std::int64_t kept_checkout::token() const noexcept {
    return kept_ ? taken_.token() : 0;
}

}  // namespace interlock
