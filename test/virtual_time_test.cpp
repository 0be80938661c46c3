// Virtual time: every wait of the library runs on it, exactly; and a run that is stuck says so.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <future>
#include <thread>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/scheduling.hpp"
#include "coroexec/this_task.hpp"
#include "coroexec/wait.hpp"
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

// ---- what comes from outside

// With no wake-up to jump to, Asio's own operations are waited for.
CORO_TEST_VIRTUAL(OutsideWork, an_operation_of_asio_s_own_is_waited_for) {
  const auto begin = Clock::now();
  asio::steady_timer timer(home, 3ms);
  co_await timer.async_wait(asio::use_awaitable);
  EXPECT_GE(Clock::now() - begin, 3ms);
  EXPECT_EQ(now(), Clock::time_point());
}

// And while an OutsideWork is held, virtual time stands still for them.
CORO_TEST_VIRTUAL(OutsideWork, holds_virtual_time) {
  const auto outside = SchedulingContext::current().outside_work();
  const auto sleeper = SchedulingContext::current().create_task(sleep_an_hour);
  asio::steady_timer timer(home, 3ms);
  co_await timer.async_wait(asio::use_awaitable);
  EXPECT_EQ(now(), Clock::time_point());
  sleeper.cancel();
  co_await sleeper.wait();
}

CORO_TEST_VIRTUAL(OutsideWork, what_another_thread_sends_is_waited_for) {
  Event event(home);
  std::optional outside(SchedulingContext::current().outside_work());
  auto thread = std::async(std::launch::async, [&] { asio::post(home, [&] { event.set(); }); });
  co_await event.wait();
  outside.reset();
  thread.get();
}

// Let go of by another thread, with nothing sent: time goes on.
CORO_TEST_VIRTUAL(OutsideWork, may_be_let_go_by_another_thread) {
  std::optional outside(SchedulingContext::current().outside_work());
  asio::steady_timer never(home, 1h);
  never.async_wait([](boost::system::error_code) {});
  auto thread = std::async(std::launch::async, [&] { outside.reset(); });
  co_await sleep_for(1h);
  EXPECT_EQ(now(), Clock::time_point(1h));
  thread.get();
}

// ---- stuck

std::string stuck_text(SchedulingOptions options, std::function<awaitable<void>()> main) {
  SchedulingContext context(options);
  const auto error = error_from([&] { context.run(main); });
  EXPECT_TRUE(is_error(error, errc::invalid_state, "run(): nothing can make progress any more: "));
  return what(error);
}
void expect_part(const std::string& text, std::string_view part) {
  EXPECT_NE(text.find(part), std::string::npos) << part << "\nin: " << text;
}

TEST(Stuck, names_who_waits_for_what) {
  const auto main = []() -> awaitable<void> {
    Event never(co_await asio::this_coro::executor);
    const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
    auto& context = SchedulingContext::current();
    const auto first = context.create_task({.name = "first"}, waits);
    const auto waits_for_it = [&]() -> awaitable<void> { co_await first.wait(); };
    const auto second = context.create_task({.name = "second"}, waits_for_it);
    co_await second.wait();
  };
  for (const bool virtual_time : {true, false}) {
    const auto text = stuck_text({.virtual_time = virtual_time}, main);
    expect_part(text, "main waits for job 2 'second' of the context");
    expect_part(text, "job 2 'second' of the context waits for job 1 'first' of the context");
    expect_part(text, "job 1 'first' of the context waits");
  }
}

TEST(Stuck, names_scopes_joins_and_room) {
  const auto main = []() -> awaitable<void> {
    Event never(co_await asio::this_coro::executor);
    const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
    const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
      const auto hands_in = [&]() -> awaitable<void> { co_await executor.submit(waits); };
      const auto joins = [&](Task<> task) -> awaitable<void> { co_await task.wait(); };
      const auto first = co_await executor.submit({.name = "first"}, waits);
      co_await executor.submit({.name = "second"}, hands_in);
      SchedulingContext::current().create_task({.name = "third"}, joins, first);
      const auto queue = [&](CoroutineExecutor& inner) -> awaitable<void> {
        for (int i = 0; i < 65; ++i) inner.submit_nowait(waits);
        co_await inner.join();
      };
      co_await with_executor({.max_workers = 1, .name = "inner"}, queue);
    };
    co_await with_executor({.max_workers = 2, .backlog = 0, .name = "front"}, body);
  };
  const auto text = stuck_text({.virtual_time = true}, main);
  expect_part(text, "main waits for the end of executor 'front'");
  expect_part(text, "the body of executor 'front' waits for the end of executor 'inner'");
  expect_part(text, "the body of executor 'inner' waits for executor 'inner', which it joins");
  expect_part(text, "job 3 'second' of executor 'front' waits for room in executor 'front'");
  expect_part(text, "job 1 'third' of the context waits for job 2 'first' of executor 'front'");
  expect_part(text, "job 3 of executor 'inner' waits for its start");
}

TEST(Stuck, names_a_popped_task) {
  ReadyHandle handle;
  const auto main = [&]() -> awaitable<void> {
    auto& context = SchedulingContext::current();
    const auto nothing = []() -> awaitable<void> { co_return; };
    const auto task = context.create_task(nothing);
    handle = context.ready_pop();
    co_await task.wait();
  };
  expect_part(stuck_text({}, main), "job 1 of the context has been popped");
}

// Main is cancelled, so it ends in good order; the context may be used again.
TEST(Stuck, main_ends_in_good_order) {
  SchedulingContext context({.virtual_time = true});
  bool cleaned_up = false;
  const auto main = [&]() -> awaitable<void> {
    Event never(co_await asio::this_coro::executor);
    const auto error = co_await error_of(never.wait());
    EXPECT_TRUE(is_cancelled(error));
    co_await this_task::uncancel();
    co_await sleep_for(1s);
    cleaned_up = true;
  };
  EXPECT_TRUE(is_error(error_from([&] { context.run(main); }), errc::invalid_state, "main waits"));
  EXPECT_TRUE(cleaned_up);
  EXPECT_TRUE(all_tasks(context).empty());
  context.run(sleep_an_hour);
  EXPECT_EQ(context.now(), Clock::time_point(1h + 1s));
}

// Even if main does not want to end.
TEST(Stuck, a_main_that_waits_on_is_left_to_the_context) {
  std::atomic<int> live = 0;
  const auto main = [&]() -> awaitable<void> {
    const Tracked tracked(live);
    for (;;) {
      Event never(co_await asio::this_coro::executor);
      co_await error_of(never.wait());
      co_await this_task::uncancel();
    }
  };
  expect_part(stuck_text({.virtual_time = true}, main), "main waits");
  EXPECT_EQ(live, 0);
}

TEST(Stuck, run_with_a_factory_says_so_as_well) {
  const auto main = []() -> awaitable<void> {
    Event never(co_await asio::this_coro::executor);
    co_await never.wait();
  };
  const auto error = error_from([&] { run_in_virtual_time(main); });
  EXPECT_TRUE(is_error(error, errc::invalid_state, "nothing can make progress any more: main waits"));
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
