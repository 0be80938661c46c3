// join(): waiting for the jobs without closing.
#include <gtest/gtest.h>

#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

CORO_TEST_EVERYWHERE(Join, of_an_idle_executor_returns_at_once) {
  CoroutineExecutor executor(home, options());
  co_await executor.join();
  co_await executor.join();
}

CORO_TEST_EVERYWHERE(Join, waits_and_leaves_the_executor_open) {
  CoroutineExecutor executor(home, options({.max_workers = 3}));
  std::atomic<int> ended = 0;
  const auto job = [&]() -> awaitable<void> {
    for (int i = 0; i < 3; ++i) co_await this_task::yield();
    ++ended;
  };
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 10; ++i) executor.submit_nowait(job);
    co_await executor.join();
    EXPECT_EQ(ended, 10 * round);
  }
  const auto stats = executor.stats();
  EXPECT_EQ(stats.succeeded, 30u);
  EXPECT_EQ(stats.active + stats.queued + stats.waiting, 0u);
}

// Jobs that come in the moment after are no reason to say that time is up.
CORO_TEST_EVERYWHERE(Join, without_a_limit_never_times_out) {
  CoroutineExecutor executor(home, options()), others(home, options());
  const auto nothing = []() -> awaitable<void> { co_return; };
  std::atomic<bool> over = false;
  const auto submits = [&]() -> awaitable<void> {
    while (!over) {
      executor.submit_nowait(nothing);
      co_await this_task::yield();
    }
  };
  others.submit_nowait(submits);
  for (int i = 0; i < 2000; ++i) co_await executor.join();
  over = true;
  co_await others.join();
}

CORO_TEST_EVERYWHERE(Join, releases_all_who_wait) {
  Event go(home);
  CoroutineExecutor executor(home, options()), others(home, options());
  const auto job = [&]() -> awaitable<void> { co_await go.wait(); };
  std::atomic<int> waiting = 0, released = 0;
  const auto joins = [&]() -> awaitable<void> {
    ++waiting;
    co_await executor.join();
    ++released;
  };
  executor.submit_nowait(job);
  for (int i = 0; i < 4; ++i) others.submit_nowait(joins);
  co_await until([&] { return waiting == 4; });
  EXPECT_EQ(released, 0);
  go.set();
  co_await others.join();
  EXPECT_EQ(released, 4);
}

// The body of a scope is no job: it may join.
CORO_TEST_EVERYWHERE(Join, may_be_called_by_the_scopes_body) {
  std::atomic<int> ended = 0;
  const auto job = [&]() -> awaitable<void> {
    co_await this_task::yield();
    ++ended;
  };
  co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
    for (int i = 0; i < 5; ++i) co_await executor.submit(job);
    co_await executor.join();
    EXPECT_EQ(ended, 5);
    co_await executor.submit(job);
  });
  EXPECT_EQ(ended, 6);
}

CORO_TEST_EVERYWHERE(Join, cancelled_lets_the_jobs_go_on) {
  Event go(home), joining(home);
  CoroutineExecutor executor(home, options()), others(home, options({.suppress_task_errors = true}));
  const auto job = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 7;
  };
  const auto joins = [&]() -> awaitable<void> {
    joining.set();
    co_await executor.join();
  };
  const auto task = executor.submit_nowait(job);
  const auto joiner = others.submit_nowait(joins);
  co_await joining.wait();
  joiner.cancel();
  co_await joiner.wait();
  EXPECT_TRUE(joiner.cancelled());
  EXPECT_FALSE(task.done());
  go.set();
  co_await executor.join();
  EXPECT_EQ(task.result(), 7);
}

// CE-52
CORO_TEST_EVERYWHERE(Join, with_a_limit_names_the_jobs_that_still_run) {
  Event go(home);
  std::atomic<int> started = 0;
  CoroutineExecutor executor(home, options({.name = "front"}));
  const auto stubborn = [&]() -> awaitable<void> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    ++started;
    co_await go.wait();
  };
  const auto quick = []() -> awaitable<void> { co_return; };
  executor.submit_nowait(quick);
  executor.submit_nowait({.name = "stubborn"}, stubborn);
  executor.submit_nowait(stubborn);
  co_await until([&] { return started == 2; });
  executor.cancel();
  const auto error = co_await error_of(executor.join(milliseconds(10)));
  EXPECT_TRUE(is_error(error, errc::timed_out, "executor 'front' is still waiting for job "));
  EXPECT_NE(what(error).find("job 2 'stubborn'"), std::string::npos) << what(error);
  EXPECT_NE(what(error).find("job 3"), std::string::npos) << what(error);
  EXPECT_EQ(what(error).find("job 1"), std::string::npos) << what(error);
  go.set();
  EXPECT_TRUE(is_cancelled(co_await error_of(executor.join(patience))));
}

// CE-52
CORO_TEST_EVERYWHERE(Join, a_job_that_ignores_its_cancel_delays_the_scopes_end) {
  Event go(home), cancel_is_ignored(home);
  Task<int> task;
  std::atomic<bool> ignores = false, scope_is_over = false;
  const auto stubborn = [&]() -> awaitable<int> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    ignores = true;
    co_await until([] { return this_task::cancel_requested(); });
    cancel_is_ignored.set();
    co_await go.wait();
    co_return 7;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    task = co_await executor.submit(stubborn);
    co_await until([&] { return ignores.load(); });
    for (int i = 0; i < 5; ++i) co_await this_task::yield();
    throw std::runtime_error("body");
  };
  const auto scope = [&]() -> awaitable<void> {
    EXPECT_TRUE(says(co_await error_of(with_executor(options(), body)), "body"));
    scope_is_over = true;
  };
  CoroutineExecutor outer(home, options());
  outer.submit_nowait(scope);
  co_await cancel_is_ignored.wait();
  for (int i = 0; i < 20; ++i) co_await asio::post(asio::use_awaitable);
  EXPECT_FALSE(scope_is_over);
  go.set();
  co_await outer.join();
  EXPECT_EQ(task.result(), 7) << "swallowed: it has succeeded";
}

}  // namespace
}  // namespace coroexec::test
