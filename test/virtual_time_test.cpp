// Virtual time: every wait of the library runs on it, exactly.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/scheduling.hpp"
#include "coroexec/this_task.hpp"
#include "coroexec/wait.hpp"
#include "coroexec/with_timeout.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

auto now() { return SchedulingContext::current().now(); }
Clock::duration since(Clock::time_point begin) { return now() - begin; }

awaitable<void> sleep_an_hour() { co_await sleep_for(1h); }

CORO_TEST_VIRTUAL(VirtualTime, begins_at_zero_and_jumps_to_the_next_wake_up) {
  EXPECT_EQ(now(), Clock::time_point());
  co_await sleep_for(1h);
  EXPECT_EQ(now(), Clock::time_point(1h));
  EXPECT_EQ(coroexec::now(), now());
  co_await sleep_for(0s);
  EXPECT_EQ(now(), Clock::time_point(1h));
  EXPECT_TRUE(SchedulingContext::current().has_virtual_time());
}

CORO_TEST_VIRTUAL(VirtualTime, stands_still_while_anything_is_ready) {
  const auto sleeper = SchedulingContext::current().create_task(sleep_an_hour);
  for (int i = 0; i < 100; ++i) co_await this_task::yield();
  EXPECT_EQ(now(), Clock::time_point());
  EXPECT_FALSE(sleeper.done());
  co_await sleeper.wait();
  EXPECT_EQ(now(), Clock::time_point(1h));
}

CORO_TEST_VIRTUAL(VirtualTime, wakes_in_the_order_of_time_then_of_arrival) {
  std::vector<int> woken;
  const auto sleeps = [&](int number, milliseconds time) -> awaitable<void> {
    co_await sleep_for(time);
    woken.push_back(number);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    executor.submit_nowait(sleeps, 0, 30ms);
    executor.submit_nowait(sleeps, 1, 10ms);
    executor.submit_nowait(sleeps, 2, 20ms);
    executor.submit_nowait(sleeps, 3, 10ms);
    executor.submit_nowait(sleeps, 4, 10ms);
    co_return;
  };
  co_await with_executor(body);
  EXPECT_EQ(woken, (std::vector{1, 3, 4, 2, 0}));
  EXPECT_EQ(now(), Clock::time_point(30ms));
}

CORO_TEST_VIRTUAL(VirtualTime, of_a_scope_s_timeout) {
  const auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(sleep_an_hour);
  };
  const auto error = co_await error_of(with_executor({.timeout = 10min}, body));
  EXPECT_TRUE(is_error(error, errc::timed_out, "executor exceeded its timeout of 600000 ms"));
  EXPECT_EQ(now(), Clock::time_point(10min));
}

CORO_TEST_VIRTUAL(VirtualTime, of_a_job_s_timeout_and_a_join_s_limit) {
  CoroutineExecutor executor(home, {.max_workers = 1, .suppress_task_errors = true});
  const auto first = executor.submit_nowait({.timeout = 10min}, sleep_an_hour);
  const auto second = executor.submit_nowait({.timeout = 20min}, sleep_an_hour);
  EXPECT_TRUE(is_error(co_await error_of(executor.join(1min)), errc::timed_out, "still waiting for job 1"));
  EXPECT_EQ(now(), Clock::time_point(1min));
  co_await first.wait();
  EXPECT_EQ(now(), Clock::time_point(10min));
  co_await executor.join();
  EXPECT_EQ(now(), Clock::time_point(30min));
  EXPECT_TRUE(is_error(second.exception(), errc::timed_out));
}

CORO_TEST_VIRTUAL(VirtualTime, of_with_timeout) {
  const auto error = co_await error_of(with_timeout(1min, sleep_for(1h)));
  EXPECT_TRUE(is_error(error, errc::timed_out, "exceeded its timeout of 60000 ms"));
  EXPECT_EQ(now(), Clock::time_point(1min));
  co_await with_timeout(1h, sleep_for(1min));
  EXPECT_EQ(now(), Clock::time_point(2min));
}

// A timer that is not needed any more is not waited for.
CORO_TEST_VIRTUAL(VirtualTime, of_a_timeout_that_does_not_fire) {
  const auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    const auto brief = [] { return sleep_for(1s); };
    co_await executor.submit({.timeout = 1h}, brief);
  };
  co_await with_executor({.timeout = 1h}, body);
  EXPECT_EQ(now(), Clock::time_point(1s));
  co_await sleep_for(2h);
  EXPECT_EQ(now(), Clock::time_point(2h + 1s));
}

CORO_TEST_VIRTUAL(VirtualTime, of_a_rate) {
  std::vector<Clock::duration> starts;
  const auto begin = now();
  const auto job = [&]() -> awaitable<void> {
    starts.push_back(since(begin));
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    for (int i = 0; i < 6; ++i) co_await executor.submit(job);
  };
  co_await with_executor({.max_per_second = 0.1, .burst = 3}, body);
  EXPECT_EQ(starts, (std::vector<Clock::duration>{0s, 0s, 0s, 10s, 20s, 30s}));
}

