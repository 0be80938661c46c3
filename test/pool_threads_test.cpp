// A pool used from several threads at once, and on the executors there are.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <ranges>
#include <thread>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/run.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

// Calls `work(thread)` on four threads that have nothing to do with the context.
template <class Work>
void from_four_threads(Work work) {
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) threads.emplace_back([&, thread] { work(thread); });
}

// AP-21+
TEST(PoolThreads, four_hand_in_read_and_cancel_while_four_others_run_the_jobs) {
  constexpr int jobs = 200;
  asio::thread_pool context(4);
  Activity activity;
  std::atomic<int> finished = 0, refused = 0, told = 0;
  {
    AioPool pool(context.get_executor(), {.size = 8, .threading = Threading::multi});
    const auto job = [&](int n) -> awaitable<int> {
      const auto stay = activity.enter();
      co_await this_task::yield();
      ++finished;
      co_return n;
    };
    from_four_threads([&](int thread) {
      for (int n = 0; n < jobs; ++n) {
        auto task = pool.spawn_n([&, n] { return job(n); });
        EXPECT_LE(pool.active(), 8u);
        if (n % 4 == thread) refused += task.cancel() ? 0 : 1;
        task.async_wait([&, task, n](boost::system::error_code error) {
          EXPECT_FALSE(error);
          REQUIRE(task.done());
          if (!task.exception()) {
            EXPECT_EQ(task.result(), n);
          } else {
            EXPECT_TRUE(task.cancelled());
          }
          ++told;
        });
      }
    });
    asio::co_spawn(context, pool.join(), asio::use_future).get();
    const auto stats = pool.stats();
    EXPECT_EQ(stats.done(), 4u * jobs);
    EXPECT_EQ(stats.failed, 0u);
    EXPECT_GE(finished, static_cast<int>(stats.succeeded));
    EXPECT_TRUE(pool.is_empty());
  }
  context.join();
  EXPECT_LE(activity.peak(), 8);
  EXPECT_EQ(told, 4 * jobs);
}

// AP-21+: coroutines on four threads spawn, exec, map and read streams of the same pool.
TEST(PoolThreads, coroutines_on_all_threads_share_one_pool) {
  asio::thread_pool context(4);
  Activity activity;
  AioPool pool(context.get_executor(), {.size = 3, .threading = Threading::multi});
  const auto job = [&](int n) -> awaitable<int> {
    const auto stay = activity.enter();
    co_await this_task::yield();
    co_return n;
  };
  const auto use = [&]() -> awaitable<int> {
    int sum = 0;
    for (int round = 0; round < 10; ++round) {
      auto task = co_await pool.spawn([&] { return job(1); });
      sum += co_await pool.exec([&] { return job(1); });
      sum += co_await task.get();
      const auto mapped = co_await pool.map(job, std::views::iota(0, 5));
      for (auto& result : mapped) sum += result.value();
      auto results = pool.itermap(job, std::views::iota(0, 5));
      while (auto result = co_await results.next()) sum += result->value();
      co_await pool.cancel(task);
    }
    co_return sum;
  };
  std::vector<std::future<int>> users;
  for (int i = 0; i < 8; ++i) {
    auto strand = asio::make_strand(context.get_executor());
    users.push_back(asio::co_spawn(asio::any_io_executor(strand), use(), asio::use_future));
  }
  for (auto& user : users) EXPECT_EQ(user.get(), 10 * (1 + 1 + 10 + 10));
  asio::co_spawn(context, pool.join(), asio::use_future).get();
  EXPECT_LE(activity.peak(), 3);
  EXPECT_EQ(activity.entered(), 8 * 10 * 12);
}

// AP-21+: jobs really run in parallel, each on its own strand.
TEST(PoolThreads, jobs_run_in_parallel) {
  asio::thread_pool context(4);
  AioPool pool(context.get_executor(), {.size = 4, .threading = Threading::multi});
  std::atomic<int> inside = 0;
  // Each holds its thread until it has seen another one inside.
  const auto job = [&]() -> awaitable<bool> {
    ++inside;
    const auto given_up = std::chrono::steady_clock::now() + patience;
    while (inside < 2 && std::chrono::steady_clock::now() < given_up) std::this_thread::yield();
    co_return inside >= 2;
  };
  auto one = pool.spawn_n(job), two = pool.spawn_n(job);
  asio::co_spawn(context, pool.join(), asio::use_future).get();
  EXPECT_TRUE(one.result());
  EXPECT_TRUE(two.result());
}

