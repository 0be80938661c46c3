// What may be done with a Monitor and what may not: who speaks, who awaits, and what errors do.

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/monitor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

constexpr auto not_active =
    "Monitor not active: oob() or ayield() while nobody awaits its coroutine";

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

// MON-11
CORO_TEST_EVERYWHERE(TestMonitor, test_monitor_detached) {
  Monitor<int> monitor;
  const auto alone = co_await error_of(monitor.oob(1));
  EXPECT_TRUE(is_error(alone, errc::invalid_state, not_active));
  Monitor<int> other;
  const auto helper = [&]() -> awaitable<void> {
    const auto error = co_await error_of(other.oob(1));
    EXPECT_TRUE(is_error(error, errc::invalid_state, not_active));
  };
  auto coroutine = monitor(helper);
  co_await coroutine.aawait();
  const auto afterwards = co_await error_of(monitor.oob(1));
  EXPECT_TRUE(is_error(afterwards, errc::invalid_state, not_active));
}

// MON-12
CORO_TEST_EVERYWHERE(TestMonitor, test_monitor_re_enter) {
  Monitor<int> monitor;
  const auto helper2 = []() -> awaitable<int> { co_return 2; };
  auto other = monitor(helper2);
  const auto helper = [&]() -> awaitable<int> {
    const auto error = co_await error_of(monitor.aawait(other));
    EXPECT_TRUE(is_error(error, errc::invalid_state, "Monitor cannot be re-entered"));
    co_await this_task::yield();
    co_return 3;
  };
  auto coroutine = monitor(helper);
  const auto three = co_await monitor.aawait(coroutine);
  EXPECT_EQ(three, 3);
  const auto two = co_await monitor.aawait(other);
  EXPECT_EQ(two, 2);
}

// MON-13
CORO_TEST_EVERYWHERE(TestMonitor, refuses_a_second_awaiter_and_leaves_the_first_alone) {
  Monitor<int> monitor;
  Event inside(home), go(home);
  const auto helper = [&]() -> awaitable<int> {
    inside.set();
    co_await go.wait();
    co_await monitor.oob(1);
    co_return 2;
  };
  auto coroutine = monitor(helper);
  auto other = monitor([]() -> awaitable<void> { co_return; });
  AioPool pool(home, sized(1, one_thread()));
  const auto await_it = [&]() -> awaitable<int> { co_return co_await coroutine.start(); };
  auto first = pool.spawn_n(await_it);
  co_await inside.wait();
  const auto same = co_await error_of(coroutine.aawait());
  const auto another = co_await error_of(other.aawait());
  EXPECT_TRUE(is_error(same, errc::invalid_state, "Monitor cannot be re-entered"));
  EXPECT_TRUE(is_error(another, errc::invalid_state, "Monitor cannot be re-entered"));
  go.set();
  const auto one = co_await first.get();
  EXPECT_EQ(one, 1);
  const auto two = co_await coroutine.aawait();
  EXPECT_EQ(two, 2);
}

// MON-14 TRAP-8: also after a real suspension, where the original lets it through.
CORO_TEST_EVERYWHERE(TestMonitor, test_monitor_raise_oob) {
  Monitor<int> monitor;
  for (const bool suspends : {false, true}) {
    const auto helper = [&]() -> awaitable<void> {
      if (suspends) co_await asio::post(asio::use_awaitable);
      throw OOBData<int>(1);
    };
    auto coroutine = monitor(helper);
    const auto error = co_await error_of(coroutine.aawait());
    EXPECT_TRUE(is_error(error, errc::invalid_state, "coroutine raised OOBData"));
    try {
      std::rethrow_exception(error);
    } catch (const std::nested_exception& nested) {
      EXPECT_TRUE(is_a<OOBData<int>>(nested.nested_ptr()));
    } catch (...) {
      ADD_FAILURE() << "no cause";
    }
  }
}

// MON-15
CORO_TEST(TestMonitor, a_message_of_another_monitor_that_escapes_is_an_error) {
  Monitor<int> outer;
  Monitor<std::string> inner;
  auto speaker = inner([&]() -> awaitable<void> { co_await inner.oob("out of the inner one"); });
  auto coroutine = outer([&]() -> awaitable<void> { co_await speaker.aawait(); });
  const auto error = co_await error_of(coroutine.aawait());
  EXPECT_TRUE(is_error(error, errc::invalid_state, "coroutine raised OOBData"));
}

