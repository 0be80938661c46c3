// Deadlines of a scope and of single jobs.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <memory>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using coroexec::now;

// CE-50
CORO_TEST_VIRTUAL(Timeout, of_a_scope_cancels_the_slow_and_keeps_what_the_fast_gave) {
  Task<int> fast;
  Task<> slow;
  const auto quick = []() -> awaitable<int> {
    co_await sleep_for(milliseconds(2));
    co_return 7;
  };
  const auto sleeps = []() -> awaitable<void> { co_await sleep_for(std::chrono::hours(1)); };
  const auto begin = now();
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    fast = co_await executor.submit(quick);
    slow = co_await executor.submit(sleeps);
  };
  const auto error = co_await error_of(
      with_executor(options({.timeout = milliseconds(50), .name = "front"}), body));
  EXPECT_TRUE(is_error(error, errc::timed_out, "executor 'front' exceeded its timeout of 50 ms"));
  EXPECT_EQ(now() - begin, milliseconds(50));
  EXPECT_EQ(fast.state(), TaskState::succeeded);
  EXPECT_EQ(fast.result(), 7);
  EXPECT_TRUE(slow.cancelled());
  EXPECT_TRUE(is_cancelled(slow.exception()));
}

// CE-50
CORO_TEST(Timeout, equals_the_generic_condition) {
  Event never(home);
  const auto body = [&](CoroutineExecutor&) -> awaitable<void> { co_await never.wait(); };
  try {
    co_await with_executor({.timeout = milliseconds(1)}, body);
    ADD_FAILURE();
  } catch (const boost::system::system_error& e) {
    EXPECT_TRUE(e.code() == errc::timed_out);
    EXPECT_TRUE(e.code() == boost::system::errc::timed_out);
  }
}

// CE-50: the body is a child of the scope as well.
CORO_TEST_VIRTUAL(Timeout, of_a_scope_cancels_its_body) {
  Event never(home);
  std::exception_ptr in_body;
  const auto body = [&](CoroutineExecutor&) -> awaitable<void> {
    in_body = co_await error_of(never.wait());
    std::rethrow_exception(in_body);
  };
  const auto error = co_await error_of(with_executor(options({.timeout = milliseconds(5)}), body));
  EXPECT_TRUE(is_error(error, errc::timed_out));
  EXPECT_TRUE(is_cancelled(in_body));
}

// CE-50: what comes first is the error, also when the clean-up after it takes longer than the limit.
CORO_TEST_VIRTUAL(Timeout, of_a_scope_does_not_hide_the_error_before_it) {
  Event never(home);
  bool cleaned_up = false;
  const auto cleans_up = [&]() -> awaitable<void> {
    (void)co_await error_of(never.wait());
    co_await this_task::uncancel();
    co_await sleep_for(milliseconds(20));
    cleaned_up = true;
  };
  const auto fails = []() -> awaitable<void> {
    co_await sleep_for(milliseconds(5));
    throw std::runtime_error("first");
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(cleans_up);
    co_await executor.submit(fails);
  };
  EXPECT_TRUE(says(co_await error_of(with_executor({.timeout = milliseconds(10)}, body)), "first"));
  EXPECT_TRUE(cleaned_up);
}

// CE-50: whatever the policy.
CORO_TEST_VIRTUAL(Timeout, of_a_scope_leaves_under_every_policy) {
  Event never(home);
  for (const auto policy : {ErrorPolicy::cancel, ErrorPolicy::suppress, ErrorPolicy::collect}) {
    Task<> task;
    const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
    const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
      task = co_await executor.submit(waits);
    };
    const auto error =
        co_await error_of(with_executor({.timeout = milliseconds(2), .on_error = policy}, body));
    EXPECT_TRUE(is_error(error, errc::timed_out));
    EXPECT_TRUE(task.cancelled());
  }
}

CORO_TEST(Timeout, that_is_not_reached_disturbs_nobody_and_keeps_nothing_waiting) {
  const auto seven = []() -> awaitable<int> { co_return 7; };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<int> {
    const auto task = co_await executor.submit({.timeout = std::chrono::hours(2)}, seven);
    co_return co_await task.get();
  };
  // If the timer went on waiting, the test would be told that work is left on its context.
  EXPECT_EQ(co_await with_executor({.timeout = std::chrono::hours(1)}, body), 7);
}

