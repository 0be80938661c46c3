// task_throw and task_interrupt: where the exception is raised, once, and what becomes of the task.
#include "coroexec/interrupt.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_executor.hpp>

#include <stdexcept>
#include <string>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/gather.hpp"
#include "coroexec/this_task.hpp"
#include "coroexec/with_timeout.hpp"
#include "event.hpp"
#include "stubborn.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

struct Changed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Awaits `operation` as a job, interrupts it with a Changed once `waiting` says so, and tells what was raised.
template <class T, class Waiting>
awaitable<std::exception_ptr> raised_in(ExecutorOptions options, awaitable<T> operation, Waiting waiting) {
  std::exception_ptr raised;
  const auto job = [&](awaitable<T> given) -> awaitable<int> {
    raised = co_await error_of(std::move(given));
    EXPECT_FALSE(this_task::cancel_requested());
    co_await sleep_for(1us);  // it goes on: no cancel has stayed
    co_await this_task::yield();
    co_return 7;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto task = co_await executor.submit(job, std::move(operation));
    co_await until(waiting);
    task_throw(task, Changed("changed"));
    EXPECT_EQ(co_await task.get(), 7);
  };
  co_await with_executor(options, body);
  co_return raised;
}

CORO_TEST_EVERYWHERE(Interrupt, is_raised_once_by_each_of_the_librarys_waits) {
  Stubborn s(home);
  std::atomic<int> waiting = 0;
  const auto one_waits = [&] { return waiting == 1; };
  const auto sleeps = [&]() -> awaitable<void> {
    ++waiting;
    co_await sleep_for(1h);
  };
  EXPECT_TRUE(is_a<Changed>(co_await raised_in(options(), sleeps(), one_waits)));

  const auto job = [&]() -> awaitable<void> { co_await s(); };
  CoroutineExecutor other(home, options());
  const auto task = other.submit_nowait(job);
  waiting = 0;
  const auto waits = [&]() -> awaitable<void> {
    ++waiting;
    co_await task.wait();
  };
  EXPECT_TRUE(is_a<Changed>(co_await raised_in(options(), waits(), one_waits)));
  EXPECT_FALSE(task.done()) << "it is not the waiter's";
  other.cancel();
  (void)co_await error_of(other.join());

  s.waiting = s.cleaned_up = 0;
  EXPECT_TRUE(is_a<Changed>(
      co_await raised_in(options(), gather(with_timeout(1h, s()), s()), [&] { return s.waiting == 2; })));
  EXPECT_EQ(s.cleaned_up, 2) << "operations are cancelled and joined first";

  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(job);
    co_await s();
  };
  s.waiting = s.cleaned_up = 0;
  EXPECT_TRUE(is_a<Changed>(
      co_await raised_in(options(), with_executor(options(), body), [&] { return s.waiting == 2; })));
  EXPECT_EQ(s.cleaned_up, 2);
}

// Who waits for the task by a handler is told of its end alone.
CORO_TEST(Interrupt, that_is_caught_is_not_the_end_of_the_task) {
  Event go(home);
  Stubborn s(home);
  bool told = false, caught = false;
  const auto job = [&]() -> awaitable<void> {
    caught = is_a<Changed>(co_await error_of(gather(s())));
    co_await go.wait();
  };
  CoroutineExecutor executor(home, options());
  const auto task = executor.submit_nowait(job);
  task.async_wait(asio::bind_executor(home, [&](boost::system::error_code) { told = true; }));
  co_await until([&] { return s.waiting == 1; });
  co_await task_interrupt(task, Changed("changed"));
  co_await until([&] { return caught; });
  for (int i = 0; i < 10; ++i) co_await this_task::yield();
  EXPECT_FALSE(told);
  go.set();
  co_await executor.join();
  co_await until([&] { return told; });
}

