// Several threads run the context, and others that do not run it submit, ask and cancel. These are for
// the thread sanitizer as much as for their expectations.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <random>
#include <thread>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

void in_threads(int count, const std::function<void(int)>& function) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(function, i);
  for (auto& thread : threads) thread.join();
}

TEST(Threads, that_are_foreign_may_submit) {
  asio::thread_pool pool(3);
  CoroutineExecutor executor(pool.get_executor(), {.max_workers = 10});
  std::atomic<int> sum = 0;
  Activity activity;
  const auto job = [&](int i) -> awaitable<int> {
    const auto stay = activity.enter();
    if (i % 2) co_await this_task::yield();
    sum += i;
    co_return i;
  };
  std::vector<std::vector<Task<int>>> tasks(4);
  in_threads(4, [&](int thread) {
    auto& own = tasks[static_cast<std::size_t>(thread)];
    for (int i = 0; i < 500; ++i) {
      if (auto task = executor.try_submit(job, 1))
        own.push_back(*task);
      else
        own.push_back(executor.submit_nowait(job, 1));
      executor.stats();
    }
  });
  asio::co_spawn(pool, [&] { return executor.join(); }, asio::use_future).get();
  EXPECT_EQ(sum, 2000);
  EXPECT_LE(activity.peak(), 10);
  for (auto& own : tasks)
    for (auto& task : own) EXPECT_EQ(task.result(), 1);
  pool.join();
}

TEST(Threads, that_are_foreign_may_cancel) {
  asio::thread_pool pool(3);
  CoroutineExecutor executor(pool.get_executor(), {.max_workers = 50, .suppress_task_errors = true});
  std::atomic<int> live = 0;
  std::atomic<bool> enough = false;
  const auto job = [&](const Tracked& tracked) -> awaitable<int> {
    while (!enough) {
      co_await this_task::yield();
      tracked.value();
    }
    co_return 7;
  };
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 400; ++i) tasks.push_back(executor.submit_nowait(job, Tracked(live)));
  in_threads(3, [&](int thread) {
    std::mt19937 random(static_cast<unsigned>(thread));
    for (int i = 0; i < 300; ++i) {
      auto& task = tasks[random() % tasks.size()];
      task.cancel();
      task.state();
      task.done();
    }
  });
  enough = true;
  asio::co_spawn(pool, [&] { return executor.join(); }, asio::use_future).get();
  std::size_t succeeded = 0, cancelled = 0;
  for (auto& task : tasks) task.cancelled() ? ++cancelled : ++succeeded;
  const auto stats = executor.stats();
  EXPECT_EQ(stats.succeeded, succeeded);
  EXPECT_EQ(stats.cancelled, cancelled);
  EXPECT_GT(cancelled, 0u);
  pool.join();
  EXPECT_EQ(live, 0);
}

// The next is handed in as soon as the one before is known to have ended, when its worker is about to wait.
TEST(Threads, that_submit_one_after_the_other_find_a_worker) {
  asio::thread_pool pool(2);
  CoroutineExecutor executor(pool.get_executor(), {.max_workers = 1, .threading = Threading::multi});
  std::atomic<int> ran = 0;
  const auto job = [&]() -> awaitable<void> {
    ++ran;
    co_return;
  };
  for (int i = 0; i < 1000; ++i) {
    auto ended = executor.submit_nowait(job).async_wait(asio::use_future);
    ASSERT_EQ(ended.wait_for(patience), std::future_status::ready) << "after " << i << " jobs";
  }
  EXPECT_EQ(ran, 1000);
}

// Everybody at once: submitters that wait, who cancels all, who reads.
TEST(Threads, may_all_use_one_executor_at_once) {
  for (int round = 0; round < 20; ++round) {
    asio::thread_pool pool(4);
    std::atomic<int> live = 0;
    std::vector<Task<>> submitters;
    {
      CoroutineExecutor executor(pool.get_executor(),
                                 {.max_workers = 3, .suppress_task_errors = true, .backlog = 2});
      CoroutineExecutor others(pool.get_executor(), {.suppress_task_errors = true});
      const auto job = [](const Tracked& tracked) -> awaitable<void> {
        co_await this_task::yield();
        tracked.value();
      };
      const auto submits = [&]() -> awaitable<void> {
        for (int i = 0; i < 50; ++i) co_await executor.submit(job, Tracked(live));
      };
      for (int i = 0; i < 8; ++i) submitters.push_back(others.submit_nowait(submits));
      in_threads(2, [&](int thread) {
        for (int i = 0; i < 10; ++i) {
          submitters[static_cast<std::size_t>(4 * thread + i % 4)].cancel();
          executor.stats();
          executor.errors();
        }
        if (round % 2 && thread == 0) executor.cancel();
      });
      const auto join_all = [&]() -> awaitable<void> {
        co_await others.join();
        co_await error_of(executor.join());
      };
      asio::co_spawn(pool, join_all(), asio::use_future).get();
      for (auto& task : submitters) EXPECT_TRUE(task.done());
      const auto stats = executor.stats();
      EXPECT_EQ(stats.active + stats.queued + stats.waiting, 0u);
    }
    pool.join();
    EXPECT_EQ(live, 0);
  }
}

