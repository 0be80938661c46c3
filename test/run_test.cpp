// run(main): a context, a main coroutine, Ctrl-C.
#include "coroexec/run.hpp"

#include <gtest/gtest.h>

#include <boost/asio/async_result.hpp>
#include <csignal>
#include <memory>
#include <stdexcept>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<int> seven() {
  co_await sleep_for(milliseconds(1));
  co_return 7;
}

TEST(Run, gives_the_result_of_an_awaitable) { EXPECT_EQ(run(seven()), 7); }

TEST(Run, gives_the_result_of_a_callable) {
  EXPECT_EQ(run(seven), 7);
  const auto moves = []() -> awaitable<MoveOnly> { co_return MoveOnly(3); };
  EXPECT_EQ(run(moves).value(), 3);
  bool ran = false;
  const auto nothing = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  run(nothing);
  EXPECT_TRUE(ran);
}

TEST(Run, rethrows_the_error) {
  const auto fails = []() -> awaitable<int> {
    co_await this_task::yield();
    throw std::out_of_range("main");
  };
  const auto error = error_from([&] { run(fails); });
  EXPECT_TRUE(is_a<std::out_of_range>(error));
  EXPECT_TRUE(says(error, "main"));
  const auto throws_anything = []() -> awaitable<void> {
    throw NotAnException{1};
    co_return;
  };
  EXPECT_TRUE(is_a<NotAnException>(error_from([&] { run(throws_anything); })));
}

TEST(Run, may_be_called_again_and_again) {
  for (int i = 0; i < 50; ++i) EXPECT_EQ(run(seven()), 7);
}

// A handler that nobody keeps: the coroutine that waits for it is gone.
TEST(Run, says_so_if_main_can_never_finish) {
  std::atomic<int> live = 0;
  const auto lost = [&]() -> awaitable<void> {
    const Tracked tracked(live);
    auto drop = [](auto) {};
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(drop, asio::use_awaitable);
  };
  const auto error = error_from([&] { run(lost); });
  EXPECT_TRUE(is_error(error, errc::invalid_state, "run(): main")) << what(error);
  EXPECT_EQ(live, 0);
}

// Nobody else could set the event: main waits for itself, and nothing else is going on.
TEST(Run, does_not_wait_for_what_main_left_behind) {
  std::atomic<int> live = 0;
  const auto main = [&]() -> awaitable<int> {
    const auto stray = [](Tracked) -> awaitable<void> { co_await sleep_for(std::chrono::hours(1)); };
    asio::co_spawn(co_await asio::this_coro::executor, stray(Tracked(live)), [](std::exception_ptr) {});
    co_await this_task::yield();
    EXPECT_EQ(live, 1);
    co_return 5;
  };
  EXPECT_EQ(run(main), 5);
  EXPECT_EQ(live, 0) << "destroyed before run() returned";
}

TEST(Run, is_known_to_be_single_threaded_and_has_scopes_inside) {
  int sum = 0;  // neither lock nor atomic
  const auto job = [&](int i) -> awaitable<void> {
    co_await this_task::yield();
    sum += i;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<int> {
    for (int i = 1; i <= 100; ++i) co_await executor.submit(job, i);
    co_await executor.join();
    co_return sum;
  };
  const auto main = [&]() -> awaitable<int> { co_return co_await with_executor(body); };
  EXPECT_EQ(run(main), 5050);
}

TEST(Run, the_first_interrupt_cancels_main) {
  for (const int signal : {SIGINT, SIGTERM}) {
    std::exception_ptr seen;
    const auto main = [&]() -> awaitable<int> {
      std::raise(signal);
      seen = co_await error_of(sleep_for(std::chrono::hours(1)));
      EXPECT_TRUE(this_task::cancel_requested());
      co_await this_task::uncancel();
      co_await sleep_for(milliseconds(1));  // clean-up
      co_return 3;
    };
    EXPECT_EQ(run(main), 3);
    EXPECT_TRUE(is_cancelled(seen));
  }
}

TEST(Run, an_interrupted_main_that_does_not_mind_ends_with_operation_aborted) {
  const auto main = []() -> awaitable<void> {
    std::raise(SIGINT);
    co_await sleep_for(std::chrono::hours(1));
  };
  EXPECT_TRUE(is_cancelled(error_from([&] { run(main); })));
}

TEST(Run, the_second_interrupt_ends_it_at_once) {
  std::atomic<int> live = 0;
  const auto stubborn = [&]() -> awaitable<void> {
    const Tracked tracked(live);
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    std::raise(SIGINT);
    while (!this_task::cancel_requested()) co_await sleep_for(milliseconds(1));
    std::raise(SIGINT);
    co_await sleep_for(std::chrono::hours(1));
  };
  EXPECT_TRUE(is_cancelled(error_from([&] { run(stubborn); })));
  EXPECT_EQ(live, 0);
}

TEST(Run, interrupts_reach_scopes_and_their_jobs) {
  Task<> job;
  const auto sleeps = []() -> awaitable<void> { co_await sleep_for(std::chrono::hours(1)); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    job = co_await executor.submit(sleeps);
    co_await this_task::yield();
    std::raise(SIGINT);
  };
  const auto main = [&]() -> awaitable<void> { co_await with_executor(body); };
  EXPECT_TRUE(is_cancelled(error_from([&] { run(main); })));
  EXPECT_TRUE(job.cancelled());
}

}  // namespace
}  // namespace coroexec::test
