// Cancelling eager tasks; where they run; what keeps them and what they keep.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "coroexec/coroutine_executor.hpp"
#include "coroexec/eager.hpp"
#include "coroexec/run.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "job_test.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// Says whether its wait was cancelled, then ends with that.
awaitable<void> waits(Event& event, bool& was_cancelled) {
  const auto error = co_await error_of(event.wait());
  was_cancelled = static_cast<bool>(is_cancelled(error));
  if (error) std::rethrow_exception(error);
}

// EAGER-20
CORO_TEST_AS_JOB(TestEager, a_cancel_after_a_turn_arrives_at_the_suspension) {
  Event never(home);
  bool cancelled = false;
  const auto task = eager(waits(never, cancelled));
  co_await this_task::yield();
  EXPECT_TRUE(task.cancel());
  EXPECT_TRUE(is_cancelled(co_await error_of(task.get())));
  EXPECT_TRUE(task.cancelled());
  EXPECT_TRUE(cancelled);
}

// EAGER-21, TRAP-9: unlike there
CORO_TEST_AS_JOB(TestEager, a_cancel_before_the_first_turn_arrives_as_well) {
  Event never(home);
  bool cancelled = false;
  const auto task = eager(waits(never, cancelled));
  EXPECT_TRUE(task.cancel());
  EXPECT_TRUE(is_cancelled(co_await error_of(task.get())));
  EXPECT_TRUE(task.cancelled());
  EXPECT_TRUE(cancelled);
}

// TRAP-9, with a factory: the cancel of its task is passed on
CORO_TEST_AS_JOB(TestEager, a_cancel_of_the_factorys_task_arrives_before_and_after_a_turn) {
  for (const bool turn : {false, true}) {
    Event never(home);
    bool cancelled = false;
    const auto factory = [](awaitable<void> rest) { return eager(std::move(rest)); };
    const auto task = eager(waits(never, cancelled), factory);
    if (turn) co_await this_task::yield();
    EXPECT_TRUE(task.cancel());
    EXPECT_TRUE(is_cancelled(co_await error_of(task.get())));
    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(cancelled);
  }
}

awaitable<int> handles(Event& event) {
  const auto error = co_await error_of(event.wait());
  EXPECT_TRUE(is_cancelled(error));
  co_await this_task::uncancel();
  co_await this_task::yield();
  co_return 42;
}

// EAGER-22: by this_task::uncancel()
CORO_TEST_AS_JOB(TestEager, a_cancel_may_be_handled) {
  Event never(home);
  const auto task = eager(handles(never));
  task.cancel();
  EXPECT_EQ(co_await task.get(), 42);
  EXPECT_FALSE(task.cancelled());
}

CORO_TEST_AS_JOB(TestEager, a_cancel_may_be_handled_behind_a_factory) {
  Event never(home);
  const auto factory = [](awaitable<int> rest) { return create_task(std::move(rest)); };
  const auto task = eager(handles(never), factory);
  co_await this_task::yield();
  task.cancel();
  EXPECT_EQ(co_await task.get(), 42);
  EXPECT_FALSE(task.cancelled());
}

CORO_TEST_AS_JOB(TestEager, a_task_may_have_a_timeout) {
  Event never(home);
  bool cancelled = false;
  const auto task = eager({.timeout = milliseconds(1)}, waits(never, cancelled));
  EXPECT_TRUE(is_error(co_await error_of(task.get()), errc::timed_out, "exceeded its timeout of 1 ms"));
  EXPECT_TRUE(cancelled);
}

CORO_TEST_AS_JOB(TestEager, waiting_for_itself_is_an_error) {
  Task<> own;
  const auto job = [&]() -> awaitable<void> {
    co_await this_task::yield();
    co_await own.get();
  };
  own = eager(job());
  EXPECT_TRUE(is_error(co_await error_of(own.get()), errc::would_deadlock, "'eager_task' of the context waits for itself"));
}