// MON-16
CORO_TEST_EVERYWHERE(TestMonitor, is_reusable_after_an_exception) {
  Monitor<int> monitor;
  auto failing = monitor([&]() -> awaitable<void> {
    co_await monitor.oob(1);
    throw std::out_of_range("too far");
  });
  co_await failing.start();
  const auto error = co_await error_of(failing.aawait());
  EXPECT_TRUE(is_a<std::out_of_range>(error));
  EXPECT_TRUE(says(error, "too far"));
  auto other = monitor([&]() -> awaitable<void> { co_await monitor.oob(2); });
  const auto two = co_await other.start();
  EXPECT_EQ(two, 2);
}

// MON-18
CORO_TEST_EVERYWHERE(TestMonitor, serves_several_coroutines_in_turn) {
  Monitor<std::string, int> monitor;
  const auto counter = [&](std::string name) -> awaitable<int> {
    int sum = 0;
    for (int n = 0; n < 3; ++n) {
      sum += co_await monitor.oob(name + std::to_string(n));
      co_await this_task::yield();
    }
    co_return sum;
  };
  auto a = monitor(counter("a"));
  auto b = monitor(counter("b"));
  std::vector<std::string> log;
  for (int n = 0; n < 3; ++n)
    for (auto* coroutine : {&a, &b}) {
      auto said = n == 0 ? coroutine->next() : coroutine->next(coroutine == &a ? 1 : 10);
      auto message = co_await std::move(said);
      log.push_back(std::get<0>(message).data);
    }
  EXPECT_EQ(log, (std::vector<std::string>{"a0", "b0", "a1", "b1", "a2", "b2"}));
  const int sum_of_b = co_await b.aawait(10);
  const int sum_of_a = co_await a.aawait(1);
  EXPECT_EQ(sum_of_a, 3);
  EXPECT_EQ(sum_of_b, 30);
}

// MON-19
CORO_TEST_EVERYWHERE(TestMonitor, nests_with_each_message_to_its_own_awaiter) {
  Monitor<std::string, std::string> outer, inner;
  std::vector<std::string> log;
  const auto leaf = [&]() -> awaitable<std::string> {
    auto text = co_await outer.oob("leaf to outer");
    text += co_await inner.oob("leaf to inner");
    text += co_await outer.oob("leaf to outer again");
    co_return text;
  };
  const auto middle = [&]() -> awaitable<std::string> {
    auto below = inner(leaf);
    auto said = co_await below.next();
    log.push_back(std::get<0>(said).data);
    const auto answer = co_await outer.oob("middle to outer");
    co_return co_await below.aawait("I" + answer);
  };
  auto coroutine = outer(middle);
  auto said = co_await coroutine.next();
  for (int n = 1; said.index() == 0; ++n) {
    log.push_back(std::get<0>(said).data);
    said = co_await coroutine.next(std::to_string(n));
  }
  EXPECT_EQ(std::get<1>(said), "1I23");
  EXPECT_EQ(log, (std::vector<std::string>{"leaf to outer", "leaf to inner", "middle to outer",
                                           "leaf to outer again"}));
}

// MON-23
CORO_TEST(TestMonitor, oob_from_any_depth) {
  Monitor<int, int> monitor;
  const auto descend = [&](auto& self, int depth) -> awaitable<int> {
    if (depth == 0) co_return co_await monitor.oob(7);
    co_return 1 + co_await self(self, depth - 1);
  };
  auto coroutine = monitor(descend(descend, 1000));
  const auto seven = co_await coroutine.start();
  EXPECT_EQ(seven, 7);
  const auto result = co_await coroutine.aawait(5);
  EXPECT_EQ(result, 1005);
}

