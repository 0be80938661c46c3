// generate: a stream written as a coroutine that yields.

#include "coroexec/generate.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

CORO_TEST_EVERYWHERE(Generate, gives_what_the_body_yields) {
  const auto body = [](Yield<std::string> yield) -> awaitable<void> {
    co_await yield("a");
    co_await sleep_for(1ms);
    co_await yield("b");
  };
  auto stream = generate<std::string>(body);
  const auto a = co_await stream.next();
  const auto b = co_await stream.next();
  const auto end = co_await stream.next();
  const auto ever_after = co_await stream.next();
  EXPECT_EQ(a, "a");
  EXPECT_EQ(b, "b");
  EXPECT_EQ(end, std::nullopt);
  EXPECT_EQ(ever_after, std::nullopt);
}

CORO_TEST(Generate, runs_its_body_only_while_an_element_is_wanted) {
  std::vector<std::string> log;
  const auto body = [&](Yield<int> yield) -> awaitable<void> {
    for (int n = 0; n < 3; ++n) {
      log.push_back("makes " + std::to_string(n));
      co_await yield(n);
    }
    log.push_back("ends");
  };
  auto stream = generate<int>(body);
  co_await asio::post(asio::use_awaitable);
  EXPECT_TRUE(log.empty());
  while (auto n = co_await stream.next()) {
    co_await asio::post(asio::use_awaitable);
    co_await asio::post(asio::use_awaitable);
    log.push_back("reads " + std::to_string(*n));
  }
  EXPECT_EQ(log, (std::vector<std::string>{"makes 0", "reads 0", "makes 1", "reads 1", "makes 2",
                                           "reads 2", "ends"}));
}

CORO_TEST_EVERYWHERE(Generate, gives_the_bodys_error_in_its_turn) {
  const auto body = [](Yield<int> yield) -> awaitable<void> {
    co_await yield(1);
    throw std::runtime_error("out of numbers");
  };
  auto stream = generate<int>(body);
  const auto one = co_await stream.next();
  EXPECT_EQ(one, 1);
  const auto error = co_await error_of(stream.next());
  EXPECT_TRUE(says(error, "out of numbers"));
  const auto end = co_await stream.next();
  EXPECT_EQ(end, std::nullopt);
}

CORO_TEST(Generate, of_a_body_that_yields_nothing_is_empty) {
  const auto body = [](Yield<int>) -> awaitable<void> { co_return; };
  const auto all = co_await generate<int>(body).collect();
  EXPECT_TRUE(all.empty());
}

// Closing cancels the body at its yield, lets it clean up, and waits for that.
CORO_TEST_EVERYWHERE(Generate, closed_cancels_its_body_and_waits_for_it) {
  std::atomic<bool> cleaned_up = false;
  std::exception_ptr seen;
  std::atomic<int> live = 0;
  auto body = [&, tracked = Tracked(live)](Yield<int> yield) -> awaitable<void> {
    std::exception_ptr error;
    try {
      for (int n = 0;; ++n) co_await yield(n);
    } catch (...) {
      error = std::current_exception();
    }
    seen = error;
    co_await this_task::uncancel();
    co_await sleep_for(2ms);
    cleaned_up = tracked.value() == 0;
    std::rethrow_exception(error);
  };
  auto stream = generate<int>(std::move(body));
  const auto zero = co_await stream.next();
  EXPECT_EQ(zero, 0);
  EXPECT_FALSE(cleaned_up);
  co_await stream.aclose();
  EXPECT_TRUE(cleaned_up);
  EXPECT_TRUE(is_cancelled(seen));
  co_await stream.aclose();
  const auto end = co_await stream.next();
  EXPECT_EQ(end, std::nullopt);
}

CORO_TEST(Generate, closed_before_its_first_next_never_runs) {
  bool ran = false;
  const auto body = [&](Yield<int>) -> awaitable<void> {
    ran = true;
    co_return;
  };
  auto stream = generate<int>(body);
  co_await stream.aclose();
  const auto end = co_await stream.next();
  EXPECT_EQ(end, std::nullopt);
  EXPECT_FALSE(ran);
}

