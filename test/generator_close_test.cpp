// How a generator ends before its end: closed, dropped, cancelled, or with all those of its context.

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/generator_object.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using Numbers = GeneratorObject<int>;

// 1, 2, 3; counts how often it has been left, and keeps the error it was left with.
struct Counted {
  int left = 0;
  std::exception_ptr seen;

  awaitable<void> body(Numbers g) {
    for (int n = 1; n <= 3 && !seen; ++n) seen = co_await error_of(g.ayield(n));
    co_await this_task::yield();  // as a finally block may
    ++left;
    if (seen) std::rethrow_exception(seen);
  }
};

// GEN-13
CORO_TEST(TestGenerator, test_close_on_exhausted) {
  Numbers g;
  auto iterator = g([]() -> awaitable<void> { co_return; });
  co_await iterator.next();
  co_await iterator.aclose();
  const auto end = co_await iterator.next();
  EXPECT_EQ(end, std::nullopt);
}

// GEN-14
CORO_TEST(TestGenerator, test_close_on_failed) {
  Numbers g;
  auto iterator = g([]() -> awaitable<void> {
    throw std::runtime_error("failed");
    co_return;
  });
  const auto error = co_await error_of(iterator.next());
  EXPECT_TRUE(says(error, "failed"));
  co_await iterator.aclose();
  const auto end = co_await iterator.next();
  EXPECT_EQ(end, std::nullopt);
}

// GEN-15 GEN-21
CORO_TEST_EVERYWHERE(TestGenerator, test_close_on_active) {
  Numbers g;
  Counted counted;
  auto iterator = g(counted.body(g));
  co_await iterator.next();
  co_await iterator.aclose();
  EXPECT_EQ(counted.left, 1);
  EXPECT_TRUE(is_a<GeneratorExit>(counted.seen));
  const auto end = co_await iterator.next();
  EXPECT_EQ(end, std::nullopt);
}

// GEN-16
CORO_TEST(TestGenerator, test_close_twice_on_active) {
  Numbers g;
  Counted counted;
  auto iterator = g(counted.body(g));
  co_await iterator.next();
  co_await iterator.aclose();
  co_await iterator.aclose();
  EXPECT_EQ(counted.left, 1);
}

// GEN-17
CORO_TEST(TestGenerator, closed_when_new_never_runs) {
  Numbers g;
  Counted counted;
  auto iterator = g(counted.body(g));
  co_await iterator.aclose();
  const auto end = co_await iterator.next();
  EXPECT_EQ(end, std::nullopt);
  EXPECT_EQ(counted.left, 0);
}

// GEN-18
CORO_TEST_EVERYWHERE(TestGenerator, test_close_yield) {
  Numbers g;
  const auto body = [&]() -> awaitable<void> {
    const auto error = co_await error_of(g.ayield(1));
    co_await g.ayield(2);
    std::rethrow_exception(error);
  };
  auto iterator = g(body);
  co_await iterator.next();
  const auto ignored = co_await error_of(iterator.aclose());
  EXPECT_TRUE(is_error(ignored, errc::invalid_state, "async generator ignored GeneratorExit"));
  const auto rethrown = co_await error_of(iterator.next());
  EXPECT_TRUE(is_a<GeneratorExit>(rethrown));
  const auto end = co_await iterator.next();
  EXPECT_EQ(end, std::nullopt);
}

// GEN-19
CORO_TEST(TestGenerator, test_close_exit) {
  Numbers g;
  auto iterator = g([&]() -> awaitable<void> { co_await error_of(g.ayield(1)); });
  co_await iterator.next();
  co_await iterator.aclose();
  co_await iterator.aclose();
  const auto end = co_await iterator.next();
  EXPECT_EQ(end, std::nullopt);
}

// GEN-20
CORO_TEST(TestGenerator, another_error_leaves_aclose) {
  Numbers g;
  auto iterator = g([&]() -> awaitable<void> {
    co_await error_of(g.ayield(1));
    throw std::runtime_error("while closing");
  });
  co_await iterator.next();
  const auto error = co_await error_of(iterator.aclose());
  EXPECT_TRUE(says(error, "while closing"));
}

// GEN-22
CORO_TEST(TestGenerator, test_throw_generatorexit) {
  Numbers g;
  Counted counted;
  auto iterator = g(counted.body(g));
  co_await iterator.next();
  const auto error = co_await error_of(iterator.athrow(GeneratorExit()));
  EXPECT_TRUE(is_a<GeneratorExit>(error));
  EXPECT_EQ(counted.left, 1);
}

// GEN-36: part 1 of the original's test.
CORO_TEST_EVERYWHERE(TestGenerator, test_loop_cleanup_of_a_dropped_one) {
  Numbers g;
  std::exception_ptr seen;
  Event over(home);
  {
    auto iterator = g([&]() -> awaitable<void> {
      seen = co_await error_of(g.ayield(1));
      co_await this_task::yield();
      over.set();
    });
    while (auto n = co_await iterator.next()) break;
    co_await this_task::yield();
    EXPECT_FALSE(seen);
  }
  co_await over.wait();
  EXPECT_TRUE(is_a<GeneratorExit>(seen));
}

