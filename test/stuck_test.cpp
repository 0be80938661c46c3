// A SchedulingContext waits for what comes from outside, and says so when nothing can come any more.
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/scheduling.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using coroexec::now;

awaitable<void> sleep_an_hour() { co_await sleep_for(1h); }

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

TEST(Stuck, names_main_and_not_more_than_twenty) {
  const auto main = []() -> awaitable<void> {
    Event never(co_await asio::this_coro::executor);
    const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
    for (int i = 0; i < 100; ++i) SchedulingContext::current().create_task(waits);
    co_await never.wait();
  };
  const auto text = stuck_text({.virtual_time = true}, main);
  expect_part(text, "any more: main waits, job 1 of the context waits, ");
  expect_part(text, "job 19 of the context waits, and 81 more");
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

// They may refer to what is in it.
TEST(Stuck, free_tasks_end_before_main) {
  std::vector<std::string> ended;
  const auto main = [&]() -> awaitable<void> {
    Event never(co_await asio::this_coro::executor);
    const auto waits = [&](std::string name) -> awaitable<void> {
      const auto error = co_await error_of(never.wait());
      co_await this_task::uncancel();
      co_await sleep_for(1s);
      ended.push_back(name);
    };
    SchedulingContext::current().create_task(waits, "first");
    SchedulingContext::current().create_task(waits, "second");
    co_await waits("main");
  };
  expect_part(stuck_text({.virtual_time = true}, main), "main waits");
  EXPECT_EQ(ended, (std::vector<std::string>{"first", "second", "main"}));
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

}  // namespace
}  // namespace coroexec::test
