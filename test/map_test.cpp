// map and map_unordered: results as a stream, at the reader's pace.
#include <gtest/gtest.h>

#include <memory>
#include <ranges>
#include <set>
#include <stdexcept>
#include <variant>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<int> twice(int i) { co_return 2 * i; }

// CE-40
CORO_TEST_EVERYWHERE(Map, gives_results_in_input_order_whatever_ends_first) {
  std::vector<std::unique_ptr<Event>> gates;
  for (int i = 0; i < 6; ++i) gates.push_back(std::make_unique<Event>(home));
  std::vector<int> ended;  // each job waits for the one after it
  const auto job = [&](int i) -> awaitable<int> {
    if (i < 5) co_await gates[static_cast<std::size_t>(i) + 1]->wait();
    ended.push_back(i);
    gates[static_cast<std::size_t>(i)]->set();
    co_return 10 * i;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto results = co_await executor.map(job, std::views::iota(0, 6)).collect();
    EXPECT_EQ(results, (std::vector{0, 10, 20, 30, 40, 50}));
  };
  co_await with_executor(options(), body);
  EXPECT_EQ(ended, (std::vector{5, 4, 3, 2, 1, 0}));
}

// CE-40
CORO_TEST_EVERYWHERE(Map, of_several_ranges_ends_with_the_shortest) {
  const auto job = [](int a, const std::string& b, char c) -> awaitable<std::string> {
    co_return std::to_string(a) + b + c;
  };
  const std::vector<std::string> words{"x", "y", "z"};
  CoroutineExecutor executor(home, options());
  auto stream = executor.map(job, std::views::iota(1), words, std::string("ab"));
  EXPECT_EQ(co_await stream.next(), "1xa");
  EXPECT_EQ(co_await stream.next(), "2yb");
  EXPECT_EQ(co_await stream.next(), std::nullopt);
  EXPECT_EQ(co_await stream.next(), std::nullopt) << "and ever after";
}

CORO_TEST(Map, of_nothing_is_nothing) {
  CoroutineExecutor executor(home);
  EXPECT_TRUE((co_await executor.map(twice, std::vector<int>()).collect()).empty());
  EXPECT_TRUE((co_await executor.map_unordered(twice, std::vector<int>()).collect()).empty());
}

CORO_TEST(Map, of_void_jobs_gives_monostates) {
  CoroutineExecutor executor(home);
  int sum = 0;
  const auto job = [&](int i) -> awaitable<void> {
    sum += i;
    co_return;
  };
  auto stream = executor.map(job, std::vector{1, 2, 3});
  static_assert(std::same_as<decltype(stream), AsyncGenerator<std::monostate>>);
  EXPECT_EQ((co_await std::move(stream).collect()).size(), 3u);
  EXPECT_EQ(sum, 6);
}

CORO_TEST(Map, moves_elements_and_results_that_cannot_be_copied) {
  CoroutineExecutor executor(home);
  const auto job = [](MoveOnly element) -> awaitable<MoveOnly> {
    co_return MoveOnly(element.value() + 1);
  };
  std::vector<MoveOnly> input;
  for (int i = 0; i < 3; ++i) input.emplace_back(i);
  auto stream = executor.map(job, std::move(input));
  for (int i = 1; i <= 3; ++i) {
    const auto result = co_await stream.next();
    REQUIRE(result.has_value());
    EXPECT_EQ(result->value(), i);
  }
}

// A view, or a range in std::ref, is referred to; another range is the stream's own.
CORO_TEST(Map, keeps_the_input_it_was_given) {
  CoroutineExecutor executor(home);
  std::vector<int> numbers{1, 2, 3};
  auto copied = executor.map(twice, numbers);
  auto referred = executor.map(twice, std::ref(numbers));
  auto viewed = executor.map(twice, std::views::all(numbers));
  numbers = {4, 5, 6};
  const auto from_copy = co_await std::move(copied).collect();
  const auto from_reference = co_await std::move(referred).collect();
  const auto from_view = co_await std::move(viewed).collect();
  EXPECT_EQ(from_copy, (std::vector{2, 4, 6}));
  EXPECT_EQ(from_reference, (std::vector{8, 10, 12}));
  EXPECT_EQ(from_view, (std::vector{8, 10, 12}));
}

// CE-41
CORO_TEST_EVERYWHERE(Map, reads_its_input_only_as_slots_allow) {
  std::atomic<int> read = 0;
  Activity activity;
  const auto counting = [&](int i) { return ++read, i; };
  auto endless = std::views::iota(0) | std::views::transform(counting);
  const auto job = [&](int i) -> awaitable<int> {
    const auto stay = activity.enter();
    co_await this_task::yield();
    co_return i;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto stream = executor.map(job, endless);
    EXPECT_EQ(read, 0) << "before anybody asked";
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(co_await stream.next(), i);
      for (int turn = 0; turn < 3; ++turn) co_await this_task::yield();
      EXPECT_LE(read, i + 1 + 4) << "at most max_workers ahead of the reader";
    }
    EXPECT_GE(read, 100 + 3) << "but it does run ahead";
    co_await stream.aclose();
  };
  co_await with_executor(options({.max_workers = 4}), body);
  EXPECT_LE(activity.peak(), 4);
}

