// wait and iterwait: several handles at once.

#include "coroexec/wait.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

// Jobs that wait for a gate each; job 2 then fails.
class Gated {
 public:
  Gated(const asio::any_io_executor& executor, AioPool& pool, int count) {
    for (int n = 0; n < count; ++n) gates_.push_back(std::make_unique<Event>(executor));
    for (int n = 0; n < count; ++n) tasks.push_back(pool.spawn_n([this, n] { return job(n); }));
  }
  void open(int n) { gates_[static_cast<std::size_t>(n)]->set(); }
  Task<int>& operator[](int n) { return tasks[static_cast<std::size_t>(n)]; }
  std::vector<Task<int>> tasks;

 private:
  awaitable<int> job(int n) {
    co_await gates_[static_cast<std::size_t>(n)]->wait();
    if (n == 2) throw std::runtime_error("two");
    co_return n;
  }
  std::vector<std::unique_ptr<Event>> gates_;
};

// AP-16
CORO_TEST_EVERYWHERE(Wait, for_all_completed) {
  AioPool pool(home, sized(4, one_thread()));
  AioPool waiters(home, sized(1, one_thread()));
  Gated jobs(home, pool, 4);
  const auto call = [&]() -> awaitable<WaitResult<int>> { return wait(jobs.tasks); };
  auto waiter = waiters.spawn_n(call);
  for (const int n : {3, 2, 0}) {  // a failure is no reason to return
    jobs.open(n);
    co_await jobs[n].wait();
    EXPECT_FALSE(waiter.done());
  }
  jobs.open(1);
  co_await waiter.wait();
  EXPECT_EQ(waiter.result().done, jobs.tasks);  // in the order they were given
  EXPECT_TRUE(waiter.result().pending.empty());
}

// AP-16
CORO_TEST_EVERYWHERE(Wait, for_the_first_completed) {
  AioPool pool(home, sized(4, one_thread()));
  Gated jobs(home, pool, 4);
  jobs.open(1);
  const auto result =
      co_await wait(jobs.tasks, WaitOptions{.return_when = ReturnWhen::first_completed});
  REQUIRE(result.done.size() == 1);
  EXPECT_TRUE(result.done[0] == jobs[1]);
  REQUIRE(result.pending.size() == 3);
  EXPECT_TRUE(result.pending[0] == jobs[0]);
  EXPECT_TRUE(result.pending[1] == jobs[2]);
  EXPECT_TRUE(result.pending[2] == jobs[3]);
  // What is done already counts.
  const auto again =
      co_await wait(jobs.tasks, WaitOptions{.return_when = ReturnWhen::first_completed});
  EXPECT_EQ(again.done.size(), 1u);
  co_await pool.cancel();
}

// AP-16
CORO_TEST_EVERYWHERE(Wait, for_the_first_exception) {
  AioPool pool(home, sized(4, one_thread()));
  AioPool waiters(home, sized(1, one_thread()));
  Gated jobs(home, pool, 4);
  const auto call = [&]() -> awaitable<WaitResult<int>> {
    return wait(jobs.tasks, WaitOptions{.return_when = ReturnWhen::first_exception});
  };
  auto waiter = waiters.spawn_n(call);
  for (const int n : {0, 3}) {
    jobs.open(n);
    co_await jobs[n].wait();
    EXPECT_FALSE(waiter.done());
  }
  jobs.open(2);
  co_await waiter.wait();
  EXPECT_EQ(waiter.result().done.size(), 3u);
  REQUIRE(waiter.result().pending.size() == 1);
  EXPECT_TRUE(waiter.result().pending[0] == jobs[1]);
  jobs.open(1);
  co_await pool.join();
}

// AP-16: without an exception, first_exception is all_completed.
CORO_TEST(Wait, for_the_first_exception_ends_when_all_are_completed) {
  AioPool pool(home, 2);
  Gated jobs(home, pool, 2);
  jobs.open(0);
  jobs.open(1);
  const auto result =
      co_await wait(jobs.tasks, WaitOptions{.return_when = ReturnWhen::first_exception});
  EXPECT_EQ(result.done.size(), 2u);
}

// AP-16: a timeout is no error.
CORO_TEST_IN_TIME(Wait, returns_what_there_is_when_the_time_is_up) {
  AioPool pool(home, sized(3, one_thread()));
  Gated jobs(home, pool, 3);
  jobs.open(0);
  co_await jobs[0].wait();
  const auto begin = coroexec::now();
  const auto result = co_await wait(jobs.tasks, WaitOptions{.timeout = 20ms});
  const auto took = coroexec::now() - begin;
  EXPECT_GE(took, 20ms);
  if (virtual_time()) { EXPECT_EQ(took, 20ms); }
  EXPECT_EQ(result.done.size(), 1u);
  EXPECT_EQ(result.pending.size(), 2u);
  EXPECT_FALSE(jobs[1].done());
  const auto none = co_await wait(
      result.pending, WaitOptions{.timeout = 1ms, .return_when = ReturnWhen::first_completed});
  EXPECT_TRUE(none.done.empty());
  co_await pool.cancel();
}

CORO_TEST(Wait, for_nothing_returns_at_once) {
  for (const auto when :
       {ReturnWhen::all_completed, ReturnWhen::first_completed, ReturnWhen::first_exception}) {
    const auto result = co_await wait(std::vector<Task<int>>(), WaitOptions{.return_when = when});
    EXPECT_TRUE(result.done.empty() && result.pending.empty());
  }
}

