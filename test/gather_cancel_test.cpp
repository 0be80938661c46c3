// What a cancel does to gather, race and with_timeout, at every awkward moment; and what an operation
// knows of the job it is part of.
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/gather.hpp"
#include "coroexec/race.hpp"
#include "coroexec/this_task.hpp"
#include "coroexec/with_timeout.hpp"
#include "event.hpp"
#include "stubborn.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

// Runs `operation` as a job, cancels that once `waiting` of it wait, and gives how the operation ended.
template <class T>
awaitable<std::exception_ptr> cancelled_while(ExecutorOptions options, Stubborn& stubborn, int waiting,
                                              awaitable<T> operation) {
  std::exception_ptr ended_with;
  options.suppress_task_errors = true;
  const auto job = [&](awaitable<T> given) -> awaitable<void> {
    ended_with = co_await error_of(std::move(given));
    std::exception_ptr next;
    try {
      co_await this_task::yield();
    } catch (...) {
      next = std::current_exception();
    }
    EXPECT_TRUE(is_cancelled(next)) << "the cancel stays";
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto task = co_await executor.submit(job, std::move(operation));
    co_await until([&] { return stubborn.waiting == waiting; });
    EXPECT_TRUE(task.cancel());
    co_await task.wait();
  };
  co_await with_executor(options, body);
  co_return ended_with;
}

CORO_TEST_EVERYWHERE(OperationsCancel, the_callers_cancel_cancels_all_and_waits_for_them) {
  Stubborn s(home);
  EXPECT_TRUE(is_cancelled(co_await cancelled_while(options(), s, 2, gather(s(), s()))));
  EXPECT_EQ(s.cleaned_up, 2);
  EXPECT_TRUE(is_cancelled(co_await cancelled_while(options(), s, 4, race(s(), s()))));
  EXPECT_EQ(s.cleaned_up, 4);
  EXPECT_TRUE(is_cancelled(co_await cancelled_while(options(), s, 5, with_timeout(1h, s()))));
  EXPECT_EQ(s.cleaned_up, 5);
  EXPECT_TRUE(is_cancelled(
      co_await cancelled_while(options(), s, 7, gather(with_timeout(1h, race(gather(s()))), s()))));
  EXPECT_EQ(s.cleaned_up, 7);
}

CORO_TEST_EVERYWHERE(OperationsCancel, an_error_of_an_operation_is_not_hidden_by_the_callers_cancel) {
  Stubborn s(home);
  EXPECT_TRUE(says(co_await cancelled_while(options(), s, 2, gather(s(), s.fails("lost data"))), "lost data"));
  EXPECT_TRUE(says(co_await cancelled_while(options(), s, 4, race(s(), s.fails("lost data"))),
                   "1 job failed, the first was job 2: lost data"));
  EXPECT_TRUE(says(co_await cancelled_while(options(), s, 5, with_timeout(1h, s.fails("lost data"))), "lost data"));
  EXPECT_EQ(s.cleaned_up, 5);
}

// CTX-7
CORO_TEST_EVERYWHERE(OperationsCancel, operations_that_swallow_the_cancel_give_their_results) {
  Stubborn s(home);
  EXPECT_FALSE(co_await cancelled_while(options(), s, 2, gather(s.swallows(), s.swallows())));
  EXPECT_FALSE(co_await cancelled_while(options(), s, 4, race(s(), s.swallows())));
  EXPECT_FALSE(co_await cancelled_while(options(), s, 5, with_timeout(1h, s.swallows())));
}

CORO_TEST_EVERYWHERE(OperationsCancel, outcomes_tell_who_was_cancelled_and_nothing_is_thrown) {
  Stubborn s(home);
  const auto operation = [&]() -> awaitable<void> {
    const auto [one, two, three] =
        co_await gather(yield_exceptions, s(), s.fails("lost data"), s.swallows());
    EXPECT_TRUE(is_cancelled(one.error()));
    EXPECT_TRUE(says(two.error(), "lost data"));
    EXPECT_TRUE(three.has_value());
  };
  EXPECT_FALSE(co_await cancelled_while(options(), s, 3, operation()));
}

// The caller is cancelled while the losers are being joined: nothing that was won is lost.
CORO_TEST_EVERYWHERE(OperationsCancel, a_race_that_has_been_won_keeps_its_winner) {
  Event never(home), cleaning(home), go_on(home);
  std::exception_ptr ended_with = detail::make_error(errc::invalid_state, "not run");
  const auto wins = []() -> awaitable<int> { co_return 1; };
  const auto loser = [&]() -> awaitable<void> {
    const auto error = co_await error_of(never.wait());
    co_await this_task::uncancel();
    cleaning.set();
    (void)co_await error_of(go_on.wait());
    std::rethrow_exception(error);
  };
  const auto job = [&]() -> awaitable<void> {
    const auto winner = co_await race(loser(), wins());
    EXPECT_EQ(winner.index(), 1u);
    ended_with = nullptr;
  };
  co_await with_executor(options({.suppress_task_errors = true}), [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto task = co_await executor.submit(job);
    co_await cleaning.wait();
    task.cancel();
    go_on.set();
    co_await task.wait();
  });
  EXPECT_FALSE(ended_with);
}

