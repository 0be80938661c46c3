// Executors, contexts and handles that go in any order (CE-13): no leak, no use after free, every
// accepted job in a final state, every waiter released.
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <optional>
#include <ranges>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<void> sleep_long(const Tracked& tracked) {
  co_await sleep_for(std::chrono::hours(1));
  tracked.value();
}

// CE-13
CORO_TEST_EVERYWHERE(Lifetime, an_executor_that_was_never_joined_cancels_its_jobs) {
  std::atomic<int> live = 0;
  std::vector<Task<>> tasks;
  {
    CoroutineExecutor executor(home, options({.max_workers = 2}));
    for (int i = 0; i < 5; ++i) tasks.push_back(executor.submit_nowait(sleep_long, Tracked(live)));
    co_await until([&] { return executor.stats().active == 2; });
  }
  for (auto& task : tasks) co_await task.wait();
  for (auto& task : tasks) EXPECT_TRUE(task.cancelled());
  co_await until([&] { return live == 0; });
}

// CE-13
CORO_TEST_EVERYWHERE(Lifetime, an_executor_may_go_before_a_job_has_begun) {
  std::atomic<int> live = 0;
  Task<> task;
  {
    CoroutineExecutor executor(home, options());
    task = executor.submit_nowait(sleep_long, Tracked(live));
  }
  co_await task.wait();
  EXPECT_TRUE(task.cancelled());
  co_await until([&] { return live == 0; });
}

// CE-13: those who wait in it are told.
CORO_TEST_EVERYWHERE(Lifetime, an_executor_that_goes_releases_who_waits_for_it) {
  std::atomic<int> live = 0;
  auto executor = std::make_unique<CoroutineExecutor>(
      home, options({.max_workers = 1, .backlog = 0}));
  CoroutineExecutor others(home, options({.suppress_task_errors = true}));
  const auto submits = [&]() -> awaitable<void> {
    co_await executor->submit(sleep_long, Tracked(live));
  };
  std::atomic<int> joining = 0;
  const auto joins = [&]() -> awaitable<void> {
    auto join = executor->join();
    ++joining;
    co_await std::move(join);
  };
  const auto job = executor->submit_nowait(sleep_long, Tracked(live));
  const auto submitter = others.submit_nowait(submits);
  const auto joiner = others.submit_nowait(joins);
  const auto waiter_body = [&]() -> awaitable<void> {
    ++joining;
    co_await job.wait();
  };
  const auto waiter = others.submit_nowait(waiter_body);
  co_await until([&] { return executor->stats().waiting == 1 && joining == 2; });
  for (int i = 0; i < 20; ++i) co_await asio::post(asio::use_awaitable);
  executor.reset();
  co_await others.join();
  EXPECT_TRUE(is_error(submitter.exception(), errc::closed));
  EXPECT_EQ(waiter.state(), TaskState::succeeded);
  EXPECT_TRUE(joiner.done());
  EXPECT_TRUE(job.cancelled());
  co_await until([&] { return live == 0; });
}

// One thread, with and without locks.
class LifetimeOf : public ::testing::TestWithParam<Threading> {
 protected:
  ExecutorOptions options(ExecutorOptions given = {}) const {
    given.threading = GetParam();
    return given;
  }
  std::atomic<int> live{0};
};

INSTANTIATE_TEST_SUITE_P(Threading, LifetimeOf,
                         ::testing::Values(Threading::single, Threading::multi),
                         [](const auto& setting) {
                           return setting.param == Threading::single ? "single" : "multi";
                         });

// A free-standing executor keeps reusable coroutines, but they are no work.
TEST_P(LifetimeOf, run_returns_once_an_executor_is_idle) {
  asio::io_context context(1);
  CoroutineExecutor executor(context.get_executor(), options());
  int ran = 0;
  const auto job = [&]() -> awaitable<void> {
    co_await this_task::yield();
    ++ran;
  };
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 20; ++i) executor.submit_nowait(job);
    context.run();
    context.restart();
    EXPECT_EQ(ran, 20 * round);
  }
}

