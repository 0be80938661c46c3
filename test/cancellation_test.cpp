// What a job sees of its own cancel, what it can do about it, and that the next job sees nothing of it.
#include <gtest/gtest.h>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// Sticky, as everywhere in Asio: every later co_await throws until uncancel().
CORO_TEST_EVERYWHERE(Cancellation, lasts_until_uncancel) {
  Event never(home), waits(home);
  std::vector<bool> threw;
  bool before = true, after = true;
  const auto job = [&]() -> awaitable<int> {
    before = this_task::cancel_requested();
    threw.push_back(static_cast<bool>(co_await error_of(never.wait([&] { waits.set(); }))));
    after = this_task::cancel_requested();
    try {
      co_await sleep_for(milliseconds(0));
      threw.push_back(false);
    } catch (const boost::system::system_error& e) {
      threw.push_back(e.code() == asio::error::operation_aborted);
    }
    co_await this_task::uncancel();
    EXPECT_FALSE(this_task::cancel_requested());
    co_await this_task::yield();
    co_await sleep_for(milliseconds(1));
    co_return 7;
  };
  CoroutineExecutor executor(home, options());
  const auto task = executor.submit_nowait(job);
  co_await waits.wait();
  EXPECT_TRUE(task.cancel());
  co_await executor.join();
  EXPECT_FALSE(before);
  EXPECT_TRUE(after);
  EXPECT_EQ(threw, (std::vector{true, true}));
  EXPECT_EQ(task.result(), 7) << "recovered, so it has succeeded";
  EXPECT_FALSE(task.cancelled());
}

