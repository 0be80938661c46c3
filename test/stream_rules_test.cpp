// The rules every stream keeps: one next() at a time, what closing and dropping does, what elements
// may be.

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/concurrent.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/this_task.hpp"
#include "coroexec/wait.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

// Jobs that wait until they are let go; cancelled, they clean up for a while.
struct Held {
  Event go;
  Activity activity;
  std::atomic<int> cleaned_up = 0;
  explicit Held(const asio::any_io_executor& executor) : go(executor) {}
  awaitable<int> job(int n) {
    const auto stay = activity.enter();
    const auto error = co_await error_of(go.wait());
    if (!error) co_return n;
    co_await this_task::uncancel();
    co_await sleep_for(2ms);
    ++cleaned_up;
    std::rethrow_exception(error);
  }
};

// While one reader waits in next(), a second one is refused; the first gets its element.
template <class T>
awaitable<void> check_one_next_at_a_time(AsyncGenerator<T> stream, Held& held, AioPool& readers) {
  const auto read = [&]() -> awaitable<bool> {
    const auto element = co_await stream.next();
    co_return element.has_value();
  };
  auto first = readers.spawn_n(read);
  co_await until([&] { return held.activity.now() > 0; });
  const auto refused = co_await error_of(stream.next());
  EXPECT_TRUE(is_error(refused, errc::invalid_state,
                       "stream: next() while another next() is still waiting"));
  EXPECT_FALSE(first.done());
  held.go.set();
  co_await first.wait();
  EXPECT_TRUE(first.result());
  while (co_await stream.next()) {
  }
}

CORO_TEST(Stream, refuses_a_second_next_while_one_waits) {
  CoroutineExecutor executor(home, {.max_workers = 2});
  AioPool pool(home, 2);
  AioPool readers(home, 1);
  const auto input = std::views::iota(0, 2);
  {
    Held held(home);
    const auto job = [&](int n) { return held.job(n); };
    co_await check_one_next_at_a_time(executor.map(job, input), held, readers);
  }
  {
    Held held(home);
    const auto job = [&](int n) { return held.job(n); };
    co_await check_one_next_at_a_time(executor.map_unordered(job, input), held, readers);
  }
  {
    Held held(home);
    const auto job = [&](int n) { return held.job(n); };
    co_await check_one_next_at_a_time(pool.itermap(job, input), held, readers);
  }
  {
    Held held(home);
    const auto job = [&](int n) { return held.job(n); };
    co_await check_one_next_at_a_time(pool.itermap_batches(job, input), held, readers);
  }
  {
    Held held(home);
    const std::vector<std::function<awaitable<int>()>> jobs(2, [&] { return held.job(0); });
    co_await check_one_next_at_a_time(concurrent(jobs), held, readers);
  }
  {
    Held held(home);
    const auto body = [&](Yield<int> yield) -> awaitable<void> { co_await yield(co_await held.job(1)); };
    co_await check_one_next_at_a_time(generate<int>(body), held, readers);
  }
  {
    Held held(home);
    const auto job = [&](int n) { return held.job(n); };
    co_await check_one_next_at_a_time(iterwait(pool.map_n(job, input)), held, readers);
  }
  {
    Held held(home);
    const auto job = [&](int n) { return held.job(n); };
    co_await check_one_next_at_a_time(iterwait_batches(pool.map_n(job, input)), held, readers);
  }
}

TEST(StreamHandle, that_is_empty_or_moved_from_says_so) {
  AsyncGenerator<int> empty;
  const auto next = error_from([&] { (void)empty.next(); });
  EXPECT_TRUE(is_error(next, errc::invalid_state,
                       "stream: this generator is empty or has been moved from"));
  const auto body = [](Yield<int>) -> awaitable<void> { co_return; };
  auto stream = generate<int>(body);
  empty = std::move(stream);
  EXPECT_TRUE(is_error(error_from([&] { (void)stream.aclose(); }), errc::invalid_state, "moved from"));
  EXPECT_EQ(error_from([&] { (void)empty.next(); }), nullptr);
}

// A next() that is cancelled leaves the stream as it is.
CORO_TEST_EVERYWHERE(Stream, survives_a_cancelled_next) {
  Held held(home);
  AioPool pool(home, sized(2, one_thread()));
  AioPool readers(home, sized(1, one_thread()));
  const auto job = [&](int n) { return held.job(n); };
  auto results = pool.itermap(job, std::views::iota(0, 3));
  const auto read = [&]() -> awaitable<void> { co_await results.next(); };
  auto reader = readers.spawn_n(read);
  co_await until([&] { return held.activity.now() == 2; });
  co_await readers.cancel(reader);
  EXPECT_TRUE(reader.cancelled());
  held.go.set();
  int seen = 0;
  while (auto result = co_await results.next()) {
    EXPECT_TRUE(result->has_value());
    ++seen;
  }
  EXPECT_EQ(seen, 3);
}

