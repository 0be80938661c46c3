// What a stream may be made from: every kind of input, read by everything that takes one.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <list>
#include <optional>
#include <ranges>
#include <span>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/concurrent.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<int> ten_times(int n) {
  co_await this_task::yield();
  co_return n * 10;
}

// What stands in for an element type that can only be moved.
awaitable<int> ten_times_moved(MoveOnly n) { co_return co_await ten_times(n.value()); }

using IntChannel = asio::experimental::channel<void(boost::system::error_code, int)>;
using IntConcurrentChannel =
    asio::experimental::concurrent_channel<void(boost::system::error_code, int)>;

template <class Result>
std::vector<int> values_of(std::vector<Result> results) {
  std::vector<int> values;
  for (auto& result : results) values.push_back(result.value());
  return values;
}

const std::vector<int> ten_to_forty = {10, 20, 30, 40};

struct OneToThree {
  awaitable<std::optional<int>> next() {
    co_await this_task::yield();
    co_return ++last <= 3 ? std::optional<int>(last) : std::nullopt;
  }
  int last = 0;
};

// What reads an input for a stream is no job.
CORO_TEST_EVERYWHERE(StreamInput, the_reader_of_an_input_is_not_in_the_stats) {
  Stats stats;
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.map(ten_times, OneToThree()).collect();
    co_await until([&] { return executor.stats().active == 0; });
    stats = executor.stats();
  };
  co_await with_executor(options(), body);
  EXPECT_EQ(stats.succeeded, 3u);
  EXPECT_EQ(stats.done(), 3u);
}

// Hands an input, made anew each time, to everything that takes one; it holds 1, 2, 3, 4.
template <class Make, class Job>
awaitable<void> check_all(asio::any_io_executor executor, Make make, Job job,
                          std::vector<int> expected = ten_to_forty) {
  CoroutineExecutor scope(executor, {.max_workers = 2});
  AioPool pool(executor, {.size = 2, .backlog = 0});
  const auto ordered = co_await scope.map(job, make()).collect();
  EXPECT_EQ(ordered, expected) << "map";
  const auto unordered = co_await scope.map_unordered(job, make()).collect();
  EXPECT_TRUE(std::ranges::is_permutation(unordered, expected)) << "map_unordered";

  const auto mapped = values_of(co_await pool.map(job, make()));
  EXPECT_EQ(mapped, expected) << "pool map";
  const auto iterated = values_of(co_await pool.itermap(job, make()).collect());
  EXPECT_TRUE(std::ranges::is_permutation(iterated, expected)) << "itermap";
  std::vector<int> in_batches;
  auto batches = pool.itermap_batches(job, make());
  while (auto batch = co_await batches.next())
    for (auto& result : *batch) in_batches.push_back(result.value());
  EXPECT_TRUE(std::ranges::is_permutation(in_batches, expected)) << "itermap_batches";

  const auto no_parts = [](const auto&) { return std::vector<awaitable<void>>(); };
  const auto inflated = co_await inflate(make(), no_parts, {.limit = 2}).collect();
  EXPECT_EQ(inflated.size(), expected.size()) << "inflate";
}

// The same for what only ranges can be handed to.
template <class Make, class Job>
awaitable<void> check_ranges(asio::any_io_executor executor, Make make, Job job,
                             std::vector<int> expected = ten_to_forty) {
  co_await check_all(executor, make, job, expected);
  AioPool pool(executor, 2);
  const auto tasks = pool.map_n(job, make());
  co_await pool.join();
  std::vector<int> values;
  for (auto& task : tasks) values.push_back(task.result());
  EXPECT_EQ(values, expected) << "map_n";
}

CORO_TEST(StreamInput, vector) {
  const auto make = [] { return std::vector{1, 2, 3, 4}; };
  co_await check_ranges(home, make, ten_times);
}

