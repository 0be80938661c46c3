// Who runs next: sleep_insert, task_reinsert, task_switch, and which contexts run() makes. A suite with
// a name of asynkit's tests has its facts.
#include "coroexec/scheduling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

constexpr int me = -1;

// Six ready tasks that log their numbers, as does "me".
struct Six {
  explicit Six(int count = 6) {
    auto log_it = [this](int i) -> awaitable<void> {
      log.push_back(i);
      co_return;
    };
    for (int i = 0; i < count; ++i) {
      tasks.push_back(context.create_task(log_it, i));
      expected.push_back(i);
    }
  }
  void expect_at(std::ptrdiff_t position, int number) { expected.insert(expected.begin() + position, number); }
  AnyTask operator[](int i) const { return tasks[static_cast<std::size_t>(i)]; }

  SchedulingContext& context = SchedulingContext::current();
  std::vector<int> log, expected;
  std::vector<Task<>> tasks;
};

// SLEEP-1, SLEEP-2, SLEEP-3
CORO_TEST_VIRTUAL(TestSleepInsert, sleep_insert) {
  for (const int position : {0, 1, 3, 6}) {
    Six six;
    co_await sleep_insert(position);
    six.log.push_back(me);
    EXPECT_EQ(six.context.ready_len(), static_cast<std::size_t>(6 - position));
    six.expect_at(position, me);
    co_await this_task::yield();
    EXPECT_EQ(six.log, six.expected) << position;
  }
}

// SLEEP-3
CORO_TEST_VIRTUAL(TestSleepInsert, beyond_the_end_is_last) {
  Six six;
  co_await sleep_insert(99);
  EXPECT_EQ(six.log, six.expected);
  EXPECT_EQ(six.context.ready_len(), 0u);
  co_await sleep_insert(0);
  co_await sleep_insert(-1);
}

// SLEEP-4
CORO_TEST_VIRTUAL(TestSleepInsert, yield_puts_the_caller_last) {
  Six six;
  co_await this_task::yield();
  six.log.push_back(me);
  six.expected.push_back(me);
  EXPECT_EQ(six.log, six.expected);
}

// SLEEP-5
CORO_TEST_VIRTUAL(TestSleepInsert, a_later_call_may_move_who_sleeps) {
  Six six(3);
  six.context.call_insert(0, [&] { six.context.call_insert(0, [&] { six.log.push_back(10); }); });
  co_await sleep_insert(1);
  six.log.push_back(me);
  co_await this_task::yield();
  EXPECT_EQ(six.log, (std::vector{10, me, 0, 1, 2}));
}

// REINS-1, REINS-4
CORO_TEST_VIRTUAL(TestTaskReinsert, task_reinsert) {
  for (const int position : {0, 1, 6, 99}) {
    Six six;
    task_reinsert(six[5], position);
    EXPECT_EQ(six.log, std::vector<int>()) << "nothing runs meanwhile";
    six.expected.pop_back();
    six.expect_at(std::min(position, 5), 5);
    co_await this_task::yield();
    EXPECT_EQ(six.log, six.expected) << position;
  }
}

// REINS-2, REINS-3
CORO_TEST_VIRTUAL(TestTaskReinsert, blocked) {
  auto& context = SchedulingContext::current();
  const auto sleeps = [] { return sleep_for(milliseconds(1)); };
  const auto sleeper = context.create_task(sleeps);
  co_await this_task::yield();
  const auto why_not = [](const AnyTask& task) { return error_from([&] { task_reinsert(task, 0); }); };
  EXPECT_TRUE(is_error(why_not(sleeper), errc::invalid_argument,
                       "job 1 of the context is not in the ready queue: it is blocked"));
  EXPECT_TRUE(is_error(why_not(current_task()), errc::invalid_argument, "it is running now"));
  co_await sleeper.wait();
  EXPECT_TRUE(is_error(why_not(sleeper), errc::invalid_argument, "it is done"));
}

