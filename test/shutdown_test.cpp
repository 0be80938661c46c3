// Closing an executor: shutdown, cancel, and who may hand in jobs until when.
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// CE-8: every way to hand in a job, tried on an executor that takes none; gives what each threw.
awaitable<void> expect_closed(CoroutineExecutor& executor, std::string_view text) {
  std::atomic<int> live = 0;
  bool ran = false;
  const auto job = [&](Tracked) -> awaitable<void> {
    ran = true;
    co_return;
  };
  const Tracked argument(live);
  EXPECT_TRUE(is_error(co_await error_of(executor.submit(job, argument)), errc::closed, text));
  EXPECT_TRUE(is_error(error_from([&] { executor.submit_nowait(job, argument); }), errc::closed, text));
  EXPECT_TRUE(is_error(error_from([&] { executor.try_submit(job, argument); }), errc::closed, text));
  auto stream = executor.map(job, std::vector<Tracked>(1, argument));
  EXPECT_TRUE(is_error(co_await error_of(stream.next()), errc::closed, text));
  EXPECT_FALSE(ran);
  stream = {};
  EXPECT_EQ(live, 1) << "the arguments of a refused job have not been let go";
}

// CE-8
CORO_TEST_EVERYWHERE(Shutdown, submit_after_shutdown_is_refused) {
  CoroutineExecutor executor(home, options({.name = "front"}));
  co_await executor.shutdown();
  co_await expect_closed(executor, "executor 'front' has been shut down: closed");
}

// CE-8
CORO_TEST_EVERYWHERE(Shutdown, submit_after_cancel_is_refused) {
  CoroutineExecutor executor(home, options({.name = "front"}));
  executor.cancel();
  co_await expect_closed(executor,
                         "executor 'front' has been cancelled and takes no more jobs: closed");
}

// CE-8: a stream may be kept longer than its scope, but it gets nothing done any more.
CORO_TEST_EVERYWHERE(Shutdown, a_stream_that_begins_after_the_scope_has_ended_is_refused) {
  AsyncGenerator<int> stream;
  bool ran = false;
  const auto job = [&](int i) -> awaitable<int> {
    ran = true;
    co_return i;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    stream = executor.map(job, std::vector{1, 2});
    co_return;
  };
  co_await with_executor(options({.name = "front"}), body);
  EXPECT_TRUE(is_error(co_await error_of(stream.next()), errc::closed, "executor 'front' has ended"));
  EXPECT_FALSE(ran);
}

// CE-8: the closed error equals the generic condition a user would test for.
CORO_TEST(Shutdown, closed_is_a_broken_pipe) {
  CoroutineExecutor executor(home);
  co_await executor.shutdown();
  const auto job = []() -> awaitable<void> { co_return; };
  try {
    executor.submit_nowait(job);
    ADD_FAILURE();
  } catch (const boost::system::system_error& e) {
    EXPECT_TRUE(e.code() == boost::system::errc::broken_pipe);
    EXPECT_STREQ(e.code().category().name(), "coroexec");
  }
}

// CE-8
CORO_TEST_EVERYWHERE(Shutdown, turns_away_who_waits_for_room) {
  Event never(home);
  std::atomic<int> started = 0;
  CoroutineExecutor executor(home, options({.max_workers = 1, .backlog = 0}));
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await never.wait();
  };
  std::atomic<int> refused = 0;
  const auto submitter = [&]() -> awaitable<void> {
    const auto error = co_await error_of(executor.submit(waits));
    EXPECT_TRUE(is_error(error, errc::closed, "was closed while a job waited for room in it"));
    ++refused;
  };
  co_await executor.submit(waits);
  co_await with_executor(options(), [&](CoroutineExecutor& others) -> awaitable<void> {
    for (int i = 0; i < 3; ++i) others.submit_nowait(submitter);
    co_await until([&] { return executor.stats().waiting == 3 && started == 1; });
    executor.cancel();
  });
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(started, 1);
  EXPECT_TRUE(is_cancelled(co_await error_of(executor.join())));
}

// CE-9
CORO_TEST_EVERYWHERE(Shutdown, jobs_may_be_submitted_from_jobs) {
  std::atomic<int> leaves = 0;
  std::function<awaitable<void>(CoroutineExecutor&, int)> grow =
      [&](CoroutineExecutor& executor, int depth) -> awaitable<void> {
    if (depth == 0) {
      ++leaves;
      co_return;
    }
    for (int i = 0; i < 2; ++i) co_await executor.submit(grow, std::ref(executor), depth - 1);
  };
  co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(grow, std::ref(executor), 7);
  });
  EXPECT_EQ(leaves, 128);
}

// CE-9: also when the body has ended already.
CORO_TEST_EVERYWHERE(Shutdown, a_job_may_submit_while_the_scope_joins) {
  Event body_is_over(home);
  Task<int> late;
  const auto seven = []() -> awaitable<int> { co_return 7; };
  const auto producer = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await body_is_over.wait();
    co_await this_task::yield();
    late = co_await executor.submit(seven);
  };
  co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
    const SetAtExit over{body_is_over};
    co_await executor.submit(producer, std::ref(executor));
  });
  EXPECT_EQ(late.result(), 7);
}

awaitable<Task<>> submit_from_elsewhere(CoroutineExecutor& executor, Event& never) {
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  co_return co_await executor.submit(waits);
}

