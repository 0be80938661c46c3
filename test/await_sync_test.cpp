// await_sync, aiter_sync: asynchronous code run without an event loop.

#include "coroexec/await_sync.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/generator_object.hpp"
#include "coroexec/monitor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

constexpr auto suspended =
    "await_sync: the operation waits for something that only an event loop could bring";

awaitable<int> twice(int n) { co_return 2 * n; }

awaitable<void> counting(Yield<int> yield) {
  for (int n = 1; n <= 3; ++n) co_await yield(n);
}

// SYNC-1
TEST(TestAwaitSync, test_result) {
  EXPECT_EQ(await_sync(twice(21)), 42);
  EXPECT_EQ(await_sync([] { return twice(1); }), 2);
  bool ran = false;
  await_sync([&]() -> awaitable<void> {
    ran = true;
    co_return;
  });
  EXPECT_TRUE(ran);
  const auto moves = []() -> awaitable<MoveOnly> { co_return MoveOnly(3); };
  EXPECT_EQ(await_sync(moves).value(), 3);
}

// SYNC-2
TEST(TestAwaitSync, test_exception) {
  const auto fails = []() -> awaitable<int> {
    throw std::out_of_range("too far");
    co_return 1;
  };
  const auto error = error_from([&] { await_sync(fails); });
  EXPECT_TRUE(is_a<std::out_of_range>(error));
  EXPECT_TRUE(says(error, "too far"));
}

// SYNC-3: turns of the loop are taken, as with ignore_nullsleep; and jobs run.
TEST(TestAwaitSync, what_needs_no_waiting_goes_on) {
  const auto body = []() -> awaitable<int> {
    co_await this_task::yield();
    co_await asio::post(asio::use_awaitable);
    const auto scope = [](AioPool& pool) -> awaitable<int> {
      auto tasks = pool.map_n(twice, std::views::iota(0, 10));
      co_await pool.join();
      int sum = 0;
      for (auto& task : tasks) sum += task.result();
      co_return sum;
    };
    co_return co_await with_pool(3, scope);
  };
  EXPECT_EQ(await_sync(body), 90);
}

// SYNC-4: it is cancelled, and may clean up.
TEST(TestAwaitSync, test_suspends) {
  std::exception_ptr seen;
  bool cleaned_up = false;
  const auto sleeps = [&]() -> awaitable<int> {
    seen = co_await error_of(sleep_for(1h));
    co_await this_task::uncancel();
    co_await this_task::yield();
    cleaned_up = true;
    co_return 1;
  };
  const auto error = error_from([&] { await_sync(sleeps); });
  EXPECT_TRUE(is_error(error, errc::invalid_state, suspended));
  EXPECT_TRUE(is_cancelled(seen));
  EXPECT_TRUE(cleaned_up);
  EXPECT_EQ(await_sync(twice(1)), 2);
}

// SYNC-5: nothing of one that ignores its cancel is left, in whatever depth of calls.
TEST(TestAwaitSync, one_that_ignores_its_cancel_is_destroyed) {
  std::atomic<int> live = 0;
  const auto ignores = [&]() -> awaitable<void> {
    const Tracked tracked(live);
    for (;;) {
      co_await error_of(sleep_for(1h));
      co_await this_task::uncancel();
    }
  };
  const auto error = error_from([&] { await_sync(ignores); });
  EXPECT_TRUE(is_error(error, errc::invalid_state, suspended));
  EXPECT_EQ(live, 0);
  const auto nested = [&]() -> awaitable<int> {
    const auto inner = error_from([&] { await_sync(ignores); });
    EXPECT_TRUE(is_error(inner, errc::invalid_state, suspended));
    co_return await_sync(twice(4));
  };
  EXPECT_EQ(await_sync(nested), 8);
  EXPECT_EQ(live, 0);
  EXPECT_EQ(await_sync(twice(1)), 2);
}

// SYNC-6 MON-24
TEST(TestAwaitSync, test_monitor_sync) {
  Monitor<int, int> monitor;
  const auto adds = [&]() -> awaitable<int> {
    int sum = 0;
    for (int n = 0; n < 1000; ++n) sum += co_await monitor.oob(n);
    co_return sum;
  };
  auto coroutine = monitor(adds);
  auto said = await_sync(coroutine.next());
  for (int n = 0; said.index() == 0; ++n) {
    EXPECT_EQ(std::get<0>(said).data, n);
    said = await_sync(coroutine.next(2));
  }
  EXPECT_EQ(std::get<1>(said), 2000);
}

