// inflate: for each item its several awaitables, and the item when all of them are ready.

#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/concurrent.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {

struct InflatedPage {
  explicit InflatedPage(int number) : id(number) {}
  int id;
  int text = 0, image = 0;
};

namespace {

using Parts = std::vector<awaitable<void>>;
using Page = InflatedPage;

// CC-11+
CORO_TEST_EVERYWHERE(Inflate, gives_an_item_once_all_its_parts_are_ready) {
  std::vector<std::unique_ptr<Event>> gates;
  for (int i = 0; i < 6; ++i) gates.push_back(std::make_unique<Event>(home));
  Activity activity;
  const auto part = [&](int n) -> awaitable<void> {
    const auto stay = activity.enter();
    co_await gates[static_cast<std::size_t>(n)]->wait();
  };
  const auto parts_of = [&](const int& item) {
    Parts parts;
    parts.push_back(part(2 * item));
    parts.push_back(part(2 * item + 1));
    return parts;
  };
  const std::vector input = {0, 1, 2};
  auto items = inflate(input, parts_of,
                       {.threading = one_thread() ? Threading::single : Threading::multi});
  AioPool readers(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  const auto read = [&]() -> awaitable<std::optional<int>> { return items.next(); };
  auto first = readers.spawn_n(read);
  co_await until([&] { return activity.now() == 6; });  // all parts of all items at once
  gates[0]->set();
  gates[2]->set();
  gates[4]->set();
  co_await until([&] { return activity.now() == 3; });
  EXPECT_FALSE(first.done());
  gates[5]->set();
  co_await first.wait();
  EXPECT_EQ(first.result(), 2);
  gates[1]->set();
  const auto second = co_await items.next();
  EXPECT_EQ(second, 0);
  gates[3]->set();
  const auto third = co_await items.next();
  EXPECT_EQ(third, 1);
  const auto end = co_await items.next();
  EXPECT_EQ(end, std::nullopt);
}

// CC-11+: what the parts give goes where the caller wants it; results are in the item.
CORO_TEST(Inflate, lets_the_parts_fill_the_item) {
  const auto fill = [](int& target, int value) -> awaitable<void> {
    co_await this_task::yield();
    target = value;
  };
  std::vector<std::shared_ptr<Page>> pages;
  for (int i = 1; i <= 4; ++i) pages.push_back(std::make_shared<Page>(i));
  const auto parts_of = [&](const std::shared_ptr<Page>& page) {
    Parts parts;
    parts.push_back(fill(page->text, page->id * 10));
    parts.push_back(fill(page->image, page->id * 100));
    return parts;
  };
  auto filled = inflate(pages, parts_of, {.limit = 2});
  int seen = 0;
  while (auto page = co_await filled.next()) {
    ++seen;
    EXPECT_EQ((*page)->text, (*page)->id * 10);
    EXPECT_EQ((*page)->image, (*page)->id * 100);
  }
  EXPECT_EQ(seen, 4);
}

// CC-11+: the limit counts items.
CORO_TEST_EVERYWHERE(Inflate, works_on_at_most_limit_items_at_once) {
  Activity activity;
  const auto part = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await this_task::yield();
  };
  const auto parts_of = [&](const MoveOnly&) {
    Parts parts;
    for (int i = 0; i < 3; ++i) parts.push_back(part());
    return parts;
  };
  std::vector<MoveOnly> input;
  for (int i = 0; i < 20; ++i) input.emplace_back(i);
  auto items =
      inflate(std::move(input), parts_of,
              {.limit = 2, .threading = one_thread() ? Threading::single : Threading::multi});
  const auto all = co_await std::move(items).collect();
  EXPECT_EQ(all.size(), 20u);
  EXPECT_LE(activity.peak(), 6);
  EXPECT_EQ(activity.entered(), 60);
}

// CC-11+: an item without parts is ready at once.
CORO_TEST(Inflate, of_an_item_without_parts) {
  const auto parts_of = [](const int&) { return Parts(); };
  const std::vector seven = {7};
  const auto all = co_await inflate(seven, parts_of).collect();
  EXPECT_EQ(all, seven);
}

// CC-11+: an error of one part cancels the item's others and comes as in concurrent.
CORO_TEST_EVERYWHERE(Inflate, raises_the_error_of_a_part_once_the_others_are_joined) {
  Event never(home);
  Activity activity;
  const auto waits = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await never.wait();
  };
  const auto fails = [&]() -> awaitable<void> {
    co_await until([&] { return activity.now() >= 1; });
    throw std::runtime_error("no such part");
  };
  const auto parts_of = [&](const int&) {
    Parts parts;
    parts.push_back(waits());
    parts.push_back(fails());
    return parts;
  };
  const std::vector input = {1, 2, 3};
  auto items = inflate(input, parts_of,
                       {.limit = 2, .threading = one_thread() ? Threading::single : Threading::multi});
  const auto error = co_await error_of(items.next());
  EXPECT_EQ(activity.now(), 0);
  try {
    REQUIRE(error);
    std::rethrow_exception(error);
  } catch (const ConcurrentExecutionError& wrapped) {
    EXPECT_TRUE(says(wrapped.cause(), "no such part"));
  } catch (...) {
    ADD_FAILURE() << what(error);
  }
}

// CC-11+: fn itself may throw: then the item is what is wrong, and that ends the stream.
CORO_TEST(Inflate, raises_the_error_of_a_function_that_throws) {
  const auto parts_of = [](const int& item) -> Parts {
    throw std::runtime_error("item " + std::to_string(item));
  };
  const std::vector input = {4};
  auto items = inflate(input, parts_of);
  const auto error = co_await error_of(items.next());
  REQUIRE(error);
  EXPECT_NE(what(error).find("item 4"), std::string::npos) << what(error);
  const auto end = co_await items.next();
  EXPECT_EQ(end, std::nullopt);
}

// CC-11+: from an asynchronous source.
CORO_TEST(Inflate, takes_an_asynchronous_source) {
  const auto body = [](Yield<int> yield) -> awaitable<void> {
    for (int i = 0; i < 5; ++i) co_await yield(i);
  };
  const auto part = []() -> awaitable<int> {
    co_await this_task::yield();
    co_return 1;  // of any type: the item is what comes out
  };
  const auto parts_of = [&](const int&) {
    std::vector<awaitable<int>> parts;
    parts.push_back(part());
    return parts;
  };
  auto all = co_await inflate(generate<int>(body), parts_of, {.limit = 2}).collect();
  std::ranges::sort(all);
  EXPECT_EQ(all, (std::vector{0, 1, 2, 3, 4}));
}

}  // namespace
}  // namespace coroexec::test
