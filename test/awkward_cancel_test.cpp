// Cancels that come at an awkward moment: before a start, between two jobs of a worker, at its end.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// An exception whose end cancels another task.
class CancelsAtItsEnd {
 public:
  explicit CancelsAtItsEnd(std::shared_ptr<Task<int>> target) : target_(std::move(target)) {}
  CancelsAtItsEnd(const CancelsAtItsEnd&) = delete;
  CancelsAtItsEnd(CancelsAtItsEnd&&) = default;
  ~CancelsAtItsEnd() {
    if (target_) target_->cancel();
  }

 private:
  std::shared_ptr<Task<int>> target_;
};

// The first job's error goes when the second has been begun and not been called: its result is of another type, so it
// waits for a frame of its own.
CORO_TEST(AwkwardCancel, between_two_jobs_of_a_worker_hits_its_own_job_only) {
  CoroutineExecutor executor(home, options({.max_workers = 1, .suppress_task_errors = true}));
  const auto target = std::make_shared<Task<int>>();
  const auto fails = [target]() -> awaitable<void> {
    throw CancelsAtItsEnd(target);
    co_return;
  };
  const auto one = []() -> awaitable<int> { co_return 1; };
  const auto none = []() -> awaitable<void> { co_return; };
  executor.submit_nowait(fails);
  *target = executor.submit_nowait(one);
  const auto of_another_type = executor.submit_nowait(none);
  const auto of_the_same_type = executor.submit_nowait(one);
  co_await executor.join();
  EXPECT_TRUE(target->cancelled());
  EXPECT_FALSE(of_another_type.exception()) << what(of_another_type.exception());
  EXPECT_FALSE(of_the_same_type.exception()) << what(of_the_same_type.exception());
}

// CE-4: the same worker's next job must still hear of its own cancel while the cancel of the job before it arrives.
TEST(AwkwardCancel, is_not_lost_behind_one_that_came_too_late) {
  asio::io_context context(2);
  auto work = asio::make_work_guard(context);
  CoroutineExecutor executor(context.get_executor(), {.max_workers = 1,
                                                      .suppress_task_errors = true,
                                                      .threading = Threading::multi});
  std::thread thread([&] { context.run(); });
  for (int round = 0; round < 2000; ++round) {
    std::atomic<bool> begun = false, go_on = false, next_begun = false;
    const auto ignores = [&]() -> awaitable<void> {
      begun = true;
      while (!go_on) std::this_thread::yield();
      co_return;
    };
    const auto sleeps = [&]() -> awaitable<void> {
      next_begun = true;
      co_await sleep_for(std::chrono::hours(1));
    };
    auto before = executor.submit_nowait(ignores);
    auto next = executor.submit_nowait(sleeps);
    while (!begun) std::this_thread::yield();
    before.cancel();
    go_on = true;
    while (!next_begun) std::this_thread::yield();
    next.cancel();
    const auto given_up = std::chrono::steady_clock::now() + patience;
    while (!next.done() && std::chrono::steady_clock::now() < given_up) std::this_thread::yield();
    EXPECT_TRUE(next.cancelled()) << "in round " << round;
    if (!next.done()) break;
  }
  executor.cancel();
  work.reset();
  context.stop();
  thread.join();
}

// CE-43: a stream whose source was never begun to be read can be joined all the same.
CORO_TEST(AwkwardCancel, before_a_streams_source_is_read_ends_the_stream) {
  const auto numbers = [](Yield<int> yield) -> awaitable<void> { co_await yield(1); };
  const auto twice = [](int n) -> awaitable<int> { co_return 2 * n; };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto stop = [&executor]() -> awaitable<void> {
      executor.cancel();
      co_return;
    };
    executor.submit_nowait(stop);  // runs before the stream's own coroutine
    const auto use = [](int) {};
    co_await for_each(executor.map(twice, generate<int>(numbers)), use);
  };
  const auto error = co_await error_of(with_executor(options({.max_workers = 2}), body));
  EXPECT_TRUE(is_cancelled(error));
}

// CE-42: an error that was there before the reader was cancelled reaches it, with all that ran joined.
CORO_TEST(AwkwardCancel, of_a_reader_that_has_its_error_already_does_not_take_it_away) {
  CoroutineExecutor executor(home, options({.max_workers = 2}));
  CoroutineExecutor readers(home, options({.suppress_task_errors = true}));
  Task<> reader;
  std::exception_ptr error;
  const auto fails_then_cancels = [&](int i) -> awaitable<void> {
    if (i == 0) throw std::runtime_error("no");
    reader.cancel();  // the same worker's next job: the reader has not run yet
    co_return;
  };
  const auto reads = [&]() -> awaitable<void> {
    auto stream = executor.map(fails_then_cancels, std::vector<int>{0, 1});
    error = co_await error_of(stream.next());
  };
  reader = readers.submit_nowait(reads);
  co_await readers.join();
  EXPECT_TRUE(says(error, "no"));
}

// CE-43: collect() leaves its caller's throw_if_cancelled as it was.
CORO_TEST(AwkwardCancel, collect_keeps_throw_if_cancelled) {
  CoroutineExecutor executor(home, options());
  const auto fails = [](int) -> awaitable<int> {
    throw std::runtime_error("no");
    co_return 0;
  };
  auto stream = executor.map(fails, std::vector<int>{0});
  co_await asio::this_coro::throw_if_cancelled(false);
  EXPECT_TRUE(says(co_await error_of(std::move(stream).collect()), "no"));
  EXPECT_FALSE(co_await asio::this_coro::throw_if_cancelled());
}

// CE-13: nothing keeps the context running once the last queued job has been cancelled.
TEST(AwkwardCancel, of_the_last_job_in_the_queue_lets_the_context_end) {
  asio::io_context context(1);
  CoroutineExecutor executor(context.get_executor(),
                             {.max_per_second = 1e-3, .threading = Threading::single});
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto starts = executor.submit_nowait(nothing);
  const auto waits = executor.submit_nowait(nothing);  // for a thousand seconds
  context.poll();
  EXPECT_TRUE(starts.done());
  EXPECT_TRUE(waits.cancel());
  context.run_for(patience);
  EXPECT_TRUE(context.stopped());
}

}  // namespace
}  // namespace coroexec::test
