#include "interlock/error.hpp"

#include <gtest/gtest.h>

#include <pqxx/pqxx>
#include <type_traits>

#include "interlock/bridge.hpp"
#include "interlock/version.hpp"

namespace {

using namespace interlock;

template <class Exception>
std::exception_ptr pointer(Exception e) {
    return std::make_exception_ptr(std::move(e));
}

// The type and code that a server error becomes.
template <class Expected>
void expect_type(std::string_view sqlstate) {
    auto theirs = pointer(pqxx::sql_error{"ERROR:  it failed\n", "SELECT 1", sqlstate.data()});
    try {
        std::rethrow_exception(translate(theirs));
    } catch (const Expected& e) {
        EXPECT_EQ(typeid(e), typeid(Expected)) << sqlstate;
        EXPECT_EQ(e.sqlstate(), sqlstate);
        EXPECT_STREQ(e.what(), "ERROR:  it failed");
    } catch (const std::exception& e) {
        FAIL() << sqlstate << " became " << typeid(e).name();
    }
}

TEST(Error, EachConditionHasItsType) {
    // Proves that every SQLSTATE in the table of error.hpp becomes the type beside it.
    expect_type<stale_version>("IL001");
    expect_type<row_missing>("IL002");
    expect_type<merge_conflict>("IL003");
    expect_type<write_rejected>("IL004");
    expect_type<version_required>("IL005");
    expect_type<row_exists>("IL006");
    expect_type<lease_held>("IL010");
    expect_type<lease_lost>("IL011");
    expect_type<claim_lost>("IL020");
    expect_type<serialization_failure>("40001");
    expect_type<deadlock_detected>("40P01");
    expect_type<lock_not_available>("55P03");
    expect_type<query_canceled>("57014");
    expect_type<read_only_transaction>("25006");
    expect_type<in_doubt>("08007");
    expect_type<in_doubt>("40003");
}

// What a server error with this DETAIL becomes.
template <class Expected>
Expected with_detail(const char* sqlstate, const std::string& message) {
    try {
        std::rethrow_exception(translate(pointer(pqxx::sql_error{message, "", sqlstate})));
    } catch (const Expected& e) {
        return e;
    }
}

TEST(Error, ReadsTheDetailOfTheServer) {
    // Proves that table, key, versions, namespace and pids are read from the DETAIL of the server's
    // own errors, wherever it stands, and that no key in the message is taken for it.
    auto stale = with_detail<stale_version>(
        "IL001",
        "ERROR:  row (id)=(1) of table \"accounts\" is at version 8, not 7\n"
        "DETAIL:  {\"condition\": \"stale_version\", \"schema\": \"public\", \"table\": "
        "\"accounts\", \"key\": {\"id\": 1}, \"expected\": 7, \"current\": 8}\n"
        "HINT:  Read the row again.\n");
    EXPECT_EQ(stale.table(), "accounts");
    EXPECT_EQ(stale.key(), R"({"id": 1})");
    EXPECT_EQ(stale.expected(), 7);
    EXPECT_EQ(stale.current_version(), 8);
    auto lock = with_detail<lock_not_available>(
        "55P03",
        "FEHLER:  lock \"{\"condition\": \"x\", \"key\": 1}\"\n"
        "DETALLE:  {\"condition\": \"lock_not_available\", \"namespace\": \"a \\\"b\\\"\", "
        "\"key\": \"two\\nlines\", \"mode\": \"share\", \"blocking_pids\": [0, 12, 345]}\n");
    EXPECT_EQ(lock.lock_namespace(), "a \"b\"");
    EXPECT_EQ(lock.key(), "two\nlines");
    EXPECT_EQ(lock.blocking_pids(), (std::vector{0, 12, 345}));
    EXPECT_EQ(lock.table(), "");
    auto copy = lock;
    EXPECT_EQ(copy.key(), lock.key());
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<lock_not_available>);
}

