// Which line may start under --per-host.
#include "host_slots.hpp"

#include <gtest/gtest.h>

namespace fetch {
namespace {

using Slots = HostSlots<int>;

TEST(HostSlots, WithoutALimitEverythingStarts) {
  Slots slots(0, 0);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(slots.admit("a", i), i);
  slots.release("a");
  EXPECT_TRUE(slots.empty());
}

TEST(HostSlots, OneHostsLinesWaitAndAnothersDoNot) {
  Slots slots(2, 10);
  EXPECT_EQ(slots.admit("a", 1), 1);
  EXPECT_EQ(slots.admit("a", 2), 2);
  EXPECT_EQ(slots.admit("a", 3), std::nullopt);
  EXPECT_EQ(slots.admit("a", 4), std::nullopt);
  EXPECT_EQ(slots.admit("b", 5), 5);
  EXPECT_EQ(slots.take_ready(), std::nullopt);
  slots.release("b");
  EXPECT_EQ(slots.take_ready(), std::nullopt) << "b's slot is not a's";
  slots.release("a");
  slots.release("a");
  EXPECT_EQ(slots.take_ready(), 3) << "in the order they came";
  EXPECT_EQ(slots.take_ready(), 4);
  EXPECT_EQ(slots.take_ready(), std::nullopt);
  EXPECT_TRUE(slots.empty());
}

TEST(HostSlots, AReleasedSlotGoesToTheParkedLineNotToALaterOne) {
  Slots slots(1, 10);
  EXPECT_EQ(slots.admit("a", 1), 1);
  EXPECT_EQ(slots.admit("a", 2), std::nullopt);
  slots.release("a");
  EXPECT_EQ(slots.admit("a", 3), std::nullopt) << "the slot is promised to 2";
  EXPECT_EQ(slots.take_ready(), 2);
  slots.release("a");
  EXPECT_EQ(slots.take_ready(), 3);
}

TEST(HostSlots, ParkedLinesAreBounded) {
  Slots slots(1, 2);
  EXPECT_EQ(slots.admit("a", 1), 1);
  EXPECT_TRUE(slots.has_room());
  slots.admit("a", 2);
  slots.admit("a", 3);
  EXPECT_FALSE(slots.has_room());
  slots.release("a");
  EXPECT_FALSE(slots.has_room()) << "it is still here";
  slots.take_ready();
  EXPECT_TRUE(slots.has_room());
}

}  // namespace
}  // namespace fetch