// In Asio a cancelled coroutine cannot await: it is told so before anything starts.
CORO_TEST_EVERYWHERE(OperationsCancel, a_cancelled_caller_starts_nothing_unless_it_says_so) {
  Event never(home), waits(home);
  std::atomic<int> started = 0;
  const auto operation = [&]() -> awaitable<int> {
    ++started;
    co_await this_task::yield();
    co_return 1;
  };
  const auto job = [&]() -> awaitable<void> {
    (void)co_await error_of(never.wait([&] { waits.set(); }));
    int refused = 0;
    for (int which = 0; which < 3; ++which) try {
        if (which == 0) co_await gather(operation(), operation());
        if (which == 1) co_await race(operation());
        if (which == 2) co_await with_timeout(1h, operation());
      } catch (const boost::system::system_error& e) {
        refused += e.code() == asio::error::operation_aborted;
      }
    EXPECT_EQ(refused, 3);
    EXPECT_EQ(started, 0);
    co_await asio::this_coro::throw_if_cancelled(false);
    EXPECT_EQ(co_await gather(operation(), operation()), std::tuple(1, 1));
    EXPECT_EQ(std::get<0>(co_await race(operation())), 1);
    EXPECT_EQ(co_await with_timeout(1h, operation()), 1);
    EXPECT_FALSE(co_await asio::this_coro::throw_if_cancelled()) << "as it was before";
    co_await asio::this_coro::throw_if_cancelled(true);
    co_await this_task::uncancel();
    EXPECT_EQ(co_await with_timeout(1h, operation()), 1);
    EXPECT_TRUE(co_await asio::this_coro::throw_if_cancelled()) << "as it was before";
  };
  co_await with_executor(options({.suppress_task_errors = true}), [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto task = co_await executor.submit(job);
    co_await waits.wait();
    task.cancel();
    co_await task.wait();
    EXPECT_FALSE(task.exception()) << what(task.exception());
  });
}

// The caller is a plain coroutine, cancelled as Asio's users do it.
CORO_TEST(OperationsCancel, a_plain_coroutine_is_cancelled_by_its_signal) {
  Event over(home);
  Stubborn s(home);
  std::exception_ptr ended_with;
  asio::cancellation_signal signal;
  const auto owner = [&]() -> awaitable<void> { co_await gather(s(), with_timeout(1h, race(s()))); };
  asio::co_spawn(home, owner(), asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error) {
                   ended_with = error;
                   over.set();
                 }));
  co_await until([&] { return s.waiting == 2; });
  signal.emit(asio::cancellation_type::terminal);
  co_await over.wait();
  EXPECT_TRUE(is_cancelled(ended_with));
  EXPECT_EQ(s.cleaned_up, 2);
}

CORO_TEST_EVERYWHERE(Operations, are_the_job_they_are_part_of) {
  const auto operation = [](std::string name, std::uint64_t id) -> awaitable<void> {
    EXPECT_EQ(this_task::name(), name);
    EXPECT_EQ(this_task::id(), id);
    co_await asio::post(asio::use_awaitable);
    EXPECT_EQ(this_task::name(), name);
    EXPECT_FALSE(this_task::cancel_requested());
  };
  const auto job = [&]() -> awaitable<void> {
    const auto id = this_task::id();
    EXPECT_NE(id, 0u);
    co_await gather(operation("mine", id), with_timeout(1h, operation("mine", id)), race(operation("mine", id)));
    co_await operation("mine", id);
  };
  co_await gather(operation("", 0));
  co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit({.name = "mine"}, job);
  });
}

// Inside a job never two at once, on any number of threads: they may share what is the job's.
CORO_TEST_EVERYWHERE(Operations, of_one_job_never_run_at_the_same_time) {
  const auto job = []() -> awaitable<void> {
    int shared = 0;  // not atomic
    const auto operation = [&]() -> awaitable<void> {
      for (int i = 0; i < 100; ++i) {
        ++shared;
        co_await asio::post(asio::use_awaitable);
      }
    };
    co_await gather(operation(), operation(), with_timeout(1h, operation()), race(operation()));
    EXPECT_EQ(shared, 400);
  };
  co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
    for (int i = 0; i < 20; ++i) co_await executor.submit(job);
  });
}

