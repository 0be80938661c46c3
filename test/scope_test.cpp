// What leaving a scope means, whichever way it is left: return, a job's error, the body's error, a
// cancel of its owner.
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// Cleans up with awaits when it is cancelled, and says so: whoever sees `cleaned_up` has joined it.
awaitable<void> wait_and_clean_up(Event& event, std::atomic<int>& cleaned_up) {
  const auto error = co_await error_of(event.wait());
  if (!error) co_return;
  co_await this_task::uncancel();
  for (int i = 0; i < 10; ++i) co_await this_task::yield();
  ++cleaned_up;
  std::rethrow_exception(error);
}

// CE-1
CORO_TEST_EVERYWHERE(Scope, leaving_waits_for_every_job) {
  Event body_is_over(home);
  std::atomic<int> ended = 0;
  std::vector<Task<>> tasks;
  const auto job = [&]() -> awaitable<void> {
    co_await body_is_over.wait();
    co_await this_task::yield();
    ++ended;
  };
  co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
    const SetAtExit over{body_is_over};
    for (int i = 0; i < 20; ++i) tasks.push_back(co_await executor.submit(job));
    EXPECT_EQ(ended, 0);
  });
  EXPECT_EQ(ended, 20);
  for (auto& task : tasks) {
    EXPECT_TRUE(task.done());
    EXPECT_EQ(task.state(), TaskState::succeeded);
  }
}

CORO_TEST_EVERYWHERE(Scope, gives_what_its_body_returns) {
  const auto value = co_await with_executor(options(), [](CoroutineExecutor&) -> awaitable<MoveOnly> {
    co_return MoveOnly(42);
  });
  EXPECT_EQ(value.value(), 42);
}

CORO_TEST(Scope, needs_no_options) {
  bool ran = false;
  const auto job = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  co_await with_executor([&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(job);
  });
  EXPECT_TRUE(ran);
}

CORO_TEST(Scope, nothing_runs_before_it_is_awaited) {
  bool ran = false;
  const auto body = [&](CoroutineExecutor&) -> awaitable<void> {
    ran = true;
    co_return;
  };
  {
    auto never_awaited = with_executor(options(), body);
    co_await asio::post(asio::use_awaitable);
  }
  EXPECT_FALSE(ran);
}

// CE-2
CORO_TEST_EVERYWHERE(Scope, a_failing_job_cancels_its_siblings_and_is_rethrown) {
  Event never(home), sibling_runs(home);
  Task<int> finished;
  Task<> failing, sibling;
  const auto quick = []() -> awaitable<int> { co_return 7; };
  const auto waits = [&]() -> awaitable<void> {
    sibling_runs.set();
    co_await never.wait();
  };
  const auto fails = [&]() -> awaitable<void> {
    co_await sibling_runs.wait();
    throw std::out_of_range("the third one fails");
  };
  const auto error = co_await error_of(
      with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
        finished = co_await executor.submit(quick);
        co_await finished.wait();
        sibling = co_await executor.submit(waits);
        failing = co_await executor.submit(fails);
      }));

  EXPECT_TRUE(is_a<std::out_of_range>(error));
  EXPECT_TRUE(says(error, "the third one fails"));
  EXPECT_EQ(error, failing.exception()) << "not a copy: the same exception";

  EXPECT_TRUE(failing.done());
  EXPECT_FALSE(failing.cancelled());
  EXPECT_EQ(failing.state(), TaskState::failed);
  EXPECT_TRUE(sibling.done());
  EXPECT_TRUE(sibling.cancelled());
  EXPECT_TRUE(is_cancelled(sibling.exception()));
  EXPECT_EQ(finished.state(), TaskState::succeeded);
  EXPECT_EQ(finished.result(), 7);
}