// At an Asio operation it is a cancel; the task's error is the exception all the same.
CORO_TEST_EVERYWHERE(Interrupt, at_an_asio_operation_is_a_cancel_and_the_tasks_error) {
  Event never(home), waits(home);
  const auto thrown = std::make_exception_ptr(Changed("changed"));
  std::exception_ptr seen;
  const auto job = [&](bool takes_it_back) -> awaitable<int> {
    seen = co_await error_of(never.wait([&] { waits.set(); }));
    if (!takes_it_back) std::rethrow_exception(seen);
    co_await this_task::uncancel();
    co_await this_task::yield();
    co_return 7;
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto ends = executor.submit_nowait(job, false);
  co_await waits.wait();
  co_await task_interrupt(ends, thrown);
  co_await ends.wait();
  EXPECT_TRUE(is_cancelled(seen));
  EXPECT_EQ(ends.exception(), thrown);
  EXPECT_EQ(ends.state(), TaskState::failed);

  std::atomic<bool> waiting = false;
  const auto recovers = [&]() -> awaitable<int> {
    (void)co_await error_of(never.wait([&] { waiting = true; }));
    co_await this_task::uncancel();
    co_return co_await job(true);
  };
  const auto goes_on = executor.submit_nowait(recovers);
  co_await until([&] { return waiting.load(); });
  co_await task_interrupt(goes_on, thrown);
  co_await until([&] { return !goes_on.done(); });
  executor.cancel();
  EXPECT_EQ(co_await goes_on.get(), 7);
}

CORO_TEST_EVERYWHERE(Interrupt, of_a_task_that_has_not_started_keeps_it_from_that) {
  Event go_on(home);
  bool started = false;
  const auto waits = [&]() -> awaitable<void> { co_await go_on.wait(); };
  const auto never_starts = [&]() -> awaitable<void> {
    started = true;
    co_return;
  };
  CoroutineExecutor executor(home, options({.max_workers = 1, .suppress_task_errors = true}));
  executor.submit_nowait(waits);
  const auto task = executor.submit_nowait(never_starts);
  task_throw(task, Changed("changed"));
  EXPECT_EQ(task.state(), TaskState::failed);
  EXPECT_TRUE(is_a<Changed>(task.exception()));
  go_on.set();
  co_await executor.join();
  EXPECT_FALSE(started);
}

CORO_TEST_EVERYWHERE(Interrupt, that_is_not_caught_is_the_tasks_error_like_any_other) {
  std::atomic<bool> waiting = false;
  const auto sleeps = [&]() -> awaitable<void> {
    waiting = true;
    co_await sleep_for(1h);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto task = co_await executor.submit(sleeps);
    co_await until([&] { return waiting.load(); });
    task_throw(task, Changed("changed"));
  };
  EXPECT_TRUE(says(co_await error_of(with_executor(options(), body)), "changed"));
}

CORO_TEST_EVERYWHERE(Interrupt, has_been_raised_when_task_interrupt_returns) {
  std::atomic<int> raised = 0;
  std::atomic<bool> waiting = false, stop = false;
  const auto job = [&]() -> awaitable<void> {
    while (!stop) {
      waiting = true;
      const auto error = co_await error_of(sleep_for(1h));
      waiting = false;
      if (is_a<Changed>(error)) ++raised;
    }
  };
  CoroutineExecutor executor(home, options());
  const auto task = executor.submit_nowait(job);
  for (int i = 1; i <= 5; ++i) {
    co_await until([&] { return waiting.load(); });
    stop = i == 5;
    co_await task_interrupt(task, Changed("again"));
    co_await until([&] { return raised == i; });
  }
  co_await executor.join();
  EXPECT_EQ(raised, 5);
}

CORO_TEST_EVERYWHERE(Interrupt, gives_way_to_a_cancel) {
  Event never(home);
  Stubborn s(home);
  const auto job = [&]() -> awaitable<void> { co_await gather(s()); };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto task = executor.submit_nowait(job);
  co_await until([&] { return s.waiting == 1; });
  task_throw(task, Changed("changed"));
  task.cancel();
  co_await task.wait();
  EXPECT_TRUE(task.cancelled() || is_a<Changed>(task.exception()));
  if (one_thread()) {
    EXPECT_TRUE(task.cancelled());
  }
}

CORO_TEST_EVERYWHERE(Interrupt, that_cannot_be_is_an_error) {
  Event never(home);
  std::atomic<bool> waiting = false, refused = false;
  Task<> self;
  std::exception_ptr of_self;
  const auto job = [&]() -> awaitable<void> {
    co_await until([&] { return waiting.load(); });
    of_self = error_from([&] { task_throw(self, Changed("me")); });
    refused = true;
    (void)co_await error_of(never.wait());
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true, .name = "ours"}));
  self = executor.submit_nowait({.name = "self"}, job);
  waiting = true;
  co_await until([&] { return refused.load(); });
  EXPECT_TRUE(is_error(of_self, errc::invalid_state,
                       "job 1 'self' of executor 'ours' cannot be interrupted: it is the caller"));
  self.cancel();
  const auto busy = error_from([&] { task_throw(self, Changed("you")); });
  EXPECT_TRUE(is_error(busy, errc::invalid_state, "it is "));
  if (one_thread()) {
    EXPECT_TRUE(is_error(busy, errc::invalid_state, "it is being cancelled"));
  }
  co_await self.wait();
  EXPECT_TRUE(is_error(error_from([&] { task_throw(self, Changed("you")); }), errc::invalid_state, "it is done"));
  EXPECT_TRUE(is_error(co_await error_of(task_interrupt(self, Changed("you"))), errc::invalid_state, "it is done"));
}

}  // namespace
}  // namespace coroexec::test