// The caller may be elsewhere just then: an operation was bound to another executor.
CORO_TEST_EVERYWHERE(Operations, may_be_awaited_where_the_caller_is_not_on_its_executor) {
  asio::thread_pool elsewhere(1);
  const auto operation = [](int value) -> awaitable<int> {
    co_await this_task::yield();
    co_return value;
  };
  const auto job = [&]() -> awaitable<void> {
    for (int i = 0; i < 50; ++i) {
      co_await asio::post(asio::bind_executor(elsewhere.get_executor(), asio::use_awaitable));
      EXPECT_EQ(co_await gather(operation(1), operation(2)), std::tuple(1, 2));
    }
  };
  if (!one_thread())
    co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
      for (int i = 0; i < 4; ++i) co_await executor.submit(job);
    });
  elsewhere.join();
}

// A scope inside an operation, whose jobs look for what they are part of, from any thread.
CORO_TEST_EVERYWHERE(Operations, may_have_scopes_inside) {
  const auto gives = [](int value) -> awaitable<int> {
    co_await this_task::yield();
    co_return value;
  };
  const auto inner = [&](CoroutineExecutor& executor) -> awaitable<int> {
    const auto waits = [&](int value) -> awaitable<int> {
      const auto task = co_await executor.submit(gives, value);
      co_return co_await task.get();
    };
    int sum = 0;
    auto values = executor.map(waits, std::views::iota(0, 10));
    while (auto value = co_await values.next()) sum += *value;
    co_return sum;
  };
  const auto job = [&]() -> awaitable<void> {
    const auto [one, two] =
        co_await gather(with_executor(options(), inner), with_timeout(1h, with_executor(options(), inner)));
    EXPECT_EQ(one + two, 90);
  };
  co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
    for (int i = 0; i < 10; ++i) co_await executor.submit(job);
  });
}

// A wait for another job that could never end is found through an operation as well.
CORO_TEST_EVERYWHERE(Operations, do_not_hide_a_deadlock) {
  std::exception_ptr error;
  const auto nothing = []() -> awaitable<void> { co_return; };
  CoroutineExecutor executor(home, options({.max_workers = 1, .suppress_task_errors = true}));
  const auto job = [&]() -> awaitable<void> {
    const auto queued = executor.submit_nowait(nothing);
    error = co_await error_of(gather(with_timeout(1h, queued.wait())));
  };
  const auto task = executor.submit_nowait(job);
  co_await executor.join();
  EXPECT_TRUE(is_error(error, errc::would_deadlock, "waits for job 2, but all 1 slots"));
}

// The context goes while they wait: every frame goes with it.
TEST(OperationsCancel, a_context_that_goes_takes_them_along) {
  std::atomic<int> live = 0;
  {
    asio::io_context context;
    const auto waits = [&]() -> awaitable<void> {
      const Tracked tracked(live);
      co_await sleep_for(1h);
    };
    const auto owner = [&]() -> awaitable<void> {
      co_await gather(waits(), with_timeout(1h, waits()), race(waits(), waits()));
    };
    const auto with_scope = [&](CoroutineExecutor& executor) -> awaitable<void> { co_await executor.submit(owner); };
    const auto second = [&]() -> awaitable<void> { co_await with_executor({}, with_scope); };
    asio::co_spawn(context, owner(), asio::detached);
    asio::co_spawn(context, second(), asio::detached);
    while (live < 8) context.poll_one();
  }
  EXPECT_EQ(live, 0);
}

// Concrete executor types.
template <class Ex>
class OperationsOf : public ::testing::Test {};
using Raw = asio::io_context::executor_type;
using Types = ::testing::Types<Raw, asio::strand<Raw>, asio::any_io_executor>;
TYPED_TEST_SUITE(OperationsOf, Types);

TYPED_TEST(OperationsOf, every_executor_type_work_alike) {
  using Ex = TypeParam;
  asio::io_context context(1);
  Ex executor = [&] {
    if constexpr (std::is_same_v<Ex, asio::strand<Raw>>)
      return asio::make_strand(context.get_executor());
    else
      return context.get_executor();
  }();
  const auto number = [](int value) -> asio::awaitable<int, Ex> {
    co_await this_task::yield<Ex>();
    co_return value;
  };
  const auto never = []() -> asio::awaitable<void, Ex> { co_await sleep_for<Ex>(1h); };
  const auto fails = []() -> asio::awaitable<void, Ex> {
    throw std::runtime_error("broken");
    co_return;
  };
  auto future = asio::co_spawn(
      executor,
      [&]() -> asio::awaitable<void, Ex> {
        EXPECT_EQ(co_await gather(number(1), number(2)), std::tuple(1, 2));
        const auto winner = co_await race(never(), number(3));
        EXPECT_EQ(winner.index(), 1u);
        EXPECT_TRUE(is_error(co_await error_of(with_timeout(1ms, never())), errc::timed_out));
        EXPECT_TRUE(says(co_await error_of(gather(never(), fails())), "broken"));
      },
      asio::use_future);
  context.run_for(patience);
  ASSERT_EQ(future.wait_for(0s), std::future_status::ready) << "hangs";
  future.get();
}

}  // namespace
}  // namespace coroexec::test
