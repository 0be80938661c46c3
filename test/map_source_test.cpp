// Streams from asynchronous inputs: sources, generators, channels (CE-45).
#include <gtest/gtest.h>

#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<int> twice(int i) { co_return 2 * i; }

// A source of somebody's own.
class Countdown {
 public:
  explicit Countdown(int from, int fail_at = -1) : left_(from), fail_at_(fail_at) {}
  awaitable<std::optional<int>> next() {
    co_await this_task::yield();
    if (left_ == fail_at_) throw std::runtime_error("source broke");
    if (left_ == 0) co_return std::nullopt;
    co_return left_--;
  }
  int left() const { return left_; }

 private:
  int left_, fail_at_;
};
static_assert(AsyncSource<Countdown>);

// CE-45
CORO_TEST_EVERYWHERE(MapSource, may_be_a_type_of_the_users_own) {
  CoroutineExecutor executor(home, options());
  const auto results = co_await executor.map(twice, Countdown(4)).collect();
  EXPECT_EQ(results, (std::vector{8, 6, 4, 2}));
}

// CE-45
CORO_TEST_EVERYWHERE(MapSource, may_be_referred_to) {
  CoroutineExecutor executor(home, options());
  Countdown source(3);
  EXPECT_EQ((co_await executor.map(twice, std::ref(source)).collect()).size(), 3u);
  EXPECT_EQ(source.left(), 0);
}

// CE-45
CORO_TEST_EVERYWHERE(MapSource, may_be_a_generator) {
  CoroutineExecutor executor(home, options());
  const auto numbers = [](Yield<int> yield) -> awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      co_await this_task::yield();
      co_await yield(i);
    }
  };
  int expected = 0;
  auto stream = executor.map(twice, generate<int>(numbers));
  while (auto result = co_await stream.next()) EXPECT_EQ(*result, 2 * expected++);
  EXPECT_EQ(expected, 20);
}

// CE-45: the results of one stage are the input of the next.
CORO_TEST_EVERYWHERE(MapSource, may_be_another_map) {
  CoroutineExecutor first(home, options({.max_workers = 2})), second(home, options({.max_workers = 3}));
  auto stream = second.map(twice, first.map(twice, std::views::iota(0, 50)));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(co_await stream.next(), 4 * i);
  EXPECT_EQ(co_await stream.next(), std::nullopt);
}

// CE-45
CORO_TEST(MapSource, may_be_a_channel_which_ends_when_closed) {
  using Channel = asio::experimental::channel<void(boost::system::error_code, int)>;
  CoroutineExecutor executor(home), senders(home);
  Channel channel(home, 2);
  const auto sends = [&]() -> awaitable<void> {
    for (int i = 0; i < 10; ++i) co_await channel.async_send({}, i, asio::use_awaitable);
    channel.close();
  };
  senders.submit_nowait(sends);
  auto stream = executor.map(twice, std::ref(channel));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(co_await stream.next(), 2 * i);
  EXPECT_EQ(co_await stream.next(), std::nullopt);
}

// CE-45
CORO_TEST_EVERYWHERE(MapSource, may_be_a_concurrent_channel_and_its_error_surfaces) {
  using Channel = asio::experimental::concurrent_channel<void(boost::system::error_code, int)>;
  CoroutineExecutor executor(home, options());
  Channel channel(home, 4);
  channel.try_send(boost::system::error_code(), 5);
  channel.try_send(asio::error::connection_reset, 0);
  auto stream = executor.map_unordered(twice, std::move(channel));
  std::exception_ptr error;
  int results = 0;
  while (!error) {
    const auto read = [&]() -> awaitable<void> {
      if (co_await stream.next()) ++results;
    };
    error = co_await error_of(read());
    REQUIRE(results <= 1);
  }
  EXPECT_TRUE(is_error(error, asio::error::connection_reset, "channel"));
  EXPECT_EQ(co_await stream.next(), std::nullopt);
}

// CE-44, CE-45
CORO_TEST_EVERYWHERE(MapSource, an_error_of_the_source_surfaces_and_the_rest_is_joined) {
  Event never(home);
  std::atomic<int> begun = 0, ended = 0;
  const auto job = [&](int) -> awaitable<int> {
    const auto error = co_await error_of(never.wait([&] { ++begun; }));
    ++ended;
    std::rethrow_exception(error);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto stream = executor.map(job, Countdown(5, 2));
    EXPECT_TRUE(says(co_await error_of(stream.next()), "source broke"));
    EXPECT_EQ(begun, ended);
  };
  co_await with_executor(options(), body);
}

// CE-41, CE-45
CORO_TEST_EVERYWHERE(MapSource, is_read_only_as_slots_allow) {
  CoroutineExecutor executor(home, options({.max_workers = 3}));
  std::atomic<int> made = 0;
  const auto endless = [&](Yield<int> yield) -> awaitable<void> {
    for (int i = 0;; ++i) {
      ++made;
      co_await yield(i);
    }
  };
  auto stream = executor.map(twice, generate<int>(endless));
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(co_await stream.next(), 2 * i);
    for (int turn = 0; turn < 5; ++turn) co_await asio::post(asio::use_awaitable);
    EXPECT_LE(made, i + 1 + 3 + 1);
  }
  co_await stream.aclose();
  co_await executor.join();
}

// CE-43, CE-45: a source that is waiting is cancelled with its stream.
CORO_TEST_EVERYWHERE(MapSource, that_waits_is_cancelled_with_the_stream) {
  Event never(home), waits(home);
  std::atomic<bool> cancelled = false;
  const auto slow = [&](Yield<int> yield) -> awaitable<void> {
    co_await yield(1);
    cancelled = static_cast<bool>(co_await error_of(never.wait([&] { waits.set(); })));
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto stream = executor.map(twice, generate<int>(slow));
    EXPECT_EQ(co_await stream.next(), 2);
    co_await waits.wait();
    co_await stream.aclose();
  };
  co_await with_executor(options(), body);
  co_await until([&] { return cancelled.load(); });
}

}  // namespace
}  // namespace coroexec::test
