// Objects that can be awaited again and again.
#include "coroexec/coro_iter.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "coroexec/coro_start.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "job_test.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

struct Counting {
  int count = 0;
  awaitable<std::string> cofunc(bool block) {
    if (block) co_await this_task::yield();
    co_return "foobar" + std::to_string(++count);
  }
};

// ITER-1, ITER-2, ITER-4
CORO_TEST_AS_JOB(TestCoroIter, test_coro_iter) {
  for (const bool block : {true, false}) {
    Counting counting;
    const auto object = coro_iter([&counting, block] { return counting.cofunc(block); });
    EXPECT_EQ(co_await object(), "foobar1");
    EXPECT_EQ(co_await object(), "foobar2");
  }
}

// ITER-3
CORO_TEST_AS_JOB(TestCoroIter, test_coro_iter_exception) {
  int calls = 0;
  const auto fails = [&]() -> awaitable<void> {
    ++calls;
    throw std::out_of_range("each time");
  };
  const auto object = coro_iter(fails);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(says(co_await error_of(object()), "each time"));
  EXPECT_EQ(calls, 2);
}

// ITER-4
CORO_TEST_AS_JOB(TestCoroIter, test_await_immediate) {
  const auto quick = []() -> awaitable<int> { co_return 3; };
  CoroStart start(coro_iter(quick)());
  EXPECT_EQ(start.result(), 3);
  co_return;
}

// ITER-5: the exception that Asio can bring to a suspension is the cancellation
CORO_TEST_AS_JOB(TestCoroIter, test_raw_exception) {
  Event never(home);
  const auto handles = [&]() -> awaitable<std::string> {
    const auto error = co_await error_of(never.wait());
    co_return is_cancelled(error) ? "handled" : "?";
  };
  const auto object = coro_iter(handles);
  for (int i = 0; i < 2; ++i) {
    const auto task = eager(object());
    task.cancel();
    EXPECT_EQ(co_await task.get(), "handled");
  }
}

// ITER-6
CORO_TEST_AS_JOB(TestCoroIter, test_raw_generator_exit) {
  Event never(home);
  const auto task = eager(never.wait());
  std::atomic<int> live = 0;
  const auto waits = [&]() -> awaitable<void> {
    const Tracked tracked(live);
    co_await task.wait();
  };
  const auto object = coro_iter(waits);
  CoroStart start(object());
  EXPECT_EQ(live, 1);
  start.close();
  EXPECT_EQ(live, 0);
  task.cancel();
  co_return;
}

// ITER-7
CORO_TEST_AS_JOB(TestCoroIter, the_same_coroutine_cannot_be_awaited_twice) {
  Counting counting;
  const auto object = coro_iter(counting.cofunc(true));
  EXPECT_EQ(co_await object(), "foobar1");
  EXPECT_TRUE(is_error(co_await error_of(object()), errc::invalid_state,
                       "coro_iter: cannot reuse already awaited coroutine"));
}

CORO_TEST_AS_JOB(TestCoroIter, the_function_lives_as_long_as_its_coroutine) {
  std::atomic<int> live = 0;
  const auto make = [](Tracked tracked) {
    const auto waits = [tracked = std::move(tracked)]() -> awaitable<int> {
      co_await this_task::yield();
      co_return tracked.value();
    };
    return coro_iter(waits)();
  };
  auto coroutine = make(Tracked(live, 5));
  EXPECT_EQ(co_await std::move(coroutine), 5);
}

#if BOOST_VERSION >= 108500
// ITER-1, ITER-2, ITER-3
CORO_TEST_AS_JOB(TestCoroIter, is_an_operation_of_asio_as_well) {
  Counting counting;
  const auto function = [&] { return counting.cofunc(true); };
  const auto object = coro_iter(function);
  EXPECT_EQ(co_await object(asio::use_awaitable), "foobar1");
  EXPECT_EQ(co_await object(asio::use_awaitable), "foobar2");
  const auto fails = []() -> awaitable<void> { throw std::out_of_range("out"); co_return; };
  const auto failing = coro_iter(fails);
  std::string error;
  try {
    co_await failing(asio::use_awaitable);
  } catch (const std::out_of_range& e) {
    error = e.what();
  }
  EXPECT_EQ(error, "out");
}

CORO_TEST_AS_JOB(TestCoroIter, a_cancel_of_the_awaiter_arrives) {
  Event never(home);
  const auto handles = [&]() -> awaitable<std::string> {
    co_return is_cancelled(co_await error_of(never.wait())) ? "handled" : "?";
  };
  const auto object = coro_iter(handles);
  const auto awaiter = [&]() -> awaitable<std::string> { co_return co_await object(asio::use_awaitable); };
  const auto task = eager(awaiter());
  task.cancel();
  EXPECT_EQ(co_await task.get(), "handled");
}
#endif

}  // namespace
}  // namespace coroexec::test
