// for_each and collect: reading a stream to its end, whatever that is.

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/concurrent.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

awaitable<int> number(int n) {
  co_await this_task::yield();
  co_return n;
}

// A job that never ends, and one that cleans up for a while before it does.
struct Endless {
  Event never;
  Activity activity;
  explicit Endless(const asio::any_io_executor& executor) : never(executor) {}
  awaitable<int> job(int n) {
    const auto stay = activity.enter();
    if (n == 0) {
      co_await until([&] { return activity.now() > 1; });
      co_return n;
    }
    const auto error = co_await error_of(never.wait());
    co_await this_task::uncancel();
    co_await sleep_for(2ms);
    std::rethrow_exception(error);
  }
};

CORO_TEST(ForEach, calls_a_plain_function_with_each_element) {
  CoroutineExecutor executor(home, {.max_workers = 3});
  std::vector<int> seen;
  co_await for_each(executor.map(number, std::views::iota(0, 10)), [&](int n) { seen.push_back(n); });
  std::vector<int> expected(10);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(seen, expected);
}

CORO_TEST(ForEach, awaits_a_coroutine_for_one_element_after_the_other) {
  CoroutineExecutor executor(home, {.max_workers = 3});
  Activity activity;
  std::vector<int> seen;
  const auto use = [&](int n) -> awaitable<void> {
    const auto stay = activity.enter();
    co_await this_task::yield();
    seen.push_back(n);
  };
  co_await for_each(executor.map(number, std::views::iota(0, 10)), use);
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_EQ(activity.peak(), 1);
}

CORO_TEST(ForEach, moves_the_elements_out) {
  const auto body = [](Yield<MoveOnly> yield) -> awaitable<void> {
    for (int n = 1; n <= 3; ++n) co_await yield(MoveOnly(n));
  };
  int sum = 0;
  co_await for_each(generate<MoveOnly>(body), [&](MoveOnly element) { sum += element.value(); });
  EXPECT_EQ(sum, 6);
}

// A source of the user's own.
struct Countdown {
  int left;
  awaitable<std::optional<int>> next() {
    co_await this_task::yield();
    if (left == 0) co_return std::nullopt;
    co_return left--;
  }
};
static_assert(AsyncSource<Countdown>);
static_assert(AsyncSource<AsyncGenerator<MoveOnly>>);
static_assert(!AsyncSource<std::vector<int>>);

CORO_TEST(ForEach, reads_any_asynchronous_source) {
  std::vector<int> seen;
  co_await for_each(Countdown{3}, [&](int n) { seen.push_back(n); });
  EXPECT_EQ(seen, (std::vector{3, 2, 1}));
}

CORO_TEST_EVERYWHERE(ForEach, joins_when_the_function_throws) {
  Endless endless(home);
  AioPool pool(home, sized(3, one_thread()));
  const auto use = [](Outcome<int>) -> awaitable<void> {
    throw std::runtime_error("enough");
    co_return;
  };
  const auto job = [&](int n) { return endless.job(n); };
  const auto error = co_await error_of(for_each(pool.itermap(job, std::views::iota(0, 9)), use));
  EXPECT_TRUE(says(error, "enough"));
  EXPECT_EQ(endless.activity.now(), 0);
  EXPECT_TRUE(pool.is_empty());
}

CORO_TEST_EVERYWHERE(ForEach, joins_when_the_stream_fails) {
  Endless endless(home);
  CoroutineExecutor executor(home, options({.max_workers = 3}));
  const auto job = [&](int n) -> awaitable<int> {
    const int result = co_await endless.job(n);
    throw std::runtime_error("job " + std::to_string(result));
  };
  const auto ignore = [](int) {};
  const auto error =
      co_await error_of(for_each(executor.map_unordered(job, std::views::iota(0, 9)), ignore));
  EXPECT_TRUE(says(error, "job 0"));
  EXPECT_EQ(endless.activity.now(), 0);
}

CORO_TEST_EVERYWHERE(ForEach, joins_when_its_caller_is_cancelled) {
  Endless endless(home);
  AioPool callers(home, sized(1, one_thread()));
  std::atomic<int> left_inside = -1;
  const auto read = [&]() -> awaitable<void> {
    auto jobs = std::views::iota(1, 9) | std::views::transform([&](int n) { return endless.job(n); });
    const ConcurrentOptions three{.limit = 3,
                                  .threading = one_thread() ? Threading::single : Threading::multi};
    const auto error = co_await error_of(for_each(concurrent(jobs, three), [](int) {}));
    left_inside = endless.activity.now();
    std::rethrow_exception(error);
  };
  auto caller = callers.spawn_n(read);
  co_await until([&] { return endless.activity.now() == 3; });
  caller.cancel();
  co_await caller.wait();
  EXPECT_TRUE(caller.cancelled());
  EXPECT_EQ(left_inside, 0);
}

CORO_TEST_EVERYWHERE(Collect, joins_when_the_stream_fails) {
  Endless endless(home);
  AioPool pool(home, sized(3, one_thread()));
  auto jobs = std::views::iota(0, 9) | std::views::transform([&](int n) -> awaitable<int> {
                return [](Endless& all, int i) -> awaitable<int> {
                  const int result = co_await all.job(i);
                  throw std::runtime_error("job " + std::to_string(result));
                }(endless, n);
              });
  const ConcurrentOptions three{.limit = 3,
                                .threading = one_thread() ? Threading::single : Threading::multi};
  const auto error = co_await error_of(concurrent(jobs, three).collect());
  EXPECT_EQ(what(error), "concurrent: a job failed: job 0");
  EXPECT_EQ(endless.activity.now(), 0);
}

CORO_TEST_EVERYWHERE(Collect, joins_when_its_caller_is_cancelled) {
  Endless endless(home);
  AioPool callers(home, sized(1, one_thread()));
  std::atomic<int> left_inside = -1;
  const auto read = [&]() -> awaitable<void> {
    auto jobs = std::views::iota(1, 9) | std::views::transform([&](int n) { return endless.job(n); });
    const ConcurrentOptions three{.limit = 3,
                                  .threading = one_thread() ? Threading::single : Threading::multi};
    const auto error = co_await error_of(concurrent(jobs, three).collect());
    left_inside = endless.activity.now();
    std::rethrow_exception(error);
  };
  auto caller = callers.spawn_n(read);
  co_await until([&] { return endless.activity.now() == 3; });
  caller.cancel();
  co_await caller.wait();
  EXPECT_TRUE(caller.cancelled());
  EXPECT_EQ(left_inside, 0);
}

CORO_TEST(Collect, gives_what_is_left) {
  CoroutineExecutor executor(home, {.max_workers = 2});
  auto stream = executor.map(number, std::views::iota(0, 5));
  const auto zero = co_await stream.next();
  EXPECT_EQ(zero, 0);
  const auto rest = co_await std::move(stream).collect();
  EXPECT_EQ(rest, (std::vector{1, 2, 3, 4}));
}

}  // namespace
}  // namespace coroexec::test