// CE-2
CORO_TEST(Scope, a_failing_job_takes_queued_ones_with_it_unstarted) {
  int started = 0;
  const auto fails = []() -> awaitable<void> {
    throw std::runtime_error("first");
    co_return;
  };
  const auto counts = [&]() -> awaitable<void> {
    ++started;
    co_return;
  };
  std::vector<Task<>> queued;
  const auto error = co_await error_of(
      with_executor({.max_workers = 1}, [&](CoroutineExecutor& executor) -> awaitable<void> {
        executor.submit_nowait(fails);
        for (int i = 0; i < 5; ++i) queued.push_back(executor.submit_nowait(counts));
        co_return;
      }));
  EXPECT_TRUE(says(error, "first"));
  EXPECT_EQ(started, 0);
  for (auto& task : queued) EXPECT_TRUE(task.cancelled());
}

// CE-3
CORO_TEST_EVERYWHERE(Scope, an_error_of_the_body_cancels_and_joins_all_jobs) {
  Event never(home);
  std::atomic<int> started = 0, cleaned_up = 0;
  Task<int> finished;
  Task<> running;
  const auto quick = []() -> awaitable<int> { co_return 7; };
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await wait_and_clean_up(never, cleaned_up);
  };
  const auto error = co_await error_of(
      with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
        finished = co_await executor.submit(quick);
        running = co_await executor.submit(waits);
        co_await until([&] { return started == 1 && finished.done(); });
        throw std::domain_error("the body");
      }));
  EXPECT_TRUE(is_a<std::domain_error>(error));
  EXPECT_TRUE(says(error, "the body"));
  EXPECT_EQ(cleaned_up, 1);
  EXPECT_TRUE(running.cancelled());
  EXPECT_EQ(finished.result(), 7);
}

// CE-3
CORO_TEST_EVERYWHERE(Scope, an_error_of_the_innermost_of_three_bodies_leaves_all) {
  Event never(home);
  std::atomic<int> started = 0, cleaned_up = 0;
  Task<> running;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await wait_and_clean_up(never, cleaned_up);
  };
  const auto innermost = [&](CoroutineExecutor& executor) -> awaitable<void> {
    running = co_await executor.submit(waits);
    co_await until([&] { return started == 1; });
    throw std::domain_error("innermost");
  };
  const auto middle = [&](CoroutineExecutor&) -> awaitable<void> {
    co_await with_executor(options(), innermost);
  };
  const auto outer = [&](CoroutineExecutor&) -> awaitable<void> {
    co_await with_executor(options(), middle);
  };
  const auto error = co_await error_of(with_executor(options(), outer));
  EXPECT_TRUE(says(error, "innermost"));
  EXPECT_TRUE(running.cancelled());
  EXPECT_EQ(cleaned_up, 1);
}

// CE-3
CORO_TEST_EVERYWHERE(Scope, an_error_of_the_inner_body_cancels_the_jobs_of_both_scopes) {
  Event never(home);
  std::atomic<int> started = 0, cleaned_up = 0;
  Task<> in_outer, in_inner;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await wait_and_clean_up(never, cleaned_up);
  };
  const auto inner = [&](CoroutineExecutor& executor) -> awaitable<void> {
    in_inner = co_await executor.submit(waits);
    co_await until([&] { return started == 2; });
    throw std::domain_error("inner");
  };
  const auto outer = [&](CoroutineExecutor& executor) -> awaitable<void> {
    in_outer = co_await executor.submit(waits);
    const auto error = co_await error_of(with_executor(options(), inner));
    EXPECT_EQ(cleaned_up, 1) << "the inner scope has not joined its job";
    EXPECT_FALSE(in_outer.done());
    std::rethrow_exception(error);
  };
  const auto error = co_await error_of(with_executor(options(), outer));
  EXPECT_TRUE(says(error, "inner"));
  EXPECT_EQ(cleaned_up, 2);
  EXPECT_TRUE(in_outer.cancelled());
  EXPECT_TRUE(in_inner.cancelled());
}

