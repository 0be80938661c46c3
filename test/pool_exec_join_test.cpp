// exec, join and the end of a pool's scope.

#include "coroexec/aio_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

// AP-4
CORO_TEST_EVERYWHERE(PoolExec, waits_for_room_and_gives_the_result_while_others_go_on) {
  AioPool pool(home, sized(2, one_thread()));
  AioPool callers(home, sized(1, one_thread()));
  Event first(home), second(home);
  Activity activity;
  const auto occupy = [&](Event& gate) -> awaitable<void> {
    const auto stay = activity.enter();
    co_await gate.wait();
  };
  pool.spawn_n([&] { return occupy(first); });
  auto other = pool.spawn_n([&] { return occupy(second); });
  co_await until([&] { return activity.now() == 2; });

  std::atomic<bool> started = false;
  const auto job = [&]() -> awaitable<std::string> {
    started = true;
    co_return "done";
  };
  const auto call = [&]() -> awaitable<std::string> { co_return co_await pool.exec(job); };
  auto result = callers.spawn_n(call);
  co_await until([&] { return pool.waiting() == 1; });
  EXPECT_FALSE(started);
  first.set();
  co_await result.wait();
  EXPECT_EQ(result.result(), "done");
  EXPECT_FALSE(other.done());  // exec waits for its own job alone
  second.set();
  co_await pool.join();
}

// AP-4
CORO_TEST(PoolExec, rethrows_its_jobs_error_and_nothing_else_is_disturbed) {
  AioPool pool(home, 2);
  Event go(home);
  const auto waits = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 1;
  };
  auto other = pool.spawn_n(waits);
  const auto fails = []() -> awaitable<int> {
    throw std::out_of_range("nothing there");
    co_return 0;
  };
  const auto error = co_await error_of(pool.exec(fails));
  EXPECT_TRUE(says(error, "nothing there"));
  EXPECT_THROW(std::rethrow_exception(error), std::out_of_range);
  EXPECT_FALSE(other.done());
  go.set();
  co_await pool.join();
  EXPECT_EQ(other.result(), 1);
}

// AP-4
CORO_TEST(PoolExec, takes_an_awaitable_and_moves_the_result_out) {
  AioPool pool(home, 1);
  const auto make = [](int value) -> awaitable<MoveOnly> { co_return MoveOnly(value); };
  const auto result = co_await pool.exec(make(5));
  EXPECT_EQ(result.value(), 5);
  co_await pool.exec(sleep_for(0s));  // and one of void
}

// Cancelling the caller of exec cancels the job and waits for its end.
CORO_TEST_EVERYWHERE(PoolExec, a_cancelled_caller_takes_its_job_along) {
  AioPool pool(home, sized(2, one_thread()));
  AioPool callers(home, sized(1, one_thread()));
  Activity activity;
  Event never(home);
  const auto job = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await never.wait();
  };
  std::atomic<int> left_inside = -1;
  const auto call = [&]() -> awaitable<void> {
    const auto error = co_await error_of(pool.exec(job));
    left_inside = activity.now();
    std::rethrow_exception(error);
  };
  auto caller = callers.spawn_n(call);
  co_await until([&] { return activity.now() == 1; });
  EXPECT_TRUE(caller.cancel());
  co_await caller.wait();
  EXPECT_TRUE(caller.cancelled());
  EXPECT_EQ(left_inside, 0);
}

// AP-19
CORO_TEST(PoolExec, of_a_slow_marker_overlaps_with_the_others) {
  constexpr int marker = 9999;
  std::vector<int> order;
  const auto job = [&](int n) -> awaitable<int> {
    order.push_back(n);
    co_await sleep_for(n == marker ? 100ms : 100ms / n);
    order.push_back(n);
    co_return n;
  };
  AioPool pool(home, 2);
  for (int n = 1; n <= 5; ++n) co_await pool.spawn([&, n] { return job(n); });
  const int result = co_await pool.exec([&] { return job(marker); });
  EXPECT_EQ(result, marker);
  for (int n = 6; n <= 10; ++n) co_await pool.spawn([&, n] { return job(n); });
  co_await pool.join();

  std::vector<int> expected = {marker, marker};
  for (int n = 1; n <= 10; ++n) expected.insert(expected.end(), 2, n);
  std::ranges::sort(expected);
  const auto sorted = [](std::vector<int> values) {
    std::ranges::sort(values);
    return values;
  };
  EXPECT_EQ(sorted(order), expected);
  const auto begin = std::ranges::find(order, marker);
  const auto end = std::find(begin + 1, order.end(), marker);
  EXPECT_GT(end - begin, 1) << "nobody else did anything while the marker ran";
}