// TRAP-1: the original cannot.
CORO_TEST_EVERYWHERE(TestMonitor, oob_from_a_job_the_coroutine_has_started) {
  Monitor<int, int> monitor;
  AioPool pool(home, sized(1, one_thread()));
  const auto helper = [&]() -> awaitable<int> { co_return co_await monitor.oob(2); };
  const auto body = [&]() -> awaitable<int> {
    const int first = co_await monitor.oob(1);
    auto task = pool.spawn_n(helper);
    const int second = co_await task.get();
    co_return first + second;
  };
  auto coroutine = monitor(body);
  const auto one = co_await coroutine.next();
  const auto two = co_await coroutine.next(10);
  EXPECT_EQ(std::get<0>(one).data, 1);
  EXPECT_EQ(std::get<0>(two).data, 2);
  const auto sum = co_await coroutine.aawait(20);
  EXPECT_EQ(sum, 30);
}

// A job that speaks while another message has not been taken, or after its coroutine has ended.
CORO_TEST_EVERYWHERE(TestMonitor, takes_one_message_an_await) {
  Monitor<int> monitor;
  AioPool pool(home, sized(2, one_thread()));
  std::atomic<int> refused = 0;
  Event over(home);
  const auto helper = [&](int n) -> awaitable<void> {
    const auto error = co_await error_of(monitor.oob(n));
    if (error) {
      EXPECT_TRUE(is_error(error, errc::invalid_state, not_active));
      ++refused;
    }
    over.set();
  };
  const auto body = [&]() -> awaitable<void> {
    auto one = pool.spawn_n([&] { return helper(1); });
    auto two = pool.spawn_n([&] { return helper(2); });
    co_await one.wait();
    co_await two.wait();
  };
  auto coroutine = monitor(body);
  co_await coroutine.start();
  co_await over.wait();
  co_await coroutine.aawait();
  EXPECT_EQ(refused, 1);
}

CORO_TEST(TestMonitor, does_not_starve_the_others) {
  Monitor<int> monitor;
  bool over = false;
  auto coroutine = monitor([&]() -> awaitable<void> {
    while (!over) co_await monitor.oob(1);
  });
  asio::post(home, [&] { over = true; });
  const auto exchange = [&]() -> awaitable<bool> {
    co_return (co_await coroutine.next()).index() == 0;
  };
  while (co_await exchange()) {
  }
  EXPECT_TRUE(over);
}

CORO_TEST(TestMonitor, names_what_it_refuses) {
  Monitor<int> monitor, other;
  auto coroutine = monitor([]() -> awaitable<void> { co_return; });
  EXPECT_TRUE(is_error(error_from([&] { (void)other.aawait(coroutine); }), errc::invalid_argument,
                       "monitor: the coroutine belongs to another monitor"));
  auto moved_to = std::move(coroutine);
  EXPECT_TRUE(is_error(error_from([&] { (void)coroutine.aawait(); }), errc::invalid_state,
                       "monitor: this coroutine has been moved from"));
  co_await moved_to.aawait();
  // One that waits for something else than its awaiter: for a job that spoke in its place.
  AioPool pool(home, 1);
  auto waiting = monitor([&]() -> awaitable<void> {
    auto task = pool.spawn_n([&] { return monitor.oob(1); });
    co_await task.wait();
    co_await other.oob(1);
  });
  co_await waiting.start();
  co_await pool.cancel();
  const auto error = co_await error_of(waiting.athrow(std::runtime_error("nobody hears it")));
  EXPECT_TRUE(
      is_error(error, errc::invalid_state, "athrow(): the coroutine does not wait to be answered"));
}

TEST(TestMonitorContexts, all_who_talk_run_on_one_context) {
  asio::io_context one(1), two(1);
  Monitor<int> monitor;
  auto coroutine = monitor([&]() -> awaitable<void> { co_await monitor.oob(1); });
  const auto await_it = [&]() -> awaitable<void> { co_await coroutine.next(); };
  const auto fails = [](std::exception_ptr error) {
    EXPECT_TRUE(is_error(
        error, errc::invalid_argument,
        "monitor: awaited on another execution context than the one its coroutine runs on"));
  };
  asio::co_spawn(one, await_it, [](std::exception_ptr error) { EXPECT_EQ(error, nullptr); });
  one.poll();
  asio::co_spawn(two, await_it, fails);
  two.poll();
  EXPECT_TRUE(two.stopped());
}

}  // namespace
}  // namespace coroexec::test
