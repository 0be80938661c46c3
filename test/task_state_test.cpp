// Which tasks are runnable, and which are blocked. A suite with a name of asynkit's tests
// has its facts.
#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <set>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/detail/wait_list.hpp"
#include "coroexec/scheduling.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// Something to come, which is waited for as all of the library's waits are.
class Future {
 public:
  void set_result(int value) { set(value, nullptr); }
  void set_exception(std::exception_ptr error) { set(0, error); }
  void cancel() { set(0, detail::make_cancelled()); }
  awaitable<int> get() {
    const auto set = [this] { return set_; };
    if (!co_await detail::wait_until<asio::any_io_executor>(waiting_, mutex_, detail::Condition(set)))
      detail::throw_cancelled();
    if (error_) std::rethrow_exception(error_);
    co_return value_;
  }

 private:
  void set(int value, std::exception_ptr error) {
    set_ = true;
    value_ = value;
    error_ = error;
    waiting_.take_all();
  }
  detail::OptionalMutex mutex_{false};
  detail::WaitList waiting_;
  bool set_ = false;
  int value_ = 0;
  std::exception_ptr error_;
};

bool in_ready_queue(const AnyTask& task) {
  const auto ready = SchedulingContext::current().ready_tasks();
  return std::ranges::find(ready, task) != ready.end();
}
void expect_blocked(const AnyTask& task) {
  EXPECT_TRUE(task_is_blocked(task));
  EXPECT_FALSE(task_is_runnable(task));
  EXPECT_FALSE(in_ready_queue(task));
}
void expect_runnable(const AnyTask& task) {
  EXPECT_FALSE(task_is_blocked(task));
  EXPECT_TRUE(task_is_runnable(task));
  EXPECT_TRUE(in_ready_queue(task));
  EXPECT_FALSE(task.done());
}
void expect_done(const AnyTask& task) {
  EXPECT_FALSE(task_is_blocked(task));
  EXPECT_FALSE(task_is_runnable(task));
  EXPECT_TRUE(task.done());
}

// STATE-1, STATE-2, STATE-3, STATE-4
CORO_TEST_VIRTUAL(TestTaskIsBlocked, blocked_sleep) {
  const auto sleeps = [] { return sleep_for(std::chrono::hours(1)); };
  const auto task = SchedulingContext::current().create_task(sleeps);
  expect_runnable(task);
  co_await this_task::yield();
  expect_blocked(task);
  EXPECT_TRUE(task.cancel());
  expect_runnable(task);
  EXPECT_EQ(runnable_tasks(), std::vector<AnyTask>{task});
  co_await this_task::yield();
  expect_done(task);
  EXPECT_TRUE(task.cancelled());
}

// STATE-5, STATE-6
CORO_TEST_VIRTUAL(TestTaskIsBlocked, blocked_future_result) {
  Future future;
  const auto waits = [&] { return future.get(); };
  const auto task = SchedulingContext::current().create_task(waits);
  co_await this_task::yield();
  expect_blocked(task);
  future.set_result(7);
  expect_runnable(task);
  co_await this_task::yield();
  expect_done(task);
  EXPECT_EQ(task.result(), 7);
}

// STATE-7
CORO_TEST_VIRTUAL(TestTaskIsBlocked, blocked_future_exception) {
  Future future;
  const auto waits = [&] { return future.get(); };
  const auto task = SchedulingContext::current().create_task(waits);
  co_await this_task::yield();
  expect_blocked(task);
  future.set_exception(std::make_exception_ptr(std::runtime_error("not to be had")));
  expect_runnable(task);
  EXPECT_TRUE(says(co_await error_of(task.get()), "not to be had"));
  expect_done(task);
}

// STATE-8
CORO_TEST_VIRTUAL(TestTaskIsBlocked, blocked_future_cancel) {
  Future future;
  const auto waits = [&] { return future.get(); };
  const auto task = SchedulingContext::current().create_task(waits);
  co_await this_task::yield();
  expect_blocked(task);
  future.cancel();
  expect_runnable(task);
  EXPECT_TRUE(is_cancelled(co_await error_of(task.get())));
  expect_done(task);
}

// STATE-9
CORO_TEST_VIRTUAL(TestTaskIsBlocked, blocked_await) {
  auto& context = SchedulingContext::current();
  const auto sleeps = [] { return sleep_for(std::chrono::hours(1)); };
  const auto b = context.create_task(sleeps);
  const auto waits = [&] { return b.get(); };
  const auto a = context.create_task(waits);
  co_await this_task::yield();
  expect_blocked(a);
  expect_blocked(b);
  EXPECT_TRUE(b.cancel());
  expect_runnable(b);
  expect_blocked(a);
  co_await this_task::yield();
  expect_done(b);
  expect_runnable(a);
  EXPECT_TRUE(is_cancelled(co_await error_of(a.get())));
}