// CE-41: what lives at any moment does not grow with the input.
CORO_TEST(Map, of_a_long_input_lives_in_little_memory) {
  std::atomic<int> live = 0;
  int most = 0;
  const auto job = [&](int i) -> awaitable<Tracked> { co_return Tracked(live, i); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto stream = executor.map(job, std::views::iota(0, 100'000));
    int expected = 0;
    while (auto result = co_await stream.next()) {
      if (result->value() != expected++) ADD_FAILURE() << expected;
      most = std::max(most, live.load());
    }
    EXPECT_EQ(expected, 100'000);
  };
  co_await with_executor({.max_workers = 50}, body);
  EXPECT_LE(most, 2 * 50 + 2);
  EXPECT_EQ(live, 0);
}

// CE-42, times included.
CORO_TEST_EVERYWHERE(Map, delivers_the_earlier_results_and_then_the_error) {
  std::atomic<bool> last_was_cancelled = false;
  const auto job = [&](int time) -> awaitable<int> {
    const auto error = co_await error_of(sleep_for(milliseconds(time)));
    if (error) {
      last_was_cancelled = time == 2000;
      std::rethrow_exception(error);
    }
    if (time == 50) throw std::runtime_error("the third");
    co_return time;
  };
  std::vector<int> got;
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto stream = executor.map(job, std::vector{5, 10, 50, 2000});
    while (auto result = co_await stream.next()) got.push_back(*result);
  };
  EXPECT_TRUE(says(co_await error_of(with_executor(options(), body)), "the third"));
  EXPECT_EQ(got, (std::vector{5, 10}));
  EXPECT_TRUE(last_was_cancelled);
}

// CE-42
CORO_TEST_EVERYWHERE(Map, delivers_results_before_an_error_that_came_earlier) {
  Event failed(home);
  std::atomic<int> cleaned_up = 0, begun = 0;
  Event never(home);
  const auto job = [&](int i) -> awaitable<int> {
    if (i == 0) {
      co_await failed.wait();
      co_return 0;
    }
    if (i == 1) {
      co_await until([&] { return begun == 1; });
      failed.set();
      throw std::runtime_error("one");
    }
    const auto error = co_await error_of(never.wait([&] { ++begun; }));
    co_await this_task::uncancel();
    co_await this_task::yield();
    ++cleaned_up;
    std::rethrow_exception(error);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto stream = executor.map(job, std::views::iota(0, 3));
    EXPECT_EQ(co_await stream.next(), 0);
    EXPECT_TRUE(says(co_await error_of(stream.next()), "one"));
    EXPECT_EQ(cleaned_up, 1) << "the error came before the stream was joined";
    EXPECT_EQ(co_await stream.next(), std::nullopt);
    // The error was the reader's: the scope is as it was.
    const auto task = co_await executor.submit(twice, 4);
    EXPECT_EQ(co_await task.get(), 8);
    EXPECT_TRUE(executor.errors().empty());
  };
  co_await with_executor(options(), body);
}

// CE-43
CORO_TEST_EVERYWHERE(Map, dropping_the_stream_cancels_what_runs_and_the_scope_joins_it) {
  Event never(home), dropped(home);
  std::atomic<int> begun = 0, cleaned_up = 0;
  const auto job = [&](int i) -> awaitable<int> {
    if (i == 0) co_return 0;
    const auto error = co_await error_of(never.wait([&] { ++begun; }));
    co_await this_task::uncancel();
    co_await dropped.wait();
    ++cleaned_up;
    std::rethrow_exception(error);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    {
      auto stream = executor.map(job, std::views::iota(0));
      EXPECT_EQ(co_await stream.next(), 0);
      co_await until([&] { return begun == 3; });
    }
    EXPECT_EQ(cleaned_up, 0);  // dropping does not wait
    dropped.set();
  };
  co_await with_executor(options({.max_workers = 3}), body);
  EXPECT_EQ(cleaned_up, 3);
}

// CE-43
CORO_TEST_EVERYWHERE(Map, aclose_joins_and_ends_the_stream) {
  Event never(home);
  std::atomic<int> begun = 0, ended = 0;
  const auto job = [&](int) -> awaitable<void> {
    const auto error = co_await error_of(never.wait([&] { ++begun; }));
    ++ended;
    std::rethrow_exception(error);
  };
  CoroutineExecutor executor(home, options({.max_workers = 3}));
  CoroutineExecutor reader(home, options({.suppress_task_errors = true}));
  auto stream = executor.map(job, std::views::iota(0));
  const auto reads = [&]() -> awaitable<void> { co_await stream.next(); };
  const auto reading = reader.submit_nowait(reads);
  co_await until([&] { return begun == 3; });
  reading.cancel();
  co_await reading.wait();
  EXPECT_TRUE(reading.cancelled());
  EXPECT_EQ(ended, 0) << "a cancelled wait leaves the stream as it is";
  co_await stream.aclose();
  EXPECT_EQ(ended, 3);
  EXPECT_EQ(co_await stream.next(), std::nullopt);
  co_await stream.aclose();
  co_await executor.join();
}

// CE-44
CORO_TEST_EVERYWHERE(Map, an_input_that_throws_surfaces_at_the_reader) {
  Event never(home);
  std::atomic<int> begun = 0, ended = 0;
  const auto element = [](int i) {
    if (i == 2) throw std::invalid_argument("bad input");
    return i;
  };
  auto input = std::views::iota(0) | std::views::transform(element);
  const auto job = [&](int) -> awaitable<int> {
    const auto error = co_await error_of(never.wait([&] { ++begun; }));
    ++ended;
    std::rethrow_exception(error);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto stream = executor.map(job, input);
    const auto error = co_await error_of(stream.next());
    EXPECT_TRUE(is_a<std::invalid_argument>(error));
    EXPECT_TRUE(says(error, "bad input"));
    EXPECT_EQ(begun, ended) << "not joined";
    EXPECT_EQ(co_await stream.next(), std::nullopt);
  };
  co_await with_executor(options(), body);
}

CORO_TEST_EVERYWHERE(Map, unordered_gives_results_as_they_come) {
  Event first_was_read(home);
  const auto job = [&](int i) -> awaitable<int> {
    if (i == 0) co_await first_was_read.wait();
    co_return i;
  };
  CoroutineExecutor executor(home, options());
  auto stream = executor.map_unordered(job, std::views::iota(0, 3));
  std::set<int> got;
  for (int i = 0; i < 2; ++i) got.insert((co_await stream.next()).value());
  EXPECT_EQ(got, (std::set{1, 2}));
  first_was_read.set();
  EXPECT_EQ(co_await stream.next(), 0);
  EXPECT_EQ(co_await stream.next(), std::nullopt);
}

CORO_TEST_EVERYWHERE(Map, unordered_throws_an_error_when_it_comes) {
  Event never(home);
  std::atomic<int> begun = 0;
  const auto job = [&](int i) -> awaitable<int> {
    ++begun;
    if (i == 0) co_await never.wait();
    co_await until([&] { return begun == 2; });
    throw std::runtime_error("second");
  };
  CoroutineExecutor executor(home, options());
  auto stream = executor.map_unordered(job, std::views::iota(0, 2));
  EXPECT_TRUE(says(co_await error_of(stream.next()), "second"));
  EXPECT_EQ(co_await stream.next(), std::nullopt);
  co_await executor.join();
}

CORO_TEST(Map, one_next_at_a_time) {
  Event go(home), asked(home);
  const auto job = [&](int i) -> awaitable<int> {
    asked.set();
    co_await go.wait();
    co_return i;
  };
  CoroutineExecutor executor(home), reader(home);
  auto stream = executor.map(job, std::vector{1});
  const auto reads = [&]() -> awaitable<std::optional<int>> { co_return co_await stream.next(); };
  const auto reading = reader.submit_nowait(reads);
  co_await asked.wait();
  EXPECT_TRUE(is_error(co_await error_of(stream.next()), errc::invalid_state,
                       "stream: next() while another next() is still waiting"));
  go.set();
  EXPECT_EQ(co_await reading.get(), 1);
}

CORO_TEST(Map, a_generator_that_was_moved_from_says_so) {
  CoroutineExecutor executor(home);
  auto stream = executor.map(twice, std::vector{1});
  auto taken = std::move(stream);
  const std::string_view text = "stream: this generator is empty or has been moved from";
  EXPECT_TRUE(is_error(error_from([&] { (void)stream.next(); }), errc::invalid_state, text));
  EXPECT_TRUE(is_error(error_from([&] { (void)stream.aclose(); }), errc::invalid_state, text));
  AsyncGenerator<int> empty;
  EXPECT_TRUE(is_error(error_from([&] { (void)empty.next(); }), errc::invalid_state, text));
  EXPECT_EQ(co_await taken.next(), 2);
}

// Two streams and plain jobs share the slots of one executor.
CORO_TEST_EVERYWHERE(Map, several_streams_share_the_bound) {
  Activity activity;
  const auto job = [&](int i) -> awaitable<int> {
    const auto stay = activity.enter();
    co_await this_task::yield();
    co_return i;
  };
  CoroutineExecutor executor(home, options({.max_workers = 3}));
  auto one = executor.map(job, std::views::iota(0, 100));
  auto two = executor.map(job, std::views::iota(100, 200));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(co_await one.next(), i);
    EXPECT_EQ(co_await two.next(), 100 + i);
  }
  EXPECT_LE(activity.peak(), 3);
}

}  // namespace
}  // namespace coroexec::test
