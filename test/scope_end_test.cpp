// What the end of a scope or of its context leaves behind: nothing.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// Takes its time to die, and notices when its scope has ended meanwhile.
class Lingers {
 public:
  Lingers(std::atomic<bool>& scope_is_over, std::atomic<int>& too_late)
      : scope_is_over_(&scope_is_over), too_late_(&too_late) {}
  Lingers(Lingers&& other) noexcept
      : scope_is_over_(std::exchange(other.scope_is_over_, nullptr)), too_late_(other.too_late_) {}
  ~Lingers() {
    if (!scope_is_over_) return;
    const auto until = std::chrono::steady_clock::now() + milliseconds(30);
    while (!*scope_is_over_ && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    if (*scope_is_over_) ++*too_late_;
  }

 private:
  std::atomic<bool>* scope_is_over_;
  std::atomic<int>* too_late_;
};

// CE-1: also of jobs that never start.
CORO_TEST_EVERYWHERE(ScopeEnd, waits_for_the_arguments_of_jobs_cancelled_in_the_queue) {
  std::atomic<bool> over = false;
  std::atomic<int> too_late = 0;
  const auto fails = [](Lingers) -> awaitable<void> {
    throw std::runtime_error("no");
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    for (int i = 0; i < 5; ++i) executor.submit_nowait(fails, Lingers(over, too_late));
    co_return;
  };
  EXPECT_TRUE(says(co_await error_of(with_executor(options({.max_workers = 1}), body)), "no"));
  over = true;
  co_await asio::post(asio::use_awaitable);
  EXPECT_EQ(too_late, 0);
}

// CE-1
CORO_TEST_EVERYWHERE(ScopeEnd, waits_for_results_that_nobody_reads) {
  std::atomic<bool> over = false;
  std::atomic<int> too_late = 0;
  const auto makes_one = [&]() -> awaitable<Lingers> { co_return Lingers(over, too_late); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    executor.submit_nowait(makes_one);
    co_return;
  };
  co_await with_executor(options(), body);
  over = true;
  co_await asio::post(asio::use_awaitable);
  EXPECT_EQ(too_late, 0);
}

// CE-8: also for a stream whose source would have had to be read by a coroutine of the scope.
CORO_TEST_EVERYWHERE(ScopeEnd, closes_a_stream_that_was_not_begun) {
  const auto numbers = [](Yield<int> yield) -> awaitable<void> { co_await yield(1); };
  const auto twice = [](int n) -> awaitable<int> { co_return 2 * n; };
  AsyncGenerator<int> stream;
  {
    CoroutineExecutor executor(home, options({.name = "short"}));
    stream = executor.map(twice, generate<int>(numbers));
  }
  EXPECT_TRUE(is_error(co_await error_of(stream.next()), errc::closed, "executor 'short' has ended"));
  EXPECT_EQ(co_await stream.next(), std::nullopt);
  co_await stream.aclose();
}

// CE-13: a lambda coroutine's captures live as long as its coroutine, an initializer's as well.
TEST(ScopeEnd, by_the_end_of_the_context_keeps_an_initializers_captures_to_the_last) {
  std::atomic<int> live = 0;
  bool looked = false;
  auto context = std::make_unique<asio::io_context>(1);
  CoroutineExecutor executor(context->get_executor(), {.threading = Threading::single});
  {
    const Tracked captured(live, 7);
    const auto initializer = [captured, &looked]() -> awaitable<void> {
      struct LooksAtItsEnd {
        const Tracked& at;
        bool& looked;
        ~LooksAtItsEnd() {
          EXPECT_EQ(at.value(), 7);
          looked = true;
        }
      } looks{captured, looked};
      co_await sleep_for(std::chrono::hours(1));
    };
    executor.set_initializer(initializer);
  }
  const auto nothing = []() -> awaitable<void> { co_return; };
  executor.submit_nowait(nothing);
  context->poll();
  context.reset();
  EXPECT_TRUE(looked);
  EXPECT_EQ(live, 0);
}

// CE-13: the channel in which jobs wait for room may be shut down after the library is, if there was another one
// on the context before.
TEST(ScopeEnd, by_the_end_of_the_context_drops_a_job_that_waits_for_room) {
  auto context = std::make_unique<asio::io_context>(2);
  asio::experimental::concurrent_channel<void(boost::system::error_code)>{*context};
  CoroutineExecutor full(context->get_executor(),
                         {.max_workers = 1, .backlog = 0, .threading = Threading::multi});
  CoroutineExecutor others(context->get_executor(), {.threading = Threading::multi});
  const auto sleeps = []() -> awaitable<void> { co_await sleep_for(std::chrono::hours(1)); };
  const auto submits = [&]() -> awaitable<void> {
    for (int i = 0; i < 2; ++i) co_await full.submit(sleeps);
  };
  const auto waits = others.submit_nowait(submits);
  context->poll();
  EXPECT_EQ(full.stats().waiting, 1u);
  context.reset();
  EXPECT_TRUE(waits.cancelled());
}

struct alignas(64) Wide {
  int value = 0;
};

// Memory of jobs is as aligned as what they hold.
CORO_TEST(JobMemory, is_aligned_for_results_and_arguments) {
  CoroutineExecutor executor(home, options());
  std::vector<Task<Wide>> tasks;
  const auto gives = []() -> awaitable<Wide> { co_return Wide{}; };
  for (int i = 0; i < 20; ++i) tasks.push_back(executor.submit_nowait(gives));
  co_await executor.join();
  for (auto& task : tasks) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&task.result()) % alignof(Wide), 0u);
}

}  // namespace
}  // namespace coroexec::test
