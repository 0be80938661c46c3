// What a running job knows of itself; outcomes; error codes.
#include "coroexec/this_task.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/outcome.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

CORO_TEST_EVERYWHERE(ThisTask, knows_its_name_and_number_after_every_wait) {
  CoroutineExecutor executor(home, options());
  const auto job = [](std::string name) -> awaitable<std::uint64_t> {
    EXPECT_EQ(this_task::name(), name);
    co_await this_task::yield();
    EXPECT_EQ(this_task::name(), name);
    co_await asio::post(asio::use_awaitable);
    EXPECT_EQ(this_task::name(), name);
    co_await sleep_for(std::chrono::microseconds(100));
    EXPECT_EQ(this_task::name(), name);
    co_return this_task::id();
  };
  std::vector<Task<std::uint64_t>> tasks;
  for (const std::string name : {"a", "b", "c", "d"})
    tasks.push_back(executor.submit_nowait({.name = name}, job, name));
  co_await executor.join();
  for (auto& task : tasks) EXPECT_EQ(task.result(), task.id());
}

TEST(ThisTask, is_nobody_outside_of_any_job) {
  EXPECT_EQ(this_task::name(), "");
  EXPECT_EQ(this_task::id(), 0u);
  EXPECT_FALSE(this_task::cancel_requested());
  asio::io_context context(1);
  const auto plain = []() -> awaitable<void> {
    EXPECT_EQ(this_task::id(), 0u);
    co_await this_task::yield();
    EXPECT_EQ(this_task::id(), 0u);
    EXPECT_FALSE(this_task::cancel_requested());
    co_await this_task::uncancel();
  };
  bool ended = false;
  asio::co_spawn(context, plain(), [&](std::exception_ptr error) {
    ended = true;
    EXPECT_FALSE(error);
  });
  context.run();
  EXPECT_TRUE(ended);
}

// Two jobs that yield take turns.
CORO_TEST(ThisTask, yield_lets_the_others_run) {
  std::string turns;
  const auto job = [&](char letter) -> awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      turns += letter;
      co_await this_task::yield();
    }
  };
  CoroutineExecutor executor(home);
  executor.submit_nowait(job, 'a');
  executor.submit_nowait(job, 'b');
  co_await executor.join();
  EXPECT_EQ(turns, "ababab");
}

// A crowd that only yields does not keep timers and sockets from their turn.
CORO_TEST_EVERYWHERE(ThisTask, yield_does_not_starve_timers) {
  std::atomic<bool> stop = false;
  const auto yields = [&]() -> awaitable<void> {
    while (!stop) co_await this_task::yield();
  };
  const auto timer = [&]() -> awaitable<void> {
    co_await sleep_for(milliseconds(2));
    stop = true;
  };
  CoroutineExecutor executor(home, options());
  for (int i = 0; i < 10; ++i) executor.submit_nowait(yields);
  executor.submit_nowait(timer);
  co_await executor.join();
  EXPECT_TRUE(stop);
}

// Nor do short jobs that never suspend.
CORO_TEST(ThisTask, a_stream_of_short_jobs_does_not_starve_timers) {
  bool stop = false;
  std::function<awaitable<void>(CoroutineExecutor&)> again =
      [&](CoroutineExecutor& executor) -> awaitable<void> {
    if (!stop) executor.submit_nowait(again, std::ref(executor));
    co_return;
  };
  const auto timer = [&]() -> awaitable<void> {
    co_await sleep_for(milliseconds(2));
    stop = true;
  };
  CoroutineExecutor executor(home);
  executor.submit_nowait(again, std::ref(executor));
  executor.submit_nowait(timer);
  co_await executor.join();
  EXPECT_TRUE(stop);
}

CORO_TEST_EVERYWHERE(ThisTask, sleep_takes_its_time) {
  const auto begin = std::chrono::steady_clock::now();
  co_await sleep_for(milliseconds(5));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(5));
}

CORO_TEST(Outcome, of_an_awaitable_holds_its_value_or_error) {
  const auto gives = []() -> awaitable<MoveOnly> { co_return MoveOnly(7); };
  const auto fails = []() -> awaitable<int> {
    throw std::out_of_range("broken");
    co_return 0;
  };
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto value = co_await as_outcome(gives());
  REQUIRE(value.has_value());
  EXPECT_EQ(value.value().value(), 7);
  const auto error = co_await as_outcome(fails());
  REQUIRE(error.has_error());
  EXPECT_TRUE(is_a<std::out_of_range>(error.error()));
  EXPECT_TRUE(is_a<std::out_of_range>(error_from([&] { (void)error.value(); })));
  EXPECT_TRUE((co_await as_outcome(nothing())).has_value());
}

TEST(Error, codes_have_texts_and_generic_conditions) {
  namespace sys = boost::system;
  const std::vector<std::tuple<errc, sys::errc::errc_t, const char*>> expected{
      {errc::closed, sys::errc::broken_pipe, "closed"},
      {errc::timed_out, sys::errc::timed_out, "timed out"},
      {errc::would_deadlock, sys::errc::resource_deadlock_would_occur, "would deadlock"},
      {errc::invalid_state, sys::errc::operation_not_permitted, "invalid state"},
      {errc::invalid_argument, sys::errc::invalid_argument, "invalid argument"}};
  for (const auto& [code, condition, text] : expected) {
    const sys::error_code made = code;
    EXPECT_EQ(made.message(), text);
    EXPECT_TRUE(made == condition) << text;
    EXPECT_FALSE(made == sys::error_code()) << text;
    EXPECT_EQ(&made.category(), &error_category());
    EXPECT_TRUE(made.failed());
  }
  EXPECT_STREQ(error_category().name(), "coroexec");
  EXPECT_EQ(error_category().message(999), "unknown coroexec error");
}

TEST(Error, a_group_tells_how_many_and_quotes_the_first) {
  const auto first = std::make_exception_ptr(std::runtime_error("disk full"));
  EXPECT_STREQ(TaskGroupError({{"", 4, first}}).what(), "1 job failed, the first was job 4: disk full");
  EXPECT_STREQ(TaskGroupError({{"save", 4, first}, {"", 5, nullptr}}).what(),
               "2 jobs failed, the first was job 'save': disk full");
}

}  // namespace
}  // namespace coroexec::test
