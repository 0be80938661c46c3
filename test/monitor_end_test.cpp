// How a monitored coroutine ends before its end: cancelled with its awaiter, closed, dropped, or with
// its context.

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/monitor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

// MON-20
CORO_TEST_EVERYWHERE(TestMonitor, test_monitor_throw) {
  Monitor<int> monitor;
  Event never(home), inside(home);
  std::exception_ptr seen;
  const auto helper = [&]() -> awaitable<void> {
    inside.set();
    const auto error = co_await error_of(never.wait());
    seen = error;
    std::rethrow_exception(error);
  };
  auto coroutine = monitor(helper);
  AioPool pool(home, sized(1, one_thread()));
  const auto await_it = [&]() -> awaitable<void> { co_await coroutine.aawait(); };
  auto task = pool.spawn_n(await_it);
  co_await inside.wait();
  task.cancel();
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());
  EXPECT_TRUE(is_cancelled(seen)) << "and it has been waited for";
  auto other = monitor([&]() -> awaitable<void> { co_await monitor.oob(1); });
  const auto one = co_await other.start();
  EXPECT_EQ(one, 1);
}

// MON-21: what a coroutine makes of a cancel is what the awaiter gets: a result, or a message.
CORO_TEST_EVERYWHERE(TestMonitor, test_monitor_throw2) {
  Monitor<int> monitor;
  Event never(home), inside(home);
  const auto helper = [&]() -> awaitable<int> {
    inside.set();
    co_await error_of(never.wait());
    co_await this_task::uncancel();
    co_await this_task::yield();
    co_await monitor.oob(1);
    co_return 2;
  };
  auto coroutine = monitor(helper);
  AioPool pool(home, sized(1, one_thread()));
  const auto await_it = [&]() -> awaitable<int> {
    const int message = co_await coroutine.start();
    co_await this_task::uncancel();
    co_return 10 * message + co_await coroutine.aawait();
  };
  auto task = pool.spawn_n(await_it);
  co_await inside.wait();
  task.cancel();
  co_await task.wait();
  EXPECT_EQ(task.result(), 12);
}

// The coroutine runs on its awaiter's stack, and has it cancelled from there.
CORO_TEST(TestMonitor, is_cancelled_with_the_awaiter_it_has_had_cancelled) {
  Monitor<int> monitor;
  Event never(home);
  std::exception_ptr seen;
  Task<> awaiter;
  const auto helper = [&]() -> awaitable<void> {
    co_await monitor.oob(1);
    awaiter.cancel();
    seen = co_await error_of(never.wait());
  };
  auto coroutine = monitor(helper);
  AioPool pool(home, 1);
  const auto await_it = [&]() -> awaitable<void> {
    co_await coroutine.start();
    co_await coroutine.aawait();
  };
  awaiter = pool.spawn_n(await_it);
  co_await awaiter.wait();
  EXPECT_TRUE(is_cancelled(seen));
}

// Cleans up when it is closed, with an await.
awaitable<void> clean_up_when_closed(Monitor<int> monitor, std::exception_ptr& seen,
                                     Event& cleaned_up) {
  seen = co_await error_of(monitor.oob(1));
  co_await this_task::yield();
  cleaned_up.set();
}

// MON-22
CORO_TEST_EVERYWHERE(TestMonitor, dropped_is_closed) {
  Monitor<int> monitor;
  std::exception_ptr seen;
  Event cleaned_up(home);
  {
    auto coroutine = monitor(clean_up_when_closed(monitor, seen, cleaned_up));
    co_await coroutine.start();
  }
  co_await cleaned_up.wait();
  EXPECT_TRUE(is_a<GeneratorExit>(seen));
  EXPECT_TRUE(is_cancelled(seen)) << "to who does not ask closer, a cancellation";
  EXPECT_EQ(what(seen).substr(0, 13), "GeneratorExit");
}

// Whatever it says then is answered in the same way.
CORO_TEST_EVERYWHERE(TestMonitor, dropped_hears_nothing_else_any_more) {
  Monitor<int> monitor;
  std::exception_ptr first, second;
  Event over(home);
  const auto helper = [&]() -> awaitable<void> {
    first = co_await error_of(monitor.oob(1));
    second = co_await error_of(monitor.oob(2));
    over.set();
  };
  {
    auto coroutine = monitor(helper);
    co_await coroutine.start();
  }
  co_await over.wait();
  EXPECT_TRUE(is_a<GeneratorExit>(first));
  EXPECT_TRUE(is_a<GeneratorExit>(second));
}

// One that waits for something else is cancelled: here a job of its own has spoken for it.
CORO_TEST_EVERYWHERE(TestMonitor, dropped_while_it_waits_for_something_else_is_cancelled) {
  Monitor<int> monitor;
  Activity activity;
  Event never(home);
  AioPool pool(home, sized(1, one_thread()));
  {
    auto coroutine = monitor([&]() -> awaitable<void> {
      const auto stay = activity.enter();
      const auto task = pool.spawn_n([&] { return monitor.oob(1); });
      co_await never.wait();
    });
    co_await coroutine.start();
    EXPECT_EQ(activity.now(), 1);
  }
  co_await until([&] { return activity.now() == 0; });
  co_await pool.join();
}