// SWITCH-1
CORO_TEST_VIRTUAL(TestTaskSwitch, task_switch) {
  for (const int position : {0, 1, 3, 5}) {
    Six six;
    co_await task_switch(six[position]);
    six.log.push_back(me);
    std::erase(six.expected, position);
    six.expect_at(0, position);
    six.expected.push_back(me);
    EXPECT_EQ(six.log, six.expected) << position;
  }
}

// SWITCH-2
CORO_TEST_VIRTUAL(TestTaskSwitch, task_switch_insert) {
  for (const int position : {0, 1, 3, 5}) {
    Six six;
    co_await task_switch(six[position], 1);
    six.log.push_back(me);
    std::erase(six.expected, position);
    six.expect_at(0, position);
    six.expect_at(1, me);
    co_await this_task::yield();
    EXPECT_EQ(six.log, six.expected) << position;
  }
}

// SWITCH-3, SWITCH-4
CORO_TEST_VIRTUAL(TestTaskSwitch, the_caller_may_come_first_or_later) {
  Six first(3);
  co_await task_switch(first[2], 0);
  first.log.push_back(me);
  co_await this_task::yield();
  EXPECT_EQ(first.log, (std::vector{me, 2, 0, 1}));

  Six later(3);
  co_await task_switch(later[2], 2);
  later.log.push_back(me);
  co_await this_task::yield();
  EXPECT_EQ(later.log, (std::vector{2, 0, me, 1}));
}

// SWITCH-5
CORO_TEST_VIRTUAL(TestTaskSwitch, notfound) {
  Six six;
  auto handle = six.context.ready_pop(3);
  const auto error = co_await error_of(task_switch(six[3]));
  EXPECT_TRUE(is_error(error, errc::invalid_argument, "it has been popped"));
  six.context.ready_append(std::move(handle));
  co_await task_switch(six[3]);
  EXPECT_EQ(six.log, (std::vector{3, 0, 1, 2, 4, 5}));
}

// SWITCH-6, SWITCH-7
CORO_TEST_VIRTUAL(TestTaskSwitch, blocked) {
  auto& context = SchedulingContext::current();
  const auto sleeps = [] { return sleep_for(milliseconds(1)); };
  const auto sleeper = context.create_task(sleeps);
  co_await this_task::yield();
  Six six;
  EXPECT_TRUE(is_error(co_await error_of(task_switch(sleeper)), errc::invalid_argument, "it is blocked"));
  EXPECT_TRUE(is_error(co_await error_of(task_switch(current_task())), errc::invalid_argument,
                       "it is running now"));
  EXPECT_EQ(six.log, std::vector<int>()) << "the caller did not suspend";
  EXPECT_EQ(context.ready_len(), 6u);
  co_await sleeper.wait();
  EXPECT_TRUE(is_error(co_await error_of(task_switch(sleeper)), errc::invalid_argument, "it is done"));
  EXPECT_EQ(six.log, six.expected);
}

// ---- which contexts run() makes

bool has_scheduling_context() { return SchedulingContext::current_or_null() != nullptr; }
awaitable<bool> asks_for_one() { co_return has_scheduling_context(); }

// POL-1, POL-2
TEST(TestPolicy, event_loop_policy_context) {
  EXPECT_FALSE(run(asks_for_one()));
  {
    const ContextPolicy policy;
    EXPECT_TRUE(context_policy());
    EXPECT_TRUE(run(asks_for_one()));
  }
  EXPECT_FALSE(context_policy());
  EXPECT_FALSE(run(asks_for_one()));
}

// POL-2
TEST(TestPolicy, is_restored_whatever_ends_the_scope_and_may_be_nested) {
  const auto in_virtual_time = []() -> awaitable<bool> {
    co_return SchedulingContext::current().has_virtual_time();
  };
  const auto fails = [&] {
    const ContextPolicy outer;
    EXPECT_FALSE(run(in_virtual_time));
    {
      const ContextPolicy inner(scheduling_contexts({.virtual_time = true}));
      EXPECT_TRUE(run(in_virtual_time));
    }
    EXPECT_FALSE(run(in_virtual_time));
    throw std::runtime_error("left");
  };
  EXPECT_TRUE(says(error_from(fails), "left"));
  EXPECT_FALSE(context_policy());
}

