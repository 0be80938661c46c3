// map and map_n of a pool: one function over a range, all results in input order.

#include "coroexec/aio_pool.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <list>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

awaitable<int> hundred_by(int n) {
  co_await this_task::yield();
  if (n == 0) throw std::domain_error("division by zero");
  co_return 100 / n;
}

// AP-11
CORO_TEST_EVERYWHERE(PoolMap, gives_an_error_in_its_place_and_right_values_after) {
  AioPool pool(home, sized(3, one_thread()));
  const auto results = co_await pool.map(hundred_by, std::views::iota(0, 6));
  static_assert(std::is_same_v<decltype(results), const std::vector<Outcome<int>>>);
  REQUIRE(results.size() == 6);
  REQUIRE(results[0].has_error());
  EXPECT_TRUE(says(results[0].error(), "division by zero"));
  EXPECT_THROW(results[0].value(), std::domain_error);
  for (int n = 1; n < 6; ++n) {
    const auto& result = results[static_cast<std::size_t>(n)];
    REQUIRE(result.has_value());
    EXPECT_EQ(*result, 100 / n);
  }
}

// AP-11
CORO_TEST(PoolMap, keeps_the_input_order_however_jobs_end) {
  AioPool pool(home, 4);
  std::vector<int> ended;
  const auto job = [&](int n) -> awaitable<int> {
    co_await sleep_for(5ms * (4 - n));
    ended.push_back(n);
    co_return n;
  };
  const auto results = co_await pool.map(job, std::views::iota(0, 4));
  REQUIRE(results.size() == 4);
  for (int n = 0; n < 4; ++n) EXPECT_EQ(*results[static_cast<std::size_t>(n)], n);
  EXPECT_EQ(ended, (std::vector{3, 2, 1, 0}));
}

// AP-11: it spawns, so it reads the range only as there is room.
CORO_TEST(PoolMap, reads_its_range_as_there_is_room) {
  AioPool pool(home, {.size = 2, .backlog = 0});
  AioPool callers(home, 1);
  int read = 0;
  std::vector<std::unique_ptr<Event>> gates;
  for (int i = 0; i < 8; ++i) gates.push_back(std::make_unique<Event>(home));
  const auto job = [&](int n) -> awaitable<void> {
    co_await gates[static_cast<std::size_t>(n)]->wait();
  };
  auto range = std::views::iota(0, 8) | std::views::transform([&](int n) { return ++read, n; });
  const auto call = [&]() -> awaitable<std::size_t> {
    const auto results = co_await pool.map(job, range);
    co_return results.size();
  };
  auto size = callers.spawn_n(call);
  for (int ended = 0; ended < 8; ++ended) {
    co_await until([&] { return pool.active() == std::min<std::size_t>(2, std::size_t(8 - ended)); });
    EXPECT_LE(read, 3 + ended);
    gates[static_cast<std::size_t>(ended)]->set();
    co_await until([&] { return pool.executed() == static_cast<std::size_t>(ended + 1); });
  }
  co_await size.wait();
  EXPECT_EQ(size.result(), 8u);
}

// AP-11: a range that throws cancels and joins what was handed in.
CORO_TEST_EVERYWHERE(PoolMap, over_a_range_that_throws_joins_its_jobs_and_rethrows) {
  AioPool pool(home, sized(4, one_thread()));
  Event never(home);
  Activity activity;
  const auto job = [&](int) -> awaitable<void> {
    const auto stay = activity.enter();
    co_await never.wait();
  };
  auto range = std::views::iota(0, 8) | std::views::transform([](int n) {
                 if (n == 3) throw std::runtime_error("the range is broken");
                 return n;
               });
  const auto error = co_await error_of(pool.map(job, range));
  EXPECT_TRUE(says(error, "the range is broken"));
  EXPECT_EQ(activity.now(), 0);
  EXPECT_TRUE(pool.is_empty());
}

// AP-11: the same when the caller is cancelled.
CORO_TEST_EVERYWHERE(PoolMap, whose_caller_is_cancelled_joins_its_jobs) {
  AioPool pool(home, sized(4, one_thread()));
  AioPool callers(home, sized(1, one_thread()));
  Event never(home);
  Activity activity;
  const auto job = [&](int) -> awaitable<void> {
    const auto stay = activity.enter();
    co_await never.wait();
  };
  std::atomic<int> left_inside = -1;
  const auto call = [&]() -> awaitable<void> {
    const auto error = co_await error_of(pool.map(job, std::views::iota(0, 9)));
    left_inside = activity.now();
    std::rethrow_exception(error);
  };
  auto caller = callers.spawn_n(call);
  co_await until([&] { return activity.now() == 4; });
  caller.cancel();
  co_await caller.wait();
  EXPECT_TRUE(caller.cancelled());
  EXPECT_EQ(left_inside, 0);
  EXPECT_TRUE(pool.is_empty());
}