// AP-5
CORO_TEST_EVERYWHERE(PoolScope, joins_and_keeps_a_crash_in_its_own_handle) {
  std::vector<Task<int>> tasks;
  const auto job = [](int n) -> awaitable<int> {
    co_await this_task::yield();
    if (n == 3) throw std::runtime_error("job 3 is broken");
    co_return n * n;
  };
  const auto body = [&](AioPool& pool) -> awaitable<void> {
    for (int n = 0; n < 8; ++n) tasks.push_back(co_await pool.spawn([&, n] { return job(n); }));
  };
  co_await with_pool(sized(3, one_thread()), body);
  REQUIRE(tasks.size() == 8);
  for (int n = 0; n < 8; ++n) {
    auto& task = tasks[static_cast<std::size_t>(n)];
    REQUIRE(task.done());
    if (n == 3) {
      EXPECT_EQ(task.state(), TaskState::failed);
      EXPECT_TRUE(says(task.exception(), "job 3 is broken"));
    } else {
      EXPECT_EQ(task.result(), n * n);
    }
  }
}

// AP-5
CORO_TEST(PoolScope, gives_the_bodys_result_and_joins_first) {
  Activity activity;
  const auto job = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await sleep_for(5ms);
  };
  const auto body = [&](AioPool& pool) -> awaitable<int> {
    for (int i = 0; i < 4; ++i) pool.spawn_n(job);
    co_return 42;
  };
  const int result = co_await with_pool(2, body);
  EXPECT_EQ(result, 42);
  EXPECT_EQ(activity.entered(), 4);
  EXPECT_EQ(activity.now(), 0);
}

// AP-5: an error of the body itself cancels what runs and joins it.
CORO_TEST(PoolScope, an_error_of_the_body_cancels_the_jobs) {
  Activity activity;
  Event never(home);
  const auto job = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await never.wait();
  };
  Task<> task;
  const auto body = [&](AioPool& pool) -> awaitable<void> {
    task = co_await pool.spawn(job);
    co_await until([&] { return activity.now() == 1; });
    throw std::runtime_error("the body gave up");
  };
  const auto error = co_await error_of(with_pool(2, body));
  EXPECT_TRUE(says(error, "the body gave up"));
  EXPECT_EQ(activity.now(), 0);
  EXPECT_TRUE(task.cancelled());
}

// Once a scope is being cancelled it takes no more jobs, and says so: to its own jobs, which are being cancelled
// too, with operation_aborted until they take that back.
CORO_TEST(PoolScope, that_is_cancelled_takes_no_more_jobs) {
  std::exception_ptr first_refusal, refusal;
  Event never(home);
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto body = [&](AioPool& pool) -> awaitable<void> {
    const auto late = [&]() -> awaitable<void> {
      co_await error_of(never.wait());
      first_refusal = error_from([&] { pool.spawn_n(nothing); });
      co_await this_task::uncancel();
      refusal = error_from([&] { pool.spawn_n(nothing); });
    };
    co_await pool.spawn(late);
    co_await until([&] { return pool.active() == 1; });
    throw std::runtime_error("the body gave up");
  };
  co_await error_of(with_pool({.size = 2, .name = "late"}, body));
  EXPECT_TRUE(is_cancelled(first_refusal));
  EXPECT_TRUE(is_error(refusal, errc::closed,
                       "pool 'late' has been cancelled and takes no more jobs"));
}

