// A ready queue in the order of priorities, with inheritance.
#include "coroexec/priority.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/scheduling.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// A body in a context whose order is that of priorities. Main is the last of all.
#define PRIORITY_TEST(name)                                                           \
  static awaitable<void> priority_##name();                                           \
  TEST(Priority, name) {                                                              \
    SchedulingContext context({.virtual_time = true, .order = ReadyOrder::priority}); \
    const auto main = []() -> awaitable<void> {                                       \
      set_priority(current_task(), 1000);                                             \
      co_await priority_##name();                                                     \
    };                                                                                \
    context.run(main);                                                                \
    for (auto& task : all_tasks(context)) ADD_FAILURE() << "left behind: " << task.label(); \
  }                                                                                   \
  static awaitable<void> priority_##name()

using Names = std::vector<std::string>;

Task<> task_of(Priority priority, std::string name, Names& log) {
  const auto job = [&log](std::string text) -> awaitable<void> {
    log.push_back(text);
    co_return;
  };
  auto task = SchedulingContext::current().create_task({.name = name}, job, name);
  set_priority(task, priority);
  return task;
}

PRIORITY_TEST(the_lowest_number_runs_next_and_equals_in_order) {
  Names log;
  task_of(low_priority, "low", log);
  task_of(normal_priority, "first", log);
  task_of(high_priority, "high", log);
  task_of(normal_priority, "second", log);
  co_await this_task::yield();
  EXPECT_EQ(log, (Names{"high", "first", "second", "low"}));
}

PRIORITY_TEST(the_queue_reads_as_it_will_run) {
  Names log;
  const auto low = task_of(low_priority, "low", log);
  const auto high = task_of(high_priority, "high", log);
  auto& context = SchedulingContext::current();
  EXPECT_EQ(context.ready_tasks(), (std::vector<AnyTask>{high, low}));
  EXPECT_EQ(context.ready_index(low), 1u);
  set_priority(low, high_priority - 1);
  EXPECT_EQ(context.ready_index(low), 0u);
  co_await this_task::yield();
}

// What becomes ready in the middle of a pass is looked at as well.
PRIORITY_TEST(a_task_that_becomes_ready_overtakes) {
  Names log;
  const auto starts = [&]() -> awaitable<void> {
    log.push_back("starter");
    task_of(high_priority, "urgent", log);
    co_return;
  };
  SchedulingContext::current().create_task(starts);
  task_of(low_priority, "low", log);
  co_await this_task::yield();
  co_await this_task::yield();
  EXPECT_EQ(log, (Names{"starter", "urgent", "low"}));
}

PRIORITY_TEST(a_position_by_hand_comes_first) {
  Names log;
  const auto low = task_of(low_priority, "low", log);
  task_of(normal_priority, "normal", log);
  task_reinsert(low, 0);
  task_of(high_priority, "high", log);
  auto& context = SchedulingContext::current();
  context.call_insert(1, [&] { log.push_back("call"); });
  co_await this_task::yield();
  EXPECT_EQ(log, (Names{"low", "call", "high", "normal"}));
}

PRIORITY_TEST(a_plain_handler_is_of_normal_priority) {
  Names log;
  task_of(low_priority, "low", log);
  asio::post(SchedulingContext::current().get_executor(), [&] { log.push_back("handler"); });
  task_of(high_priority, "high", log);
  co_await this_task::yield();
  EXPECT_EQ(log, (Names{"high", "handler", "low"}));
}

PRIORITY_TEST(who_is_waited_for_inherits) {
  Names log;
  const auto low = task_of(low_priority, "low", log);
  const auto waits = [&](Task<> task) -> awaitable<void> { co_await task.wait(); };
  const auto urgent = co_await create_task_descend(waits, low);
  set_priority(urgent, high_priority);
  task_of(normal_priority, "normal", log);
  EXPECT_EQ(effective_priority(low), high_priority);
  EXPECT_EQ(own_priority(low), low_priority);
  co_await urgent.wait();
  EXPECT_EQ(log.front(), "low");
  co_await this_task::yield();
}

// Through all scopes: their jobs are what their owner waits for.
PRIORITY_TEST(jobs_of_a_scope_inherit_from_its_owner) {
  Names log;
  const auto owns = [&](Priority priority, std::string name) -> awaitable<void> {
    set_priority(current_task(), priority);
    const auto job = [&]() -> awaitable<void> {
      log.push_back(name);
      co_await this_task::yield();
      log.push_back(name);
    };
    const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> { co_await executor.submit(job); };
    co_await with_executor(body);
  };
  auto& context = SchedulingContext::current();
  const auto low = context.create_task(owns, low_priority, "low");
  const auto high = context.create_task(owns, high_priority, "high");
  co_await low.wait();
  EXPECT_TRUE(high.done());
  EXPECT_EQ(log, (Names{"high", "high", "low", "low"}));
}