TEST(Error, ReadsTheDetailOfALease) {
    // Proves the same of leases: holder, session in the way, and token.
    auto held = with_detail<lease_held>(
        "IL010",
        "ERROR:  lease 7 of namespace \"cron\" is held by \"Ann\" until 2026-01-01 00:00:00+00\n"
        "DETAIL:  {\"condition\": \"lease_held\", \"namespace\": \"cron\", \"key\": 7, \"holder\": "
        "\"Ann\", \"expires_at\": \"2026-01-01 00:00:00+00\", \"blocking_pid\": 12}\n");
    EXPECT_EQ(held.lock_namespace(), "cron");
    EXPECT_EQ(held.key(), "7");
    EXPECT_EQ(held.holder(), "Ann");
    EXPECT_EQ(held.blocking_pid(), 12);
    EXPECT_EQ(held.expires_at(), std::chrono::sys_days{std::chrono::year{2026} / 1 / 1});
    auto lost = with_detail<lease_lost>(
        "IL011",
        "ERROR:  token 17 is no longer the one of lease \"a\" of namespace \"cron\"\n"
        "DETAIL:  {\"condition\": \"lease_lost\", \"namespace\": \"cron\", \"key\": \"a\", "
        "\"token\": 17}\n");
    auto copy = lost;
    EXPECT_EQ(copy.key(), "a");
    EXPECT_EQ(copy.token(), 17);
    EXPECT_EQ(copy.reason(), lease_loss::superseded);
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<lease_held>);
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<lease_lost>);
}

TEST(Error, ReadsTheDetailOfACheckout) {
    // Proves the same of checkouts: table, key and note.
    auto held = with_detail<lease_held>(
        "IL010",
        "ERROR:  row (id)=(7) of table \"documents\" is checked out by \"Ann\" until 2026-…\n"
        "DETAIL:  {\"condition\": \"lease_held\", \"schema\": \"public\", \"table\": "
        "\"documents\", \"key\": {\"id\": 7}, \"holder\": \"Ann\", \"expires_at\": "
        "\"2026-01-01 00:00:00+00\", \"note\": \"the \\\"last\\\" draft\"}\n");
    EXPECT_EQ(held.table(), "documents");
    EXPECT_EQ(held.key(), R"({"id": 7})");
    EXPECT_EQ(held.holder(), "Ann");
    EXPECT_EQ(held.note(), "the \"last\" draft");
    EXPECT_FALSE(held.blocking_pid());
    EXPECT_EQ(held.lock_namespace(), "");
    auto lost = with_detail<lease_lost>(
        "IL011",
        "ERROR:  token 17 is no longer the one of the checkout of row (id)=(7)\n"
        "DETAIL:  {\"condition\": \"lease_lost\", \"schema\": \"public\", \"table\": "
        "\"documents\", \"key\": {\"id\": 7}, \"token\": 17}\n");
    EXPECT_EQ(lost.table(), "documents");
    EXPECT_EQ(lost.key(), R"({"id": 7})");
    EXPECT_EQ(lost.token(), 17);
}

TEST(Error, ReadsTimesOfAnyZone) {
    // Proves that an expiry is the same time in whichever zone the server wrote it, to the
    // microsecond, and nothing where it is none.
    auto expiry = [](const std::string& text) {
        return with_detail<lease_held>(
                   "IL010",
                   "m\nDETAIL:  {\"condition\": \"lease_held\", \"expires_at\": \"" + text + "\"}")
            .expires_at();
    };
    using namespace std::chrono;
    auto noon = sys_days{year{2026} / 2 / 28} + 12h;
    EXPECT_EQ(expiry("2026-02-28 12:00:00+00"), noon);
    EXPECT_EQ(expiry("2026-02-28 17:45:00+05:45"), noon);
    EXPECT_EQ(expiry("2026-02-28 08:30:00-03:30"), noon);
    EXPECT_EQ(expiry("2026-03-01 00:00:30+12:00:30"), noon);
    EXPECT_EQ(expiry("2026-02-28 12:00:00.5+00"), noon + 500ms);
    EXPECT_EQ(expiry("2026-02-28 12:00:00.000007+00"), noon + 7us);
    for (auto text : {"", "infinity", "2026-02-28", "2026-02-30 12:00:00+00", "2026-02-28 12:00:00",
                      "2026-02-28 12:00:00+00 BC", "2026-02-28T12:00:00Z",
                      "28.02.2026 12:00:00 CET", "99999999999-01-01 00:00:00+00"})
        EXPECT_FALSE(expiry(text)) << text;
}

