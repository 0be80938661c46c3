// Callbacks of a pool's jobs: what they are given, where they run, and what becomes of their result.

#include "coroexec/aio_pool.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>

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

awaitable<int> five() {
  co_await this_task::yield();
  co_return 5;
}

awaitable<int> broken() {
  co_await this_task::yield();
  throw std::runtime_error("the job is broken");
}

// AP-17
CORO_TEST_EVERYWHERE(PoolCallback, makes_the_handles_result_from_the_jobs) {
  AioPool pool(home, sized(2, one_thread()));
  const auto callback = [](std::optional<int> result, std::exception_ptr error,
                           std::string context) -> awaitable<std::string> {
    EXPECT_EQ(error, nullptr);
    co_await this_task::yield();
    co_return context + std::to_string(result.value());
  };
  const std::string context = "result: ";
  auto task = co_await pool.spawn(five, callback, context);
  static_assert(std::is_same_v<decltype(task), Task<std::string>>);
  co_await task.wait();
  EXPECT_EQ(task.result(), "result: 5");
}

// AP-17: `res` is empty and `err` set when the job failed; what the callback returns is the result.
CORO_TEST_EVERYWHERE(PoolCallback, is_told_of_the_jobs_error) {
  AioPool pool(home, sized(2, one_thread()));
  const auto callback = [](std::optional<int> result,
                           std::exception_ptr error) -> awaitable<std::string> {
    EXPECT_EQ(result, std::nullopt);
    co_return what(error);
  };
  auto task = co_await pool.spawn(broken, callback);
  co_await task.wait();
  EXPECT_EQ(task.state(), TaskState::succeeded);
  EXPECT_EQ(task.result(), "the job is broken");
}

// AP-17: with one parameter an empty result is all it hears of a failure.
CORO_TEST(PoolCallback, with_one_parameter_gets_an_empty_result_for_a_failure) {
  AioPool pool(home, 2);
  const auto callback = [](std::optional<int> result) -> awaitable<bool> {
    co_return result.has_value();
  };
  auto good = co_await pool.spawn(five, callback);
  auto bad = co_await pool.spawn(broken, callback);
  co_await pool.join();
  EXPECT_TRUE(good.result());
  EXPECT_FALSE(bad.result());
}

// AP-17
CORO_TEST_EVERYWHERE(PoolCallback, that_throws_gives_the_handle_its_error) {
  AioPool pool(home, sized(2, one_thread()));
  const auto callback = [](std::optional<int>, std::exception_ptr) -> awaitable<int> {
    co_await this_task::yield();
    throw std::logic_error("the callback is broken");
  };
  auto good = co_await pool.spawn(five, callback);
  auto bad = co_await pool.spawn(broken, callback);
  co_await pool.join();
  EXPECT_EQ(good.state(), TaskState::failed);
  EXPECT_TRUE(says(good.exception(), "the callback is broken"));
  EXPECT_TRUE(says(bad.exception(), "the callback is broken"));
}

// AP-17: and may pass the job's error on.
CORO_TEST(PoolCallback, may_rethrow_the_jobs_error) {
  AioPool pool(home, 2);
  const auto callback = [](std::optional<int> result, std::exception_ptr error) -> awaitable<int> {
    if (error) std::rethrow_exception(error);
    co_return *result + 1;
  };
  const auto good = co_await pool.exec(five, callback);
  EXPECT_EQ(good, 6);
  const auto error = co_await error_of(pool.exec(broken, callback));
  EXPECT_TRUE(says(error, "the job is broken"));
}

// AP-17, AP-10: the callback holds the slot, and the job counts as executed only after it.
CORO_TEST(PoolCallback, runs_after_the_job_inside_the_same_slot) {
  AioPool pool(home, 1);
  Event go(home);
  Activity callbacks;
  const auto callback = [&](std::optional<int> result) -> awaitable<int> {
    const auto stay = callbacks.enter();
    co_await go.wait();
    co_return *result;
  };
  bool second_started = false;
  const auto second = [&]() -> awaitable<void> {
    second_started = true;
    co_return;
  };
  auto task = pool.spawn_n(five, callback);
  pool.spawn_n(second);
  co_await until([&] { return callbacks.now() == 1; });
  EXPECT_EQ(pool.active(), 1u);
  EXPECT_EQ(pool.waiting(), 1u);
  EXPECT_EQ(pool.executed(), 0u);
  EXPECT_FALSE(task.done());
  EXPECT_FALSE(second_started);
  go.set();
  co_await pool.join();
  EXPECT_EQ(pool.executed(), 2u);
  EXPECT_EQ(task.result(), 5);
}

