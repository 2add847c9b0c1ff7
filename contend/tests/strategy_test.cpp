// The table of strategies.

#include "strategy.hpp"

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace contend;

TEST(Strategies, AreFoundByTheirNames) {
    std::set<std::string_view> names;
    for (const auto& strategy : all_strategies()) {
        EXPECT_TRUE(names.insert(strategy.name).second) << strategy.name << " is there twice";
        EXPECT_EQ(find_strategy(strategy.name), &strategy);
    }
    EXPECT_EQ(find_strategy("hope"), nullptr);
    EXPECT_EQ(find_strategy(""), nullptr);
}

// The story of the demo: first the loss, then interlock.
TEST(Strategies, LeadWithTheLoss) {
    ASSERT_GE(all_strategies().size(), 2u);
    EXPECT_EQ(all_strategies()[0].name, "read-then-update");
    EXPECT_FALSE(all_strategies()[0].loses_nothing);
    EXPECT_EQ(all_strategies()[1].name, "versioned_update");
    EXPECT_TRUE(all_strategies()[1].loses_nothing);
}

}  // namespace