TEST(Error, ClaimLostTellsWhoseTheRowIs) {
    auto lost = with_detail<claim_lost>(
        "IL020",
        "claim 17 of row (id)=(1) of table \"jobs\" is lost to \"worker-2\"\n"
        "DETAIL:  {\"condition\": \"claim_lost\", \"schema\": \"public\", \"table\": \"jobs\", "
        "\"key\": {\"id\": 1}, \"token\": 17, \"claimed_by\": \"worker-2\", "
        "\"claimed_until\": \"2026-01-01 00:00:00+00\"}\n");
    EXPECT_EQ(lost.table(), "jobs");
    EXPECT_EQ(lost.key(), "{\"id\": 1}");
    EXPECT_EQ(lost.token(), 17);
    EXPECT_EQ(lost.worker(), "worker-2");
    EXPECT_EQ(lost.claimed_until(), std::chrono::sys_days{std::chrono::year{2026} / 1 / 1});
    EXPECT_FALSE(lost.finished_at() || lost.dead_at() || lost.missing());
    EXPECT_TRUE(with_detail<claim_lost>("IL020",
                                        "m\nDETAIL:  {\"condition\": \"claim_lost\", "
                                        "\"missing\": true}")
                    .missing());
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<claim_lost>);
}

TEST(Error, DoesWithoutTheDetail) {
    // Proves that a message without DETAIL, or with one that is none of ours or is cut off, tells
    // nothing and breaks nothing.
    for (auto text : {"ERROR:  canceling statement due to lock timeout\n", "",
                      "DETAIL:  {\"condition\": \"", "DETAIL:  {\"condition\": \"x\", \"key\": ",
                      "DETAIL:  {\"condition\": \"x\", \"blocking_pids\": [", "{}"}) {
        auto e = with_detail<lock_not_available>("55P03", text);
        EXPECT_EQ(e.lock_namespace(), "") << text;
        EXPECT_EQ(e.key(), "") << text;
        EXPECT_TRUE(e.blocking_pids().empty()) << text;
    }
}

TEST(Error, ALostLockSaysWhich) {
    // Proves that lock_lost has reason, namespace and key, also as a copy.
    lock_lost original{"08006", "m", lock_loss::session_ended, {"jobs", {}, "report", {}}};
    auto copy = original;
    EXPECT_EQ(copy.reason(), lock_loss::session_ended);
    EXPECT_EQ(copy.lock_namespace(), "jobs");
    EXPECT_EQ(copy.key(), "report");
    EXPECT_EQ(copy.sqlstate(), "08006");
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<lock_lost>);
}

TEST(Error, AnEndedSessionIsAConnectionLost) {
    // Proves that each code with which a server ends a session is connection_lost, code kept.
    for (auto code : {"57P01", "57P02", "57P05", "25P03", "25P04", "08006", "08003"})
        expect_type<connection_lost>(code);
}

TEST(Error, ALostSessionSaysSo) {
    // Proves that what libpqxx 6.4 complains of after the session broke is not passed off as the
    // cause, and that other messages stay.
    EXPECT_EQ(bridge::message(pqxx::broken_connection{"connection refused"}), "connection refused");
#if PQXX_VERSION_MAJOR < 7
    for (auto text : {"Could not obtain client encoding: not connected.",
                      "Could not reactivate connection; reactivation is inhibited"})
        EXPECT_EQ(bridge::message(pqxx::broken_connection{text}),
                  "the session is gone: the server ended it, or the connection broke");
#endif
}

TEST(Error, LibpqxxsOwnTypesAreUnderstood) {
    // Proves that the exceptions of libpqxx that carry no SQLSTATE on some releases are read by
    // type.
    EXPECT_EQ(sqlstate_of(pqxx::insufficient_privilege{"x"}), "42501");
    EXPECT_EQ(sqlstate_of(pqxx::too_many_connections{"x"}), "53300");
    EXPECT_EQ(sqlstate_of(pqxx::in_doubt_error{"x"}), "08007");
    EXPECT_EQ(sqlstate_of(pqxx::broken_connection{"x"}), "08006");
    EXPECT_EQ(sqlstate_of(pqxx::usage_error{"x"}), "");
    EXPECT_EQ(sqlstate_of(std::runtime_error{"x"}), "");
}

TEST(Error, TheRestStaysAsItWas) {
    // Proves that what has no type of ours comes back as the very same exception.
    auto theirs = pointer(pqxx::unique_violation{"x", "", "23505"});
    EXPECT_EQ(translate(theirs), theirs);
    auto users = pointer(std::domain_error{"x"});
    EXPECT_EQ(translate(users), users);
    auto number = pointer(7);
    EXPECT_EQ(translate(number), number);
    auto ours = pointer(stale_version{"x"});
    EXPECT_EQ(translate(ours), ours);
    EXPECT_EQ(translate(nullptr), nullptr);
}