CORO_TEST_VIRTUAL(VirtualTime, of_waits_for_several_tasks_and_of_streams) {
  AioPool pool(home, 10);
  const auto sleeps = [](milliseconds time) { return sleep_for(time); };
  const std::vector tasks{pool.spawn_n([&] { return sleeps(10ms); }), pool.spawn_n([&] { return sleeps(1min); })};
  const auto result = co_await wait(tasks, {.timeout = 1s});
  EXPECT_EQ(result.done.size(), 1u);
  EXPECT_EQ(now(), Clock::time_point(1s));

  auto rest = iterwait_batches(result.pending, {.timeout = 1s});
  const auto none_yet = co_await rest.next();
  REQUIRE(none_yet);
  EXPECT_TRUE(none_yet->empty());
  EXPECT_EQ(now(), Clock::time_point(2s));

  const std::vector times{1ms, 60000ms};
  auto results = pool.itermap_batches(sleeps, times, IterOptions{.timeout = 1s});
  const auto batch = co_await results.next();
  REQUIRE(batch);
  EXPECT_EQ(batch->size(), 1u);
  EXPECT_EQ(now(), Clock::time_point(3s));
  co_await results.aclose();
  co_await pool.join();
  EXPECT_EQ(now(), Clock::time_point(1min));
}

// The faces of a concrete executor type keep the time, though not the queue.
CORO_TEST_VIRTUAL(VirtualTime, of_a_concrete_executor_type) {
  using Executor = asio::io_context::executor_type;
  auto& beneath = static_cast<asio::io_context&>(asio::query(home, asio::execution::context));
  BasicCoroutineExecutor<Executor> executor(beneath.get_executor());
  const auto sleeps = [] { return sleep_for<Executor>(1h); };
  const auto brief = executor.submit_nowait({.timeout = 1min}, sleeps);
  const auto lasting = executor.submit_nowait(sleeps);
  while (!lasting.done()) co_await sleep_for(1s);
  EXPECT_EQ(now(), Clock::time_point(1h));
  EXPECT_TRUE(is_error(brief.exception(), errc::timed_out));
}

CORO_TEST_VIRTUAL(VirtualTime, advanced_by_hand_makes_wake_ups_late) {
  auto& context = SchedulingContext::current();
  std::vector<Clock::time_point> woken;
  const auto ticks = [&]() -> awaitable<void> {
    for (int i = 0; i < 2; ++i) {
      co_await sleep_for(1min);
      woken.push_back(now());
    }
  };
  const auto task = context.create_task(ticks);
  co_await this_task::yield();
  context.advance(10min);
  EXPECT_TRUE(woken.empty());
  co_await task.wait();
  EXPECT_EQ(woken, (std::vector{Clock::time_point(10min), Clock::time_point(11min)}));
  EXPECT_TRUE(is_error(error_from([&] { context.advance(-1s); }), errc::invalid_argument,
                       "advance(): time does not run backwards"));
}

TEST(VirtualTime, is_not_real_time) {
  const auto begin = Clock::now();
  const auto main = [&]() -> awaitable<void> { co_await sleep_for(100h); };
  run_in_virtual_time(main);
  EXPECT_LT(Clock::now() - begin, 1h);
  EXPECT_GE(coroexec::now(), begin) << "outside it is real";
}

// ---- a SchedulingContext in real time

TEST(RealTime, waits_as_everywhere) {
  SchedulingContext context;
  const auto begin = Clock::now();
  const auto main = [&]() -> awaitable<void> {
    EXPECT_FALSE(SchedulingContext::current().has_virtual_time());
    const auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
      co_await executor.submit(sleep_an_hour);
    };
    co_await sleep_for(2ms);
    EXPECT_GE(Clock::now() - begin, 2ms);
    EXPECT_TRUE(is_error(co_await error_of(with_executor({.timeout = 3ms}, body)), errc::timed_out));
    EXPECT_GE(Clock::now() - begin, 5ms);
    asio::steady_timer timer(co_await asio::this_coro::executor, 2ms);
    co_await timer.async_wait(asio::use_awaitable);
    EXPECT_GE(now(), begin + 7ms);
  };
  context.run(main);
  EXPECT_TRUE(is_error(error_from([&] { context.advance(1s); }), errc::invalid_state,
                       "advance(): this SchedulingContext runs in real time"));
}

TEST(Interrupt, cancels_main_in_virtual_time_as_well) {
  const auto main = []() -> awaitable<int> {
    std::raise(SIGINT);
    const auto outside = SchedulingContext::current().outside_work();  // or time would jump first
    const auto error = co_await error_of(sleep_for(1h));
    EXPECT_TRUE(is_cancelled(error));
    co_return 3;
  };
  EXPECT_EQ(run_in_virtual_time(main), 3);
}

}  // namespace
}  // namespace coroexec::test