CORO_TEST(StreamInput, list_and_array) {
  const auto list = [] { return std::list{1, 2, 3, 4}; };
  co_await check_ranges(home, list, ten_times);
  const auto array = [] { return std::array{1, 2, 3, 4}; };
  co_await check_ranges(home, array, ten_times);
}

CORO_TEST(StreamInput, vector_of_what_can_only_be_moved) {
  const auto make = [] {
    std::vector<MoveOnly> elements;
    for (int n = 1; n <= 4; ++n) elements.emplace_back(n);
    return elements;
  };
  co_await check_ranges(home, make, ten_times_moved);
}

CORO_TEST(StreamInput, views) {
  const auto lazy = [] {
    return std::views::iota(1, 20) | std::views::filter([](int n) { return n % 2 == 0; }) |
           std::views::transform([](int n) { return n / 2; }) | std::views::take(4);
  };
  co_await check_ranges(home, lazy, ten_times);
  std::vector<int> numbers = {1, 2, 3, 4};
  const auto span = [&] { return std::span(numbers); };
  co_await check_ranges(home, span, ten_times);
  EXPECT_EQ(numbers, (std::vector{1, 2, 3, 4}));
}

CORO_TEST(StreamInput, reference_to_a_range) {
  std::vector<int> numbers = {1, 2, 3, 4};
  const auto make = [&] { return std::ref(numbers); };
  co_await check_ranges(home, make, ten_times);
  EXPECT_EQ(numbers, (std::vector{1, 2, 3, 4}));  // what is the caller's is not moved from
}

CORO_TEST(StreamInput, named_range_is_copied) {
  std::vector<std::string> names = {"one", "two"};
  AioPool pool(home, 2);
  const auto size = [](std::string name) -> awaitable<std::size_t> { co_return name.size(); };
  auto results = pool.itermap(size, names);
  names.clear();
  int seen = 0;
  while (auto result = co_await results.next()) {
    EXPECT_EQ(result->value(), 3u);
    ++seen;
  }
  EXPECT_EQ(seen, 2);
}

// Single-pass: each place is read once.
CORO_TEST(StreamInput, input_range) {
  std::istringstream text;
  const auto make = [&] {
    text = std::istringstream("1 2 3 4");
    return std::ranges::istream_view<int>(text);
  };
  co_await check_ranges(home, make, ten_times);
}

CORO_TEST(StreamInput, empty) {
  const std::vector<int> nothing;
  const auto range = [] { return std::vector<int>(); };
  co_await check_ranges(home, range, ten_times, nothing);
  const auto body = [](Yield<int>) -> awaitable<void> { co_return; };
  const auto stream = [&] { return generate<int>(body); };
  co_await check_all(home, stream, ten_times, nothing);
  const auto channel = [this] {
    IntChannel closed(home, 1);
    closed.close();
    return closed;
  };
  co_await check_all(home, channel, ten_times, nothing);
}

CORO_TEST(StreamInput, generator) {
  const auto body = [](Yield<int> yield) -> awaitable<void> {
    for (int n = 1; n <= 4; ++n) {
      co_await this_task::yield();
      co_await yield(n);
    }
  };
  const auto make = [&] { return generate<int>(body); };
  co_await check_all(home, make, ten_times);
  const auto moving = [](Yield<MoveOnly> yield) -> awaitable<void> {
    for (int n = 1; n <= 4; ++n) co_await yield(MoveOnly(n));
  };
  const auto make_moving = [&] { return generate<MoveOnly>(moving); };
  co_await check_all(home, make_moving, ten_times_moved);
}

// A source of the user's own, by value and by reference.
struct Counter {
  int last = 0;
  awaitable<std::optional<int>> next() {
    co_await this_task::yield();
    co_return last < 4 ? std::optional(++last) : std::nullopt;
  }
};

CORO_TEST(StreamInput, source_of_the_users_own) {
  const auto by_value = [] { return Counter(); };
  co_await check_all(home, by_value, ten_times);
  Counter counter;
  const auto by_reference = [&] {
    counter.last = 0;
    return std::ref(counter);
  };
  co_await check_all(home, by_reference, ten_times);
  EXPECT_EQ(counter.last, 4);
}

