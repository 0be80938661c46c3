// Options that make no sense are refused at construction, with their names (CE-30); the defaults; stats.
#include "coroexec/options.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

std::exception_ptr refused(ExecutorOptions options) {
  asio::io_context context;
  return error_from([&] { CoroutineExecutor executor(context.get_executor(), options); });
}

// CE-30
TEST(Options, zero_workers_are_refused) {
  EXPECT_TRUE(is_error(refused({.max_workers = 0}), errc::invalid_argument,
                       "executor: max_workers must be at least 1"));
}

// CE-30
TEST(Options, a_negative_rate_is_refused) {
  EXPECT_TRUE(is_error(refused({.max_per_second = -1, .name = "front"}), errc::invalid_argument,
                       "executor 'front': max_per_second must not be negative"));
  EXPECT_TRUE(is_error(refused({.max_per_second = std::nan("")}), errc::invalid_argument,
                       "max_per_second"));
}

// CE-30
TEST(Options, a_burst_of_nothing_is_refused) {
  EXPECT_TRUE(is_error(refused({.max_per_second = 1, .burst = 0}), errc::invalid_argument,
                       "executor: burst must be at least 1"));
}

// CE-30
TEST(Options, a_negative_timeout_is_refused) {
  EXPECT_TRUE(is_error(refused({.timeout = -1ns}), errc::invalid_argument,
                       "executor: timeout must not be negative"));
}

// CE-30
TEST(Options, an_invalid_argument_equals_the_generic_condition) {
  try {
    std::rethrow_exception(refused({.max_workers = 0}));
  } catch (const boost::system::system_error& e) {
    EXPECT_TRUE(e.code() == boost::system::errc::invalid_argument);
    EXPECT_TRUE(e.code() == errc::invalid_argument);
    EXPECT_FALSE(e.code() == errc::closed);
  }
}

// CE-30: a scope refuses them as well, before its body runs.
CORO_TEST(Options, a_scope_refuses_them_before_its_body_runs) {
  bool ran = false;
  const auto body = [&](CoroutineExecutor&) -> awaitable<void> {
    ran = true;
    co_return;
  };
  const auto error = co_await error_of(with_executor({.max_workers = 0, .name = "scope"}, body));
  EXPECT_TRUE(is_error(error, errc::invalid_argument, "executor 'scope': max_workers"));
  EXPECT_FALSE(ran);
}

// CE-30
CORO_TEST(Options, a_jobs_negative_timeout_is_refused) {
  CoroutineExecutor executor(home);
  bool ran = false;
  const auto job = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  EXPECT_TRUE(is_error(error_from([&] { executor.submit_nowait({.timeout = -1ns}, job); }),
                       errc::invalid_argument, "timeout must not be negative"));
  co_await executor.join();
  EXPECT_FALSE(ran);
}

// The very large is no error, and nothing overflows.
CORO_TEST(Options, extreme_values_are_taken_at_their_word) {
  const auto seven = []() -> awaitable<int> { co_return 7; };
  Task<int> task;
  co_await with_executor({.max_workers = unlimited,
                          .timeout = std::chrono::nanoseconds::max() - 1ns,
                          .backlog = unlimited,
                          .max_per_second = std::numeric_limits<double>::infinity(),
                          .burst = unlimited},
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           task = co_await executor.submit(
                               {.timeout = std::chrono::nanoseconds::max() - 1ns}, seven);
                         });
  EXPECT_EQ(task.result(), 7);
}

// A name is copied: what it was made from may go.
CORO_TEST(Options, names_are_copied) {
  const auto seven = []() -> awaitable<int> { co_return 7; };
  auto name = std::make_unique<std::string>("a name that is too long for any small buffer");
  CoroutineExecutor executor(home, {.name = *name});
  const auto task = executor.submit_nowait({.name = *name}, seven);
  name->assign(name->size(), 'x');
  name.reset();
  EXPECT_EQ(task.name(), "a name that is too long for any small buffer");
  co_await executor.shutdown();
  const auto error = error_from([&] { executor.submit_nowait(seven); });
  EXPECT_TRUE(is_error(error, errc::closed, "'a name that is too long for any small buffer'"));
}

CORO_TEST_EVERYWHERE(Options, stats_tell_where_the_jobs_are) {
  Event go(home), never(home);
  CoroutineExecutor executor(
      home, options({.max_workers = 2, .on_error = ErrorPolicy::collect, .backlog = 1}));
  CoroutineExecutor submitters(home, options());
  std::atomic<int> started = 0;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await go.wait();
  };
  const auto fails = []() -> awaitable<void> {
    throw std::runtime_error("x");
    co_return;
  };
  const auto submits = [&]() -> awaitable<void> { co_await executor.submit(fails); };
  executor.submit_nowait(waits);
  executor.submit_nowait(waits);
  co_await until([&] { return started == 2; });
  const auto queued = executor.submit_nowait(waits);
  submitters.submit_nowait(submits);
  co_await until([&] { return executor.stats().waiting == 1; });
  auto stats = executor.stats();
  EXPECT_EQ(stats.active, 2u);
  EXPECT_EQ(stats.queued, 1u);
  EXPECT_EQ(stats.done(), 0u);
  queued.cancel();
  go.set();
  co_await submitters.join();
  EXPECT_TRUE(is_a<TaskGroupError>(co_await error_of(executor.join())));
  stats = executor.stats();
  EXPECT_EQ(stats.active + stats.queued + stats.waiting, 0u);
  EXPECT_EQ(stats.succeeded, 2u);
  EXPECT_EQ(stats.failed, 1u);
  EXPECT_EQ(stats.cancelled, 1u);
  EXPECT_EQ(stats.done(), 4u);
}

}  // namespace
}  // namespace coroexec::test
