// Executors of a concrete type: jobs run on that executor itself.
#include <gtest/gtest.h>

#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <ranges>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using Raw = asio::io_context::executor_type;
using Strand = asio::strand<Raw>;

template <class Ex>
class ExecutorTypes : public ::testing::Test {
 protected:
  template <class T>
  using awaitable = asio::awaitable<T, Ex>;
  using Scope = BasicCoroutineExecutor<Ex>;

  ExecutorTypes() : executor(make(context)) {}

  static Ex make(asio::io_context& context) {
    if constexpr (std::is_same_v<Ex, Strand>)
      return asio::make_strand(context.get_executor());
    else
      return context.get_executor();
  }

  template <class Main>
  void run(Main main) {
    auto future = asio::co_spawn(executor, main(), asio::use_future);
    context.run_for(patience);
    ASSERT_EQ(future.wait_for(milliseconds(0)), std::future_status::ready) << "hangs";
    future.get();
  }

  asio::io_context context{1};
  Ex executor;
};

using Types = ::testing::Types<Raw, Strand, asio::any_io_executor>;
TYPED_TEST_SUITE(ExecutorTypes, Types);

template <class Ex>
struct SlowTwice {
  asio::awaitable<int, Ex> operator()(int number) const {
    co_await sleep_for<Ex>(std::chrono::microseconds(100));
    co_await this_task::yield<Ex>();
    co_return 2 * number;
  }
};

TYPED_TEST(ExecutorTypes, run_jobs_and_join_them) {
  using Ex = TypeParam;
  this->run([]() -> asio::awaitable<void, Ex> {
    const SlowTwice<Ex> job;
    std::vector<BasicTask<int, Ex>> tasks;
    const auto body = [&](BasicCoroutineExecutor<Ex>& scope) -> asio::awaitable<void, Ex> {
      for (int i = 0; i < 50; ++i) tasks.push_back(co_await scope.submit(job, i));
    };
    co_await with_executor<Ex>({.max_workers = 3, .backlog = 0}, body);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(tasks[static_cast<std::size_t>(i)].result(), 2 * i);
  });
}

TYPED_TEST(ExecutorTypes, run_jobs_on_themselves) {
  using Ex = TypeParam;
  if constexpr (!std::is_same_v<Ex, asio::any_io_executor>) {
    this->run([this]() -> asio::awaitable<void, Ex> {
      const auto job = [this]() -> asio::awaitable<bool, Ex> {
        co_return co_await asio::this_coro::executor == this->executor;
      };
      BasicCoroutineExecutor<Ex> scope(this->executor);
      const auto task = co_await scope.submit(job);
      EXPECT_TRUE(co_await task.get());
      EXPECT_TRUE(scope.get_executor() == this->executor);
    });
  }
}

TYPED_TEST(ExecutorTypes, pass_errors_and_cancels_on) {
  using Ex = TypeParam;
  this->run([]() -> asio::awaitable<void, Ex> {
    BasicTask<void, Ex> sibling;
    const auto sleeps = []() -> asio::awaitable<void, Ex> {
      co_await sleep_for<Ex>(std::chrono::hours(1));
    };
    const auto fails = []() -> asio::awaitable<void, Ex> {
      co_await this_task::yield<Ex>();
      throw std::runtime_error("typed");
    };
    const auto body = [&](BasicCoroutineExecutor<Ex>& scope) -> asio::awaitable<void, Ex> {
      sibling = co_await scope.submit(sleeps);
      co_await scope.submit(fails);
    };
    EXPECT_TRUE(says(co_await error_of(with_executor<Ex>(body)), "typed"));
    EXPECT_TRUE(sibling.cancelled());
  });
}

TYPED_TEST(ExecutorTypes, keep_time) {
  using Ex = TypeParam;
  this->run([]() -> asio::awaitable<void, Ex> {
    const auto sleeps = []() -> asio::awaitable<void, Ex> {
      co_await sleep_for<Ex>(std::chrono::hours(1));
    };
    BasicTask<void, Ex> task;
    const auto body = [&](BasicCoroutineExecutor<Ex>& scope) -> asio::awaitable<void, Ex> {
      task = co_await scope.submit({.timeout = milliseconds(2)}, sleeps);
      co_await task.wait();
      co_await sleeps();
    };
    const auto error = co_await error_of(with_executor<Ex>({.timeout = milliseconds(20)}, body));
    EXPECT_TRUE(is_error(error, errc::timed_out, "executor exceeded its timeout of 20 ms"));
    EXPECT_TRUE(is_error(task.exception(), errc::timed_out, "exceeded its timeout of 2 ms"));
  });
}

