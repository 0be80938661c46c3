// with_task_group: what leaving it means, start_soon, start and started(), the cancel scope.
#include "coroexec/task_group.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "stubborn.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

// TG-2
CORO_TEST(TaskGroup, start_soon_starts_nothing_before_it_returns) {
  std::string log;
  const auto task = [&](char name) -> awaitable<void> {
    log += name;
    co_await this_task::yield();
    log += static_cast<char>(name - 'a' + 'A');
  };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    group.start_soon(task, 'a');
    group.start_soon({.name = "b"}, task, 'b');
    EXPECT_EQ(log, "");
    co_return;
  };
  co_await with_task_group(body);
  EXPECT_EQ(log.size(), 4u);
}

// TG-15, TG-16
CORO_TEST_EVERYWHERE(TaskGroup, leaving_waits_for_all_and_gives_what_the_body_returns) {
  Event over(home);
  std::atomic<int> ended = 0;
  Task<int> named;
  const auto task = [&]() -> awaitable<int> {
    co_await over.wait();
    co_await this_task::yield();
    co_return ++ended;
  };
  const auto body = [&](TaskGroup& group) -> awaitable<MoveOnly> {
    for (int i = 0; i < 10; ++i) group.start_soon(task);
    named = group.start_soon({.name = "named"}, task);
    over.set();
    co_return MoveOnly(7);
  };
  EXPECT_EQ((co_await with_task_group({.threading = options().threading}, body)).value(), 7);
  EXPECT_EQ(ended, 11);
  EXPECT_EQ(named.name(), "named");
}

// TG-4, TG-16
CORO_TEST_EVERYWHERE(TaskGroup, a_tasks_error_cancels_the_others_and_the_body_and_leaves) {
  Stubborn s(home);
  const auto fails = [&]() -> awaitable<void> {
    co_await until([&] { return s.waiting == 3; });
    throw std::out_of_range("broken");
  };
  const auto waits = [&]() -> awaitable<void> { co_await s(); };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    group.start_soon(waits);
    group.start_soon(fails);
    group.start_soon(waits);
    co_await s();
  };
  const auto error = co_await error_of(with_task_group({.threading = options().threading}, body));
  EXPECT_TRUE(is_a<std::out_of_range>(error));
  EXPECT_EQ(s.cleaned_up, 3);
}

CORO_TEST_EVERYWHERE(TaskGroup, every_error_can_be_had) {
  Stubborn s(home);
  const auto fails = [&]() -> awaitable<void> {
    co_await until([&] { return s.waiting == 2; });
    throw std::runtime_error("broken");
  };
  const auto fails_late = [&]() -> awaitable<void> { co_await s.fails("clean-up failed"); };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    group.start_soon({.name = "first"}, fails);
    group.start_soon(fails_late);
    co_await s.fails("so did the body's");
  };
  const auto error =
      co_await error_of(with_task_group({.all_errors = true, .threading = options().threading}, body));
  EXPECT_TRUE(says(error, "3 jobs failed, the first was job 'first': broken"));
}

CORO_TEST_EVERYWHERE(TaskGroup, its_timeout_and_its_name_are_in_the_error) {
  Stubborn s(home);
  const auto body = [&](TaskGroup&) -> awaitable<void> { co_await s(); };
  const auto error = co_await error_of(
      with_task_group({.timeout = 1ms, .threading = options().threading, .name = "workers"}, body));
  EXPECT_TRUE(is_error(error, errc::timed_out, "task group 'workers' exceeded its timeout of 1 ms"));
  EXPECT_EQ(s.cleaned_up, s.waiting) << "with threads it may be late before the body starts";
}

CORO_TEST_EVERYWHERE(TaskGroup, a_cancel_of_its_owner_cancels_all) {
  Stubborn s(home);
  std::exception_ptr left_with;
  const auto waits = [&]() -> awaitable<void> { co_await s(); };
  const auto inner = [&](TaskGroup& group) -> awaitable<void> {
    group.start_soon(waits);
    co_await s();
  };
  const auto owner = [&]() -> awaitable<void> {
    left_with = co_await error_of(with_task_group({.threading = options().threading}, inner));
  };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    const auto task = group.start_soon(owner);
    co_await until([&] { return s.waiting == 2; });
    group.cancel_scope().cancel();
    co_await task.wait();
  };
  co_await with_task_group({.threading = options().threading}, body);
  EXPECT_TRUE(is_cancelled(left_with));
  EXPECT_EQ(s.cleaned_up, 2);
}