TEST(Error, CarriesTheDetails) {
    // Proves that a write error hands on table, key, versions, row and conflicts, also as a copy.
    stale_version original{"m", {"accounts", "7", 3, 5, R"({"id": 7})", R"({"name": {}})"}};
    auto copy = original;
    EXPECT_EQ(copy.table(), "accounts");
    EXPECT_EQ(copy.key(), "7");
    EXPECT_EQ(copy.expected(), 3);
    EXPECT_EQ(copy.current_version(), 5);
    EXPECT_EQ(copy.current(), R"({"id": 7})");
    EXPECT_EQ(copy.conflicts(), R"({"name": {}})");
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<stale_version>);
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<retries_exhausted>);
}

TEST(Error, NamesTheContestedColumns) {
    // Proves that the members of a conflicts report are found by name, whatever their names and
    // values hold, and that what is no JSON object is no trouble.
    auto columns = [](const char* json) { return contested_columns(std::string{json}); };
    using names = std::vector<std::string>;
    EXPECT_EQ(contested_columns({}), names{});
    EXPECT_EQ(columns("{}"), names{});
    EXPECT_EQ(columns(R"({"a": {"mine": 1, "theirs": [2, {"x": "},{"}]}, "b": null})"),
              (names{"a", "b"}));
    EXPECT_EQ(columns(" {\n\t\"a\" : -1.5e3 ,\"b\":\"\\\"\",\"c\":true } "),
              (names{"a", "b", "c"}));
    EXPECT_EQ(columns(R"({"it's \"q\" \\ \/ \b\f\n\r\t": 1})"),
              names{"it's \"q\" \\ / \b\f\n\r\t"});
    EXPECT_EQ(columns(R"({"\u0041\u010D\u20ac\ud83d\ude00čaj": 1})"),
              names{"A\u010d\u20ac\U0001f600čaj"});
    for (auto text : {"", "[]", "null", "7", "{", "{\"", "{\"a", "{\"a\\", "{\"\\u00", "{a: 1}"})
        EXPECT_EQ(columns(text), names{}) << text;
    for (auto text :
         {"{\"a\":", "{\"a\": [", "{\"a\": \"", "{\"a\": 1", "{\"a\": 1,", "{\"a\": ]]"})
        EXPECT_EQ(columns(text), names{"a"}) << text;
    write_details details{.table = "t", .conflicts = R"({"a": {}, "b": {}})"};
    EXPECT_EQ(merge_conflict("m", details).columns(), (names{"a", "b"}));
    EXPECT_EQ(row_missing("m").columns(), names{});
}

TEST(Error, ABatchHasTheCodeOfItsRows) {
    // Proves that a refused batch is stale if any row is, else missing, else rejected; that it
    // counts them in its message, and that a copy still lists them.
    batch_refused all{"t", 9, {.stale = {{}, {}}, .missing = {{"t", "1"}}, .rejected = {{}}}};
    auto copy = all;
    EXPECT_EQ(copy.sqlstate(), "IL001");
    EXPECT_STREQ(copy.what(),
                 "4 of 9 rows of table \"t\" cannot be updated: 2 stale, 1 missing, 1 rejected");
    EXPECT_EQ(copy.table(), "t");
    EXPECT_EQ(copy.stale().size(), 2u);
    EXPECT_EQ(copy.missing().at(0).key, "1");
    EXPECT_EQ(copy.rejected().size(), 1u);
    EXPECT_EQ(copy.rows(), 9u);
    EXPECT_EQ((batch_refused{"t", 2, {.missing = {{}}, .rejected = {{}}}}.sqlstate()), "IL002");
    EXPECT_EQ((batch_refused{"t", 1, {.rejected = {{}}}}.sqlstate()), "IL004");
    EXPECT_TRUE(std::is_nothrow_copy_constructible_v<batch_refused>);
}

TEST(Error, SqlstateKeepsItsLength) {
    // Proves that a code that is too long is cut, and none is empty.
    EXPECT_EQ((error{"123456", "m"}).sqlstate(), "12345");
    EXPECT_EQ((error{"", "m"}).sqlstate(), "");
}

TEST(Version, LibraryAndHeadersAgree) {
    // Proves that the linked library is the one of these headers.
    auto text = std::to_string(INTERLOCK_VERSION_MAJOR) + "." +
                std::to_string(INTERLOCK_VERSION_MINOR) + "." +
                std::to_string(INTERLOCK_VERSION_PATCH);
    EXPECT_EQ(library_version(), text);
}

}  // namespace
