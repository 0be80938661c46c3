// Many deadlines, one timer, by plain calls: the heap is told the time.
#include "coroexec/detail/deadline_heap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <set>
#include <vector>

namespace coroexec::detail {
namespace {

using namespace std::chrono_literals;

struct Item {
  std::uint32_t heap_index = no_deadline;
};
using Heap = DeadlineHeap<Item>;
using Time = Heap::Time;

constexpr Time noon{1000h};

TEST(DeadlineHeap, an_empty_one_is_never_due) {
  Heap heap;
  EXPECT_TRUE(heap.empty());
  EXPECT_EQ(heap.next(), Heap::never);
  EXPECT_EQ(heap.pop_due(Time::max()), nullptr);
}

TEST(DeadlineHeap, gives_what_is_due_in_the_order_of_time) {
  Heap heap;
  Item late, early, middle;
  heap.add(late, noon + 3s);
  heap.add(early, noon + 1s);
  heap.add(middle, noon + 2s);
  EXPECT_EQ(heap.next(), noon + 1s);

  EXPECT_EQ(heap.pop_due(noon), nullptr);
  EXPECT_EQ(heap.pop_due(noon + 2s), &early);
  EXPECT_EQ(heap.pop_due(noon + 2s), &middle) << "due at its very time";
  EXPECT_EQ(heap.pop_due(noon + 2s), nullptr);
  EXPECT_EQ(heap.next(), noon + 3s);
  EXPECT_EQ(heap.pop_due(noon + 3s), &late);
  EXPECT_TRUE(heap.empty());
}

TEST(DeadlineHeap, one_that_was_removed_is_never_due) {
  Heap heap;
  Item kept, removed;
  heap.add(removed, noon);
  heap.add(kept, noon + 1s);
  heap.remove(removed);
  EXPECT_EQ(removed.heap_index, no_deadline);
  EXPECT_EQ(heap.next(), noon + 1s);
  EXPECT_EQ(heap.pop_due(noon + 1h), &kept);
  EXPECT_EQ(heap.pop_due(noon + 1h), nullptr);
}

TEST(DeadlineHeap, removing_what_is_in_no_heap_does_nothing) {
  Heap heap;
  Item inside, outside;
  heap.add(inside, noon);
  heap.remove(outside);
  EXPECT_EQ(heap.pop_due(noon), &inside);
  heap.remove(inside);
  EXPECT_TRUE(heap.empty());
}

TEST(DeadlineHeap, one_that_is_out_may_come_in_again) {
  Heap heap;
  Item item;
  heap.add(item, noon);
  heap.remove(item);
  heap.add(item, noon + 5s);
  EXPECT_EQ(heap.next(), noon + 5s);
}

// Against a sorted set that does the same slowly.
TEST(DeadlineHeap, agrees_with_a_sorted_set) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Heap heap;
    std::vector<Item> items(60);
    std::set<std::pair<Time, Item*>> expected;
    std::vector<Time> times(items.size());
    heap.reserve(items.size());
    Time now = noon;
    for (int step = 0; step < 2000; ++step) {
      const std::size_t which = random() % items.size();
      Item& item = items[which];
      const bool inside = item.heap_index != no_deadline;
      ASSERT_EQ(inside, expected.count({times[which], &item}) == 1);
      if (random() % 4 == 0) {
        now += std::chrono::milliseconds(random() % 20);
        while (Item* due = heap.pop_due(now)) {
          ASSERT_EQ(due->heap_index, no_deadline);
          const Time time = times[static_cast<std::size_t>(due - items.data())];
          ASSERT_EQ(time, expected.begin()->first) << "not the earliest";
          ASSERT_EQ(expected.erase({time, due}), 1u);
        }
        if (!expected.empty()) {
          ASSERT_GT(expected.begin()->first, now) << "one was forgotten";
        }
      } else if (inside) {
        heap.remove(item);
        expected.erase({times[which], &item});
      } else {
        times[which] = now + std::chrono::milliseconds(random() % 50);  // some at the same time
        heap.add(item, times[which]);
        expected.insert({times[which], &item});
      }
      ASSERT_EQ(heap.empty(), expected.empty());
      ASSERT_EQ(heap.next(), expected.empty() ? Heap::never : expected.begin()->first);
    }
  }
}

}  // namespace
}  // namespace coroexec::detail