// A dropped one's body ends by itself.
CORO_TEST_EVERYWHERE(Generate, dropped_cancels_its_body) {
  Activity activity;
  std::atomic<int> live = 0;
  {
    auto body = [&, tracked = Tracked(live)](Yield<int> yield) -> awaitable<void> {
      const auto stay = activity.enter();
      for (int n = 0;; ++n) co_await yield(n + tracked.value());
    };
    auto stream = generate<int>(moved(body));
    const auto zero = co_await stream.next();
    EXPECT_EQ(zero, 0);
    EXPECT_EQ(activity.now(), 1);
  }
  co_await until([&] { return activity.now() == 0 && live == 0; });
}

// An element that was asked for by a next() that was cancelled is not lost.
CORO_TEST_EVERYWHERE(Generate, keeps_the_element_of_a_cancelled_next) {
  Event go(home);
  const auto body = [&](Yield<int> yield) -> awaitable<void> {
    co_await go.wait();
    co_await yield(1);
    co_await yield(2);
  };
  auto stream = generate<int>(body);
  AioPool readers(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  std::atomic<bool> reading = false;
  const auto read = [&]() -> awaitable<void> {
    reading = true;
    co_await stream.next();
  };
  auto reader = readers.spawn_n(read);
  co_await until([&] { return reading.load(); });
  co_await readers.cancel(reader);
  EXPECT_TRUE(reader.cancelled());
  go.set();
  const auto one = co_await stream.next();
  const auto two = co_await stream.next();
  const auto end = co_await stream.next();
  EXPECT_EQ(one, 1);
  EXPECT_EQ(two, 2);
  EXPECT_EQ(end, std::nullopt);
}

CORO_TEST(Generate, moves_its_elements) {
  const auto body = [](Yield<MoveOnly> yield) -> awaitable<void> {
    for (int n = 1; n <= 3; ++n) co_await yield(MoveOnly(n));
  };
  auto all = co_await generate<MoveOnly>(body).collect();
  REQUIRE(all.size() == 3);
  for (int n = 1; n <= 3; ++n) EXPECT_EQ(all[static_cast<std::size_t>(n - 1)].value(), n);
}

// A generator over a generator: closing the outer one lets it close the inner one.
CORO_TEST_EVERYWHERE(Generate, nests) {
  std::atomic<bool> inner_ended = false;
  const auto numbers = [&](Yield<int> yield) -> awaitable<void> {
    const auto error = co_await error_of([](Yield<int> out) -> awaitable<void> {
      for (int n = 1;; ++n) co_await out(n);
    }(yield));
    inner_ended = true;
    std::rethrow_exception(error);
  };
  const auto squares = [&](Yield<int> yield) -> awaitable<void> {
    const auto square = [&](int n) -> awaitable<void> { co_await yield(n * n); };
    co_await for_each(generate<int>(numbers), square);
  };
  auto stream = generate<int>(squares);
  for (const int expected : {1, 4, 9}) {
    const auto square = co_await stream.next();
    EXPECT_EQ(square, expected);
  }
  co_await stream.aclose();
  EXPECT_TRUE(inner_ended);
}

CORO_TEST(Generate, works_as_the_source_of_another_scopes_stream) {
  const auto body = [](Yield<int> yield) -> awaitable<void> {
    for (int n = 0; n < 20; ++n) co_await yield(n);
  };
  AioPool pool(home, 3);
  const auto twice = [](int n) -> awaitable<int> { co_return 2 * n; };
  auto results = pool.itermap(twice, generate<int>(body));
  int sum = 0;
  while (auto result = co_await results.next()) sum += result->value();
  EXPECT_EQ(sum, 19 * 20);
}

// With a concrete executor type.
TEST(GenerateExecutors, io_context_executor_type) {
  using Executor = asio::io_context::executor_type;
  asio::io_context context(1);
  int sum = 0;
  const auto body = [](Yield<int, Executor> yield) -> asio::awaitable<void, Executor> {
    for (int n = 0; n < 4; ++n) co_await yield(n);
  };
  const auto main = [&]() -> asio::awaitable<void, Executor> {
    auto stream = generate<int, Executor>(body);
    while (auto n = co_await stream.next()) sum += *n;
  };
  asio::co_spawn(context.get_executor(), main, [](std::exception_ptr error) {
    EXPECT_EQ(error, nullptr) << what(error);
  });
  context.run_for(patience);
  EXPECT_TRUE(context.stopped());
  EXPECT_EQ(sum, 6);
}

}  // namespace
}  // namespace coroexec::test
