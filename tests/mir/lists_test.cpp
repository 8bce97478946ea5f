// Lists: what was added to each, in its order, with empty ones between.
#include "mir/base/lists.h"

#include <gtest/gtest.h>

#include <string>

namespace shrike {
namespace {

TEST(Lists, HoldWhatWasAddedInItsOrder) {
  const Lists<std::string> lists(4, [](auto&& add) {
    add(3, "a");
    add(1, "b");
    add(3, "c");
    add(3, "d");
  });
  auto text = [&](size_t list) {
    std::string all;
    for (const std::string& item : lists[list]) all += item;
    return all;
  };
  EXPECT_EQ(text(0), "");
  EXPECT_EQ(text(1), "b");
  EXPECT_EQ(text(2), "");
  EXPECT_EQ(text(3), "acd");
}

TEST(Lists, MayBeEmptyAltogether) {
  const Lists<int> lists(2, [](auto&&) {});
  EXPECT_TRUE(lists[0].empty());
  EXPECT_TRUE(lists[1].empty());
}

}  // namespace
}  // namespace shrike