// A function that takes its time to be moved into the scope: until a timer set after the scope's has fired.
struct SlowToBegin {
  std::function<awaitable<void>(CoroutineExecutor&)> function;
  asio::any_io_executor home;
  explicit SlowToBegin(asio::any_io_executor executor, std::function<awaitable<void>(CoroutineExecutor&)> f)
      : function(std::move(f)), home(std::move(executor)) {}
  SlowToBegin(SlowToBegin&& other) : function(std::move(other.function)), home(other.home) {
    const auto fired = std::make_shared<std::promise<void>>();
    const auto timer = std::make_shared<asio::steady_timer>(home, milliseconds(3));
    timer->async_wait([fired, timer](boost::system::error_code) { fired->set_value(); });
    fired->get_future().wait();
  }
  awaitable<void> operator()(CoroutineExecutor& executor) { return function(executor); }
};

// CE-50: with threads the limit may be over before the body has begun.
TEST(Timeout, of_a_scope_cancels_a_body_that_begins_too_late) {
  asio::thread_pool pool(4);
  Event never(pool.get_executor());
  const auto waits = [&](CoroutineExecutor&) -> awaitable<void> { co_await never.wait(); };
  const auto scope = [&]() -> awaitable<std::exception_ptr> {
    const ExecutorOptions options{.timeout = milliseconds(1), .threading = Threading::multi};
    co_return co_await error_of(with_executor(options, SlowToBegin(pool.get_executor(), waits)));
  };
  auto error = asio::co_spawn(pool, scope(), asio::use_future);
  ASSERT_EQ(error.wait_for(patience), std::future_status::ready);
  EXPECT_TRUE(is_error(error.get(), errc::timed_out, "executor exceeded its timeout of 1 ms"));
}

// CE-50: also of an executor that has no scope, however long it is idle.
CORO_TEST_IN_TIME(Timeout, of_an_executor_without_a_scope_is_rethrown_by_join) {
  Event never(home);
  CoroutineExecutor executor(home, options({.timeout = milliseconds(virtual_time() ? 5 : 200)}));
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  const auto task = executor.submit_nowait(waits);
  EXPECT_TRUE(is_error(co_await error_of(executor.join()), errc::timed_out));
  EXPECT_TRUE(task.cancelled());
  EXPECT_TRUE(is_error(error_from([&] { executor.submit_nowait(waits); }), errc::closed));
}

// CE-51
CORO_TEST_EVERYWHERE(Timeout, of_a_job_ends_that_job_alone) {
  Event never(home), timed_out(home);
  Task<int> slow, other;
  const auto waits = [&]() -> awaitable<int> {
    co_await never.wait();
    co_return 1;
  };
  const auto works = [&]() -> awaitable<int> {
    co_await timed_out.wait();
    co_return 2;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    other = co_await executor.submit(works);
    slow = co_await executor.submit({.name = "slow", .timeout = milliseconds(5)}, waits);
    co_await slow.wait();
    timed_out.set();
  };
  co_await with_executor(options(), body);
  EXPECT_TRUE(slow.cancelled());
  EXPECT_TRUE(is_error(slow.exception(), errc::timed_out,
                       "job 3 'slow' exceeded its timeout of 5 ms: timed out"));
  EXPECT_TRUE(is_error(error_from([&] { slow.result(); }), errc::timed_out));
  EXPECT_EQ(other.result(), 2);
}

// CE-51: it counts from the job's start, not while it is queued.
CORO_TEST_VIRTUAL(Timeout, of_a_job_counts_from_its_start) {
  const auto sleeps = []() -> awaitable<void> { co_await sleep_for(milliseconds(15)); };
  const auto seven = []() -> awaitable<int> { co_return 7; };
  CoroutineExecutor executor(home, {.max_workers = 1});
  executor.submit_nowait(sleeps);
  const auto task = executor.submit_nowait({.timeout = milliseconds(5)}, seven);
  co_await executor.join();
  EXPECT_EQ(task.result(), 7);
}