// ---- the cancel scope

// TG-13
CORO_TEST_EVERYWHERE(TaskGroup, its_cancel_scope_ends_it_without_an_error) {
  Stubborn s(home);
  bool went_on = false;
  const auto waits = [&]() -> awaitable<void> { co_await s(); };
  const auto ends_it = [&](TaskGroup& group) -> awaitable<void> {
    co_await until([&] { return s.waiting == 2; });
    EXPECT_FALSE(group.cancel_scope().cancel_called());
    group.cancel_scope().cancel();
    EXPECT_TRUE(group.cancel_scope().cancel_called());
    const auto nothing = []() -> awaitable<void> { co_return; };
    EXPECT_TRUE(is_cancelled(error_from([&] { group.start_soon(nothing); })));
  };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    group.start_soon(waits);
    group.start_soon(ends_it, std::ref(group));
    co_await s();
    went_on = true;
  };
  co_await with_task_group({.threading = options().threading}, body);
  EXPECT_FALSE(went_on);
  EXPECT_EQ(s.cleaned_up, 2);
  co_await this_task::yield();  // the owner has not been cancelled
}

CORO_TEST_EVERYWHERE(TaskGroup, a_cancelled_scope_does_not_hide_an_error) {
  Stubborn s(home);
  const auto fails = [&]() -> awaitable<void> { co_await s.fails("clean-up failed"); };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    group.start_soon(fails);
    co_await until([&] { return s.waiting == 1; });
    group.cancel_scope().cancel();
  };
  EXPECT_TRUE(says(co_await error_of(with_task_group({.threading = options().threading}, body)), "clean-up failed"));
}

CORO_TEST_EVERYWHERE(TaskGroup, a_cancelled_scope_without_the_result_it_was_to_give_is_cancelled) {
  Stubborn s(home);
  const auto cut_short = [&](TaskGroup& group) -> awaitable<int> {
    group.cancel_scope().cancel();
    co_return co_await s();
  };
  const auto in_time = [&](TaskGroup& group) -> awaitable<int> {
    group.cancel_scope().cancel();
    co_return 7;
  };
  EXPECT_TRUE(is_cancelled(co_await error_of(with_task_group({.threading = options().threading}, cut_short))));
  EXPECT_EQ(co_await with_task_group({.threading = options().threading}, in_time), 7);
}

// ---- start

// TG-6, TG-7
CORO_TEST_EVERYWHERE(TaskGroup, start_gives_the_value_of_started_while_the_task_runs_on) {
  Event go_on(home);
  std::atomic<bool> ended = false;
  const auto task = [&](bool waits_first, int value, TaskStatus<int> status) -> awaitable<void> {
    if (waits_first) co_await this_task::yield();
    status.started(value);
    co_await go_on.wait();
    ended = true;
  };
  const auto plain = [](TaskStatus<> status) -> awaitable<void> {
    status.started();
    co_return;
  };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    EXPECT_EQ(co_await group.start<int>(task, true, 1), 1);
    EXPECT_EQ(co_await group.start<int>({.name = "second"}, task, false, 2), 2);
    co_await group.start(plain);
    EXPECT_FALSE(ended);
    go_on.set();
  };
  co_await with_task_group({.threading = options().threading}, body);
  EXPECT_TRUE(ended);
}

// TG-8, TG-9
CORO_TEST_EVERYWHERE(TaskGroup, an_error_before_started_is_thrown_by_start_and_leaves_the_group_alone) {
  const auto fails = [](bool waits_first, TaskStatus<int>) -> awaitable<void> {
    if (waits_first) co_await this_task::yield();
    throw std::out_of_range("cannot listen");
  };
  const auto nothing = []() -> awaitable<int> { co_return 7; };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    for (const bool waits_first : {false, true}) {
      auto start = group.start<int>(fails, waits_first);
      EXPECT_TRUE(is_a<std::out_of_range>(co_await error_of(std::move(start))));
    }
    EXPECT_EQ(co_await group.start_soon(nothing).get(), 7) << "it goes on";
    EXPECT_TRUE(group.errors().empty());
  };
  co_await with_task_group({.threading = options().threading}, body);
}

