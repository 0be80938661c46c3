// concurrent: what runs when, what is read when, and in which order results come.

#include "coroexec/concurrent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <thread>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

// A job per gate: it counts itself, waits for the gate and gives its number.
class Gates {
 public:
  Gates(const asio::any_io_executor& executor, int count) {
    for (int i = 0; i < count; ++i) gates_.push_back(std::make_unique<Event>(executor));
  }
  void open(int n) { gates_[static_cast<std::size_t>(n)]->set(); }
  awaitable<int> job(int n) {
    const auto stay = activity.enter();
    co_await gates_[static_cast<std::size_t>(n)]->wait();
    co_return n;
  }
  Activity activity;

 private:
  std::vector<std::unique_ptr<Event>> gates_;
};

ConcurrentOptions at_most(std::ptrdiff_t limit, bool one_thread) {
  return {.limit = limit, .threading = one_thread ? Threading::single : Threading::multi};
}

awaitable<int> number(int n) {
  co_await this_task::yield();
  co_return n;
}

// All numbers of a stream of them.
awaitable<std::vector<int>> sorted(AsyncGenerator<int> stream) {
  auto values = co_await std::move(stream).collect();
  std::ranges::sort(values);
  co_return values;
}

const std::vector<int> one_to_five = {1, 2, 3, 4, 5};

// CC-1
CORO_TEST_EVERYWHERE(Concurrent, gives_results_in_completion_order) {
  Gates gates(home, 4);
  auto jobs = std::views::iota(0, 4) | std::views::transform([&](int n) { return gates.job(n); });
  auto results = concurrent(jobs, at_most(4, one_thread()));
  for (const int n : {2, 0, 3, 1}) {
    gates.open(n);
    const auto result = co_await results.next();
    EXPECT_EQ(result, n);
  }
  const auto end = co_await results.next();
  EXPECT_EQ(end, std::nullopt);
  const auto ever_after = co_await results.next();
  EXPECT_EQ(ever_after, std::nullopt);
}

