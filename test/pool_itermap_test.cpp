// itermap and itermap_batches of a pool: results as they become ready.

#include "coroexec/itermap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

// AP-14: the original's figures, a tenth of its times.
CORO_TEST_VIRTUAL(PoolItermap, in_batches_with_a_timeout_gives_three_then_one) {
  AioPool pool(home, sized(3, one_thread()));
  const auto job = [](int n) -> awaitable<int> {
    co_await sleep_for(100ms);
    co_return n;
  };
  auto batches = pool.itermap_batches(job, std::views::iota(0, 4), IterOptions{.timeout = 150ms});
  std::vector<std::size_t> sizes;
  std::vector<int> values;
  while (auto batch = co_await batches.next()) {
    sizes.push_back(batch->size());
    for (auto& result : *batch) values.push_back(result.value());
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 1}));
  std::ranges::sort(values);
  EXPECT_EQ(values, (std::vector{0, 1, 2, 3}));
}

// AP-14: one by one, as they end and not in input order; errors are elements.
CORO_TEST_EVERYWHERE(PoolItermap, one_by_one_in_the_order_they_end) {
  AioPool pool(home, sized(4, one_thread()));
  std::vector<std::unique_ptr<Event>> gates;
  for (int i = 0; i < 4; ++i) gates.push_back(std::make_unique<Event>(home));
  const auto job = [&](int n) -> awaitable<int> {
    co_await gates[static_cast<std::size_t>(n)]->wait();
    if (n == 2) throw std::runtime_error("two");
    co_return n;
  };
  auto results = pool.itermap(job, std::views::iota(0, 4));
  for (const int n : {3, 1, 2, 0}) {
    gates[static_cast<std::size_t>(n)]->set();
    const auto result = co_await results.next();
    REQUIRE(result);
    if (n == 2) {
      EXPECT_TRUE(says(result->error(), "two"));
    } else {
      EXPECT_EQ(result->value(), n);
    }
  }
  const auto end = co_await results.next();
  EXPECT_FALSE(end);
  const auto still = co_await results.next();
  EXPECT_FALSE(still);
}

// AP-14
CORO_TEST(PoolItermap, in_batches_gives_all_at_once_unless_told_otherwise) {
  AioPool pool(home, 3);
  const auto job = [](int n) -> awaitable<int> {
    co_await this_task::yield();
    co_return n;
  };
  auto batches = pool.itermap_batches(job, std::views::iota(0, 20));
  const auto all = co_await batches.next();
  REQUIRE(all);
  EXPECT_EQ(all->size(), 20u);
  const auto end = co_await batches.next();
  EXPECT_FALSE(end);
}

// AP-14
CORO_TEST(PoolItermap, in_batches_when_the_first_is_completed) {
  AioPool pool(home, 5);
  Event early(home), late(home);
  const auto job = [&](int n) -> awaitable<int> {
    if (n < 3)
      co_await early.wait();
    else
      co_await late.wait();
    co_return n;
  };
  auto batches = pool.itermap_batches(job, std::views::iota(0, 5),
                                      IterOptions{.yield_when = ReturnWhen::first_completed});
  early.set();
  std::size_t seen = 0;
  while (seen < 3) {  // the others cannot be among them
    const auto batch = co_await batches.next();
    REQUIRE(batch && !batch->empty());
    for (auto& result : *batch) EXPECT_LT(result.value(), 3);
    seen += batch->size();
  }
  EXPECT_EQ(seen, 3u);
  late.set();
  while (const auto batch = co_await batches.next()) seen += batch->size();
  EXPECT_EQ(seen, 5u);
}

// AP-14
CORO_TEST(PoolItermap, in_batches_when_the_first_has_failed) {
  AioPool pool(home, 5);
  Event good(home), bad(home), late(home);
  int ended = 0;
  const auto job = [&](int n) -> awaitable<int> {
    if (n < 2)
      co_await good.wait();
    else if (n == 2)
      co_await bad.wait();
    else
      co_await late.wait();
    ++ended;
    if (n == 2) throw std::runtime_error("two");
    co_return n;
  };
  AioPool readers(home, 1);
  auto batches = pool.itermap_batches(job, std::views::iota(0, 4),
                                      IterOptions{.yield_when = ReturnWhen::first_exception});
  const auto read = [&]() -> awaitable<std::size_t> {
    const auto batch = co_await batches.next();
    co_return batch->size();
  };
  auto first = readers.spawn_n(read);
  co_await until([&] { return pool.active() == 4; });
  good.set();
  co_await until([&] { return ended == 2; });
  EXPECT_FALSE(first.done());
  bad.set();
  co_await first.wait();
  EXPECT_EQ(first.result(), 3u);
  late.set();
  const auto rest = co_await batches.next();  // without a failure: once all are completed
  REQUIRE(rest);
  EXPECT_EQ(rest->size(), 1u);
  const auto end = co_await batches.next();
  EXPECT_FALSE(end);
}

