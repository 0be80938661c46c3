// The handle of a job: states, results, waiting, cancelling, outliving everything.
#include "coroexec/task.hpp"

#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

constexpr std::string_view not_done = "is not done";

CORO_TEST_EVERYWHERE(Task, goes_from_queued_to_running_to_succeeded) {
  Event go(home);
  CoroutineExecutor executor(home, options({.max_workers = 1}));
  const auto job = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 7;
  };
  const auto first = executor.submit_nowait(job), second = executor.submit_nowait(job);
  co_await until([&] { return first.state() == TaskState::running; });
  EXPECT_EQ(second.state(), TaskState::queued);
  EXPECT_FALSE(first.done());
  EXPECT_FALSE(second.done());
  go.set();
  co_await executor.join();
  EXPECT_EQ(first.state(), TaskState::succeeded);
  EXPECT_TRUE(first.done());
  EXPECT_FALSE(first.cancelled());
  EXPECT_EQ(first.exception(), nullptr);
  EXPECT_EQ(first.result(), 7);
}

CORO_TEST_EVERYWHERE(Task, that_is_not_done_has_neither_result_nor_exception) {
  Event go(home);
  CoroutineExecutor executor(home, options());
  const auto job = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 7;
  };
  auto task = executor.submit_nowait({.name = "fetch"}, job);
  EXPECT_TRUE(is_error(error_from([&] { task.result(); }), errc::invalid_state, "job 1 'fetch'"));
  EXPECT_TRUE(is_error(error_from([&] { task.result(); }), errc::invalid_state, not_done));
  EXPECT_TRUE(is_error(error_from([&] { task.exception(); }), errc::invalid_state, not_done));
  EXPECT_TRUE(is_error(error_from([&] { task.outcome(); }), errc::invalid_state, not_done));
  EXPECT_TRUE(is_error(error_from([&] { std::move(task).outcome(); }), errc::invalid_state, not_done));
  go.set();
  co_await executor.join();
}

CORO_TEST(Task, invalid_state_equals_the_generic_condition) {
  CoroutineExecutor executor(home);
  const auto seven = []() -> awaitable<int> { co_return 7; };
  const auto task = executor.submit_nowait(seven);
  try {
    task.result();
    ADD_FAILURE();
  } catch (const boost::system::system_error& e) {
    EXPECT_TRUE(e.code() == boost::system::errc::operation_not_permitted);
  }
  co_await executor.join();
}

CORO_TEST_EVERYWHERE(Task, gives_the_error_in_every_form) {
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto fails = []() -> awaitable<int> {
    throw std::runtime_error("broken");
    co_return 0;
  };
  const auto task = executor.submit_nowait(fails);
  co_await task.wait();  // does not throw it
  EXPECT_TRUE(says(error_from([&] { task.result(); }), "broken"));
  EXPECT_TRUE(says(task.exception(), "broken"));
  const auto outcome = task.outcome();
  EXPECT_TRUE(outcome.has_error());
  EXPECT_EQ(outcome.error(), task.exception());
  EXPECT_TRUE(says(co_await error_of(task.get()), "broken"));
}

CORO_TEST_EVERYWHERE(Task, of_void_has_a_result_too) {
  CoroutineExecutor executor(home, options());
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto task = executor.submit_nowait(nothing);
  co_await task.get();
  task.result();
  EXPECT_TRUE(task.outcome().has_value());
}

CORO_TEST_EVERYWHERE(Task, of_a_type_that_can_only_be_moved_gives_it_away_once) {
  CoroutineExecutor executor(home, options());
  const auto job = []() -> awaitable<MoveOnly> { co_return MoveOnly(7); };
  auto task = executor.submit_nowait(job);
  auto second = executor.submit_nowait(job);
  const auto other = task;
  const auto taken = co_await std::move(task).get();
  EXPECT_EQ(taken.value(), 7);
  EXPECT_EQ(other.result().value(), -1) << "other handles see that it has gone";
  co_await second.wait();
  EXPECT_EQ(second.result().value(), 7) << "in place";
  const auto outcome = std::move(second).outcome();
  EXPECT_EQ(outcome.value().value(), 7);
}