TYPED_TEST(ExecutorTypes, stream_results) {
  using Ex = TypeParam;
  this->run([this]() -> asio::awaitable<void, Ex> {
    const SlowTwice<Ex> job;
    BasicCoroutineExecutor<Ex> scope(this->executor, {.max_workers = 4});
    auto stream = scope.map(job, std::views::iota(0, 40));
    int expected = 0;
    while (const auto result = co_await stream.next()) EXPECT_EQ(*result, 2 * expected++);
    EXPECT_EQ(expected, 40);
    auto dropped = scope.map_unordered(job, std::views::iota(0));
    const auto one = co_await dropped.next();
    EXPECT_TRUE(one.has_value());
  });
}

TYPED_TEST(ExecutorTypes, shield_and_initialize) {
  using Ex = TypeParam;
  this->run([this]() -> asio::awaitable<void, Ex> {
    const SlowTwice<Ex> job;
    const int shielded = co_await shield(job(4));
    EXPECT_EQ(shielded, 8);
    int initialized = 0;
    const auto initialize = [&](int n) -> asio::awaitable<void, Ex> {
      co_await this_task::yield<Ex>();
      initialized += n;
    };
    BasicCoroutineExecutor<Ex> scope(this->executor);
    scope.set_initializer(initialize, 5);
    const auto task = co_await scope.submit(job, 1);
    const int result = co_await task.get();
    EXPECT_EQ(result, 2);
    EXPECT_EQ(initialized, 5);
  });
}

TYPED_TEST(ExecutorTypes, let_the_context_go_first) {
  using Ex = TypeParam;
  std::atomic<int> live = 0;
  BasicTask<void, Ex> task;
  {
    asio::io_context brief(1);
    BasicCoroutineExecutor<Ex> scope(TestFixture::make(brief), {.max_workers = 1});
    const auto sleeps = [](const Tracked&) -> asio::awaitable<void, Ex> {
      co_await sleep_for<Ex>(std::chrono::hours(1));
    };
    task = scope.submit_nowait(sleeps, Tracked(live));
    scope.submit_nowait(sleeps, Tracked(live));
    brief.poll();
  }
  EXPECT_TRUE(task.cancelled());
  EXPECT_EQ(live, 0);
}

TYPED_TEST(ExecutorTypes, leave_run_free_to_return_when_idle) {
  using Ex = TypeParam;
  BasicCoroutineExecutor<Ex> scope(this->executor);
  const auto task = scope.submit_nowait(SlowTwice<Ex>(), 2);
  this->context.run();
  EXPECT_EQ(task.result(), 4);
}

// A strand makes everything of one executor serial, however many threads there are.
TEST(SerialExecutors, a_strand_is_serial_in_threads) {
  asio::io_context context;
  auto strand = asio::make_strand(context.get_executor());
  BasicCoroutineExecutor<Strand> scope(strand);
  int unguarded = 0;
  const auto job = [&]() -> asio::awaitable<void, Strand> {
    for (int i = 0; i < 100; ++i) {
      ++unguarded;
      co_await this_task::yield<Strand>();
    }
  };
  asio::post(strand, [&] {
    for (int i = 0; i < 20; ++i) scope.submit_nowait(job);
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(unguarded, 2000);
}

// The usual type over a strand: the whole executor is serial, and needs no lock.
TEST(SerialExecutors, any_executor_over_a_strand_is_serial_too) {
  asio::io_context context;
  auto strand = asio::make_strand(context.get_executor());
  CoroutineExecutor scope(strand);
  int unguarded = 0;
  const auto job = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 100; ++i) {
      ++unguarded;
      co_await this_task::yield();
      co_await asio::post(asio::use_awaitable);
    }
  };
  asio::post(strand, [&] {
    for (int i = 0; i < 20; ++i) scope.submit_nowait(job);
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(unguarded, 2000);
}

// A service that is younger than ours is destroyed before ours: for the address sanitizer.
TEST(SerialExecutors, a_strand_is_let_go_of_before_its_service_is_destroyed) {
  asio::io_context context;
  CoroutineExecutor older(context.get_executor());
  CoroutineExecutor scope(asio::make_strand(context.get_executor()));
  const auto task = scope.submit_nowait([]() -> asio::awaitable<int> { co_return 1; });
  context.run();
  EXPECT_EQ(task.result(), 1);
}

}  // namespace
}  // namespace coroexec::test