// One coroutine awaited by calls of different depth.
TEST(TestAwaitSync, a_coroutine_may_be_awaited_from_nested_calls) {
  Monitor<int, int> monitor;
  const auto echo = [&]() -> awaitable<void> {
    for (int n = 0;;) n = co_await monitor.oob(n);
  };
  auto outside = monitor(echo);
  await_sync(outside.start());
  std::optional<Monitor<int, int>::Awaitable<void>> inside;
  Monitor<int, int> other;
  const auto nested = [&]() -> awaitable<int> {
    const auto echo_other = [&]() -> awaitable<void> {
      for (int n = 0;;) n = co_await other.oob(n);
    };
    inside.emplace(other(echo_other));
    await_sync(inside->start());
    const auto said = await_sync(outside.next(5));
    co_return std::get<0>(said).data;
  };
  EXPECT_EQ(await_sync(nested), 5);
  const auto said = await_sync(inside->next(7));
  EXPECT_EQ(std::get<0>(said).data, 7);
}

// A call inside a coroutine that a loop runs.
CORO_TEST(TestAwaitSync, works_inside_a_loop) {
  Monitor<int, int> monitor;
  auto coroutine = monitor([&]() -> awaitable<int> { co_return co_await monitor.oob(1) + 1; });
  EXPECT_EQ(await_sync(coroutine.start()), 1);
  co_await this_task::yield();
  EXPECT_EQ(await_sync(coroutine.aawait(5)), 6);
}

// SYNC-7
TEST(TestAwaitSync, test_aiter_sync) {
  std::vector<int> seen;
  for (int n : aiter_sync(generate<int>(counting))) seen.push_back(n);
  EXPECT_EQ(seen, (std::vector{1, 2, 3}));
  GeneratorObject<std::string> g;
  const auto body = [&]() -> awaitable<void> {
    co_await g.ayield("a");
    co_await g.ayield("b");
  };
  std::string text;
  for (auto& element : aiter_sync(g(body))) text += std::move(element);
  EXPECT_EQ(text, "ab");
  auto odd =
      aiter_sync(generate<int>(counting)) | std::views::filter([](int n) { return n % 2 == 1; });
  EXPECT_EQ(std::ranges::distance(odd), 2);
}

// SYNC-8
TEST(TestAwaitSync, aiter_sync_gives_the_bodys_error_in_its_turn) {
  const auto fails = [](Yield<int> yield) -> awaitable<void> {
    co_await yield(1);
    throw std::runtime_error("no more");
  };
  std::vector<int> seen;
  const auto error = error_from([&] {
    for (int n : aiter_sync(generate<int>(fails))) seen.push_back(n);
  });
  EXPECT_TRUE(says(error, "no more"));
  EXPECT_EQ(seen, std::vector{1});
}

// SYNC-9
TEST(TestAwaitSync, aiter_sync_left_early_closes_its_source) {
  std::exception_ptr seen;
  std::atomic<int> live = 0;
  const auto body = [&](Yield<int> yield) -> awaitable<void> {
    const Tracked tracked(live);
    for (int n = 0; !seen; ++n) seen = co_await error_of(yield(n));
    co_await this_task::yield();
  };
  for (int n : aiter_sync(generate<int>(body)))
    if (n == 3) break;
  EXPECT_TRUE(is_a<GeneratorExit>(seen));
  EXPECT_EQ(live, 0);
}

// SYNC-10
TEST(TestAwaitSync, aiter_sync_of_a_source_that_suspends) {
  const auto sleeps = [](Yield<int> yield) -> awaitable<void> {
    co_await sleep_for(1h);
    co_await yield(1);
  };
  const auto error = error_from([&] {
    for (int n : aiter_sync(generate<int>(sleeps))) ADD_FAILURE() << n;
  });
  EXPECT_TRUE(is_error(error, errc::invalid_state, suspended));
}

// Each thread for itself; what is left on one goes with it.
TEST(TestAwaitSync, on_several_threads) {
  std::atomic<int> live = 0;
  Monitor<int, int> left_behind;
  std::optional<Monitor<int, int>::Awaitable<void>> coroutine;
  std::thread first([&] {
    coroutine.emplace(left_behind([&]() -> awaitable<void> {
      const Tracked tracked(live);
      co_await left_behind.oob(1);
    }));
    EXPECT_EQ(await_sync(coroutine->start()), 1);
    EXPECT_EQ(live, 1);
  });
  std::thread second([] {
    int sum = 0;
    for (int n : aiter_sync(generate<int>(counting))) sum += n;
    EXPECT_EQ(sum, 6);
  });
  first.join();
  second.join();
  EXPECT_EQ(live, 0);
}

}  // namespace
}  // namespace coroexec::test
