// The initializer runs before each job, in its slot (CE-60, CE-61).
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<int> seven() { co_return 7; }

// CE-60
CORO_TEST_EVERYWHERE(Initializer, a_plain_function_runs_before_each_job) {
  std::mutex mutex;
  std::vector<int> sums;
  const auto initialize = [&](auto... numbers) {
    std::lock_guard lock(mutex);
    sums.push_back((0 + ... + numbers));
  };
  CoroutineExecutor with_arguments(home, options());
  with_arguments.set_initializer(initialize, 1, 2, 3);
  for (int i = 0; i < 2; ++i) with_arguments.submit_nowait(seven);
  co_await with_arguments.join();
  EXPECT_EQ(sums, (std::vector{6, 6}));

  sums.clear();
  CoroutineExecutor without(home, options());
  without.set_initializer(initialize);
  for (int i = 0; i < 2; ++i) without.submit_nowait(seven);
  co_await without.join();
  EXPECT_EQ(sums, (std::vector{0, 0}));
}

// CE-60
CORO_TEST_EVERYWHERE(Initializer, a_coroutine_is_awaited_before_its_job_begins) {
  std::atomic<int> sum = 0, initialized = 0, too_early = 0;
  const auto initialize = [&](int a, int b, int c) -> awaitable<void> {
    co_await this_task::yield();
    sum += a + b + c;
    co_await this_task::yield();
    ++initialized;
  };
  const auto job = [&]() -> awaitable<void> {
    if (initialized == 0) ++too_early;
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    executor.set_initializer(initialize, 1, 2, 3);
    for (int i = 0; i < 2; ++i) co_await executor.submit(job);
    co_return;
  };
  co_await with_executor(options(), body);
  EXPECT_EQ(sum, 12);
  EXPECT_EQ(initialized, 2) << "before jobs, not before the body";
  EXPECT_EQ(too_early, 0);
}

int sum_of_function = 0;
void add_to_sum(int number) { sum_of_function += number; }

// CE-60
CORO_TEST(Initializer, may_be_a_free_function_and_keeps_its_arguments_alive) {
  sum_of_function = 0;
  CoroutineExecutor executor(home);
  executor.set_initializer(add_to_sum, 5);
  for (int i = 0; i < 3; ++i) executor.submit_nowait(seven);
  co_await executor.join();
  EXPECT_EQ(sum_of_function, 15);

  std::atomic<int> live = 0;
  {
    CoroutineExecutor other(home);
    const auto uses = [](const Tracked& tracked) { EXPECT_EQ(tracked.value(), 3); };
    other.set_initializer(uses, Tracked(live, 3));
    for (int i = 0; i < 3; ++i) other.submit_nowait(seven);
    co_await other.join();
    EXPECT_EQ(live, 1);
  }
  co_await until([&] { return live == 0; });
}

// CE-60: with one slot, the next job's initializer waits for the job before it.
CORO_TEST_EVERYWHERE(Initializer, runs_inside_the_slot) {
  std::atomic<int> inside = 0, most = 0;
  const auto initialize = [&]() -> awaitable<void> {
    most = std::max(most.load(), ++inside);
    co_await this_task::yield();
  };
  const auto job = [&]() -> awaitable<void> {
    co_await this_task::yield();
    --inside;
  };
  CoroutineExecutor executor(home, options({.max_workers = 1}));
  executor.set_initializer(initialize);
  for (int i = 0; i < 10; ++i) executor.submit_nowait(job);
  co_await executor.join();
  EXPECT_EQ(most, 1);
}

// CE-60: the jobs of a stream are jobs.
CORO_TEST_EVERYWHERE(Initializer, runs_before_the_jobs_of_a_map) {
  std::atomic<int> initialized = 0;
  const auto initialize = [&] { ++initialized; };
  const auto job = [](int i) -> awaitable<int> { co_return i; };
  CoroutineExecutor executor(home, options());
  executor.set_initializer(initialize);
  const auto results = co_await executor.map(job, std::views::iota(1, 4)).collect();
  EXPECT_EQ(results.size(), 3u);
  EXPECT_EQ(initialized, 3);
}

// CE-60: what the initializer asks about is its job.
CORO_TEST_EVERYWHERE(Initializer, runs_on_behalf_of_its_job) {
  std::string name;
  const auto initialize = [&] { name = this_task::name(); };
  CoroutineExecutor executor(home, options());
  executor.set_initializer(initialize);
  executor.submit_nowait({.name = "fetch"}, seven);
  co_await executor.join();
  EXPECT_EQ(name, "fetch");
}

// CE-61
CORO_TEST_EVERYWHERE(Initializer, that_fails_fails_its_job) {
  bool ran = false;
  std::atomic<int> calls = 0;
  const auto job = [&]() -> awaitable<int> {
    ran = true;
    co_return 1;
  };
  const auto plain = [&] {
    if (++calls == 1) throw std::runtime_error("not ready");
  };
  CoroutineExecutor executor(home, options({.max_workers = 1, .suppress_task_errors = true}));
  executor.set_initializer(plain);
  const auto first = executor.submit_nowait(job);
  co_await first.wait();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(says(first.exception(), "not ready"));
  EXPECT_EQ(first.state(), TaskState::failed);
  const auto second = executor.submit_nowait(job);
  co_await executor.join();
  EXPECT_EQ(second.result(), 1);
}

// CE-61
CORO_TEST_EVERYWHERE(Initializer, that_fails_follows_the_policy) {
  const auto fails = []() -> awaitable<void> {
    co_await this_task::yield();
    throw std::runtime_error("not ready");
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    executor.set_initializer(fails);
    co_await executor.submit(seven);
  };
  EXPECT_TRUE(says(co_await error_of(with_executor(options(), body)), "not ready"));
}

CORO_TEST_EVERYWHERE(Initializer, may_be_cancelled) {
  Event never(home), waits(home);
  bool ran = false;
  const auto initialize = [&]() -> awaitable<void> {
    waits.set();
    co_await never.wait();
  };
  const auto job = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  executor.set_initializer(initialize);
  const auto task = executor.submit_nowait(job);
  co_await waits.wait();
  task.cancel();
  co_await executor.join();
  EXPECT_TRUE(task.cancelled());
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace coroexec::test