// CC-1
CORO_TEST_EVERYWHERE(Concurrent, runs_up_to_its_limit_and_starts_the_next_as_one_ends) {
  Gates gates(home, 10);
  auto jobs = std::views::iota(0, 10) | std::views::transform([&](int n) { return gates.job(n); });
  AioPool readers(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  auto results = concurrent(jobs, at_most(3, one_thread()));
  std::vector<int> seen;
  const auto read = [&]() -> awaitable<void> {
    while (auto result = co_await results.next()) seen.push_back(*result);
  };
  auto reader = readers.spawn_n(read);
  for (int n = 0; n < 10; ++n) {
    co_await until([&] { return gates.activity.entered() == std::min(n + 3, 10); });
    EXPECT_LE(gates.activity.now(), 3);
    gates.open(n);
  }
  co_await reader.wait();
  EXPECT_EQ(gates.activity.peak(), 3);
  if (!one_thread()) std::ranges::sort(seen);
  EXPECT_EQ(seen, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

// CC-2
CORO_TEST(Concurrent, takes_a_vector_of_awaitables) {
  std::vector<awaitable<int>> jobs;
  for (const int n : one_to_five) jobs.push_back(number(n));
  const auto values = co_await sorted(concurrent(std::move(jobs)));
  EXPECT_EQ(values, one_to_five);
}

// CC-2
CORO_TEST(Concurrent, takes_callables) {
  std::vector<std::function<awaitable<int>()>> jobs;
  for (const int n : one_to_five) jobs.push_back([n] { return number(n); });
  const auto values = co_await sorted(concurrent(jobs));
  EXPECT_EQ(values, one_to_five);
  // Lambda coroutines: what they capture lives as long as they run.
  auto lambdas = one_to_five | std::views::transform([](int n) {
                   return [n]() -> awaitable<int> {
                     co_await this_task::yield();
                     co_return n;
                   };
                 });
  const auto again = co_await sorted(concurrent(lambdas));
  EXPECT_EQ(again, one_to_five);
}

// CC-2
CORO_TEST_EVERYWHERE(Concurrent, takes_an_asynchronous_source) {
  using Job = awaitable<int>;
  const auto body = [](Yield<Job> yield) -> awaitable<void> {
    for (const int n : one_to_five) {
      co_await this_task::yield();
      co_await yield(number(n));
    }
  };
  const auto values =
      co_await sorted(concurrent(generate<Job>(body), at_most(2, one_thread())));
  EXPECT_EQ(values, one_to_five);
}

// CC-2: lazily, no more than the limit and one ahead of what has been read.
CORO_TEST(Concurrent, reads_a_lazy_range_one_ahead_of_a_free_slot) {
  int read = 0;
  auto endless = std::views::iota(0) | std::views::transform([&](int n) { return ++read, number(n); });
  auto results = concurrent(endless, {.limit = 4});
  EXPECT_EQ(read, 0);  // nothing starts before the first next()
  for (int taken = 1; taken <= 20; ++taken) {
    const auto result = co_await results.next();
    REQUIRE(result);
    EXPECT_GE(read, taken);
    EXPECT_LE(read, taken + 4 + 1);
  }
  co_await results.aclose();
}

// CC-2: the same for an asynchronous source.
CORO_TEST(Concurrent, reads_an_asynchronous_source_one_ahead_of_a_free_slot) {
  using Job = awaitable<int>;
  int read = 0;
  const auto body = [&](Yield<Job> yield) -> awaitable<void> {
    for (;;) co_await yield(number(++read));
  };
  auto results = concurrent(generate<Job>(body), {.limit = 4});
  EXPECT_EQ(read, 0);
  for (int taken = 1; taken <= 20; ++taken) {
    const auto result = co_await results.next();
    REQUIRE(result);
    EXPECT_LE(read, taken + 4 + 1);
  }
  co_await results.aclose();
}

// CC-3
CORO_TEST(Concurrent, runs_cores_and_four_at_once_by_default_but_at_most_32) {
  const int expected = std::min(static_cast<int>(std::thread::hardware_concurrency()) + 4, 32);
  Gates gates(home, 100);
  auto jobs = std::views::iota(0, 100) | std::views::transform([&](int n) { return gates.job(n); });
  AioPool readers(home, 1);
  auto results = concurrent(jobs);
  const auto read = [&]() -> awaitable<void> {
    while (co_await results.next()) {
    }
  };
  auto reader = readers.spawn_n(read);
  co_await until([&] { return gates.activity.entered() == expected; });
  for (int n = 0; n < 100; ++n) gates.open(n);
  co_await reader.wait();
  EXPECT_EQ(gates.activity.entered(), 100);
  EXPECT_EQ(gates.activity.peak(), expected);
}

// CC-3
CORO_TEST(Concurrent, has_no_limit_with_minus_one) {
  Gates gates(home, 500);
  auto jobs = std::views::iota(0, 500) | std::views::transform([&](int n) { return gates.job(n); });
  AioPool readers(home, 1);
  auto results = concurrent(jobs, {.limit = -1});
  int seen = 0;
  const auto read = [&]() -> awaitable<void> {
    while (co_await results.next()) ++seen;
  };
  auto reader = readers.spawn_n(read);
  co_await until([&] { return gates.activity.now() == 500; });
  for (int n = 0; n < 500; ++n) gates.open(n);
  co_await reader.wait();
  EXPECT_EQ(seen, 500);
}

// CC-3
TEST(ConcurrentOptions, of_a_limit_that_makes_no_sense_are_refused) {
  const std::vector<std::function<awaitable<int>()>> jobs;
  for (const int limit : {0, -2, -100}) {
    const auto refusal = error_from([&] { concurrent(jobs, {.limit = limit}); });
    EXPECT_TRUE(is_error(refusal, errc::invalid_argument,
                         "concurrent: limit must be at least 1, or -1 for none, not " +
                             std::to_string(limit)));
    EXPECT_TRUE(is_error(error_from([&] { concurrent(jobs, yield_exceptions, {.limit = limit}); }),
                         errc::invalid_argument, "limit"));
    const auto parts = [](const auto&) { return std::vector<awaitable<int>>(); };
    EXPECT_TRUE(is_error(error_from([&] { inflate(jobs, parts, {.limit = limit}); }),
                         errc::invalid_argument, "limit"));
  }
}

// CC-9
CORO_TEST_EVERYWHERE(Concurrent, of_an_empty_source_gives_nothing) {
  std::vector<awaitable<int>> nothing;
  auto results = concurrent(std::move(nothing), at_most(3, one_thread()));
  const auto end = co_await results.next();
  EXPECT_EQ(end, std::nullopt);
  const auto ended = [](Yield<awaitable<int>>) -> awaitable<void> { co_return; };
  auto more = concurrent(generate<awaitable<int>>(ended), yield_exceptions, at_most(3, one_thread()));
  const auto also = co_await more.next();
  EXPECT_FALSE(also.has_value());
}

// CC-9
CORO_TEST_EVERYWHERE(Concurrent, two_run_at_the_same_time) {
  Gates first(home, 2), second(home, 2);
  auto a_jobs = std::views::iota(0, 2) | std::views::transform([&](int n) { return first.job(n); });
  auto b_jobs = std::views::iota(0, 2) | std::views::transform([&](int n) { return second.job(n); });
  auto a = concurrent(a_jobs, at_most(2, one_thread()));
  auto b = concurrent(b_jobs, at_most(2, one_thread()));
  first.open(1);
  const auto a1 = co_await a.next();
  second.open(0);
  const auto b0 = co_await b.next();
  EXPECT_EQ(a1, 1);
  EXPECT_EQ(b0, 0);
  co_await until([&] { return first.activity.now() == 1 && second.activity.now() == 1; });  // one of each runs
  first.open(0);
  second.open(1);
  const auto b1 = co_await b.next();
  const auto a0 = co_await a.next();
  EXPECT_EQ(b1, 1);
  EXPECT_EQ(a0, 0);
  const auto a_end = co_await a.next();
  const auto b_end = co_await b.next();
  EXPECT_FALSE(a_end || b_end);
}

// CC-10+
CORO_TEST_EVERYWHERE(Concurrent, starts_no_more_than_its_limit_ahead_of_the_reader) {
  std::atomic<int> started = 0, ended = 0;
  auto jobs = std::views::iota(0, 50) | std::views::transform([&](int n) {
                return [&started, &ended, n]() -> awaitable<int> {
                  ++started;
                  co_await this_task::yield();
                  ++ended;
                  co_return n;
                };
              });
  auto results = concurrent(jobs, at_most(4, one_thread()));
  for (int taken = 1; taken <= 50; ++taken) {
    const auto result = co_await results.next();
    REQUIRE(result);
    // The reader takes its time: everything that may run has run.
    const int ahead = std::min(taken + 4, 50);
    co_await until([&] { return ended == ahead; });
    EXPECT_EQ(started, ahead);
  }
  const auto end = co_await results.next();
  EXPECT_FALSE(end);
}

// Results of void are std::monostate.
CORO_TEST(Concurrent, of_void_jobs_gives_monostates) {
  int ran = 0;
  const auto job = [&]() -> awaitable<void> {
    ++ran;
    co_return;
  };
  const std::vector jobs(3, job);
  auto results = concurrent(jobs, {.limit = 2});
  static_assert(std::is_same_v<decltype(results), AsyncGenerator<std::monostate>>);
  const auto all = co_await std::move(results).collect();
  EXPECT_EQ(all.size(), 3u);
  EXPECT_EQ(ran, 3);
}

}  // namespace
}  // namespace coroexec::test