// CE-4
CORO_TEST_EVERYWHERE(Scope, cancelling_the_owner_cancels_and_joins_all_jobs) {
  Event never(home), body_waits(home);
  std::atomic<int> started = 0, cleaned_up = 0;
  Task<> job;
  std::exception_ptr left_with;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await wait_and_clean_up(never, cleaned_up);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    job = co_await executor.submit(waits);
    co_await until([&] { return started == 1; });
    body_waits.set();
    co_await never.wait();
  };
  const auto owner = [&]() -> awaitable<void> {
    left_with = co_await error_of(with_executor(options(), body));
    EXPECT_EQ(cleaned_up, 1);
  };
  co_await with_executor(options(), [&](CoroutineExecutor& outer) -> awaitable<void> {
    const auto task = co_await outer.submit(owner);
    co_await body_waits.wait();
    EXPECT_TRUE(task.cancel());
    co_await task.wait();
  });
  EXPECT_TRUE(is_cancelled(left_with));
  EXPECT_TRUE(job.cancelled());
}

// CE-5
CORO_TEST_EVERYWHERE(Scope, cancelling_the_owner_while_it_joins_cancels_all_jobs) {
  Event never(home), body_is_over(home);
  std::atomic<int> started = 0, cleaned_up = 0;
  Task<> job;
  std::exception_ptr left_with;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await wait_and_clean_up(never, cleaned_up);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const SetAtExit over{body_is_over};
    job = co_await executor.submit(waits);
    co_await until([&] { return started == 1; });
  };
  const auto owner = [&]() -> awaitable<void> {
    left_with = co_await error_of(with_executor(options(), body));
    EXPECT_EQ(cleaned_up, 1);
  };
  co_await with_executor(options(), [&](CoroutineExecutor& outer) -> awaitable<void> {
    const auto task = co_await outer.submit(owner);
    co_await body_is_over.wait();
    EXPECT_TRUE(task.cancel());
    co_await task.wait();
  });
  EXPECT_TRUE(is_cancelled(left_with));
  EXPECT_TRUE(job.cancelled());
}

// CE-4: the owner is a plain coroutine, cancelled as Asio's users do it.
CORO_TEST(Scope, an_owner_cancelled_by_a_signal_leaves_with_operation_aborted) {
  Event never(home), body_waits(home), owner_is_over(home);
  Task<> job;
  std::exception_ptr left_with;
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    job = co_await executor.submit(waits);
    body_waits.set();
    co_await never.wait();
  };
  asio::cancellation_signal signal;
  const auto owner = [&]() -> awaitable<void> { co_await with_executor(options(), body); };
  asio::co_spawn(home, owner(),
                 asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error) {
                   left_with = error;
                   owner_is_over.set();
                 }));
  co_await body_waits.wait();
  signal.emit(asio::cancellation_type::terminal);
  co_await owner_is_over.wait();
  EXPECT_TRUE(is_cancelled(left_with));
  EXPECT_TRUE(job.cancelled());
}

// CE-4: a scope inside a scope inside a scope hears of it too.
CORO_TEST_EVERYWHERE(Scope, cancelling_the_owner_reaches_nested_scopes) {
  Event never(home);
  std::atomic<int> started = 0, cleaned_up = 0;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await wait_and_clean_up(never, cleaned_up);
  };
  const auto inner = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(waits);
  };
  const auto in_between = [&]() -> awaitable<void> { co_await with_executor(options(), inner); };
  const auto outer = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(in_between);
    co_await executor.submit(in_between);
  };
  const auto owner = [&]() -> awaitable<void> { co_await with_executor(options(), outer); };
  co_await with_executor(options({.suppress_task_errors = true}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           const auto task = co_await executor.submit(owner);
                           co_await until([&] { return started == 2; });
                           task.cancel();
                           co_await task.wait();
                           EXPECT_TRUE(task.cancelled());
                           EXPECT_EQ(cleaned_up, 2);
                         });
}

}  // namespace
}  // namespace coroexec::test
