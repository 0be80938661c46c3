// How many jobs of a pool run, when they start, and what the pool tells of it.

#include "coroexec/aio_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
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

// AP-1
CORO_TEST_EVERYWHERE(Pool, uses_every_slot_and_not_one_more) {
  AioPool pool(home, sized(5, one_thread()));
  Activity activity;
  std::vector<std::unique_ptr<Event>> gates;
  for (int i = 0; i < 20; ++i) gates.push_back(std::make_unique<Event>(home));
  const auto job = [&](Event& gate) -> awaitable<void> {
    const auto stay = activity.enter();
    co_await gate.wait();
  };
  for (auto& gate : gates) pool.spawn_n([&, &own = *gate] { return job(own); });

  for (int released = 0; released < 20; ++released) {
    // Each end lets exactly one in, as long as there is one.
    const int expected = std::min(5 + released, 20);
    co_await until([&] { return activity.entered() == expected; });
    co_await until([&] { return activity.now() == expected - released; });
    gates[static_cast<std::size_t>(released)]->set();
  }
  co_await pool.join();
  EXPECT_EQ(activity.peak(), 5);
  EXPECT_EQ(activity.entered(), 20);
}

// AP-1
CORO_TEST(Pool, has_1024_slots_unless_told_otherwise) {
  AioPool pool(home);
  EXPECT_EQ(pool.size(), 1024u);
  Activity activity;
  Event go(home);
  const auto job = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await go.wait();
  };
  for (int i = 0; i < 1100; ++i) pool.spawn_n(job);
  co_await until([&] { return activity.now() == 1024; });
  EXPECT_EQ(pool.active(), 1024u);
  EXPECT_EQ(pool.waiting(), 76u);
  go.set();
  co_await pool.join();
  EXPECT_EQ(activity.peak(), 1024);
  EXPECT_EQ(activity.entered(), 1100);
}

// AP-2: with no backlog a spawn waits for a free slot, as in Python.
CORO_TEST(Pool, spawn_waits_for_a_slot) {
  AioPool pool(home, {.size = 2, .backlog = 0});
  AioPool spawners(home, 1);
  Activity activity;
  std::vector<std::unique_ptr<Event>> gates;
  for (int i = 0; i < 5; ++i) gates.push_back(std::make_unique<Event>(home));
  int spawned = 0;
  const auto spawn_all = [&]() -> awaitable<void> {
    for (int i = 0; i < 5; ++i) {
      const auto job = [&activity, &gate = *gates[static_cast<std::size_t>(i)]]() -> awaitable<void> {
        const auto stay = activity.enter();
        co_await gate.wait();
      };
      co_await pool.spawn(job);
      ++spawned;
    }
  };
  auto all = spawners.spawn_n(spawn_all);
  for (int freed = 0; freed < 3; ++freed) {
    co_await until([&] { return activity.entered() == 2 + freed && pool.waiting() == 1; });
    EXPECT_EQ(spawned, 2 + freed);
    gates[static_cast<std::size_t>(freed)]->set();
  }
  co_await all.wait();
  EXPECT_EQ(spawned, 5);
  for (auto& gate : gates) gate->set();
  co_await pool.join();
  EXPECT_EQ(activity.peak(), 2);
}

// AP-2
CORO_TEST_EVERYWHERE(Pool, after_five_spawns_some_have_started) {
  auto options = sized(2, one_thread());
  options.backlog = 0;
  AioPool pool(home, options);
  Activity activity;
  const auto job = [&]() -> awaitable<int> {
    const auto stay = activity.enter();
    co_await this_task::yield();
    co_return 7;
  };
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(co_await pool.spawn(job));
  EXPECT_GE(activity.entered(), 2);
  co_await pool.join();
  for (auto& task : tasks) EXPECT_EQ(task.result(), 7);
}

// AP-2: the backlog is what a spawn may run ahead of the slots.
CORO_TEST(Pool, spawn_is_held_back_once_slots_and_backlog_are_full) {
  AioPool pool(home, {.size = 2, .backlog = 3});
  AioPool spawners(home, 1);
  Event go(home);
  const auto job = [&]() -> awaitable<void> { co_await go.wait(); };
  int spawned = 0;
  const auto spawn_all = [&]() -> awaitable<void> {
    for (int i = 0; i < 8; ++i) {
      co_await pool.spawn(job);
      ++spawned;
    }
  };
  auto all = spawners.spawn_n(spawn_all);
  co_await until([&] { return spawned == 5 && pool.active() == 2 && pool.waiting() == 4; });
  EXPECT_EQ(pool.stats().queued, 3u);
  EXPECT_EQ(pool.stats().waiting, 1u);
  EXPECT_FALSE(all.done());
  go.set();
  co_await all.wait();
  co_await pool.join();
  EXPECT_EQ(spawned, 8);
}