// A factory makes it a child of a scope.
CORO_TEST(TestEager, a_factory_hands_it_to_a_scope) {
  Event go(home);
  bool ended = false;
  const auto child = [&]() -> awaitable<void> {
    co_await go.wait();
    co_await this_task::yield();
    ended = true;
  };
  const auto body = [&](CoroutineExecutor& scope) -> awaitable<void> {
    const auto factory = [&](awaitable<void> rest) {
      return scope.submit_nowait({.name = "child"}, std::move(rest));
    };
    const auto task = eager(child(), factory);
    EXPECT_EQ(task.name(), "child");
    EXPECT_FALSE(task.done());
    go.set();
    co_return;
  };
  co_await with_executor(body);
  EXPECT_TRUE(ended);
}

// EAGER-23: nothing runs the context
TEST(TestEager, needs_no_running_context_unless_it_waits) {
  asio::io_context context;
  Log log;
  const auto quick = [&]() -> awaitable<int> {
    log("1");
    co_return 5;
  };
  EXPECT_EQ(eager(context.get_executor(), quick()).result(), 5);
  const auto yields = [&]() -> awaitable<int> {
    co_await this_task::yield();
    co_return 6;
  };
  const auto task = eager(context.get_executor(), yields());
  EXPECT_FALSE(task.done());
  context.run();
  EXPECT_EQ(task.result(), 6);
}

TEST(TestEager, outside_of_any_job_an_executor_must_be_given) {
  const auto quick = []() -> awaitable<void> { co_return; };
  EXPECT_TRUE(is_error(error_from([&] { eager(quick()); }), errc::invalid_state,
                       "eager() outside of any job needs an executor before the coroutine"));
  EXPECT_TRUE(is_error(error_from([&] { create_task(quick()); }), errc::invalid_state, "create_task() outside"));
  const auto start = eager(quick);
  EXPECT_TRUE(is_error(error_from([&] { start(); }), errc::invalid_state, "eager() outside"));
}

// Idle workers do not keep run() from returning, a task that waits does.
TEST(TestEager, a_task_that_waits_is_work_and_a_finished_one_is_not) {
  asio::io_context context(1);
  std::optional<Event> event(context.get_executor());
  const auto job = [&]() -> awaitable<void> { co_await event->wait(); };
  const auto task = eager(context.get_executor(), job());
  EXPECT_EQ(context.poll(), 0u);
  EXPECT_FALSE(context.stopped());
  event->set();
  context.run();  // returns
  EXPECT_TRUE(task.done());
  context.restart();
  for (int i = 0; i < 3; ++i) {
    const auto again = eager(context.get_executor(), job());
    context.run();
    context.restart();
    EXPECT_TRUE(again.done());
  }
  EXPECT_TRUE(context.poll() == 0 && context.stopped());
}

TEST(TestEager, a_context_that_goes_takes_its_tasks_with_it) {
  std::atomic<int> live = 0;
  Task<> waiting, queued;
  {
    asio::io_context context(1);
    Event never(context.get_executor());
    const auto job = [&](Tracked tracked) -> awaitable<void> {
      tracked.value();
      co_await never.wait();
    };
    waiting = eager(context.get_executor(), job(Tracked(live)));
    queued = create_task(context.get_executor(), job(Tracked(live)));
    EXPECT_EQ(live, 2);
  }
  EXPECT_EQ(live, 0);
  EXPECT_TRUE(waiting.cancelled());
  EXPECT_TRUE(queued.cancelled());
}

TEST(TestEager, belongs_to_run_as_all_that_main_leaves_behind) {
  std::atomic<int> live = 0;
  Task<> task;
  const auto job = [&](Tracked) -> awaitable<void> { co_await sleep_for(std::chrono::hours(1)); };
  const auto main = [&]() -> awaitable<void> {
    task = eager(job(Tracked(live)));
    co_return;
  };
  run(main);
  EXPECT_EQ(live, 0);
  EXPECT_TRUE(task.cancelled());
}

}  // namespace
}  // namespace coroexec::test
