// The ready queue by position and by entry. A suite with a name of asynkit's tests has its facts.
#include <gtest/gtest.h>

#include <atomic>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <numeric>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/scheduling.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// `count` tasks that log their numbers, none of which has run yet.
struct Numbered {
  explicit Numbered(int count) {
    auto log_it = [this](int i) -> awaitable<void> {
      log.push_back(i);
      co_return;
    };
    for (int i = 0; i < count; ++i) tasks.push_back(context.create_task(log_it, i));
  }
  SchedulingContext& context = SchedulingContext::current();
  std::vector<int> log;
  std::vector<Task<>> tasks;
};

std::vector<int> first_numbers(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

// Python's deque.rotate.
std::vector<int> rotated(std::vector<int> numbers, int n) {
  for (; n > 0; --n) std::rotate(numbers.begin(), numbers.end() - 1, numbers.end());
  for (; n < 0; ++n) std::rotate(numbers.begin(), numbers.begin() + 1, numbers.end());
  return numbers;
}

// LOOP-1, LOOP-2
CORO_TEST_VIRTUAL(TestReadyLen, ready_len) {
  Numbered five(5);
  EXPECT_EQ(five.context.ready_len(), 5u);
  co_await this_task::yield();
  EXPECT_EQ(five.context.ready_len(), 0u);
  EXPECT_EQ(five.log, first_numbers(5));
}

// LOOP-3
CORO_TEST_VIRTUAL(TestReadyLen, a_plain_callback_counts_but_is_no_task) {
  Numbered two(2);
  bool called = false;
  asio::post(home, [&] { called = true; });
  two.context.call_insert(1, [] {});
  EXPECT_EQ(two.context.ready_len(), 4u);
  EXPECT_EQ(two.context.ready_tasks(), (std::vector<AnyTask>{two.tasks[0], two.tasks[1]}));
  co_await this_task::yield();
  EXPECT_TRUE(called);
}

// LOOP-4
CORO_TEST_VIRTUAL(TestReadyRotate, three_normal) {
  Numbered three(3);
  co_await this_task::yield();
  EXPECT_EQ(three.log, first_numbers(3));
}

// LOOP-5
CORO_TEST_VIRTUAL(TestReadyRotate, two_shift_one) {
  for (const int n : {1, -1}) {
    Numbered two(2);
    two.context.ready_rotate(n);
    co_await this_task::yield();
    EXPECT_EQ(two.log, (std::vector{1, 0}));
  }
  Numbered three(3);
  three.context.ready_rotate(1);
  co_await this_task::yield();
  EXPECT_EQ(three.log, (std::vector{2, 0, 1}));
}

// LOOP-5, LOOP-6
CORO_TEST_VIRTUAL(TestReadyRotate, five_multi) {
  for (const int n : {-3, -2, -1, 0, 1, 2, 3, 5, 7, -12}) {
    Numbered five(5);
    five.context.ready_rotate(n);
    co_await this_task::yield();
    EXPECT_EQ(five.log, rotated(first_numbers(5), n)) << n;
  }
}

// LOOP-6
CORO_TEST_VIRTUAL(TestReadyRotate, of_an_empty_queue_does_nothing) {
  SchedulingContext::current().ready_rotate(3);
  EXPECT_EQ(SchedulingContext::current().ready_len(), 0u);
  co_return;
}

// LOOP-7, LOOP-9
CORO_TEST_VIRTUAL(TestReadyPopInsert, pop_insert) {
  struct Case {
    int pop, insert;
  };
  for (const auto& [pop, insert] : {Case{0, 4}, {-1, 2}, {3, 3}, {-2, 2}}) {
    Numbered five(5);
    auto expected = first_numbers(5);
    const auto taken = expected.begin() + (pop < 0 ? pop + 5 : pop);
    const int number = *taken;
    expected.erase(taken);
    expected.insert(expected.begin() + insert, number);

    auto handle = five.context.ready_pop(pop);
    EXPECT_EQ(five.context.ready_len(), 4u);
    EXPECT_EQ(handle.task(), AnyTask(five.tasks[static_cast<std::size_t>(number)]));
    five.context.ready_insert(insert, std::move(handle));
    EXPECT_EQ(five.context.ready_len(), 5u);
    co_await this_task::yield();
    EXPECT_EQ(five.log, expected) << pop << " to " << insert;
  }
}

// LOOP-8
CORO_TEST_VIRTUAL(TestTools, deque_pop) {
  auto& context = SchedulingContext::current();
  const auto pop = [&](std::ptrdiff_t position) {
    return error_from([&] { (void)context.ready_pop(position); });
  };
  EXPECT_TRUE(is_error(pop(-1), errc::invalid_argument, "ready_pop(-1): the ready queue has 0 entries"));
  Numbered one(1);
  EXPECT_TRUE(is_error(pop(1), errc::invalid_argument, "ready_pop(1): the ready queue has 1 entry"));
  EXPECT_TRUE(is_error(pop(-2), errc::invalid_argument));
  EXPECT_EQ(context.ready_len(), 1u);
  co_await this_task::yield();
  EXPECT_EQ(one.log, first_numbers(1));
}

// LOOP-9: beyond an end means that end; before the front counts from the back.
CORO_TEST_VIRTUAL(TestReadyPopInsert, beyond_the_end_appends) {
  Numbered three(3);
  auto& context = three.context;
  context.ready_insert(99, context.ready_pop(0));
  context.ready_insert(-99, context.ready_pop(1));
  context.ready_insert(-1, context.ready_pop(0));
  co_await this_task::yield();
  EXPECT_EQ(three.log, (std::vector{1, 2, 0}));
}

// LOOP-9
CORO_TEST_VIRTUAL(TestReadyPopInsert, an_empty_handle_cannot_be_put_back) {
  auto& context = SchedulingContext::current();
  EXPECT_TRUE(is_error(error_from([&] { context.ready_append(ReadyHandle()); }), errc::invalid_argument,
                       "the handle is empty"));
  co_return;
}

// LOOP-10, TRAP-10
CORO_TEST_VIRTUAL(TestReadyPopInsert, a_popped_task_stays_pending_until_it_is_put_back) {
  Numbered three(3);
  auto& context = three.context;
  auto handle = context.ready_pop(1);
  co_await this_task::yield();
  co_await this_task::yield();
  const AnyTask popped = three.tasks[1];
  EXPECT_EQ(three.log, (std::vector{0, 2}));
  EXPECT_FALSE(popped.done());
  EXPECT_EQ(context.ready_tasks(), std::vector<AnyTask>());
  EXPECT_FALSE(task_is_runnable(popped));
  EXPECT_FALSE(task_is_blocked(popped));
  EXPECT_EQ(blocked_tasks(), std::vector<AnyTask>());
  context.ready_append(std::move(handle));
  EXPECT_TRUE(task_is_runnable(popped));
  co_await this_task::yield();
  EXPECT_EQ(three.log, (std::vector{0, 2, 1}));
  EXPECT_TRUE(popped.done());
}

// LOOP-10: the C++ side of it.
CORO_TEST_VIRTUAL(TestReadyPopInsert, a_popped_task_that_is_let_go_ends_as_cancelled) {
  std::atomic<int> live = 0;
  auto& context = SchedulingContext::current();
  const auto job = [](Tracked) -> awaitable<void> { co_await this_task::yield(); };
  const auto fresh = context.create_task(job, Tracked(live));
  { const auto handle = context.ready_pop(); }
  co_await this_task::yield();
  EXPECT_TRUE(fresh.cancelled());
  EXPECT_EQ(live, 0);

  const auto started = context.create_task(job, Tracked(live));
  co_await this_task::yield();
  EXPECT_GT(live, 0);
  { const auto handle = context.queue_remove(*context.queue_find([&](auto& e) { return e.task() == started; })); }
  co_await started.wait();
  EXPECT_TRUE(is_cancelled(started.exception()));
  EXPECT_EQ(live, 0);
}

// LOOP-10
TEST(TestReadyPopInsert, a_popped_task_goes_with_its_context) {
  std::atomic<int> live = 0;
  ReadyHandle handle;
  Task<> task;
  {
    SchedulingContext context;
    const auto job = [](Tracked) -> awaitable<void> { co_return; };
    task = context.create_task(job, Tracked(live));
    handle = context.ready_pop();
    EXPECT_TRUE(handle);
  }
  EXPECT_FALSE(handle);
  EXPECT_FALSE(handle.task());
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(live, 0);
}

// LOOP-11
CORO_TEST_VIRTUAL(TestReadyPopInsert, append_puts_it_last) {
  Numbered three(3);
  three.context.ready_append(three.context.ready_pop(0));
  co_await this_task::yield();
  EXPECT_EQ(three.log, (std::vector{1, 2, 0}));
}

// LOOP-16
CORO_TEST_VIRTUAL(TestTasks, find_task) {
  Numbered three(3);
  auto& context = three.context;
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(context.ready_index(three.tasks[i]), i);
  const auto why_not = [&](const AnyTask& task) {
    return error_from([&] { context.ready_index(task); });
  };
  EXPECT_TRUE(is_error(why_not(current_task()), errc::invalid_argument,
                       "the body of run() is not in the ready queue: it is running now"));
  const auto handle = context.ready_pop(2);
  EXPECT_TRUE(is_error(why_not(three.tasks[2]), errc::invalid_argument,
                       "job 3 of the context is not in the ready queue: it has been popped"));
  co_await this_task::yield();
  EXPECT_TRUE(is_error(why_not(three.tasks[0]), errc::invalid_argument, "it is done"));
  EXPECT_TRUE(is_error(why_not(AnyTask()), errc::invalid_argument, "it is empty"));
  const auto sleeps = [] { return sleep_for(milliseconds(1)); };
  const auto sleeper = context.create_task({.name = "sleeper"}, sleeps);
  co_await this_task::yield();
  EXPECT_TRUE(is_error(why_not(sleeper), errc::invalid_argument, "job 4 'sleeper' of the context"));
  EXPECT_TRUE(is_error(why_not(sleeper), errc::invalid_argument, "it is blocked"));
  co_await sleeper.wait();
}

// LOOP-17
CORO_TEST_VIRTUAL(TestTasks, get_task) {
  Numbered three(3);
  EXPECT_EQ(three.context.ready_tasks(), (std::vector<AnyTask>{three.tasks[0], three.tasks[1], three.tasks[2]}));
  co_await this_task::yield();
  EXPECT_EQ(three.context.ready_tasks(), std::vector<AnyTask>());
}

// LOOP-18: what is added behind runs in the next pass, however many there are.
CORO_TEST_VIRTUAL(TestPass, runs_only_what_was_there_when_it_began) {
  auto& context = SchedulingContext::current();
  std::vector<int> log;
  const auto yields = [&](int i) -> awaitable<void> {
    for (int turn = 0; turn < 2; ++turn) {
      log.push_back(10 * turn + i);
      co_await this_task::yield();
    }
  };
  for (int i = 0; i < 3; ++i) context.create_task(yields, i);
  co_await this_task::yield();
  EXPECT_EQ(log, (std::vector{0, 1, 2}));
  co_await this_task::yield();
  EXPECT_EQ(log, (std::vector{0, 1, 2, 10, 11, 12}));
  co_await this_task::yield();
}

// LOOP-18
CORO_TEST_VIRTUAL(TestPass, lets_the_io_context_turn_even_if_somebody_always_yields) {
  std::atomic<bool> arrived = false;
  auto& beneath = static_cast<asio::io_context&>(asio::query(home, asio::execution::context));
  asio::post(beneath, [&] { arrived = true; });
  for (int turns = 0; !arrived; ++turns) {
    REQUIRE(turns < 10);
    co_await this_task::yield();
  }
}

CORO_TEST_VIRTUAL(TestQueue, entries_are_found_and_removed) {
  Numbered three(3);
  auto& context = three.context;
  context.call_insert(1, [&] { three.log.push_back(10); });
  const auto items = context.queue_items();
  REQUIRE(items.size() == 4);
  EXPECT_EQ(items[0].task(), AnyTask(three.tasks[0]));
  EXPECT_FALSE(items[1].task());
  const auto of_task_1 = [&](const ReadyEntry& entry) { return entry.task() == three.tasks[1]; };
  const auto found = context.queue_find(of_task_1);
  REQUIRE(found);
  EXPECT_EQ(*found, items[2]);
  {
    auto handle = context.queue_remove(*found);
    EXPECT_EQ(handle.task(), AnyTask(three.tasks[1]));
    EXPECT_FALSE(context.queue_find(of_task_1));
    EXPECT_TRUE(is_error(error_from([&] { (void)context.queue_remove(*found); }), errc::invalid_argument,
                         "the entry is not in the ready queue any more"));
    context.ready_insert(0, std::move(handle));
  }
  co_await this_task::yield();
  EXPECT_EQ(three.log, (std::vector{1, 0, 10, 2}));
}

}  // namespace
}  // namespace coroexec::test