// AP-3
CORO_TEST(Pool, right_after_five_spawn_n_none_has_started) {
  AioPool pool(home, 2);
  Activity activity;
  const auto job = [&]() -> awaitable<int> {
    const auto stay = activity.enter();
    co_return 7;
  };
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(pool.spawn_n(job));
  EXPECT_EQ(activity.entered(), 0);
  for (auto& task : tasks) {
    EXPECT_EQ(task.state(), TaskState::queued);
    EXPECT_FALSE(task.done());
  }
  co_await pool.join();
  EXPECT_EQ(activity.entered(), 5);
  for (auto& task : tasks) EXPECT_EQ(task.result(), 7);
}

// AP-10
CORO_TEST(Pool, tells_how_many_are_active_waiting_and_executed) {
  AioPool pool(home, 2);
  EXPECT_TRUE(pool.is_empty());
  EXPECT_FALSE(pool.is_full());
  Event first(home), rest(home);
  const auto job = [](Event& gate) -> awaitable<void> { co_await gate.wait(); };
  auto task = pool.spawn_n([&] { return job(first); });
  EXPECT_FALSE(pool.is_empty());
  EXPECT_EQ(pool.active(), 0u);
  EXPECT_EQ(pool.waiting(), 1u);
  for (int i = 0; i < 3; ++i) pool.spawn_n([&] { return job(rest); });
  co_await until([&] { return pool.active() == 2; });
  EXPECT_TRUE(pool.is_full());
  EXPECT_EQ(pool.waiting(), 2u);
  EXPECT_EQ(pool.executed(), 0u);
  first.set();
  co_await task.wait();
  EXPECT_EQ(pool.executed(), 1u);
  co_await until([&] { return pool.active() == 2; });
  EXPECT_EQ(pool.waiting(), 1u);
  rest.set();
  co_await pool.join();
  EXPECT_EQ(pool.executed(), 4u);
  EXPECT_EQ(pool.active(), 0u);
  EXPECT_EQ(pool.waiting(), 0u);
  EXPECT_TRUE(pool.is_empty());
  EXPECT_FALSE(pool.is_full());
}

// AP-10: failed and cancelled ones have been executed, those that never began have not.
CORO_TEST(Pool, counts_as_executed_what_began_and_ended) {
  AioPool pool(home, 2);
  const auto fails = []() -> awaitable<void> {
    throw std::runtime_error("no");
    co_return;
  };
  pool.spawn_n(fails);
  co_await pool.join();
  EXPECT_EQ(pool.executed(), 1u);
  Event never(home);
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  for (int i = 0; i < 5; ++i) pool.spawn_n(waits);
  co_await until([&] { return pool.active() == 2; });
  const auto stopped = co_await pool.cancel();
  EXPECT_EQ(stopped.count, 5u);
  EXPECT_EQ(pool.executed(), 3u);
}

// AP-18
CORO_TEST_EVERYWHERE(Pool, sampled_while_jobs_of_different_length_run_never_above_its_size) {
  AioPool pool(home, sized(5, one_thread()));
  Activity activity;
  const auto job = [&](int n) -> awaitable<int> {
    const auto stay = activity.enter();
    co_await sleep_for(200ms / n);
    co_return n;
  };
  std::vector<Task<int>> tasks;
  for (int n = 1; n <= 20; ++n) tasks.push_back(pool.spawn_n([&, n] { return job(n); }));
  int samples = 0;
  while (!pool.is_empty()) {
    EXPECT_LE(activity.now(), 5);
    EXPECT_LE(pool.active(), 5u);
    ++samples;
    co_await sleep_for(10ms);
  }
  EXPECT_GE(samples, 5);
  EXPECT_EQ(activity.peak(), 5);
  for (int n = 1; n <= 20; ++n) EXPECT_EQ(tasks[static_cast<std::size_t>(n - 1)].result(), n);
}

// A pool without slots, or with a rate below zero, is refused where it is made.
TEST(PoolOptions, that_make_no_sense_are_refused_by_name) {
  asio::io_context context;
  const auto refusal = [&](PoolOptions options) {
    return error_from([&] { AioPool pool(context.get_executor(), options); });
  };
  EXPECT_TRUE(is_error(refusal({.size = 0}), errc::invalid_argument, "pool: size must be at least 1"));
  EXPECT_TRUE(is_error(refusal({.size = 0, .name = "fetchers"}), errc::invalid_argument,
                       "pool 'fetchers': size must be at least 1"));
  EXPECT_TRUE(is_error(refusal({.max_per_second = -1}), errc::invalid_argument,
                       "pool: max_per_second must not be negative"));
  EXPECT_TRUE(is_error(refusal({.burst = 0}), errc::invalid_argument, "pool: burst must be at least 1"));
  EXPECT_TRUE(is_error(error_from([&] { AioPool pool(context.get_executor(), 0); }),
                       errc::invalid_argument, "size must be at least 1"));
}

}  // namespace
}  // namespace coroexec::test