// POL-3
TEST(TestPolicy, may_be_set_for_good) {
  set_context_policy(scheduling_contexts());
  EXPECT_TRUE(run(asks_for_one()));
  EXPECT_TRUE(set_context_policy(nullptr));
  EXPECT_FALSE(run(asks_for_one()));
}

TEST(TestPolicy, run_takes_a_factory_for_once) {
  EXPECT_TRUE(run(asks_for_one(), scheduling_contexts()));
  EXPECT_TRUE(run_in_virtual_time(asks_for_one()));
  int made = 0;
  const ContextFactory counting = [&] {
    ++made;
    return std::make_unique<SchedulingContext>();
  };
  const auto fails = []() -> awaitable<void> {
    throw std::runtime_error("main failed");
    co_return;
  };
  EXPECT_TRUE(says(error_from([&] { run(fails, counting); }), "main failed"));
  EXPECT_EQ(made, 1);
}

// POL-5
CORO_TEST(TestRegularLoop, has_no_order_to_change) {
  const auto job = []() -> awaitable<void> { co_return; };
  CoroutineExecutor executor(home);
  const auto task = executor.submit_nowait(job);
  const std::string_view text = "no SchedulingContext runs on this thread";
  EXPECT_TRUE(is_error(error_from([] { (void)sleep_insert(0); }), errc::invalid_state, text));
  EXPECT_TRUE(is_error(error_from([&] { task_reinsert(task, 0); }), errc::invalid_state, text));
  EXPECT_TRUE(is_error(co_await error_of(task_switch(task)), errc::invalid_state, text));
  EXPECT_TRUE(is_error(error_from([&] { (void)create_task_descend(job); }), errc::invalid_state, text));
  EXPECT_TRUE(is_error(error_from([&] { (void)create_task_start(job); }), errc::invalid_state, text));
  EXPECT_TRUE(is_error(error_from([&] { (void)all_tasks(); }), errc::invalid_state, text));
  co_await executor.join();
}

// ---- run()

TEST(SchedulingContext, runs_main_after_main_with_what_was_left) {
  SchedulingContext context;
  std::vector<int> log;
  const auto counts = [&]() -> awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      log.push_back(i);
      co_await this_task::yield();
    }
  };
  const auto task = context.create_task(counts);
  const auto main = []() -> awaitable<MoveOnly> { co_return MoveOnly(7); };
  EXPECT_EQ(context.run(main).value(), 7);
  EXPECT_EQ(log, std::vector{0});
  context.run(task.wait());
  EXPECT_EQ(log, (std::vector{0, 1, 2}));
}

TEST(SchedulingContext, cannot_be_run_inside_itself) {
  SchedulingContext context;
  const auto nested = [&]() -> awaitable<void> {
    context.run(asks_for_one());
    co_return;
  };
  EXPECT_TRUE(is_error(error_from([&] { context.run(nested); }), errc::invalid_state,
                       "run() of a SchedulingContext was called from inside itself"));
}

TEST(SchedulingContext, destroys_what_has_not_ended) {
  std::atomic<int> live = 0;
  Task<> task;
  {
    SchedulingContext context;
    const auto job = [](Tracked) -> awaitable<void> { co_await sleep_for(std::chrono::hours(1)); };
    task = context.create_task(job, Tracked(live));
    const auto main = []() -> awaitable<void> { co_await this_task::yield(); };
    context.run(main);
    EXPECT_GT(live, 0);
    EXPECT_FALSE(task.done());
  }
  EXPECT_EQ(live, 0);
  EXPECT_TRUE(task.cancelled());
}

}  // namespace
}  // namespace coroexec::test