CORO_TEST_EVERYWHERE(Task, may_be_got_several_times_if_it_can_be_copied) {
  CoroutineExecutor executor(home, options());
  const auto job = []() -> awaitable<std::string> { co_return std::string(100, 'x'); };
  const auto task = executor.submit_nowait(job);
  for (int i = 0; i < 3; ++i) EXPECT_EQ((co_await task.get()).size(), 100u);
  EXPECT_EQ(task.outcome().value().size(), 100u);
}

CORO_TEST_EVERYWHERE(Task, releases_all_who_wait_for_it) {
  Event go(home);
  CoroutineExecutor executor(home, options()), waiters(home, options());
  const auto job = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 7;
  };
  const auto task = executor.submit_nowait(job);
  std::atomic<int> sum = 0;
  const auto waits = [&]() -> awaitable<void> { sum += co_await task.get(); };
  for (int i = 0; i < 5; ++i) waiters.submit_nowait(waits);
  for (int i = 0; i < 5; ++i) co_await asio::post(asio::use_awaitable);
  EXPECT_EQ(sum, 0);
  go.set();
  co_await waiters.join();
  EXPECT_EQ(sum, 35);
}

CORO_TEST_EVERYWHERE(Task, a_wait_that_is_cancelled_leaves_the_job_alone) {
  Event go(home), waits(home);
  CoroutineExecutor executor(home, options()), others(home, options({.suppress_task_errors = true}));
  const auto job = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 7;
  };
  const auto task = executor.submit_nowait(job);
  const auto waiter = [&]() -> awaitable<void> {
    waits.set();
    co_await task.wait();
  };
  const auto waiting = others.submit_nowait(waiter);
  co_await waits.wait();
  waiting.cancel();
  co_await waiting.wait();
  EXPECT_TRUE(waiting.cancelled());
  EXPECT_FALSE(task.done());
  go.set();
  EXPECT_EQ(co_await task.get(), 7);
}

CORO_TEST_EVERYWHERE(Task, cancel_says_whether_there_was_something_to_cancel) {
  Event never(home);
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  const auto quick = []() -> awaitable<void> { co_return; };
  const auto ended = executor.submit_nowait(quick);
  co_await ended.wait();
  EXPECT_FALSE(ended.cancel());
  EXPECT_EQ(ended.state(), TaskState::succeeded);

  const auto task = executor.submit_nowait(waits);
  EXPECT_TRUE(task.cancel());
  co_await task.wait();
  EXPECT_FALSE(task.cancel());
  EXPECT_TRUE(is_cancelled(error_from([&] { task.result(); })));
  EXPECT_TRUE(is_cancelled(co_await error_of(task.get())));
}

CORO_TEST_EVERYWHERE(Task, async_wait_takes_any_completion_token) {
  Event go(home);
  CoroutineExecutor executor(home, options());
  const auto job = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 7;
  };
  const auto task = executor.submit_nowait(job);
  std::atomic<int> called = 0;
  task.async_wait([&](boost::system::error_code ec) {
    EXPECT_FALSE(ec);
    EXPECT_TRUE(task.done());
    ++called;
  });
  EXPECT_EQ(called, 0);
  go.set();
  co_await task.async_wait(asio::use_awaitable);
  co_await until([&] { return called == 1; });
  bool in_call = true;
  const auto caller = std::this_thread::get_id();
  task.async_wait([&, caller](boost::system::error_code) {
    EXPECT_TRUE(std::this_thread::get_id() != caller || !in_call) << "never on the caller's stack";
    ++called;
  });
  in_call = false;
  co_await until([&] { return called == 2; });
}