// STATE-10
CORO_TEST_VIRTUAL(TestTaskIsBlocked, the_current_task_is_runnable_but_not_in_the_queue) {
  const auto self = current_task();
  EXPECT_TRUE(task_is_runnable(self));
  EXPECT_FALSE(task_is_blocked(self));
  EXPECT_FALSE(in_ready_queue(self));
  co_return;
}

// STATE-11
CORO_TEST_VIRTUAL(TestTaskIsBlocked, a_task_cancelled_before_its_start_never_runs) {
  auto& context = SchedulingContext::current();
  int ran = 0;
  const auto job = [&]() -> awaitable<void> {
    ++ran;
    co_return;
  };
  // The second one is given to a coroutine that has been there before.
  for (int i = 0; i < 2; ++i) {
    const auto task = context.create_task(job);
    EXPECT_TRUE(task.cancel());
    expect_runnable(task);
    EXPECT_TRUE(is_cancelled(co_await error_of(task.get())));
    EXPECT_TRUE(task.cancelled());
  }
  EXPECT_EQ(ran, 0);
  co_await context.create_task(job).wait();
  EXPECT_EQ(ran, 1);
}

void expect_identity() {
  std::set<AnyTask> parts{current_task()};
  for (auto& task : runnable_tasks()) EXPECT_TRUE(parts.insert(task).second);
  for (auto& task : blocked_tasks()) EXPECT_TRUE(parts.insert(task).second);
  const auto all = all_tasks();
  EXPECT_EQ(parts, std::set<AnyTask>(all.begin(), all.end()));
}

// TASKS-1, TASKS-3
CORO_TEST_VIRTUAL(TestTasks, runnable_tasks) {
  const auto yields = []() -> awaitable<void> { co_await this_task::yield(); };
  std::vector<AnyTask> four;
  for (int i = 0; i < 4; ++i) four.emplace_back(SchedulingContext::current().create_task(yields));
  EXPECT_EQ(runnable_tasks(), four);
  EXPECT_EQ(blocked_tasks(), std::vector<AnyTask>());
  expect_identity();
  co_await this_task::yield();
  EXPECT_EQ(runnable_tasks(), four);
  expect_identity();
  co_await this_task::yield();
  EXPECT_EQ(runnable_tasks(), std::vector<AnyTask>());
  expect_identity();
}

// TASKS-2, TASKS-3, TASKS-4
CORO_TEST_VIRTUAL(TestTasks, blocked_tasks) {
  auto& context = SchedulingContext::current();
  const auto sleeps = [] { return sleep_for(std::chrono::hours(1)); };
  std::vector<AnyTask> four;
  for (int i = 0; i < 4; ++i) four.emplace_back(context.create_task(sleeps));
  expect_identity();
  co_await this_task::yield();
  EXPECT_EQ(blocked_tasks(context), four);
  EXPECT_EQ(runnable_tasks(context), std::vector<AnyTask>());
  expect_identity();
  for (auto& task : four) EXPECT_TRUE(task.cancel());
  EXPECT_EQ(runnable_tasks(), four);
  expect_identity();
  co_await this_task::yield();
  expect_identity();
}

// TASKS-5
TEST(TestTasks, blocked_tasks_current) {
  SchedulingContext context;
  const auto waits_for = [](Task<> task) -> awaitable<void> { co_await task.wait(); };
  const auto sleeps = [] { return sleep_for(milliseconds(5)); };
  const auto sleeper = context.create_task(sleeps);
  const auto main = [&]() -> awaitable<void> {
    co_await this_task::yield();
    EXPECT_EQ(blocked_tasks(), std::vector<AnyTask>{sleeper}) << "without the current one";
  };
  context.run(main);
  EXPECT_FALSE(current_task());
  EXPECT_EQ(blocked_tasks(context), std::vector<AnyTask>{sleeper});
  context.run(waits_for(sleeper));
}

// The jobs of an executor, and the body of its scope, are tasks as well.
CORO_TEST_VIRTUAL(TestTasks, jobs_of_an_executor_are_tasks_too) {
  const auto owner = current_task();
  const auto sleeps = [] { return sleep_for(std::chrono::hours(1)); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto running = co_await executor.submit({.name = "one"}, sleeps);
    const auto queued = co_await executor.submit({.name = "two"}, sleeps);
    co_await this_task::yield();
    EXPECT_EQ(current_task().label(), "the body of executor 'pair'");
    EXPECT_TRUE(task_is_blocked(running));
    EXPECT_TRUE(task_is_blocked(queued));
    EXPECT_TRUE(task_is_blocked(owner)) << "it waits for its scope";
    expect_identity();
    executor.cancel();
  };
  const auto error = co_await error_of(with_executor({.max_workers = 1, .name = "pair"}, body));
  EXPECT_TRUE(is_cancelled(error));
}

}  // namespace
}  // namespace coroexec::test