// CE-13
TEST_P(LifetimeOf, the_context_is_stopped_and_the_executor_goes_first) {
  std::vector<Task<>> tasks;
  asio::io_context context(1);
  {
    CoroutineExecutor executor(context.get_executor(), options({.max_workers = 2}));
    for (int i = 0; i < 5; ++i) tasks.push_back(executor.submit_nowait(sleep_long, Tracked(live)));
    context.poll();
    context.stop();
    EXPECT_EQ(executor.stats().active, 2u);
  }
  context.restart();
  context.run();
  for (auto& task : tasks) EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(live, 0);
}

// CE-13
TEST_P(LifetimeOf, the_context_is_stopped_and_destroyed_after_the_executor) {
  std::vector<Task<>> tasks;
  {
    asio::io_context context(1);
    CoroutineExecutor executor(context.get_executor(), options({.max_workers = 2}));
    for (int i = 0; i < 5; ++i) tasks.push_back(executor.submit_nowait(sleep_long, Tracked(live)));
    context.poll();
    context.stop();
  }
  for (auto& task : tasks) EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(live, 0);
}

// CE-13
TEST_P(LifetimeOf, the_context_goes_before_the_executor) {
  std::optional<asio::io_context> context(std::in_place, 1);
  CoroutineExecutor executor(context->get_executor(), options({.max_workers = 2}));
  std::vector<Task<>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(executor.submit_nowait(sleep_long, Tracked(live)));
  context->poll();
  context.reset();
  EXPECT_EQ(live, 0);
  for (auto& task : tasks) {
    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(is_cancelled(task.exception()));
    EXPECT_FALSE(task.cancel());
  }
  // What can still be asked has an answer, what cannot be done any more is refused.
  EXPECT_EQ(executor.stats().cancelled, 5u);
  EXPECT_TRUE(is_error(error_from([&] { executor.submit_nowait(sleep_long, Tracked(live)); }),
                       errc::closed));
  EXPECT_TRUE(is_error(error_from([&] { executor.try_submit(sleep_long, Tracked(live)); }),
                       errc::closed));
  executor.cancel();
  EXPECT_EQ(live, 0);
}

// CE-13: with coroutines parked in every kind of wait there is.
TEST_P(LifetimeOf, the_context_goes_while_coroutines_wait_in_the_library) {
  std::optional<asio::io_context> context(std::in_place, 1);
  CoroutineExecutor executor(context->get_executor(), options({.max_workers = 1, .backlog = 0}));
  CoroutineExecutor others(context->get_executor(), options());
  auto running = executor.submit_nowait(sleep_long, Tracked(live));
  std::optional<AsyncGenerator<int>> stream;

  const auto submits = [&](const Tracked&) -> awaitable<void> {
    co_await executor.submit(sleep_long, Tracked(live));
  };
  const auto joins = [&](const Tracked&) -> awaitable<void> { co_await executor.join(milliseconds(100000)); };
  const auto waits = [&](const Tracked&) -> awaitable<void> { co_await running.get(); };
  const auto shields = [&](const Tracked& tracked) -> awaitable<void> {
    co_await shield(sleep_long(tracked));
  };
  const auto scoped = [&](const Tracked& tracked) -> awaitable<void> {
    const auto body = [&](CoroutineExecutor& inner) -> awaitable<void> {
      co_await inner.submit({.timeout = std::chrono::hours(1)}, sleep_long, tracked);
      co_await inner.submit(sleep_long, tracked);
      co_await running.wait();
    };
    co_await with_executor(options({.timeout = std::chrono::hours(2)}), body);
  };
  const auto reads = [&](const Tracked& tracked) -> awaitable<void> {
    const auto job = [&](int i) -> awaitable<int> {
      co_await sleep_long(tracked);
      co_return i;
    };
    stream = others.map(job, std::views::iota(0));
    co_await stream->next();
  };
  std::vector<Task<>> tasks{
      others.submit_nowait(submits, Tracked(live)), others.submit_nowait(joins, Tracked(live)),
      others.submit_nowait(waits, Tracked(live)),   others.submit_nowait(shields, Tracked(live)),
      others.submit_nowait(scoped, Tracked(live)),  others.submit_nowait(reads, Tracked(live))};
  context->poll();
  for (auto& task : tasks) EXPECT_EQ(task.state(), TaskState::running);
  context.reset();
  for (auto& task : tasks) EXPECT_TRUE(task.cancelled());
  EXPECT_TRUE(running.cancelled());
  EXPECT_EQ(live, 0);
  stream.reset();
}

