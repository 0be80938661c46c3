// with_eager_task_group: what runs before the call returns, and whose an error is then.
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>

#include "coro_test.hpp"
#include "coroexec/task_group.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "stubborn.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// TG-1
CORO_TEST(EagerTaskGroup, prints_what_the_readme_says) {
  std::string log;
  const auto task = [&](TaskStatus<std::string> status) -> awaitable<void> {
    log += "hello ";
    status.started("world ");
    co_await sleep_for(milliseconds(1));
    log += "goodbye ";
  };
  const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
    auto start = group.start<std::string>(task);
    log += "fine ";
    log += co_await std::move(start);
  };
  co_await with_eager_task_group({.threading = options().threading}, body);
  log += "world";
  EXPECT_EQ(log, "hello fine world goodbye world");
}

// TG-2: up to its first wait.
CORO_TEST_EVERYWHERE(TestStartSoon, test_normal) {
  for (const bool blocks : {false, true}) {
    Event go_on(home);
    std::string log;
    const auto task = [&]() -> awaitable<void> {
      log += 'a';
      if (blocks) co_await go_on.wait();
      log += 'b';
    };
    const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
      const auto handle = group.start_soon({.name = "named"}, task);
      EXPECT_EQ(log, blocks ? "a" : "ab");
      EXPECT_EQ(handle.name(), "named");
      EXPECT_EQ(handle.done(), !blocks);
      go_on.set();
      co_return;
    };
    co_await with_eager_task_group({.threading = options().threading}, body);
    EXPECT_EQ(log, "ab");
  }
}

// TG-3, TG-4: an error before the first wait is thrown by start_soon, a later one is the group's.
CORO_TEST_EVERYWHERE(TestStartSoon, test_err1_test_err2) {
  for (const bool blocks : {false, true}) {
    Event go_on(home);
    std::exception_ptr at_the_call;
    const auto fails = [&]() -> awaitable<void> {
      if (blocks) co_await go_on.wait();
      throw std::out_of_range("broken");
    };
    const auto nothing = []() -> awaitable<int> { co_return 7; };
    const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
      at_the_call = error_from([&] { group.start_soon(fails); });
      EXPECT_EQ(group.start_soon(nothing).result(), 7);
      go_on.set();
      co_return;
    };
    const auto left_with = co_await error_of(with_eager_task_group({.threading = options().threading}, body));
    EXPECT_EQ(is_a<std::out_of_range>(at_the_call), !blocks);
    EXPECT_EQ(is_a<std::out_of_range>(left_with), blocks);
    EXPECT_EQ(!left_with, !blocks) << "a group whose caller has caught it leaves in peace";
  }
}

// TG-5, TG-6, TG-7: up to its first wait, before it is awaited.
CORO_TEST_EVERYWHERE(TestStart, test_normal_test_task_status_forwarder) {
  for (const bool blocks : {false, true}) {
    Event go_on(home);
    std::string log;
    const auto task = [&](TaskStatus<int> status) -> awaitable<void> {
      log += 'a';
      if (blocks) co_await go_on.wait();
      log += 'b';
      status.started(7);
    };
    const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
      auto start = group.start<int>(task);
      EXPECT_EQ(log, blocks ? "a" : "ab");
      go_on.set();
      EXPECT_EQ(co_await std::move(start), 7);
    };
    co_await with_eager_task_group({.threading = options().threading}, body);
    EXPECT_EQ(log, "ab");
  }
}

// TG-8, TG-9: an error before started() is thrown where start() is awaited.
CORO_TEST_EVERYWHERE(TestStart, test_err1_test_err2) {
  for (const bool blocks : {false, true}) {
    const auto fails = [&](TaskStatus<>) -> awaitable<void> {
      if (blocks) co_await this_task::yield();
      throw std::out_of_range("cannot listen");
    };
    const auto nothing = []() -> awaitable<int> { co_return 7; };
    const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
      auto start = group.start(fails);
      EXPECT_TRUE(is_a<std::out_of_range>(co_await error_of(std::move(start))));
      EXPECT_EQ(group.start_soon(nothing).result(), 7) << "it goes on";
    };
    co_await with_eager_task_group({.threading = options().threading}, body);
  }
}

// TG-10: one after it is the group's.
CORO_TEST_EVERYWHERE(TestStart, test_err3) {
  for (const bool blocks : {false, true}) {
    const auto fails = [&](TaskStatus<int> status) -> awaitable<void> {
      status.started(7);
      if (blocks) co_await this_task::yield();
      throw std::out_of_range("broken");
    };
    const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
      auto start = group.start<int>(fails);
      const auto value = co_await as_outcome(std::move(start));
      if (one_thread() && blocks) {
        EXPECT_EQ(value.value(), 7);
      }
    };
    const auto left_with = co_await error_of(with_eager_task_group({.threading = options().threading}, body));
    EXPECT_TRUE(is_a<std::out_of_range>(left_with));
  }
}

// TG-11
CORO_TEST_EVERYWHERE(TestStart, test_err4) {
  const auto forgets = [](TaskStatus<>) -> awaitable<void> { co_return; };
  const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
    auto start = group.start({.name = "server"}, forgets);
    EXPECT_TRUE(is_error(co_await error_of(std::move(start)), errc::invalid_state,
                         "'server' of task group exited without calling started()"));
  };
  co_await with_eager_task_group({.threading = options().threading}, body);
}

// A start that nobody awaits: its error is not lost.
CORO_TEST_EVERYWHERE(EagerTaskGroup, the_error_of_a_start_that_is_dropped_is_the_groups) {
  for (const bool blocks : {false, true}) {
    const auto fails = [&](TaskStatus<>) -> awaitable<void> {
      if (blocks) co_await this_task::yield();
      throw std::out_of_range("unheard");
    };
    const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
      { auto dropped = group.start(fails); }
      co_return;
    };
    const auto left_with = co_await error_of(with_eager_task_group({.threading = options().threading}, body));
    EXPECT_TRUE(is_a<std::out_of_range>(left_with));
  }
}

// TG-16
CORO_TEST_EVERYWHERE(EagerTaskGroup, test_error_start_soon) {
  Stubborn s(home);
  const auto waits = [&]() -> awaitable<void> { co_await s(); };
  const auto fails = [&]() -> awaitable<void> {
    co_await this_task::yield();
    throw std::out_of_range("broken");
  };
  const auto body = [&](EagerTaskGroup& group) -> awaitable<void> {
    group.start_soon(waits);
    group.start_soon(waits);
    EXPECT_EQ(s.waiting, 2);
    group.start_soon(fails);
    co_await s();
  };
  const auto left_with = co_await error_of(with_eager_task_group({.threading = options().threading}, body));
  EXPECT_TRUE(is_a<std::out_of_range>(left_with));
  EXPECT_EQ(s.cleaned_up, s.waiting);
}

}  // namespace
}  // namespace coroexec::test