// Four elements and the end, which is sent, too: close() of Boost 1.81 drops what is in the buffer.
template <class Channel>
void fill(Channel& channel) {
  for (int n = 1; n <= 4; ++n) channel.try_send(boost::system::error_code(), n);
  channel.try_send(asio::experimental::error::channel_closed, 0);
}

// A channel's stream ends when the channel is closed.
CORO_TEST(StreamInput, channel) {
  const auto by_value = [this] {
    IntChannel channel(home, 5);
    fill(channel);
    return channel;
  };
  co_await check_all(home, by_value, ten_times);
  std::optional<IntConcurrentChannel> channel;
  const auto by_reference = [&] {
    channel.emplace(home, 5);
    fill(*channel);
    return std::ref(*channel);
  };
  co_await check_all(home, by_reference, ten_times);
}

// One that is fed while it is read, from other threads as well.
CORO_TEST_EVERYWHERE(StreamInput, channel_that_is_fed_meanwhile) {
  AioPool pool(home, {.size = 3, .threading = one_thread() ? Threading::single : Threading::multi});
  AioPool feeders(home, {.size = 1, .threading = one_thread() ? Threading::single : Threading::multi});
  IntConcurrentChannel channel(home);
  const auto feed = [&]() -> awaitable<void> {
    for (int n = 1; n <= 50; ++n)
      co_await channel.async_send(boost::system::error_code(), n, asio::use_awaitable);
    channel.close();
  };
  feeders.spawn_n(feed);
  auto results = pool.itermap(ten_times, std::ref(channel));
  int sum = 0;
  while (auto result = co_await results.next()) sum += result->value();
  EXPECT_EQ(sum, 10 * 50 * 51 / 2);
  co_await feeders.join();
}

// Any other error that comes through a channel is the source's error.
CORO_TEST(StreamInput, channel_that_sends_an_error) {
  CoroutineExecutor executor(home);
  IntChannel channel(home, 2);
  channel.try_send(boost::system::error_code(), 1);
  channel.try_send(make_error_code(boost::system::errc::io_error), 0);
  auto results = executor.map(ten_times, std::move(channel));
  std::exception_ptr error;
  for (int i = 0; i < 2 && !error; ++i) error = co_await error_of(results.next());
  EXPECT_TRUE(is_error(error, make_error_code(boost::system::errc::io_error), "channel"));
}

// Jobs themselves through a channel.
CORO_TEST(StreamInput, channel_of_jobs_for_concurrent) {
  using Job = std::function<awaitable<int>()>;
  asio::experimental::channel<void(boost::system::error_code, Job)> channel(home, 5);
  for (int n = 1; n <= 4; ++n)
    channel.try_send(boost::system::error_code(), [n] { return ten_times(n); });
  channel.try_send(asio::experimental::error::channel_closed, Job());
  auto values = co_await concurrent(std::ref(channel), {.limit = 2}).collect();
  std::ranges::sort(values);
  EXPECT_EQ(values, ten_to_forty);
}

// map zips several ranges to the shortest, whatever their kinds.
CORO_TEST(StreamInput, several_ranges) {
  CoroutineExecutor executor(home, {.max_workers = 2});
  const auto job = [](int a, MoveOnly b, std::string c) -> awaitable<std::string> {
    co_return std::to_string(a) + std::to_string(b.value()) + c;
  };
  std::vector<MoveOnly> moved_in;
  for (int n = 7; n < 12; ++n) moved_in.emplace_back(n);
  std::vector<std::string> names = {"a", "b", "c"};
  const auto all =
      co_await executor.map(job, std::views::iota(1), std::move(moved_in), std::ref(names)).collect();
  const std::vector<std::string> expected = {"17a", "28b", "39c"};
  EXPECT_EQ(all, expected);
}

}  // namespace
}  // namespace coroexec::test