struct CountAtExit {
  int& count;
  const Tracked& alive;
  ~CountAtExit() { count += 1 + alive.value(); }
};

// MON-22: an awaiter that is destroyed takes its coroutine along. One on its context, one that has not
// started, one that waits to be answered, one that waits for something else.
TEST(TestMonitorEnd, test_monitor_close) {
  std::atomic<int> live = 0;
  int cleaned_up = 0;
  {
    asio::io_context context(1);
    Event never(context.get_executor());
    const auto main = [&]() -> awaitable<void> {
      Monitor<int> monitor;
      const auto helper = [&](bool waits, Tracked tracked) -> awaitable<void> {
        const CountAtExit at_exit{cleaned_up, tracked};
        if (waits) co_await never.wait();
        co_await monitor.oob(1);
      };
      auto fresh = monitor(helper(false, Tracked(live)));
      auto speaking = monitor(helper(false, Tracked(live)));
      auto waiting = monitor(helper(true, Tracked(live)));
      co_await speaking.start();
      co_await waiting.start();
      ADD_FAILURE() << "never here";
    };
    asio::co_spawn(context, main, asio::detached);
    context.poll();
    EXPECT_EQ(cleaned_up, 0);
    EXPECT_EQ(live, 3);
  }
  EXPECT_EQ(cleaned_up, 2);
  EXPECT_EQ(live, 0);
}

// A handle may outlive the context.
TEST(TestMonitorEnd, handles_may_outlive_the_context) {
  Monitor<int> monitor;
  auto coroutine = monitor([&]() -> awaitable<void> { co_await monitor.oob(1); });
  {
    asio::io_context context(1);
    asio::co_spawn(context, coroutine.next(), asio::detached);
    context.poll();
  }
}

CORO_TEST_EVERYWHERE(TestMonitor, test_monitor_aclose) {
  Monitor<int> monitor;
  std::exception_ptr seen;
  Event cleaned_up(home);
  auto coroutine = monitor(clean_up_when_closed(monitor, seen, cleaned_up));
  co_await coroutine.start();
  co_await monitor.aclose(coroutine);
  EXPECT_TRUE(is_a<GeneratorExit>(seen));
  co_await cleaned_up.wait();
  co_await coroutine.aclose();
  const auto again = co_await error_of(coroutine.aawait());
  EXPECT_TRUE(is_error(again, errc::invalid_state, "cannot reuse already awaited coroutine"));
}

CORO_TEST(TestMonitor, test_monitor_aclose_new) {
  Monitor<int> monitor;
  bool ran = false;
  auto coroutine = monitor([&]() -> awaitable<void> {
    ran = true;
    co_return;
  });
  co_await coroutine.aclose();
  const auto again = co_await error_of(coroutine.aawait());
  EXPECT_TRUE(is_error(again, errc::invalid_state, "cannot reuse already awaited coroutine"));
  EXPECT_FALSE(ran);
}

CORO_TEST(TestMonitor, test_monitor_aclose_ignored) {
  Monitor<int> monitor;
  auto coroutine = monitor([&]() -> awaitable<int> {
    co_await error_of(monitor.oob(1));
    co_await monitor.oob(2);
    co_return 3;
  });
  co_await coroutine.start();
  const auto error = co_await error_of(coroutine.aclose());
  EXPECT_TRUE(is_error(error, errc::invalid_state, "Monitor coroutine ignored GeneratorExit"));
  const auto three = co_await coroutine.aawait();
  EXPECT_EQ(three, 3);
}

CORO_TEST(TestMonitor, test_monitor_aclose_fails) {
  Monitor<int> monitor;
  auto coroutine = monitor([&]() -> awaitable<void> {
    co_await error_of(monitor.oob(1));
    throw std::runtime_error("while closing");
  });
  co_await coroutine.start();
  const auto error = co_await error_of(coroutine.aclose());
  EXPECT_TRUE(says(error, "while closing"));
}

// One that waits for something else is cancelled and waited for.
CORO_TEST_EVERYWHERE(TestMonitor, test_monitor_aclose_waiting) {
  Monitor<int> monitor;
  Event never(home);
  std::atomic<bool> cleaned_up = false;
  AioPool pool(home, sized(1, one_thread()));
  auto coroutine = monitor([&]() -> awaitable<void> {
    const auto task = pool.spawn_n([&] { return monitor.oob(1); });
    const auto error = co_await error_of(never.wait());
    co_await this_task::uncancel();
    co_await this_task::yield();
    cleaned_up = true;
    std::rethrow_exception(error);
  });
  co_await coroutine.start();
  co_await pool.cancel();
  co_await coroutine.aclose();
  EXPECT_TRUE(cleaned_up);
}

}  // namespace
}  // namespace coroexec::test
