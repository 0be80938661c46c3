// with_timeout: whose time was up, and what becomes of the operation.
#include "coroexec/with_timeout.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/gather.hpp"
#include "coroexec/race.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

CORO_TEST_EVERYWHERE(WithTimeout, gives_the_result_of_what_ends_in_time) {
  const auto move_only = []() -> awaitable<MoveOnly> {
    co_await this_task::yield();
    co_return MoveOnly(7);
  };
  const auto nothing = []() -> awaitable<void> { co_return; };
  EXPECT_EQ((co_await with_timeout(1h, move_only())).value(), 7);
  co_await with_timeout(no_timeout, nothing());
  if (one_thread()) co_await with_timeout(0ms, nothing());
  Timeout timeout(1h);
  EXPECT_EQ((co_await with_timeout(timeout, move_only())).value(), 7);
  EXPECT_FALSE(timeout.expired());
}

// Where the limit must not be over before the operation has begun, time is virtual: threads promise no such thing.
CORO_TEST_VIRTUAL(WithTimeout, ends_with_timed_out_once_the_operation_has_been_joined) {
  Event never(home);
  std::atomic<int> cleaned_up = 0;
  const auto waits = [&]() -> awaitable<int> {
    const auto error = co_await error_of(never.wait());
    EXPECT_TRUE(this_task::cancel_requested());
    co_await this_task::uncancel();
    for (int i = 0; i < 5; ++i) co_await this_task::yield();
    ++cleaned_up;
    std::rethrow_exception(error);
  };
  auto error = co_await error_of(with_timeout(1ms, waits()));
  EXPECT_EQ(cleaned_up, 1);
  EXPECT_TRUE(is_error(error, errc::timed_out));
  EXPECT_TRUE(says(error, "operation exceeded its timeout of 1 ms: timed out [coroexec:2]")) << what(error);
  Timeout timeout(2ms, "connect");
  error = co_await error_of(with_timeout(timeout, waits()));
  EXPECT_TRUE(is_error(error, errc::timed_out, "operation 'connect' exceeded its timeout of 2 ms"));
  EXPECT_TRUE(timeout.expired());
  co_await this_task::yield();  // the caller has not been cancelled
}

CORO_TEST_EVERYWHERE(WithTimeout, an_inner_limit_passes_through_the_outer_one) {
  Event never(home);
  Timeout inner(1ms, "inner"), outer(1h, "outer");
  const auto error = co_await error_of(with_timeout(outer, with_timeout(inner, never.wait())));
  EXPECT_TRUE(is_error(error, errc::timed_out, "operation 'inner' exceeded its timeout of 1 ms"));
  EXPECT_TRUE(inner.expired());
  EXPECT_FALSE(outer.expired());
}

CORO_TEST_VIRTUAL(WithTimeout, an_outer_limit_is_a_cancel_to_the_inner_one) {
  Event never(home);
  Timeout inner(1h, "inner"), outer(1ms, "outer");
  std::exception_ptr of_inner;
  const auto operation = [&]() -> awaitable<void> {
    of_inner = co_await error_of(with_timeout(inner, never.wait()));
    std::rethrow_exception(of_inner);
  };
  const auto error = co_await error_of(with_timeout(outer, operation()));
  EXPECT_TRUE(is_error(error, errc::timed_out, "operation 'outer' exceeded its timeout of 1 ms"));
  EXPECT_TRUE(is_cancelled(of_inner));
  EXPECT_FALSE(inner.expired());
  EXPECT_TRUE(outer.expired());
}

// Of two of the same length exactly one says that it was the one.
CORO_TEST_EVERYWHERE(WithTimeout, one_of_two_equal_limits_has_expired) {
  Event never(home);
  for (int i = 0; i < 20; ++i) {
    Timeout inner(100us, "inner"), outer(100us, "outer");
    const auto error = co_await error_of(with_timeout(outer, with_timeout(inner, never.wait())));
    REQUIRE(inner.expired() != outer.expired());
    EXPECT_TRUE(is_error(error, errc::timed_out, inner.expired() ? "'inner'" : "'outer'"));
  }
}