// CE-51: in the order of their deadlines, not of their submission.
CORO_TEST_IN_TIME(Timeout, of_many_jobs_each_at_its_own_time) {
  Event never(home);
  CoroutineExecutor executor(home, options());
  std::mutex mutex;
  std::vector<int> ended;
  const auto begin = now();
  const auto waits = [&](int deadline) -> awaitable<void> {
    const auto error = co_await error_of(never.wait());
    EXPECT_GE(now() - begin, milliseconds(deadline));
    if (virtual_time()) { EXPECT_EQ(now() - begin, milliseconds(deadline)); }
    std::lock_guard lock(mutex);
    ended.push_back(deadline);
    std::rethrow_exception(error);
  };
  std::vector<Task<>> tasks;
  for (const int deadline : {40, 10, 30, 20})
    tasks.push_back(executor.submit_nowait({.timeout = milliseconds(deadline)}, waits, deadline));
  co_await executor.join();
  if (one_thread()) { EXPECT_EQ(ended, (std::vector{10, 20, 30, 40})); }
  for (auto& task : tasks) EXPECT_TRUE(is_error(task.exception(), errc::timed_out));
}

// CE-51: a job that turns its timeout into a result has succeeded.
CORO_TEST_VIRTUAL(Timeout, of_a_job_may_be_swallowed) {
  Event never(home);
  CoroutineExecutor executor(home, options());
  const auto swallows = [&]() -> awaitable<int> {
    EXPECT_TRUE(is_cancelled(co_await error_of(never.wait())));
    EXPECT_TRUE(this_task::cancel_requested());
    co_return 7;
  };
  const auto task = executor.submit_nowait({.timeout = milliseconds(3)}, swallows);
  co_await executor.join();
  EXPECT_EQ(task.result(), 7);
  EXPECT_FALSE(task.cancelled());
}

// CE-51: an error of the job's own, thrown because of the timeout, is a failure like any other.
CORO_TEST_VIRTUAL(Timeout, of_a_job_does_not_hide_another_error) {
  Event never(home);
  CoroutineExecutor executor(home, options());
  const auto fails = [&]() -> awaitable<void> {
    co_await error_of(never.wait());
    throw std::runtime_error("clean-up failed");
  };
  const auto task = executor.submit_nowait({.timeout = milliseconds(3)}, fails);
  EXPECT_TRUE(says(co_await error_of(executor.join()), "clean-up failed"));
  EXPECT_EQ(task.state(), TaskState::failed);
}

// CE-51: the jobs of a stream, too.
CORO_TEST_VIRTUAL(Timeout, of_the_jobs_of_a_map) {
  Event never(home);
  CoroutineExecutor executor(home, options());
  const auto job = [&](int i) -> awaitable<int> {
    if (i == 1) co_await never.wait();
    co_return i;
  };
  auto stream = executor.map({.name = "row", .timeout = milliseconds(5)}, job, std::vector{0, 1});
  EXPECT_EQ(co_await stream.next(), 0);
  EXPECT_TRUE(is_error(co_await error_of(stream.next()), errc::timed_out, "'row' exceeded its timeout"));
  co_await executor.join();
}

// CE-51
CORO_TEST(Timeout, of_zero_is_already_over) {
  Event never(home);
  CoroutineExecutor executor(home);
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  const auto task = executor.submit_nowait({.timeout = std::chrono::nanoseconds(0)}, waits);
  co_await executor.join();
  EXPECT_TRUE(is_error(task.exception(), errc::timed_out, "exceeded its timeout of 0 ms"));
}

// A job's own timeout inside a scope's: each with its own text.
CORO_TEST_VIRTUAL(Timeout, of_job_and_scope_are_told_apart) {
  Event never(home);
  Task<> brief, lasting;
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    brief = co_await executor.submit({.timeout = milliseconds(2)}, waits);
    lasting = co_await executor.submit({.timeout = std::chrono::hours(1)}, waits);
  };
  const auto error = co_await error_of(with_executor(options({.timeout = milliseconds(40)}), body));
  EXPECT_TRUE(is_error(error, errc::timed_out, "executor exceeded its timeout of 40 ms"));
  EXPECT_TRUE(is_error(brief.exception(), errc::timed_out, "job 2 exceeded its timeout of 2 ms"));
  EXPECT_TRUE(is_cancelled(lasting.exception()));
}

}  // namespace
}  // namespace coroexec::test