// AP-6
CORO_TEST_EVERYWHERE(PoolJoin, releases_all_who_wait_once_the_pool_is_empty) {
  AioPool pool(home, sized(2, one_thread()));
  AioPool joiners(home, sized(8, one_thread()));
  Event go(home);
  Activity activity;
  std::atomic<int> joined = 0;
  const auto job = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await go.wait();
  };
  for (int i = 0; i < 4; ++i) pool.spawn_n(job);
  std::atomic<int> joining = 0;
  const auto join = [&]() -> awaitable<void> {
    ++joining;
    co_await pool.join();
    EXPECT_TRUE(pool.is_empty());
    ++joined;
  };
  for (int i = 0; i < 8; ++i) joiners.spawn_n(join);
  co_await until([&] { return activity.now() == 2 && joining == 8; });
  EXPECT_EQ(joined, 0);
  go.set();
  co_await joiners.join();
  EXPECT_EQ(joined, 8);
  EXPECT_EQ(activity.entered(), 4);
}

// AP-6
CORO_TEST(PoolJoin, of_an_empty_pool_returns_at_once) {
  AioPool pool(home, 2);
  co_await pool.join();
  co_await pool.exec(sleep_for(milliseconds(0)));
  co_await pool.join();
  co_await pool.join();  // a pool that was joined is still open
  const auto seven = []() -> awaitable<int> { co_return 7; };
  const int result = co_await pool.exec(seven);
  EXPECT_EQ(result, 7);
}

// AP-7+
CORO_TEST_EVERYWHERE(PoolJoin, from_a_job_of_the_same_pool_is_a_would_deadlock_error) {
  auto options = sized(2, one_thread());
  options.name = "selfish";
  AioPool pool(home, options);
  const auto job = [&]() -> awaitable<void> { co_await pool.join(); };
  auto task = pool.spawn_n(TaskOptions{.name = "joiner"}, job);
  co_await pool.join();
  EXPECT_TRUE(is_error(task.exception(), errc::would_deadlock,
                       "job 1 'joiner' of pool 'selfish' joins the pool it runs in"));
}

// AP-7+: also through a pool inside the job.
CORO_TEST(PoolJoin, from_a_job_of_an_inner_pool_is_a_would_deadlock_error) {
  AioPool outer(home, 2);
  const auto join_outer = [&]() -> awaitable<void> { co_await outer.join(); };
  std::exception_ptr error;
  const auto body = [&](AioPool& inner) -> awaitable<void> {
    error = co_await error_of(inner.exec(join_outer));
  };
  co_await outer.exec([&] { return with_pool(1, body); });
  EXPECT_TRUE(is_error(error, errc::would_deadlock, "joins the pool it runs in"));
}

// AP-7+: a job that waits for one that joins its pool can still be cancelled.
CORO_TEST(PoolJoin, a_cancelled_joiner_leaves_and_the_jobs_go_on) {
  AioPool pool(home, 1);
  AioPool joiners(home, 1);
  Event go(home);
  const auto job = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 3;
  };
  auto task = pool.spawn_n(job);
  std::atomic<bool> joining = false;
  const auto join = [&]() -> awaitable<void> {
    joining = true;
    co_await pool.join();
  };
  auto joiner = joiners.spawn_n(join);
  co_await until([&] { return joining && pool.active() == 1; });
  joiner.cancel();
  co_await joiner.wait();
  EXPECT_TRUE(joiner.cancelled());
  EXPECT_FALSE(task.done());
  go.set();
  co_await pool.join();
  EXPECT_EQ(task.result(), 3);
}

CORO_TEST(PoolJoin, with_a_limit_names_those_that_still_run) {
  AioPool pool(home, {.size = 2, .name = "slow"});
  Event go(home);
  const auto job = [&]() -> awaitable<void> { co_await go.wait(); };
  pool.spawn_n(TaskOptions{.name = "a"}, job);
  pool.spawn_n(job);
  co_await until([&] { return pool.active() == 2; });
  const auto error = co_await error_of(pool.join(5ms));
  EXPECT_TRUE(is_error(error, errc::timed_out,
                       "pool 'slow' is still waiting for job 1 'a', job 2"));
  go.set();
  co_await pool.join(10s);
}

}  // namespace
}  // namespace coroexec::test