CORO_TEST_VIRTUAL(WithTimeout, what_ends_well_all_the_same_is_not_lost) {
  Event never(home);
  Timeout timeout(1ms);
  const auto recovers = [&]() -> awaitable<int> {
    (void)co_await error_of(never.wait());
    co_return 7;
  };
  EXPECT_EQ(co_await with_timeout(timeout, recovers()), 7);
  EXPECT_FALSE(timeout.expired());
}

CORO_TEST_VIRTUAL(WithTimeout, an_error_of_the_operation_is_thrown_as_it_is) {
  Event never(home);
  Timeout timeout(1ms);
  const auto fails = []() -> awaitable<int> {
    throw std::out_of_range("at once");
    co_return 0;
  };
  EXPECT_TRUE(is_a<std::out_of_range>(co_await error_of(with_timeout(timeout, fails()))));
  const auto fails_late = [&]() -> awaitable<void> {
    (void)co_await error_of(never.wait());
    throw std::runtime_error("clean-up failed");
  };
  EXPECT_TRUE(says(co_await error_of(with_timeout(timeout, fails_late())), "clean-up failed"));
  EXPECT_FALSE(timeout.expired());
  const auto gives_up = []() -> awaitable<void> {
    throw boost::system::system_error(asio::error::operation_aborted, "gave up");
    co_return;
  };
  EXPECT_TRUE(is_error(co_await error_of(with_timeout(1h, gives_up())), asio::error::operation_aborted, "gave up"));
}

CORO_TEST_VIRTUAL(WithTimeout, a_timeout_may_be_used_again) {
  Event never(home);
  Timeout timeout(1ms);
  const auto nothing = []() -> awaitable<void> { co_return; };
  EXPECT_TRUE(is_error(co_await error_of(with_timeout(timeout, never.wait())), errc::timed_out));
  EXPECT_TRUE(timeout.expired());
  co_await with_timeout(timeout, nothing());
  EXPECT_FALSE(timeout.expired());
}

CORO_TEST_VIRTUAL(WithTimeout, the_time_is_counted_from_the_start) {
  Timeout timeout(20ms);
  const auto nothing = []() -> awaitable<void> { co_return; };
  auto later = with_timeout(timeout, nothing());
  co_await sleep_for(25ms);
  co_await std::move(later);
  EXPECT_FALSE(timeout.expired());
}

CORO_TEST_EVERYWHERE(WithTimeout, a_negative_limit_is_refused) {
  bool started = false;
  const auto operation = [&]() -> awaitable<void> {
    started = true;
    co_return;
  };
  EXPECT_TRUE(is_error(co_await error_of(with_timeout(-1ms, operation())), errc::invalid_argument,
                       "operation of with_timeout: timeout must not be negative"));
  Timeout timeout(-1ms, "connect");
  EXPECT_TRUE(is_error(co_await error_of(with_timeout(timeout, operation())), errc::invalid_argument,
                       "operation 'connect' of with_timeout: timeout must not be negative"));
  EXPECT_FALSE(started);
}

// Limits, races and gathers within each other.
CORO_TEST_EVERYWHERE(WithTimeout, in_a_race_the_others_go_on) {
  Event never(home);
  Event over(home);
  const auto limited = [&]() -> awaitable<void> {
    const SetAtExit told{over};
    co_await with_timeout(1ms, never.wait());
  };
  const auto slow = [&]() -> awaitable<int> {
    co_await over.wait();
    co_return 7;
  };
  const auto winner = co_await race(limited(), slow());
  EXPECT_EQ(std::get<1>(winner), 7);
  REQUIRE(winner.errors().size() == 1);
  EXPECT_TRUE(is_error(winner.errors()[0].exception, errc::timed_out));
}

// A limit inside a job with a limit of its own.
CORO_TEST_EVERYWHERE(WithTimeout, is_told_from_the_jobs_own_limit) {
  Event never(home);
  Timeout timeout(1h, "inner");
  const auto job = [&]() -> awaitable<void> { co_await with_timeout(timeout, never.wait()); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto task = co_await executor.submit({.name = "outer", .timeout = 1ms}, job);
    co_await task.wait();
    EXPECT_TRUE(is_error(task.exception(), errc::timed_out, "'outer' exceeded its timeout of 1 ms"));
    EXPECT_FALSE(timeout.expired());
  };
  co_await with_executor(options({.suppress_task_errors = true}), body);
}

}  // namespace
}  // namespace coroexec::test