CORO_TEST_EVERYWHERE(Cancellation, may_come_again_after_uncancel) {
  Event never(home);
  std::atomic<int> waiting = 0;
  const auto job = [&]() -> awaitable<void> {
    EXPECT_TRUE(is_cancelled(co_await error_of(never.wait([&] { ++waiting; }))));
    co_await this_task::uncancel();
    co_await never.wait([&] { ++waiting; });
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto task = executor.submit_nowait(job);
  for (int round = 1; round <= 2; ++round) {
    co_await until([&] { return waiting == round; });
    EXPECT_FALSE(task.done());
    EXPECT_TRUE(task.cancel());
  }
  co_await executor.join();
  EXPECT_TRUE(task.cancelled());
}

// A job that computes sees it without awaiting anything.
CORO_TEST_EVERYWHERE(Cancellation, can_be_asked_about_by_a_job_that_computes) {
  CoroutineExecutor executor(home, options());
  Task<int> task;
  Event known(home);
  const auto job = [&]() -> awaitable<int> {
    co_await known.wait();
    EXPECT_FALSE(this_task::cancel_requested());
    EXPECT_TRUE(task.cancel());
    co_return this_task::cancel_requested() ? 1 : 0;
  };
  task = executor.submit_nowait(job);
  known.set();
  co_await executor.join();
  EXPECT_EQ(task.result(), 1);
}

// yield() is a place to be cancelled at.
CORO_TEST_EVERYWHERE(Cancellation, ends_a_job_that_only_yields) {
  std::atomic<int> turns = 0;
  const auto job = [&]() -> awaitable<void> {
    for (;; ++turns) co_await this_task::yield();
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto task = executor.submit_nowait(job);
  co_await until([&] { return turns > 3; });
  task.cancel();
  co_await executor.join();
  EXPECT_TRUE(task.cancelled());
}

CORO_TEST_EVERYWHERE(Cancellation, reaches_whatever_asio_operation_the_job_waits_in) {
  std::atomic<int> begun = 0;
  const auto timer = [&]() -> awaitable<void> {
    asio::steady_timer forever(co_await asio::this_coro::executor, std::chrono::hours(1));
    ++begun;
    co_await forever.async_wait(asio::use_awaitable);
  };
  const auto channel = [&]() -> awaitable<void> {
    asio::experimental::channel<void(boost::system::error_code, int)> empty(
        co_await asio::this_coro::executor);
    ++begun;
    boost::system::error_code ec;
    co_await empty.async_receive(asio::redirect_error(asio::use_awaitable, ec));
    EXPECT_EQ(ec, asio::experimental::error::channel_cancelled);
    co_await this_task::yield();
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto in_timer = executor.submit_nowait(timer);
  const auto in_channel = executor.submit_nowait(channel);
  co_await until([&] { return begun == 2; });
  in_timer.cancel();
  in_channel.cancel();
  co_await executor.join();
  EXPECT_TRUE(in_timer.cancelled());
  EXPECT_TRUE(in_channel.cancelled());
}

// Whatever one job does to its coroutine's cancellation state, the next one in the same worker starts
// afresh.
CORO_TEST_EVERYWHERE(Cancellation, state_is_reset_between_two_jobs_of_a_worker) {
  Event never(home), waits(home);
  const auto deaf = []() -> awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  };
  const auto greedy = []() -> awaitable<void> {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  };
  const auto looks = [&]() -> awaitable<int> {
    EXPECT_TRUE(co_await asio::this_coro::throw_if_cancelled());
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    EXPECT_EQ(state.cancelled(), asio::cancellation_type::none);
    EXPECT_FALSE(this_task::cancel_requested());
    EXPECT_TRUE(is_cancelled(co_await error_of(never.wait([&] { waits.set(); }))));
    co_return 1;
  };
  CoroutineExecutor executor(home, options({.max_workers = 1, .suppress_task_errors = true}));
  executor.submit_nowait(deaf);
  executor.submit_nowait(greedy);
  const auto task = executor.submit_nowait(looks);
  co_await waits.wait();
  task.cancel();
  co_await executor.join();
  EXPECT_EQ(task.result(), 1);
}

// The same after a job that was cancelled and ended in each possible way.
CORO_TEST_EVERYWHERE(Cancellation, a_cancelled_job_does_not_infect_the_next) {
  Event never(home);
  std::atomic<int> waiting = 0;
  const auto ends = [&](int how) -> awaitable<void> {
    const auto error = co_await error_of(never.wait([&] { ++waiting; }));
    if (how == 0) std::rethrow_exception(error);
    if (how == 1) throw std::runtime_error("other");
    if (how == 2) co_await this_task::uncancel();
  };
  const auto healthy = [&]() -> awaitable<int> {
    EXPECT_FALSE(this_task::cancel_requested());
    co_await this_task::yield();
    co_await sleep_for(milliseconds(0));
    co_return 7;
  };
  CoroutineExecutor executor(home, options({.max_workers = 1, .suppress_task_errors = true}));
  for (int how = 0; how < 4; ++how) {
    const auto cancelled = executor.submit_nowait(ends, how);
    const auto next = executor.submit_nowait(healthy);
    co_await until([&] { return waiting == how + 1; });
    cancelled.cancel();
    EXPECT_EQ(co_await next.get(), 7) << how;
    EXPECT_EQ(cancelled.cancelled(), how == 0) << how;
  }
}

// A cancel that comes too late hits nobody: not the next job of that worker either.
CORO_TEST_EVERYWHERE(Cancellation, that_meets_the_end_of_a_job_does_not_hit_the_next) {
  CoroutineExecutor executor(home, options({.max_workers = 2, .suppress_task_errors = true}));
  const auto brief = []() -> awaitable<void> { co_await this_task::yield(); };
  std::vector<Task<>> healthy;
  for (int i = 0; i < 500; ++i) {
    const auto task = executor.submit_nowait(brief);
    healthy.push_back(executor.submit_nowait(brief));
    if (i % 3) co_await asio::post(asio::use_awaitable);
    task.cancel();
    if (i % 2) co_await asio::post(asio::use_awaitable);
    task.cancel();
  }
  co_await executor.join();
  for (auto& task : healthy) EXPECT_EQ(task.state(), TaskState::succeeded);
  EXPECT_EQ(executor.stats().done(), 1000u);
}

CORO_TEST_EVERYWHERE(Cancellation, shield_holds_it_off_until_the_operation_is_done) {
  Event go(home), inside(home);
  std::vector<std::string> steps;
  const auto operation = [&]() -> awaitable<int> {
    inside.set();
    co_await go.wait();
    co_await sleep_for(milliseconds(1));
    steps.push_back("done");
    co_return 7;
  };
  const auto job = [&]() -> awaitable<void> {
    const int result = co_await shield(operation());
    steps.push_back("result " + std::to_string(result));
    try {
      co_await this_task::yield();
    } catch (const boost::system::system_error&) {
      steps.push_back("cancelled");
      throw;
    }
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto task = executor.submit_nowait(job);
  co_await inside.wait();
  task.cancel();
  for (int i = 0; i < 5; ++i) co_await asio::post(asio::use_awaitable);
  EXPECT_FALSE(task.done());
  go.set();
  co_await executor.join();
  EXPECT_EQ(steps, (std::vector<std::string>{"done", "result 7", "cancelled"}));
  EXPECT_TRUE(task.cancelled());
}

CORO_TEST_EVERYWHERE(Cancellation, shield_passes_results_and_errors_on) {
  const auto gives = []() -> awaitable<MoveOnly> { co_return MoveOnly(7); };
  const auto fails = []() -> awaitable<void> {
    throw std::out_of_range("inside");
    co_return;
  };
  const auto result = co_await shield(gives());
  EXPECT_EQ(result.value(), 7);
  EXPECT_TRUE(is_a<std::out_of_range>(co_await error_of(shield(fails()))));
}

// A cancel that has been seen already cannot be held off: as for every co_await, it throws.
CORO_TEST_EVERYWHERE(Cancellation, shield_cannot_begin_in_a_cancelled_job) {
  Event never(home), waits(home);
  bool ran = false;
  std::exception_ptr refused;
  const auto operation = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  const auto job = [&]() -> awaitable<void> {
    co_await error_of(never.wait([&] { waits.set(); }));
    try {
      co_await shield(operation());
    } catch (...) {
      refused = std::current_exception();
    }
    co_await this_task::uncancel();
    co_await shield(operation());
  };
  CoroutineExecutor executor(home, options());
  const auto task = executor.submit_nowait(job);
  co_await waits.wait();
  task.cancel();
  co_await executor.join();
  EXPECT_TRUE(is_cancelled(refused));
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace coroexec::test