// Who set it goes on meanwhile, with threads at the same time.
CORO_TEST_EVERYWHERE(Task, a_callback_of_async_wait_is_not_the_job_that_set_it) {
  Event go(home), called(home);
  CoroutineExecutor executor(home, options());
  const auto awaited = [&]() -> awaitable<void> { co_await go.wait(); };
  const auto task = executor.submit_nowait(awaited);
  std::string name = "never called";
  const auto sets = [&]() -> awaitable<void> {
    task.async_wait([&](boost::system::error_code) {
      name = this_task::name();
      called.set();
    });
    go.set();
    co_await called.wait();
  };
  executor.submit_nowait({.name = "setter"}, sets);
  co_await executor.join();
  EXPECT_EQ(name, "");
}

// A future is waited for by a thread that runs no context.
TEST(Task, async_wait_gives_a_future_to_another_thread) {
  asio::thread_pool pool(2);
  CoroutineExecutor executor(pool.get_executor());
  const auto job = []() -> awaitable<int> {
    co_await sleep_for(milliseconds(1));
    co_return 7;
  };
  const auto task = executor.submit_nowait(job);
  task.async_wait(asio::use_future).get();
  EXPECT_EQ(task.result(), 7);
  pool.join();
}

CORO_TEST(Task, names_and_numbers_its_job) {
  CoroutineExecutor executor(home), other(home);
  const auto job = []() -> awaitable<void> { co_return; };
  const auto first = executor.submit_nowait(job);
  const auto second = executor.submit_nowait({.name = "second"}, job);
  const auto elsewhere = other.submit_nowait(job);
  EXPECT_EQ(first.name(), "");
  EXPECT_EQ(first.id(), 1u);
  EXPECT_EQ(second.name(), "second");
  EXPECT_EQ(second.id(), 2u);
  EXPECT_EQ(elsewhere.id(), 1u) << "counted in each executor";
  const auto copy = first;
  EXPECT_TRUE(copy == first);
  EXPECT_FALSE(first == second);
  co_await executor.join();
  co_await other.join();
}

// Results of jobs are let go with the last handle, arguments and callable with the job's end.
CORO_TEST_EVERYWHERE(Task, keeps_its_result_and_nothing_else) {
  std::atomic<int> results = 0, arguments = 0;
  CoroutineExecutor executor(home, options());
  {
    const auto job = [&](const Tracked&) -> awaitable<Tracked> { co_return Tracked(results); };
    const auto task = executor.submit_nowait(job, Tracked(arguments));
    co_await task.wait();
    EXPECT_EQ(arguments, 0);
    EXPECT_EQ(results, 1);
  }
  co_await executor.join();
  co_await until([&] { return results == 0; });
}

TEST(Task, outlives_its_executor_and_its_context) {
  Task<std::string> task;
  Task<> cancelled;
  {
    asio::io_context context(1);
    CoroutineExecutor executor(context.get_executor(), {.threading = Threading::single});
    const auto job = []() -> awaitable<std::string> { co_return std::string(100, 'x'); };
    const auto endless = []() -> awaitable<void> { co_await sleep_for(std::chrono::hours(1)); };
    task = executor.submit_nowait({.name = "long gone"}, job);
    cancelled = executor.submit_nowait(endless);
    context.poll();
  }
  EXPECT_EQ(task.result().size(), 100u);
  EXPECT_EQ(task.name(), "long gone");
  EXPECT_FALSE(task.cancel());
  EXPECT_TRUE(cancelled.cancelled());
  EXPECT_FALSE(cancelled.cancel());
  task.async_wait(asio::use_future).get();
  const auto waits = [&]() -> awaitable<std::size_t> { co_return (co_await task.get()).size(); };
  asio::io_context other;
  auto size = asio::co_spawn(other, waits(), asio::use_future);
  other.run();
  EXPECT_EQ(size.get(), 100u);
}

}  // namespace
}  // namespace coroexec::test