// Dropping a scope's stream cancels its jobs, and no others; the scope joins them.
CORO_TEST_EVERYWHERE(Stream, dropped_is_cancelled_and_joined_by_its_scope) {
  Held held(home), other(home);
  Task<int> others;
  const auto body = [&](AioPool& pool) -> awaitable<void> {
    others = pool.spawn_n([&] { return other.job(5); });
    const auto job = [&](int n) { return held.job(n); };
    {
      auto results = pool.itermap(job, std::views::iota(0, 9));
      AioPool readers(home, sized(1, one_thread()));
      const auto read = [&]() -> awaitable<void> { co_await results.next(); };
      auto reader = readers.spawn_n(read);
      co_await until([&] { return held.activity.now() == 2 && other.activity.now() == 1; });
      co_await readers.cancel(reader);
    }
    co_await until([&] { return other.activity.now() == 1 && held.activity.now() == 0; });
    EXPECT_EQ(held.activity.entered(), 2);
    EXPECT_FALSE(others.done());
    other.go.set();
  };
  co_await with_pool(sized(3, one_thread()), body);
  EXPECT_EQ(held.cleaned_up, 2);
  EXPECT_EQ(others.result(), 5);
}

// The same for an executor's, whose scope waits for the clean-up.
CORO_TEST_EVERYWHERE(Stream, dropped_at_the_end_of_a_scopes_body_is_joined) {
  Held held(home);
  const auto job = [&](int n) -> awaitable<int> {
    if (n == 0) co_return 0;
    co_return co_await held.job(n);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto results = executor.map(job, std::views::iota(0, 9));
    const auto first = co_await results.next();
    EXPECT_EQ(first, 0);
    co_await until([&] { return held.activity.now() == 3; });
  };
  co_await with_executor(options({.max_workers = 3}), body);
  EXPECT_EQ(held.activity.now(), 0);
  EXPECT_EQ(held.cleaned_up, 3);
}

// aclose() cancels and waits, and is an end like any other.
CORO_TEST_EVERYWHERE(Stream, closed_is_joined) {
  const auto check = [this](auto make) -> awaitable<void> {
    Held held(home);
    const auto job = [&](int n) -> awaitable<int> {
      if (n == 0) co_return 0;
      co_return co_await held.job(n);
    };
    auto stream = make(job);
    co_await stream.next();
    co_await until([&] { return held.activity.now() > 0; });
    co_await stream.aclose();
    EXPECT_EQ(held.activity.now(), 0);
    EXPECT_EQ(held.cleaned_up, held.activity.entered());
    const auto end = co_await stream.next();
    EXPECT_FALSE(end.has_value());
  };
  const auto input = std::views::iota(0, 9);
  CoroutineExecutor executor(home, options({.max_workers = 3}));
  AioPool pool(home, sized(3, one_thread()));
  const auto map = [&](auto& job) { return executor.map(job, input); };
  co_await check(map);
  const auto map_unordered = [&](auto& job) { return executor.map_unordered(job, input); };
  co_await check(map_unordered);
  const auto itermap = [&](auto& job) { return pool.itermap(job, input); };
  co_await check(itermap);
  const auto batches = [&](auto& job) {
    return pool.itermap_batches(job, input, IterOptions{.yield_when = ReturnWhen::first_completed});
  };
  co_await check(batches);
  const auto from_source = [&](auto& job) {
    const auto numbers = [](Yield<int> yield) -> awaitable<void> {
      for (int n = 0; n < 9; ++n) co_await yield(n);
    };
    return pool.itermap(job, generate<int>(numbers));
  };
  co_await check(from_source);
  EXPECT_TRUE(pool.is_empty());
}

CORO_TEST(Stream, gives_results_that_can_only_be_moved) {
  CoroutineExecutor executor(home, {.max_workers = 2});
  AioPool pool(home, 2);
  const auto job = [](int n) -> awaitable<MoveOnly> {
    co_await this_task::yield();
    co_return MoveOnly(n);
  };
  const auto input = std::views::iota(1, 5);
  const auto sum_of = [](auto results) {
    int sum = 0;
    for (auto& result : results) {
      if constexpr (requires { result.has_error(); })
        sum += result.value().value();
      else
        sum += result.value();
    }
    return sum;
  };
  EXPECT_EQ(sum_of(co_await executor.map(job, input).collect()), 10);
  EXPECT_EQ(sum_of(co_await executor.map_unordered(job, input).collect()), 10);
  EXPECT_EQ(sum_of(co_await pool.itermap(job, input).collect()), 10);
  auto batches = co_await pool.itermap_batches(job, input).collect();
  REQUIRE(batches.size() == 1);
  EXPECT_EQ(sum_of(std::move(batches[0])), 10);
  auto jobs = input | std::views::transform(job);
  EXPECT_EQ(sum_of(co_await concurrent(jobs).collect()), 10);
  EXPECT_EQ(sum_of(co_await concurrent(jobs, yield_exceptions).collect()), 10);
}

CORO_TEST(Stream, gives_monostates_for_void) {
  CoroutineExecutor executor(home, {.max_workers = 2});
  AioPool pool(home, 2);
  int ran = 0;
  const auto job = [&](int) -> awaitable<void> {
    ++ran;
    co_return;
  };
  const auto input = std::views::iota(0, 4);
  const auto ordered = co_await executor.map(job, input).collect();
  static_assert(std::is_same_v<decltype(ordered), const std::vector<std::monostate>>);
  EXPECT_EQ(ordered.size(), 4u);
  const auto unordered = co_await executor.map_unordered(job, input).collect();
  EXPECT_EQ(unordered.size(), 4u);
  const auto outcomes = co_await pool.itermap(job, input).collect();
  static_assert(std::is_same_v<decltype(outcomes), const std::vector<Outcome<void>>>);
  EXPECT_EQ(outcomes.size(), 4u);
  for (auto& outcome : outcomes) EXPECT_TRUE(outcome.has_value());
  EXPECT_EQ(ran, 12);
}

}  // namespace
}  // namespace coroexec::test