CORO_TEST_EVERYWHERE(Wait, takes_tasks_of_several_pools_and_executors) {
  AioPool pool(home, sized(1, one_thread()));
  CoroutineExecutor executor(home, options({.max_workers = 1}));
  const auto job = [](int n) -> awaitable<int> {
    co_await this_task::yield();
    co_return n;
  };
  std::vector<Task<int>> tasks;
  tasks.push_back(pool.spawn_n([&] { return job(1); }));
  tasks.push_back(executor.submit_nowait(job, 2));
  const auto result = co_await wait(tasks);
  REQUIRE(result.done.size() == 2);
  EXPECT_EQ(result.done[0].result() + result.done[1].result(), 3);
  co_await executor.join();
}

CORO_TEST_EVERYWHERE(Wait, that_is_cancelled_leaves_the_tasks_alone) {
  AioPool pool(home, sized(2, one_thread()));
  AioPool waiters(home, sized(1, one_thread()));
  Gated jobs(home, pool, 2);
  std::atomic<bool> waiting = false;
  const auto call = [&]() -> awaitable<void> {
    waiting = true;
    co_await wait(jobs.tasks);
  };
  auto waiter = waiters.spawn_n(call);
  co_await until([&] { return waiting.load(); });
  co_await waiters.cancel(waiter);
  EXPECT_TRUE(waiter.cancelled());
  EXPECT_FALSE(jobs[0].done());
  jobs.open(0);
  jobs.open(1);
  co_await pool.join();
  EXPECT_EQ(jobs[1].result(), 1);
}

// AP-16
CORO_TEST_EVERYWHERE(Iterwait, gives_outcomes_one_by_one_as_they_come) {
  AioPool pool(home, sized(4, one_thread()));
  Gated jobs(home, pool, 4);
  auto outcomes = iterwait(jobs.tasks);
  for (const int n : {3, 0, 2, 1}) {
    jobs.open(n);
    const auto outcome = co_await outcomes.next();
    REQUIRE(outcome);
    if (n == 2) {
      EXPECT_TRUE(says(outcome->error(), "two"));
    } else {
      EXPECT_EQ(outcome->value(), n);
    }
  }
  const auto end = co_await outcomes.next();
  EXPECT_FALSE(end.has_value());
}

// AP-16
CORO_TEST(Iterwait, gives_batches_when_they_are_due) {
  AioPool pool(home, 4);
  {
    Gated jobs(home, pool, 4);
    for (int n = 0; n < 4; ++n) jobs.open(n);
    auto all = iterwait_batches(jobs.tasks);
    const auto batch = co_await all.next();
    REQUIRE(batch);
    EXPECT_EQ(batch->size(), 4u);
    const auto end = co_await all.next();
    EXPECT_FALSE(end.has_value());
  }
  {
    Gated jobs(home, pool, 4);
    auto timed = iterwait_batches(jobs.tasks, IterOptions{.timeout = 5ms});
    const auto nothing = co_await timed.next();
    REQUIRE(nothing);
    EXPECT_TRUE(nothing->empty());
    jobs.open(1);
    co_await jobs[1].wait();
    const auto one = co_await timed.next();
    REQUIRE(one);
    EXPECT_EQ(one->size(), 1u);
    co_await pool.cancel();
    const auto rest = co_await timed.next();
    REQUIRE(rest);
    EXPECT_EQ(rest->size(), 3u);
    for (auto& outcome : *rest) EXPECT_TRUE(is_cancelled(outcome.error()));
  }
  {
    Gated jobs(home, pool, 4);
    auto until_failure =
        iterwait_batches(jobs.tasks, IterOptions{.yield_when = ReturnWhen::first_exception});
    jobs.open(0);
    co_await jobs[0].wait();
    jobs.open(2);
    const auto with_failure = co_await until_failure.next();
    REQUIRE(with_failure);
    EXPECT_EQ(with_failure->size(), 2u);
    jobs.open(1);
    jobs.open(3);
    const auto rest = co_await until_failure.next();
    REQUIRE(rest);
    EXPECT_EQ(rest->size(), 2u);
  }
}

// AP-16: results may be move-only; they are moved out.
CORO_TEST(Iterwait, moves_the_results_out) {
  AioPool pool(home, 2);
  const auto job = [](int n) -> awaitable<MoveOnly> { co_return MoveOnly(n); };
  std::vector<int> input = {1, 2, 3};
  auto outcomes = iterwait(pool.map_n(job, input));
  int sum = 0;
  while (auto outcome = co_await outcomes.next()) sum += outcome->value().value();
  EXPECT_EQ(sum, 6);
}

// AP-16: leaving early leaves the tasks alone.
CORO_TEST(Iterwait, closed_or_dropped_leaves_the_tasks_alone) {
  AioPool pool(home, 3);
  Gated jobs(home, pool, 2);
  {
    auto dropped = iterwait(jobs.tasks);
    auto closed = iterwait(jobs.tasks);
    jobs.open(0);
    const auto one = co_await closed.next();
    EXPECT_TRUE(one.has_value());
    co_await closed.aclose();
    const auto end = co_await closed.next();
    EXPECT_FALSE(end.has_value());
  }
  EXPECT_FALSE(jobs[1].done());
  jobs.open(1);
  co_await pool.join();
  EXPECT_EQ(jobs[1].result(), 1);
}

CORO_TEST(Iterwait, over_nothing_is_empty) {
  auto outcomes = iterwait(std::vector<Task<int>>());
  const auto end = co_await outcomes.next();
  EXPECT_FALSE(end.has_value());
  auto batches = iterwait_batches(std::vector<Task<>>());
  const auto no_batch = co_await batches.next();
  EXPECT_FALSE(no_batch.has_value());
}

}  // namespace
}  // namespace coroexec::test