// TG-10
CORO_TEST_EVERYWHERE(TaskGroup, an_error_after_started_is_the_groups) {
  for (const bool waits_first : {false, true}) {
    const auto fails = [&](TaskStatus<std::string> status) -> awaitable<void> {
      status.started("listening");
      if (waits_first) co_await this_task::yield();
      throw std::runtime_error("broken");
    };
    std::string value;
    const auto body = [&](TaskGroup& group) -> awaitable<void> { value = co_await group.start<std::string>(fails); };
    EXPECT_TRUE(says(co_await error_of(with_task_group({.threading = options().threading}, body)), "broken"));
    if (one_thread()) {  // elsewhere the body may be cancelled before it hears of it
      EXPECT_EQ(value, "listening");
    }
  }
}

// TG-11
CORO_TEST_EVERYWHERE(TaskGroup, a_task_that_never_says_it_has_started_is_an_error) {
  const auto forgets = [](TaskStatus<>) -> awaitable<void> { co_return; };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    auto start = group.start({.name = "server"}, forgets);
    EXPECT_TRUE(is_error(co_await error_of(std::move(start)), errc::invalid_state,
                         "'server' of task group exited without calling started()"));
  };
  co_await with_task_group({.threading = options().threading}, body);
}

// TG-12
CORO_TEST_EVERYWHERE(TaskGroup, started_may_be_called_once_and_not_after_the_end) {
  std::optional<TaskStatus<int>> kept;
  std::exception_ptr twice;
  Event has_tried(home);
  const auto task = [&](TaskStatus<int> status) -> awaitable<void> {
    status.started(1);
    twice = error_from([&] { status.started(2); });
    has_tried.set();
    co_return;
  };
  const auto forgets = [&](TaskStatus<int> status) -> awaitable<void> {
    kept = status;
    co_return;
  };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    EXPECT_EQ(co_await group.start<int>({.name = "server"}, task), 1);
    co_await has_tried.wait();
    EXPECT_TRUE(is_error(twice, errc::invalid_state, "'server' of task group calls started() twice"));
    auto start = group.start<int>(forgets);
    EXPECT_TRUE(is_error(co_await error_of(std::move(start)), errc::invalid_state));
  };
  co_await with_task_group({.threading = options().threading}, body);
  EXPECT_TRUE(is_error(error_from([&] { kept->started(3); }), errc::invalid_state,
                       "task group: started() after the task has ended"));
}

// Cancelling the wait cancels the task and waits for it.
CORO_TEST_EVERYWHERE(TaskGroup, a_cancelled_start_takes_its_task_along) {
  for (const bool fails : {false, true}) {
    Stubborn s(home);
    std::exception_ptr ended_with;
    const auto task = [&](TaskStatus<>) -> awaitable<void> {
      if (fails) co_await s.fails("lost data");
      co_await s();
    };
    const auto starter = [&](TaskGroup& group) -> awaitable<void> {
      ended_with = co_await error_of(group.start(task));
      EXPECT_EQ(s.cleaned_up, 1);
    };
    const auto nothing = []() -> awaitable<int> { co_return 7; };
    const auto body = [&](TaskGroup& group) -> awaitable<void> {
      CoroutineExecutor starters(home, options({.suppress_task_errors = true}));
      const auto starting = starters.submit_nowait(starter, std::ref(group));
      co_await until([&] { return s.waiting == 1; });
      starting.cancel();
      co_await starting.wait();
      EXPECT_EQ(co_await group.start_soon(nothing).get(), 7) << "the group goes on";
    };
    co_await with_task_group({.threading = options().threading}, body);
    EXPECT_TRUE(fails ? says(ended_with, "lost data") : is_cancelled(ended_with));
  }
}

CORO_TEST_EVERYWHERE(TaskGroup, a_start_that_is_never_awaited_never_starts) {
  bool started = false;
  const auto task = [&](TaskStatus<>) -> awaitable<void> {
    started = true;
    co_return;
  };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    { auto dropped = group.start(task); }
    co_await this_task::yield();
  };
  co_await with_task_group({.threading = options().threading}, body);
  EXPECT_FALSE(started);
}

}  // namespace
}  // namespace coroexec::test