// CE-13: who waits elsewhere is released when the job's context goes.
TEST_P(LifetimeOf, a_future_is_set_when_the_jobs_context_goes) {
  std::optional<asio::io_context> context(std::in_place, 1);
  CoroutineExecutor executor(context->get_executor(), options());
  const auto task = executor.submit_nowait(sleep_long, Tracked(live));
  auto future = task.async_wait(asio::use_future);
  context->poll();
  EXPECT_EQ(future.wait_for(milliseconds(0)), std::future_status::timeout);
  context.reset();
  EXPECT_EQ(future.wait_for(patience), std::future_status::ready);
  EXPECT_TRUE(task.cancelled());
}

// CE-13: the other way round.
TEST_P(LifetimeOf, the_context_of_a_waiter_goes_before_the_job_ends) {
  asio::io_context context(1);
  CoroutineExecutor executor(context.get_executor(), options());
  bool open = false;
  const auto job = [&]() -> awaitable<int> {
    while (!open) co_await this_task::yield();
    co_return 7;
  };
  const auto task = executor.submit_nowait(job);
  {
    asio::io_context elsewhere(1);
    const auto waits = [&](Tracked) -> awaitable<void> { co_await task.wait(); };
    asio::co_spawn(elsewhere, waits(Tracked(live)), asio::detached);
    elsewhere.poll();
    EXPECT_EQ(live, 1);
  }
  EXPECT_EQ(live, 0);
  open = true;
  context.run();
  EXPECT_EQ(task.result(), 7);
}

// A scope with a bit of everything, for the tests below.
awaitable<void> everything(ExecutorOptions options, std::atomic<int>& live, std::vector<Task<>>& tasks,
                           std::mutex& mutex) {
  const auto job = [&](const Tracked& tracked) -> awaitable<void> {
    co_await this_task::yield();
    co_await sleep_for(std::chrono::microseconds(50));
    tracked.value();
  };
  const auto number = [](int i) -> awaitable<int> {
    co_await this_task::yield();
    co_return i;
  };
  const auto add = [&](Task<> task) {
    std::lock_guard lock(mutex);
    tasks.push_back(std::move(task));
  };
  const auto inner_body = [&](CoroutineExecutor& inner) -> awaitable<void> {
    for (int i = 0; i < 3; ++i) add(co_await inner.submit(job, Tracked(live)));
  };
  auto inner_options = options;
  inner_options.max_workers = 1;
  const auto nests = [&, inner_options](const Tracked&) -> awaitable<void> {
    co_await with_executor(inner_options, inner_body);
  };
  const auto shields = [&](const Tracked& tracked) -> awaitable<void> {
    co_await shield(job(tracked));
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const TaskOptions timed{.timeout = std::chrono::hours(1)};
    add(co_await executor.submit(nests, Tracked(live)));
    add(co_await executor.submit(timed, job, Tracked(live)));
    add(co_await executor.submit(shields, Tracked(live)));
    const Task<> watched = co_await executor.submit(job, Tracked(live));
    add(watched);
    auto stream = executor.map(number, std::views::iota(0, 4));
    while (co_await stream.next()) {
    }
    auto dropped = executor.map_unordered(number, std::views::iota(0));
    co_await dropped.next();
    co_await watched.wait();
  };
  options.max_workers = 2;
  options.backlog = 0;
  options.timeout = std::chrono::hours(1);
  co_await with_executor(options, body);
}