// AP-14: a batch that is due by time may be empty.
CORO_TEST(PoolItermap, in_batches_gives_an_empty_one_when_the_time_is_up) {
  AioPool pool(home, 2);
  Event go(home);
  const auto job = [&](int n) -> awaitable<int> {
    co_await go.wait();
    co_return n;
  };
  auto batches =
      pool.itermap_batches(job, std::views::iota(0, 2), IterOptions{.timeout = 5ms});
  const auto nothing = co_await batches.next();
  REQUIRE(nothing);
  EXPECT_TRUE(nothing->empty());
  go.set();
  std::size_t seen = 0;
  while (const auto batch = co_await batches.next()) seen += batch->size();
  EXPECT_EQ(seen, 2u);
}

// AP-14: flat with yield-when-all-completed holds the first back until all are there.
CORO_TEST(PoolItermap, one_by_one_once_all_are_completed) {
  AioPool pool(home, 2);
  AioPool readers(home, 1);
  Event last(home);
  const auto job = [&](int n) -> awaitable<int> {
    if (n == 4) co_await last.wait();
    co_return n;
  };
  auto results = pool.itermap(job, std::views::iota(0, 5),
                              IterOptions{.yield_when = ReturnWhen::all_completed});
  const auto read = [&]() -> awaitable<bool> {
    const auto result = co_await results.next();
    co_return result.has_value();
  };
  auto first = readers.spawn_n(read);
  co_await until([&] { return pool.executed() == 4; });
  EXPECT_FALSE(first.done());
  last.set();
  co_await first.wait();
  EXPECT_TRUE(first.result());
  int more = 0;
  while (const auto result = co_await results.next()) ++more;
  EXPECT_EQ(more, 4);
}

// The pool's own bound holds for streams, and others may use it meanwhile.
CORO_TEST_EVERYWHERE(PoolItermap, shares_the_pools_slots_with_other_jobs) {
  AioPool pool(home, sized(3, one_thread()));
  Activity activity;
  const auto job = [&](int n) -> awaitable<int> {
    const auto stay = activity.enter();
    co_await this_task::yield();
    co_return n;
  };
  auto one = pool.itermap(job, std::views::iota(0, 50));
  auto two = pool.itermap(job, std::views::iota(0, 50));
  int sum = 0;
  for (int i = 0; i < 50; ++i) {
    const auto a = co_await one.next();
    const auto b = co_await two.next();
    REQUIRE(a && b);
    sum += a->value() + b->value();
    pool.spawn_n([&] { return job(0); });
  }
  co_await pool.join();
  EXPECT_EQ(sum, 2 * 49 * 50 / 2);
  EXPECT_LE(activity.peak(), 3);
  EXPECT_EQ(activity.entered(), 150);
}

// The reader's pace bounds what is in hand: the slots and 1024 more.
CORO_TEST(PoolItermap, reads_a_bounded_number_ahead) {
  AioPool pool(home, 3);
  int read = 0;
  auto endless = std::views::iota(0) | std::views::transform([&](int n) { return ++read, n; });
  const auto job = [](int n) -> awaitable<int> { co_return n; };
  auto results = pool.itermap(job, endless);
  for (int i = 0; i < 10; ++i) {
    const auto result = co_await results.next();
    REQUIRE(result);
  }
  co_await pool.join();
  EXPECT_LE(read, 1024 + 3 + 10);
  co_await results.aclose();
}

// A range that throws surfaces at the reader, once everything in flight has been joined.
CORO_TEST_EVERYWHERE(PoolItermap, over_a_range_that_throws_joins_and_rethrows) {
  AioPool pool(home, sized(4, one_thread()));
  Event never(home);
  Activity activity;
  const auto job = [&](int n) -> awaitable<int> {
    const auto stay = activity.enter();
    co_await never.wait();
    co_return n;
  };
  auto range = std::views::iota(0, 8) | std::views::transform([](int n) {
                 if (n == 3) throw std::runtime_error("the range is broken");
                 return n;
               });
  auto results = pool.itermap(job, range);
  const auto error = co_await error_of(results.next());
  EXPECT_TRUE(says(error, "the range is broken"));
  EXPECT_EQ(activity.now(), 0);
  const auto end = co_await results.next();
  EXPECT_FALSE(end);
  auto batches = pool.itermap_batches(job, range);
  const auto again = co_await error_of(batches.next());
  EXPECT_TRUE(says(again, "the range is broken"));
  EXPECT_TRUE(pool.is_empty());
}

}  // namespace
}  // namespace coroexec::test