// GEN-37: part 2. Those of generate() as well; one that has not started and one that has ended have
// nothing to close.
CORO_TEST_EVERYWHERE(TestGenerator, test_loop_cleanup_of_all) {
  Numbers g, other, fresh, over;
  Counted counted, never, ended;
  std::exception_ptr native_saw;
  auto iterator = g(counted.body(g));
  auto not_started = fresh(never.body(fresh));
  auto exhausted = over(ended.body(over));
  auto stream = generate<int>([&](Yield<int> yield) -> awaitable<void> {
    native_saw = co_await error_of(yield(1));
    throw std::runtime_error("an error of one of them");
  });
  while (co_await exhausted.next()) {
  }
  co_await iterator.next();
  co_await stream.next();
  const auto error = co_await error_of(shutdown_generators());
  EXPECT_TRUE(says(error, "an error of one of them"));
  EXPECT_TRUE(is_a<GeneratorExit>(counted.seen));
  EXPECT_TRUE(is_a<GeneratorExit>(native_saw));
  EXPECT_EQ(counted.left, 1);
  EXPECT_EQ(ended.left, 1);
  EXPECT_EQ(never.left, 0);
  const auto again = co_await error_of(shutdown_generators());
  EXPECT_FALSE(one_thread() && again) << "nothing is left; with threads it may be just on its way out";
  const auto first = co_await not_started.next();
  EXPECT_EQ(first, 1);
  co_await error_of(not_started.aclose());  // its body refers to what is here
}

// A reader that waits meanwhile gets what the body ends with.
CORO_TEST_EVERYWHERE(TestGenerator, shutdown_ends_a_wait_for_an_element) {
  Numbers g;
  Event never(home), inside(home);
  auto iterator = g([&]() -> awaitable<void> {
    inside.set();
    co_await never.wait();
  });
  AioPool pool(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  auto reader = pool.spawn_n([&] { return iterator.next(); });
  co_await inside.wait();
  co_await shutdown_generators();
  co_await reader.wait();
  EXPECT_TRUE(is_cancelled(reader.exception()));
}

// GEN-38
CORO_TEST_EVERYWHERE(TestGenerator, a_cancelled_reader_cancels_the_body) {
  Numbers g;
  Event never(home), inside(home);
  std::exception_ptr seen;
  auto iterator = g([&]() -> awaitable<void> {
    seen = co_await error_of(never.wait([&] { inside.set(); }));
    std::rethrow_exception(seen);
  });
  AioPool pool(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  auto reader = pool.spawn_n([&] { return iterator.next(); });
  co_await inside.wait();
  EXPECT_TRUE(iterator.running());
  co_await pool.cancel();
  EXPECT_TRUE(reader.cancelled());
  EXPECT_TRUE(is_cancelled(seen));
  EXPECT_FALSE(iterator.running());
  const auto end = co_await iterator.next();
  EXPECT_EQ(end, std::nullopt);
}

// GEN-39
CORO_TEST(TestGenerator, break_and_aclose_clean_up_once) {
  Numbers g;
  Counted counted;
  {
    auto iterator = g(counted.body(g));
    while (auto n = co_await iterator.next())
      if (*n == 2) break;
    co_await iterator.aclose();
    EXPECT_EQ(counted.left, 1);
  }
  for (int n = 0; n < 3; ++n) co_await this_task::yield();
  EXPECT_EQ(counted.left, 1);
}

// An iterator as a stream, which is the face that everything else of the library takes.
CORO_TEST_EVERYWHERE(TestGenerator, is_an_async_generator) {
  Numbers g;
  Counted counted;
  AsyncGenerator<int> stream = g(counted.body(g));
  const auto elements = co_await std::move(stream).collect();
  EXPECT_EQ(elements, (std::vector{1, 2, 3}));
  // In this face an element that a cancelled next() has asked for is kept, once and for the next one.
  Event go(home);
  auto started = generate<int>([&](Yield<int> yield) -> awaitable<void> {
    co_await go.wait();
    co_await yield(1);
    co_await yield(2);
  });
  AioPool pool(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  std::atomic<bool> reading = false;
  const auto read = [&]() -> awaitable<void> {
    reading = true;
    co_await started.next();
  };
  auto reader = pool.spawn_n(read);
  co_await until([&] { return reading.load(); });
  co_await pool.cancel();
  EXPECT_TRUE(reader.cancelled());
  go.set();
  for (int n = 0; n < 20; ++n)
    co_await asio::post(asio::use_awaitable);  // the element is there already
  const auto rest = co_await std::move(started).collect();
  EXPECT_EQ(rest, (std::vector{1, 2}));
}

}  // namespace
}  // namespace coroexec::test