// CE-13: every moment is made the one in which the context goes.
TEST_P(LifetimeOf, the_context_may_go_at_any_moment) {
  bool finished = false;
  int steps = 0;
  for (; !finished; ++steps) {
    SCOPED_TRACE(steps);
    ASSERT_LT(steps, 5000);
    std::vector<Task<>> tasks;
    std::mutex mutex;
    {
      asio::io_context context(1);
      asio::co_spawn(context, everything(options(), live, tasks, mutex),
                     [&](std::exception_ptr error) {
                       finished = true;
                       EXPECT_FALSE(error) << what(error);
                     });
      for (int step = 0; step < steps && !finished; ++step) context.run_one();
    }
    for (auto& task : tasks) ASSERT_TRUE(task.done());
    ASSERT_EQ(live, 0);
  }
  EXPECT_GT(steps, 20);
}

// CE-4, CE-13: every moment is made the one in which the owner is cancelled.
TEST_P(LifetimeOf, the_owner_may_be_cancelled_at_any_moment) {
  bool came_through = false;
  for (int steps = 0; !came_through; ++steps) {
    SCOPED_TRACE(steps);
    ASSERT_LT(steps, 5000);
    std::vector<Task<>> tasks;
    std::mutex mutex;
    asio::io_context context(1);
    asio::cancellation_signal signal;
    bool finished = false;
    // Not from the very start: Boost before 1.85 has faults there, which a user's co_spawn keeps.
    const auto owner = [&]() -> awaitable<void> {
      co_await asio::post(asio::use_awaitable);
      co_await everything(options(), live, tasks, mutex);
    };
    asio::co_spawn(context, owner(),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error) {
                     finished = true;
                     EXPECT_TRUE(!error || is_cancelled(error)) << what(error);
                   }));
    for (int step = 0; step < steps + 3 && !finished; ++step) context.run_one();
    came_through = finished;
    signal.emit(asio::cancellation_type::terminal);
    context.run_for(patience);
    ASSERT_TRUE(finished) << "hangs";
    for (auto& task : tasks) ASSERT_TRUE(task.done());
    ASSERT_EQ(live, 0);
  }
}

// CE-13
TEST(Lifetime, a_thread_pool_is_stopped_and_goes_while_jobs_run) {
  std::atomic<int> live = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<Task<>> tasks;
    {
      asio::thread_pool pool(3);
      CoroutineExecutor executor(pool.get_executor(), {.max_workers = 5});
      const auto job = [](const Tracked& tracked) -> awaitable<void> {
        for (;;) {
          tracked.value();
          co_await this_task::yield();
        }
      };
      for (int i = 0; i < 20; ++i) tasks.push_back(executor.submit_nowait(job, Tracked(live)));
      std::this_thread::sleep_for(std::chrono::microseconds(100 * round));
      pool.stop();
      pool.join();
    }
    for (auto& task : tasks) EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(live, 0);
  }
}

// CE-13: not for the destructor of a coroutine that goes with its context either.
TEST(Lifetime, nothing_starts_on_a_context_that_is_being_destroyed) {
  std::exception_ptr refused;
  struct AtEnd {
    asio::any_io_executor home;
    std::exception_ptr& refused;
    ~AtEnd() {
      refused = error_from([this] { CoroutineExecutor late(home, {.name = "late"}); });
    }
  };
  {
    asio::io_context context;
    const auto waits = [&]() -> awaitable<void> {
      const AtEnd at_end{context.get_executor(), refused};
      asio::steady_timer timer(context, std::chrono::hours(1));
      co_await timer.async_wait(asio::use_awaitable);
    };
    asio::co_spawn(context, waits(), asio::detached);
    context.poll();
    CoroutineExecutor executor(context.get_executor());
  }
  EXPECT_TRUE(is_error(refused, errc::closed, "executor 'late' on an execution context that is being destroyed"));
}

}  // namespace
}  // namespace coroexec::test