// Each job runs on a strand of its own: what it alone uses needs no lock, wherever it resumes.
CORO_TEST_EVERYWHERE(Threads, a_job_is_never_in_two_of_them) {
  const auto job = [&]() -> awaitable<int> {
    int unguarded = 0;
    std::vector<int> log;
    for (int i = 0; i < 200; ++i) {
      ++unguarded;
      if (i % 3 == 0)
        co_await this_task::yield();
      else if (i % 3 == 1)
        co_await asio::post(asio::use_awaitable);
      else
        co_await sleep_for(std::chrono::microseconds(1));
      log.push_back(unguarded);
    }
    co_return static_cast<int>(log.size());
  };
  std::vector<Task<int>> tasks;
  co_await with_executor(options({.max_workers = 8}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           for (int i = 0; i < 16; ++i) tasks.push_back(co_await executor.submit(job));
                         });
  for (auto& task : tasks) EXPECT_EQ(task.result(), 200);
}

// Jobs run in parallel: each waits, without giving its thread away, until the other has begun.
TEST(Threads, run_jobs_in_parallel) {
  asio::thread_pool pool(2);
  CoroutineExecutor executor(pool.get_executor());
  std::atomic<int> begun = 0;
  const auto job = [&]() -> awaitable<bool> {
    ++begun;
    const auto given_up = std::chrono::steady_clock::now() + patience;
    while (begun < 2 && std::chrono::steady_clock::now() < given_up) std::this_thread::yield();
    co_return begun == 2;
  };
  const auto one = executor.submit_nowait(job), two = executor.submit_nowait(job);
  pool.join();
  EXPECT_TRUE(one.result());
  EXPECT_TRUE(two.result());
}

// automatic is multi where nothing tells that only one thread runs the context.
TEST(Threads, are_allowed_for_unless_it_is_known_that_there_is_one) {
  asio::io_context context;
  const auto& executor = context.get_executor();
  EXPECT_FALSE(detail::single_threaded(executor, Threading::automatic));
  EXPECT_TRUE(detail::single_threaded(executor, Threading::single));
  EXPECT_TRUE(detail::single_threaded(asio::make_strand(executor), Threading::automatic));
  EXPECT_FALSE(detail::single_threaded(asio::make_strand(executor), Threading::multi));
  asio::thread_pool pool(1);
  EXPECT_FALSE(detail::single_threaded(pool.get_executor(), Threading::automatic));
}

// The scope's own cancel, errors and timeouts, with threads in the middle of it all.
TEST(Threads, scopes_end_cleanly_whatever_happens_in_them) {
  asio::thread_pool pool(4);
  const auto scope = [](unsigned seed) -> awaitable<void> {
    std::atomic<int> live = 0;
    std::mt19937 random(seed);
    const auto job = [](const Tracked& tracked, unsigned how) -> awaitable<void> {
      for (unsigned i = 0; i < how % 5; ++i) co_await this_task::yield();
      if (how % 7 == 0) co_await sleep_for(std::chrono::microseconds(how % 300));
      tracked.value();
      if (how % 11 == 0) throw std::runtime_error("random");
    };
    const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
      std::vector<Task<>> tasks;
      for (int i = 0; i < 20; ++i) {
        tasks.push_back(co_await executor.submit(job, Tracked(live), random()));
        if (random() % 8 == 0) tasks[random() % tasks.size()].cancel();
      }
    };
    const ExecutorOptions options{
        .max_workers = 1 + random() % 4,
        .timeout = std::chrono::microseconds(500 + random() % 2000),
        .on_error = static_cast<ErrorPolicy>(random() % 3),
        .backlog = random() % 3,
        .threading = Threading::multi};
    co_await error_of(with_executor(options, body));
    EXPECT_EQ(live, 0) << "seed " << seed;
  };
  std::vector<std::future<void>> scopes;
  for (unsigned seed = 1; seed <= 200; ++seed)
    scopes.push_back(asio::co_spawn(pool, scope(seed), asio::use_future));
  for (auto& each : scopes) {
    ASSERT_EQ(each.wait_for(patience), std::future_status::ready) << "hangs";
    each.get();
  }
  pool.join();
}

}  // namespace
}  // namespace coroexec::test
