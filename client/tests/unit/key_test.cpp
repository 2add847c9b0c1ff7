#include "interlock/key.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace {

using interlock::key;

TEST(Key, TakesEveryInteger) {
    // Proves that integers of every width and sign become their decimal text.
    EXPECT_EQ(key{7}.text(), "7");
    EXPECT_EQ(key{std::numeric_limits<std::int64_t>::min()}.text(), "-9223372036854775808");
    EXPECT_EQ(key{std::numeric_limits<std::uint64_t>::max()}.text(), "18446744073709551615");
    EXPECT_EQ(key{std::int8_t{-3}}.text(), "-3");
    EXPECT_FALSE(key{7}.composite());
}

TEST(Key, RefusesWhatIsNoNumber) {
    // Proves that bool and char do not silently turn into numbers.
    EXPECT_FALSE((std::is_constructible_v<key, bool>));
    EXPECT_FALSE((std::is_constructible_v<key, char>));
    EXPECT_FALSE((std::is_constructible_v<key, double>));
}

TEST(Key, TakesTextAsItIs) {
    // Proves that text is kept as it is, quotes and all: it is a parameter, not SQL.
    EXPECT_EQ(key{"it's \"7\"; DROP"}.text(), "it's \"7\"; DROP");
    EXPECT_EQ(key{std::string{"a"}}.text(), "a");
    EXPECT_EQ((key{std::string_view{"ab", 1}}.text()), "a");
    EXPECT_FALSE(key{"{\"a\": 1}"}.composite());
}

TEST(Key, RefusesZeroBytes) {
    // Proves that a text that libpq would cut off, and so name another row with, is refused.
    EXPECT_THROW((key{std::string{"a\0b", 3}}), std::invalid_argument);
    EXPECT_THROW((key{static_cast<const char*>(nullptr)}), std::invalid_argument);
    EXPECT_THROW(((void)key::columns({{"a", std::string_view{"\0", 1}}})), std::invalid_argument);
    EXPECT_THROW(((void)key::columns({{std::string_view{"\0", 1}, 1}})), std::invalid_argument);
}

TEST(Key, ComposesColumns) {
    // Proves that a composite key is a JSON object of the given columns.
    auto k = key::columns({{"order_id", 7}, {"line", "two"}});
    EXPECT_EQ(k.text(), R"({"order_id": 7, "line": "two"})");
    EXPECT_TRUE(k.composite());
    EXPECT_TRUE(key::json(R"({"a": 1})").composite());
    EXPECT_THROW((void)key::columns({}), std::invalid_argument);
}

TEST(Key, EscapesJson) {
    // Proves that names and values cannot break out of the JSON text.
    auto k = key::columns({{"a\"b", "back\\slash \"quote\"\nline\x01"}});
    EXPECT_EQ(k.text(), R"({"a\"b": "back\\slash \"quote\"\u000aline\u0001"})");
}

}  // namespace