// The case that inheritance is for: high waits for low's lock while normal ones have work to do.
PRIORITY_TEST(inversion_is_avoided) {
  auto& context = SchedulingContext::current();
  Names log;
  PriorityLock lock;
  const auto holds = [&]() -> awaitable<void> {
    const auto guard = co_await lock.lock();
    co_await this_task::yield();
    co_await this_task::yield();
    log.push_back("low is done");
  };
  const auto needs = [&]() -> awaitable<void> {
    const auto guard = co_await lock.lock();
    log.push_back("high is done");
  };
  const auto works = [&]() -> awaitable<void> {
    for (int i = 0; i < 10; ++i) co_await this_task::yield();
    log.push_back("normal is done");
  };
  const auto low = co_await create_task_descend(holds);
  set_priority(low, low_priority);
  EXPECT_TRUE(lock.locked());
  const auto normal = context.create_task(works);
  const auto high = context.create_task(needs);
  set_priority(high, high_priority);
  co_await normal.wait();
  co_await low.wait();
  EXPECT_EQ(log, (Names{"low is done", "high is done", "normal is done"}));
  EXPECT_FALSE(lock.locked());
}

PRIORITY_TEST(a_lock_goes_to_the_best_of_those_who_wait) {
  Names log;
  PriorityLock lock;
  std::vector<Task<>> tasks;
  const auto needs = [&](std::string name) -> awaitable<void> {
    const auto guard = co_await lock.lock();
    log.push_back(name);
  };
  {
    const auto guard = co_await lock.lock();
    EXPECT_FALSE(lock.try_lock());
    for (const auto& [name, priority] : std::vector<std::pair<std::string, Priority>>{
             {"low", low_priority}, {"first", Priority(1)}, {"second", Priority(1)}, {"high", high_priority}}) {
      tasks.push_back(SchedulingContext::current().create_task(needs, name));
      set_priority(tasks.back(), priority);
    }
    co_await this_task::yield();
    EXPECT_TRUE(log.empty());
  }
  for (auto& task : tasks) co_await task.wait();
  EXPECT_EQ(log, (Names{"high", "first", "second", "low"}));
  EXPECT_TRUE(lock.try_lock());
}

PRIORITY_TEST(a_wait_for_a_lock_can_be_cancelled_or_dropped) {
  auto& context = SchedulingContext::current();
  PriorityLock lock;
  const auto needs = [&]() -> awaitable<void> { const auto guard = co_await lock.lock(); };
  {
    const auto guard = co_await lock.lock();
    EXPECT_TRUE(is_error(co_await error_of(lock.lock()), errc::would_deadlock,
                         "the body of run() waits for a lock that it holds"));
    const auto cancelled = context.create_task(needs);
    co_await this_task::yield();
    EXPECT_EQ(effective_priority(current_task()), normal_priority);
    cancelled.cancel();
    co_await cancelled.wait();
    EXPECT_TRUE(is_cancelled(cancelled.exception()));
    EXPECT_EQ(effective_priority(current_task()), 1000);
  }
  // Given the lock and destroyed before it could run: it is free again.
  std::optional guard(co_await lock.lock());
  const auto dropped = context.create_task(needs);
  co_await this_task::yield();
  guard.reset();
  EXPECT_TRUE(lock.locked());
  { const auto handle = context.ready_pop(static_cast<std::ptrdiff_t>(context.ready_index(dropped))); }
  co_await dropped.wait();
  EXPECT_FALSE(lock.locked());
}

PRIORITY_TEST(who_waits_in_a_circle_is_no_trouble) {
  auto& context = SchedulingContext::current();
  Task<> second;
  const auto waits = [&]() -> awaitable<void> { co_await second.wait(); };
  const auto first = context.create_task(waits);
  const auto waits_too = [&]() -> awaitable<void> { co_await first.wait(); };
  second = context.create_task(waits_too);
  co_await this_task::yield();
  EXPECT_EQ(effective_priority(first), normal_priority);
  first.cancel();
  co_await second.wait();
}

PRIORITY_TEST(the_smallest_number_is_refused) {
  const auto error = error_from([] { set_priority(current_task(), std::numeric_limits<Priority>::min()); });
  EXPECT_TRUE(is_error(error, errc::invalid_argument, "set_priority(): the smallest number"));
  co_return;
}

// Without the order they are numbers only.
CORO_TEST_VIRTUAL(Priority, without_the_order_changes_nothing) {
  Names log;
  task_of(low_priority, "low", log);
  task_of(high_priority, "high", log);
  co_await this_task::yield();
  EXPECT_EQ(log, (Names{"low", "high"}));
}

}  // namespace
}  // namespace coroexec::test