// AP-12
CORO_TEST(PoolMapN, gives_the_handles_at_once_in_input_order) {
  AioPool pool(home, 2);
  int started = 0;
  const auto job = [&](int n) -> awaitable<int> {
    ++started;
    co_return co_await hundred_by(n);
  };
  const std::list<int> input = {4, 0, 2, 1};
  const auto tasks = pool.map_n(job, input);
  EXPECT_EQ(started, 0);
  REQUIRE(tasks.size() == 4);
  for (auto& task : tasks) EXPECT_FALSE(task.done());
  co_await pool.join();
  EXPECT_EQ(tasks[0].result(), 25);
  EXPECT_TRUE(says(tasks[1].exception(), "division by zero"));
  EXPECT_EQ(tasks[2].result(), 50);
  EXPECT_EQ(tasks[3].result(), 100);
}

// AP-13
CORO_TEST_EVERYWHERE(PoolGetres, flat_is_value_or_error) {
  AioPool pool(home, sized(2, one_thread()));
  auto results = co_await pool.map(hundred_by, std::views::iota(0, 2), getres::flat);
  static_assert(std::is_same_v<decltype(results), std::vector<Outcome<int>>>);
  REQUIRE(results.size() == 2);
  EXPECT_TRUE(results[0].has_error());
  EXPECT_EQ(*results[1], 100);
}

// AP-13
CORO_TEST_EVERYWHERE(PoolGetres, pair_is_an_optional_value_and_the_error) {
  AioPool pool(home, sized(2, one_thread()));
  auto results = co_await pool.map(hundred_by, std::views::iota(0, 2), getres::pair);
  static_assert(std::is_same_v<decltype(results),
                               std::vector<std::pair<std::optional<int>, std::exception_ptr>>>);
  REQUIRE(results.size() == 2);
  EXPECT_EQ(results[0].first, std::nullopt);
  EXPECT_TRUE(says(results[0].second, "division by zero"));
  EXPECT_EQ(results[1].first, 100);
  EXPECT_EQ(results[1].second, nullptr);
}

// AP-13
CORO_TEST_EVERYWHERE(PoolGetres, dont_is_the_done_handle) {
  AioPool pool(home, sized(2, one_thread()));
  auto tasks = co_await pool.map(hundred_by, std::views::iota(0, 2), getres::dont);
  static_assert(std::is_same_v<decltype(tasks), std::vector<Task<int>>>);
  REQUIRE(tasks.size() == 2);
  REQUIRE(tasks[0].done() && tasks[1].done());
  EXPECT_EQ(tasks[0].state(), TaskState::failed);
  EXPECT_TRUE(says(tasks[0].exception(), "division by zero"));
  EXPECT_EQ(tasks[1].result(), 100);
}

// AP-13: results of void have a std::monostate where there is one to have.
CORO_TEST(PoolGetres, of_void_jobs) {
  AioPool pool(home, 2);
  const auto job = [](int n) -> awaitable<void> {
    if (n == 0) throw std::runtime_error("zero");
    co_return;
  };
  const auto flat = co_await pool.map(job, std::views::iota(0, 2));
  static_assert(std::is_same_v<decltype(flat), const std::vector<Outcome<void>>>);
  REQUIRE(flat.size() == 2);
  EXPECT_TRUE(flat[0].has_error());
  EXPECT_TRUE(flat[1].has_value());
  const auto pairs = co_await pool.map(job, std::views::iota(0, 2), getres::pair);
  REQUIRE(pairs.size() == 2);
  EXPECT_EQ(pairs[0].first, std::nullopt);
  EXPECT_EQ(pairs[1].first, std::monostate());
}

// AP-11, AP-12
CORO_TEST(PoolMap, of_nothing_is_nothing) {
  AioPool pool(home, 2);
  const std::vector<int> nothing;
  const auto results = co_await pool.map(hundred_by, nothing);
  EXPECT_TRUE(results.empty());
  EXPECT_TRUE(pool.map_n(hundred_by, nothing).empty());
}

// AP-11, AP-12: elements and results may be move-only.
CORO_TEST(PoolMap, moves_elements_in_and_results_out) {
  AioPool pool(home, 2);
  const auto job = [](MoveOnly element) -> awaitable<MoveOnly> {
    co_return MoveOnly(element.value() * 10);
  };
  std::vector<MoveOnly> first, second;
  for (int i = 1; i <= 3; ++i) first.emplace_back(i), second.emplace_back(i);
  auto results = co_await pool.map(job, std::move(first));
  REQUIRE(results.size() == 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)]->value(), 10 * (i + 1));
  auto tasks = pool.map_n(job, std::move(second));
  co_await pool.join();
  REQUIRE(tasks.size() == 3);
  for (int i = 0; i < 3; ++i) {
    auto& task = tasks[static_cast<std::size_t>(i)];
    EXPECT_EQ(task.result().value(), 10 * (i + 1));
    const auto out = co_await std::move(task).get();
    EXPECT_EQ(out.value(), 10 * (i + 1));
  }
}

}  // namespace
}  // namespace coroexec::test
