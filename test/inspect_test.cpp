// dump(): the live tree as text.
#include "coroexec/inspect.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <thread>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/gather.hpp"
#include "coroexec/observer.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using std::chrono::seconds;

std::string tree_of(const asio::any_io_executor& executor, std::size_t most_jobs = 100) {
  std::ostringstream out;
  dump(out, executor, most_jobs).get();
  return out.str();
}

// Numbers of scopes are the process's.
std::string without_numbers(const std::string& text) {
  return std::regex_replace(text, std::regex("scope [0-9]+"), "scope N");
}

::testing::AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != text.npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "no \"" << part << "\" in\n" << text;
}

CORO_TEST_VIRTUAL(Dump, shows_scopes_in_jobs_and_what_each_waits_for) {
  const auto sleeper = [] { return sleep_for(seconds(60)); };
  CoroutineExecutor outer(home, options({.max_workers = 2, .backlog = 0, .name = "outer"}));
  auto first = outer.submit_nowait({.name = "first"}, sleeper);
  const auto second = [&]() -> awaitable<void> {
    const auto joins = [&]() -> awaitable<void> { co_await first.wait(); };
    co_await gather(joins(), sleeper());
  };
  outer.submit_nowait({.name = "second"}, second);
  outer.submit_nowait(sleeper);
  AioPool pool(home, PoolOptions{.size = 1, .backlog = 0, .threading = Threading::single, .name = "pool"});
  const auto submits = [&]() -> awaitable<void> { co_await outer.submit(sleeper); };
  pool.spawn_n(submits);
  co_await sleep_for(seconds(1));
  const std::string tree = without_numbers(tree_of(home));
  // A sleep in virtual time is a wait in the library.
  EXPECT_EQ(tree, "run() (scope N): 0 active\n"
                  "  the body, running\n"
                  "    executor 'outer' (scope N): 2 active, 1 queued, 1 waiting for room\n"
                  "      job 1 'first', running, waits for something of the library\n"
                  "      job 2 'second', running, waits for the end of gather\n"
                  "        gather (scope N): 2 active\n"
                  "          operation, running, waits for job 1 'first' of executor 'outer'\n"
                  "          operation, running, waits for something of the library\n"
                  "      job 3, queued\n"
                  "    pool 'pool' (scope N): 1 active\n"
                  "      job 1, running, waits for room in executor 'outer'\n");
  outer.cancel();
  EXPECT_TRUE(has(tree_of(home), ", stopped\n      job 1 'first', running, cancelled, suspended\n"));
  co_await error_of(outer.join());
  co_await pool.join();
}

CORO_TEST_VIRTUAL(Dump, knows_age_and_submitter_of_observed_jobs) {
  observe(home, std::make_shared<Observer>());
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto sleeper = [] { return sleep_for(seconds(60)); };
    executor.submit_nowait({.name = "runs"}, sleeper);
    co_await sleep_for(seconds(2));
    executor.submit_nowait({.name = "waits"}, sleeper);
    co_await sleep_for(milliseconds(1500));
    const std::string tree = without_numbers(tree_of(home));
    EXPECT_TRUE(has(tree, "job 2 'runs', running for 3.5 s, waits for something of the library, submitted by job 1 of scope N at "));
    EXPECT_TRUE(has(tree, "job 3 'waits', queued for 1.5 s, submitted by job 1 of scope N at "));
    EXPECT_TRUE(has(tree, "inspect_test.cpp:"));
    EXPECT_TRUE(has(tree, "\n      the body, running for 3.5 s"));
    executor.cancel();
  };
  co_await error_of(with_executor(options({.max_workers = 1}), body));
}

CORO_TEST(Dump, of_a_long_queue_is_cut) {
  CoroutineExecutor executor(home, options({.max_workers = 1}));
  const auto job = []() -> awaitable<void> { co_return; };
  for (int i = 0; i < 50; ++i) executor.submit_nowait(job);
  const std::string tree = tree_of(home, 3);
  EXPECT_TRUE(has(tree, "0 active, 50 queued\n"));
  EXPECT_TRUE(has(tree, "  job 3, queued\n  and 47 more jobs, queued\n"));
  co_await executor.join();
}

// While jobs come and go on all threads.
CORO_TEST_EVERYWHERE(Dump, may_be_asked_for_by_any_thread) {
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto inner = []() -> awaitable<void> { co_await this_task::yield(); };
    const auto job = [&]() -> awaitable<void> {
      for (int i = 0; i < 20; ++i) co_await gather(inner(), inner());
    };
    for (int i = 0; i < 20; ++i) executor.submit_nowait(job);
    const bool threads = !one_thread();
    std::atomic<bool> over = false;
    std::thread other([&] {
      while (threads && !over) EXPECT_TRUE(has(tree_of(home), "executor (scope "));
    });
    co_await executor.join();
    over = true;
    other.join();
  };
  co_await with_executor(options({.max_workers = 8}), body);
}

// What one thread runs is written by that thread.
TEST(Dump, asked_for_from_outside_is_posted_to_the_one_thread) {
  asio::io_context context(1);
  CoroutineExecutor executor(context.get_executor(), {.threading = Threading::single, .name = "single"});
  const auto job = [] { return sleep_for(std::chrono::hours(1)); };
  executor.submit_nowait(job);
  std::ostringstream out;
  auto written = dump(out, context.get_executor());
  EXPECT_EQ(written.wait_for(seconds(0)), std::future_status::timeout);
  context.poll();
  written.get();
  EXPECT_TRUE(has(out.str(), "executor 'single'"));
  executor.cancel();
  context.run();
}

TEST(Dump, of_a_context_that_goes_first_is_a_broken_promise) {
  std::future<void> written;
  std::ostringstream out;
  std::optional<CoroutineExecutor> executor;
  {
    asio::io_context context(1);
    executor.emplace(context.get_executor(), ExecutorOptions{.threading = Threading::single});
    written = dump(out, context.get_executor());
  }
  EXPECT_THROW(written.get(), std::future_error);
}

TEST(Dump, of_nothing_says_so) {
  asio::io_context context(1);
  EXPECT_EQ(tree_of(context.get_executor()), "nothing runs\n");
}

TEST(SignalDump, writes_at_each_signal_until_it_is_gone) {
  asio::io_context context(1);
  CoroutineExecutor executor(context.get_executor(), {.threading = Threading::single, .name = "stuck"});
  const auto job = [] { return sleep_for(std::chrono::hours(1)); };
  executor.submit_nowait(job);
  std::ostringstream out;
  const auto trees = [&] {
    const std::string text = out.str();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find("executor 'stuck'", at)) != text.npos; ++at) ++count;
    return count;
  };
  {
    auto signal = dump_on_signal(context.get_executor(), SIGUSR2, out);
    for (std::size_t i = 1; i <= 2; ++i) {
      std::raise(SIGUSR2);
      while (trees() < i) context.run_one_for(patience);
    }
  }
  executor.cancel();
  context.run();  // nothing keeps it
  EXPECT_EQ(trees(), 2u);
}

}  // namespace
}  // namespace coroexec::test