// AP-17: nothing could be awaited in a cancelled job, so its callback does not run.
CORO_TEST_EVERYWHERE(PoolCallback, of_a_cancelled_job_does_not_run) {
  AioPool pool(home, sized(1, one_thread()));
  Event never(home);
  std::atomic<bool> called = false;
  const auto waits = [&]() -> awaitable<int> {
    co_await never.wait();
    co_return 1;
  };
  const auto callback = [&](std::optional<int>, std::exception_ptr) -> awaitable<int> {
    called = true;
    co_return 2;
  };
  auto running = pool.spawn_n(waits, callback);
  auto queued = pool.spawn_n(waits, callback);
  co_await until([&] { return pool.active() == 1; });
  const auto stopped = co_await pool.cancel(running, queued);
  EXPECT_EQ(stopped.count, 2u);
  EXPECT_TRUE(running.cancelled());
  EXPECT_TRUE(queued.cancelled());
  EXPECT_FALSE(called);
}

// AP-17, AP-9: a job that recovers from its cancel has a result, and so a callback.
CORO_TEST(PoolCallback, of_a_job_that_recovers_from_its_cancel_runs) {
  AioPool pool(home, 1);
  Event never(home);
  const auto recovers = [&]() -> awaitable<int> {
    co_await error_of(never.wait());
    co_await this_task::uncancel();
    co_return 8;
  };
  const auto callback = [](std::optional<int> result) -> awaitable<int> { co_return *result + 1; };
  auto task = pool.spawn_n(recovers, callback);
  co_await until([&] { return pool.active() == 1; });
  co_await pool.cancel(task);
  EXPECT_EQ(task.result(), 9);
}

// AP-17: a cancel that comes while the callback runs is the callback's.
CORO_TEST(PoolCallback, can_be_cancelled) {
  AioPool pool(home, 1);
  Event never(home);
  Activity callbacks;
  const auto callback = [&](std::optional<int>) -> awaitable<void> {
    const auto stay = callbacks.enter();
    co_await never.wait();
  };
  auto task = pool.spawn_n(five, callback);
  co_await until([&] { return callbacks.now() == 1; });
  co_await pool.cancel(task);
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(callbacks.now(), 0);
}

// AP-17: a job of void gives std::monostate.
CORO_TEST(PoolCallback, of_a_void_job_gets_a_monostate) {
  AioPool pool(home, 2);
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto fails = []() -> awaitable<void> {
    throw std::runtime_error("no");
    co_return;
  };
  const auto callback = [](std::optional<std::monostate> result,
                           std::exception_ptr error) -> awaitable<bool> {
    EXPECT_EQ(result.has_value(), error == nullptr);
    co_return result.has_value();
  };
  const bool good = co_await pool.exec(nothing, callback);
  EXPECT_TRUE(good);
  const bool bad = co_await pool.exec(fails, callback);
  EXPECT_FALSE(bad);
}

// AP-17: result, context and the callback itself may be move-only, and live until it has ended.
CORO_TEST(PoolCallback, takes_and_gives_what_can_only_be_moved) {
  AioPool pool(home, 2);
  std::atomic<int> live = 0;
  const auto job = []() -> awaitable<MoveOnly> { co_return MoveOnly(3); };
  auto callback = [tracked = Tracked(live, 10), only = MoveOnly(100)](
                      std::optional<MoveOnly> result, std::exception_ptr,
                      MoveOnly context) -> awaitable<MoveOnly> {
    co_await this_task::yield();
    co_return MoveOnly(result->value() + context.value() + tracked.value() + only.value());
  };
  auto task = co_await pool.spawn(job, moved(callback), MoveOnly(1000));
  co_await task.wait();
  EXPECT_EQ(task.result().value(), 1113);
  EXPECT_EQ(live, 1);  // the named one's own
}

}  // namespace
}  // namespace coroexec::test