// AP-21+: cancel of all from other threads, again and again, while jobs come in.
TEST(PoolThreads, cancel_from_several_threads_leaves_every_job_in_one_final_state) {
  asio::thread_pool context(4);
  AioPool pool(context.get_executor(), {.size = 4, .threading = Threading::multi});
  const auto job = []() -> awaitable<void> { co_await sleep_for(1h); };
  std::atomic<std::size_t> counted = 0;
  from_four_threads([&](int thread) {
    const auto cancel = [&]() -> awaitable<void> {
      const auto stopped = co_await pool.cancel();
      EXPECT_EQ(stopped.outcomes.size(), stopped.count);
      for (auto& outcome : stopped.outcomes) EXPECT_TRUE(is_cancelled(outcome.error()));
      counted += stopped.count;
    };
    for (int round = 0; round < 25; ++round) {
      if (thread < 2)
        for (int i = 0; i < 8; ++i) pool.spawn_n(job);
      else
        asio::co_spawn(context, cancel, asio::use_future).get();
    }
  });
  const auto cancel_rest = [&]() -> awaitable<void> {
    co_await pool.cancel();
    co_await pool.join();
  };
  asio::co_spawn(context, cancel_rest, asio::use_future).get();
  const auto stats = pool.stats();
  EXPECT_EQ(stats.cancelled, 2u * 25 * 8);
  EXPECT_EQ(stats.done(), stats.cancelled);
  EXPECT_TRUE(pool.is_empty());
}

template <class T>
using IoAwaitable = asio::awaitable<T, asio::io_context::executor_type>;
using IoPool = BasicAioPool<asio::io_context::executor_type>;

IoAwaitable<int> io_job(int n) {
  co_await sleep_for<asio::io_context::executor_type>(0s);
  if (n == 0) throw std::runtime_error("zero");
  co_return n;
}

// Every call of a pool whose awaitables have a concrete executor type.
IoAwaitable<void> use_io_pool(IoPool& pool) {
  auto spawned = co_await pool.spawn([] { return io_job(1); });
  auto spawned_n = pool.spawn_n(io_job(2));
  static_assert(std::is_same_v<decltype(spawned), IoPool::task<int>>);
  const int executed = co_await pool.exec(io_job(3));
  EXPECT_EQ(executed, 3);
  const auto callback = [](std::optional<int> result, std::exception_ptr) -> IoAwaitable<int> {
    co_return result.value_or(-1) * 10;
  };
  const int called_back = co_await pool.exec(io_job(0), callback);
  EXPECT_EQ(called_back, -10);
  const auto mapped = co_await pool.map(io_job, std::views::iota(0, 3));
  REQUIRE(mapped.size() == 3);
  EXPECT_TRUE(says(mapped[0].error(), "zero"));
  EXPECT_EQ(mapped[2].value(), 2);
  int sum = 0;
  auto results = pool.itermap(io_job, std::views::iota(1, 5));
  while (auto result = co_await results.next()) sum += result->value();
  EXPECT_EQ(sum, 10);
  auto never = pool.spawn_n([] { return sleep_for<asio::io_context::executor_type>(1h); });
  const auto stopped = co_await pool.cancel(never);
  EXPECT_EQ(stopped.count, 1u);
  co_await pool.join();
  EXPECT_EQ(spawned.result(), 1);
  EXPECT_EQ(spawned_n.result(), 2);
}

TEST(PoolExecutors, io_context_executor_type) {
  asio::io_context context(1);
  IoPool pool(context.get_executor(), 3);
  bool ended = false;
  const auto main = [&]() -> IoAwaitable<void> {
    co_await use_io_pool(pool);
    const auto body = [](IoPool& inner) -> IoAwaitable<int> {
      inner.spawn_n(io_job(4));
      co_return co_await inner.exec(io_job(5));
    };
    const int result = co_await with_pool<asio::io_context::executor_type>(2, body);
    EXPECT_EQ(result, 5);
    ended = true;
  };
  asio::co_spawn(context.get_executor(), main, [](std::exception_ptr error) {
    EXPECT_EQ(error, nullptr) << what(error);
  });
  context.run_for(patience);
  EXPECT_TRUE(ended);
}

TEST(PoolExecutors, thread_pool) {
  asio::thread_pool context(2);
  const auto main = []() -> awaitable<int> {
    AioPool pool(co_await asio::this_coro::executor, 2);
    const auto job = []() -> awaitable<int> { co_return 6; };
    co_return co_await pool.exec(job);
  };
  const asio::any_io_executor executor = context.get_executor();
  EXPECT_EQ(asio::co_spawn(executor, main, asio::use_future).get(), 6);
}

TEST(PoolExecutors, run_makes_a_context_of_its_own) {
  const auto body = [](AioPool& pool) -> awaitable<int> {
    const auto job = []() -> awaitable<int> { co_return 6; };
    co_return co_await pool.exec(job);
  };
  EXPECT_EQ(run([&] { return with_pool(2, body); }), 6);
}

}  // namespace
}  // namespace coroexec::test