// CE-9
CORO_TEST_EVERYWHERE(Shutdown, timeout_and_policy_hold_for_jobs_from_elsewhere) {
  Event never(home);
  Task<> job, nested;
  const auto error = co_await error_of(with_executor(
      options({.timeout = milliseconds(20)}), [&](CoroutineExecutor& executor) -> awaitable<void> {
        job = co_await submit_from_elsewhere(executor, never);
      }));
  EXPECT_TRUE(is_error(error, errc::timed_out));
  EXPECT_TRUE(job.cancelled());

  const auto fails = []() -> awaitable<void> {
    throw std::runtime_error("nested");
    co_return;
  };
  const auto producer = [&](CoroutineExecutor& executor) -> awaitable<void> {
    nested = co_await executor.submit(fails);
    co_await never.wait();
  };
  const auto nested_error = co_await error_of(
      with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
        job = co_await executor.submit(producer, std::ref(executor));
      }));
  EXPECT_TRUE(says(nested_error, "nested"));
  EXPECT_TRUE(job.cancelled());
  EXPECT_EQ(nested.state(), TaskState::failed);
}

// CE-10
CORO_TEST_EVERYWHERE(Shutdown, waits_for_the_jobs_and_keeps_their_results) {
  Event go(home);
  const auto job = [&](int i) -> awaitable<int> {
    co_await go.wait();
    co_return i;
  };
  CoroutineExecutor executor(home, options({.max_workers = 2}));
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(executor.submit_nowait(job, i));
  auto releases = [&]() -> awaitable<void> {
    const auto open = co_await error_of(executor.submit(job, 0));  // shutdown() was first
    EXPECT_TRUE(is_error(open, errc::closed));
    go.set();
  };
  CoroutineExecutor other(home, options());
  const auto shut = [&]() -> awaitable<void> { co_await executor.shutdown(); };
  const auto shutting = other.submit_nowait(shut);
  co_await until([&] {
    return error_from([&] { executor.try_submit(job, 0); }) != nullptr;
  });
  EXPECT_FALSE(shutting.done());
  co_await releases();
  co_await shutting.get();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(tasks[static_cast<std::size_t>(i)].result(), i);
}

// CE-10
CORO_TEST_EVERYWHERE(Shutdown, without_waiting_cancels_active_and_queued_and_joins_them) {
  Event never(home);
  std::atomic<int> started = 0, ended = 0;
  const auto job = [&]() -> awaitable<void> {
    const auto error = co_await error_of(never.wait([&] { ++started; }));
    co_await this_task::uncancel();
    for (int i = 0; i < 5; ++i) co_await this_task::yield();
    ++ended;
    std::rethrow_exception(error);
  };
  CoroutineExecutor executor(home, options({.max_workers = 2}));
  std::vector<Task<>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(executor.submit_nowait(job));
  co_await until([&] { return started == 2; });
  EXPECT_TRUE(is_cancelled(co_await error_of(executor.shutdown(false))));
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(started, 2) << "a queued job was started to be cancelled";
  for (auto& task : tasks) EXPECT_TRUE(task.cancelled());
}

// CE-10
CORO_TEST_EVERYWHERE(Shutdown, a_job_cancelled_before_its_first_instruction_never_runs) {
  bool ran = false;
  const auto job = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  if (!one_thread()) co_return;  // elsewhere another thread may be faster
  CoroutineExecutor executor(home, options());
  const auto task = executor.submit_nowait(job);
  EXPECT_TRUE(is_cancelled(co_await error_of(executor.shutdown(false))));
  EXPECT_FALSE(ran);
  EXPECT_TRUE(task.cancelled());
}

// CE-10
CORO_TEST_EVERYWHERE(Shutdown, without_waiting_is_quiet_if_every_job_swallowed_its_cancel) {
  Event never(home);
  std::atomic<int> started = 0;
  const auto swallows = [&]() -> awaitable<int> {
    EXPECT_TRUE(is_cancelled(co_await error_of(never.wait([&] { ++started; }))));
    co_return 7;
  };
  CoroutineExecutor executor(home, options());
  const auto one = executor.submit_nowait(swallows), two = executor.submit_nowait(swallows);
  co_await until([&] { return started == 2; });
  co_await executor.shutdown(false);
  EXPECT_FALSE(one.cancelled());
  EXPECT_EQ(one.result(), 7);
  EXPECT_EQ(two.result(), 7);
}

// CE-10: from the scope's own body, which is cancelled as well.
CORO_TEST_EVERYWHERE(Shutdown, without_waiting_ends_the_scope_it_is_called_in) {
  Event never(home);
  Task<> job;
  std::exception_ptr in_body;
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    job = co_await executor.submit(waits);
    in_body = co_await error_of(executor.shutdown(false));
    std::rethrow_exception(in_body);
  };
  EXPECT_TRUE(is_cancelled(co_await error_of(with_executor(options(), body))));
  EXPECT_TRUE(is_cancelled(in_body));
  EXPECT_TRUE(job.cancelled());
}

CORO_TEST_EVERYWHERE(Shutdown, may_be_repeated) {
  CoroutineExecutor executor(home, options());
  co_await executor.shutdown();
  co_await executor.shutdown();
  co_await executor.shutdown(false);
  co_await executor.join();
}

CORO_TEST_EVERYWHERE(Shutdown, who_joins_after_a_cancel_is_told_once) {
  CoroutineExecutor executor(home, options());
  executor.cancel();
  executor.cancel();
  EXPECT_TRUE(is_cancelled(co_await error_of(executor.join())));
  co_await executor.join();
}

CORO_TEST_EVERYWHERE(Shutdown, cancel_ends_jobs_and_body) {
  Event never(home);
  Task<> job;
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    job = co_await executor.submit(waits);
    executor.cancel();
    co_await never.wait();
  };
  EXPECT_TRUE(is_cancelled(co_await error_of(with_executor(options(), body))));
  EXPECT_TRUE(job.cancelled());
}

}  // namespace
}  // namespace coroexec::test
