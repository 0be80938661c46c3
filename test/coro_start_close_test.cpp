// CoroStart: close, aclose, athrow, and whatever else ends one early.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "coroexec/context.hpp"
#include "coroexec/coro_start.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/gather.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "job_test.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

ContextVar<std::string> var("var", "none");
constexpr const char* reused = "cannot reuse already awaited coroutine";

struct Unwound {
  std::string& seen;
  ~Unwound() { seen += "unwound in " + var.get() + " "; }
};

awaitable<int> waits_for(Task<> task, std::string& seen) {
  const Unwound unwound{seen};
  co_await task.wait();
  seen += "went on ";
  co_return 1;
}

awaitable<int> sleeps(std::string& seen) {
  const Unwound unwound{seen};
  co_await sleep_for(std::chrono::hours(1));
  seen += "went on ";
  co_return 1;
}

// CS-21, CS-22, CS-24
CORO_TEST_AS_JOB(TestCoroStart, test_close_block) {
  Event never(home);
  const auto task = eager(never.wait());
  std::string seen;
  CoroStart start(waits_for(task, seen));
  EXPECT_EQ(seen, "");
  start.close();
  EXPECT_EQ(seen, "unwound in none ") << "at once";
  EXPECT_TRUE(coro_is_finished(start));
  EXPECT_FALSE(start.done());
  EXPECT_TRUE(is_error(error_from([&] { start.result(); }), errc::invalid_state, "not done"));
  start.close();
  EXPECT_TRUE(is_error(co_await error_of(start.as_coroutine()), errc::invalid_state, reused));
  task.cancel();
  EXPECT_EQ(seen, "unwound in none ");
}

// CS-23
CORO_TEST_AS_JOB(TestCoroStart, test_close_noblock) {
  const auto quick = []() -> awaitable<int> { co_return 1; };
  CoroStart start(quick());
  start.close();
  EXPECT_FALSE(start.done());
  EXPECT_TRUE(is_error(co_await error_of(start.as_coroutine()), errc::invalid_state, reused));
}

// CS-21: in the middle of an operation of Asio it unwinds when that has ended
CORO_TEST_AS_JOB(TestCoroStart, closed_in_an_operation_of_asio_it_goes_when_that_has_ended) {
  std::string seen;
  CoroStart start(sleeps(seen));
  EXPECT_EQ(seen, "");
  start.close();
  co_await until([&] { return !seen.empty(); });
  EXPECT_EQ(seen, "unwound in none ");
}

// CS-21: its wait was over already, so, as ever with Asio, its next one sees the cancel
CORO_TEST_AS_JOB(TestCoroStart, closed_with_its_wait_over_it_goes_at_its_next_wait) {
  std::string seen;
  const auto yields = [&]() -> awaitable<void> {
    const Unwound unwound{seen};
    co_await this_task::yield();
    seen += "one more ";
    co_await this_task::yield();
    seen += "never ";
  };
  CoroStart start(yields());
  co_await this_task::yield();
  start.close();
  EXPECT_EQ(seen, "one more unwound in none ") << "at once";
}

// CS-25: unlike there it is not an error
CORO_TEST_AS_JOB(TestCoroStart, what_its_clean_up_waits_for_is_not_waited_for) {
  Event never(home);
  const auto task = eager(never.wait());
  std::string seen;
  const auto cleans_up = [&]() -> awaitable<void> {
    EXPECT_TRUE(is_cancelled(co_await error_of(task.wait())));
    seen += "cancelled ";
    co_await this_task::uncancel();
    co_await sleep_for(std::chrono::microseconds(10));
    seen += "cleaned up ";
  };
  CoroStart start(cleans_up());
  start.close();
  EXPECT_EQ(seen, "cancelled ");
  EXPECT_TRUE(coro_is_finished(start));
  co_await until([&] { return seen == "cancelled cleaned up "; });
  task.cancel();
}

// Its own children are joined before it ends.
CORO_TEST_AS_JOB(TestCoroStart, closing_one_with_a_scope_leaves_the_scope_in_order) {
  Event never(home);
  const auto task = eager(never.wait());
  std::string seen;
  const auto scope_inside = [&]() -> awaitable<void> {
    std::string local = "local";
    const auto child = [&]() -> awaitable<void> {
      const Unwound unwound{local};
      co_await sleep_for(std::chrono::hours(1));
    };
    const auto body = [&](CoroutineExecutor& scope) -> awaitable<void> {
      co_await scope.submit(child);
      co_await task.wait();
    };
    const auto error = co_await error_of(with_executor(body));
    seen = local + (is_cancelled(error) ? "cancelled" : "?");
  };
  CoroStart start(scope_inside());
  co_await this_task::yield();
  co_await this_task::yield();
  start.close();
  co_await until([&] { return !seen.empty(); });
  EXPECT_EQ(seen, "localunwound in none cancelled");
  task.cancel();
}

// Also one whose children are operations of its own, and closes in turn what it has started.
CORO_TEST_AS_JOB(TestCoroStart, closing_one_with_operations_inside_ends_them_at_once) {
  Event never(home);
  const auto task = eager(never.wait());
  std::string seen;
  const auto inner = [&]() -> awaitable<void> {
    CoroStart innermost(waits_for(task, seen));
    co_await innermost.as_coroutine();
  };
  const auto outer = [&]() -> awaitable<void> {
    const Unwound unwound{seen};
    co_await gather(inner());
  };
  CoroStart start(outer());
  start.close();
  EXPECT_EQ(seen, "unwound in none unwound in none ");
  task.cancel();
  co_return;
}

// CTX-10
CORO_TEST_AS_JOB(TestCoroStart, is_closed_in_its_context) {
  Event never(home);
  const auto task = eager(never.wait());
  std::string seen;
  const auto sets = [&](awaitable<int> rest) -> awaitable<int> {
    var.set("its context");
    co_return co_await std::move(rest);
  };
  {
    CoroStart start(sets(waits_for(task, seen)), copy_context());
    CoroStart sleeping(sets(sleeps(seen)), copy_context());
    EXPECT_EQ(var.get(), "none");
  }
  co_await until([&] { return seen.size() > 30; });
  EXPECT_EQ(seen, "unwound in its context unwound in its context ");
  EXPECT_EQ(var.get(), "none");
  task.cancel();
}

// CS-26
CORO_TEST_AS_JOB(TestCoroStart, test_low_level_close) {
  Event never(home);
  const auto task = eager(never.wait());
  std::string seen;
  CoroStart start(waits_for(task, seen));
  {
    CoroStart wrapper(start.as_coroutine());
    EXPECT_TRUE(coro_is_suspended(wrapper));
    wrapper.close();
  }
  EXPECT_EQ(seen, "unwound in none ");
  EXPECT_TRUE(coro_is_finished(start));
  task.cancel();
  co_return;
}

CORO_TEST_AS_JOB(TestCoroStart, is_kept_by_the_coroutine_it_gave_out) {
  Event never(home);
  const auto task = eager(never.wait());
  std::string seen;
  {
    std::optional<CoroStart<int>> start(std::in_place, waits_for(task, seen));
    auto rest = start->as_coroutine();
    start.reset();
    EXPECT_EQ(seen, "");
  }
  EXPECT_EQ(seen, "unwound in none ");
  task.cancel();
  co_return;
}

awaitable<int> cleans_up(Event& event, std::string& seen, bool fails) {
  const auto error = co_await error_of(event.wait());
  seen = is_cancelled(error) ? "cancelled" : "?";
  co_await this_task::uncancel();
  co_await this_task::yield();
  seen += " cleaned up";
  if (fails) throw std::out_of_range("clean-up");
  std::rethrow_exception(error);
}

CORO_TEST_AS_JOB(TestCoroStart, aclose_waits_for_its_clean_up) {
  Event never(home);
  std::string seen;
  CoroStart start(cleans_up(never, seen, false));
  co_await start.aclose();
  EXPECT_EQ(seen, "cancelled cleaned up");
  co_await start.aclose();
  EXPECT_TRUE(is_error(co_await error_of(start.as_coroutine()), errc::invalid_state, reused));
  CoroStart failing(cleans_up(never, seen, true));
  EXPECT_TRUE(says(co_await error_of(failing.aclose()), "clean-up"));
  co_await this_task::yield();  // the closer itself has not been cancelled
}

CORO_TEST_AS_JOB(TestCoroStart, athrow_gives_what_comes_of_it) {
  Event never(home);
  const auto error = std::make_exception_ptr(std::length_error("thrown"));
  const auto handles = []() -> awaitable<int> {
    if (!is_a<std::length_error>(co_await error_of(sleep_for(std::chrono::hours(1))))) co_return 6;
    co_await this_task::yield();
    co_return 5;
  };
  CoroStart handling(handles());
  EXPECT_EQ(co_await handling.athrow(error), 5);
  std::string seen;
  CoroStart letting_go(sleeps(seen));
  EXPECT_TRUE(is_a<std::length_error>(co_await error_of(letting_go.athrow(error))));
  EXPECT_EQ(seen, "unwound in none ");
  CoroStart failing(cleans_up(never, seen, true));
  EXPECT_TRUE(says(co_await error_of(failing.athrow(error)), "clean-up"));
  const auto quick = []() -> awaitable<int> { co_return 1; };
  CoroStart done(quick());
  EXPECT_TRUE(says(co_await error_of(done.athrow(error)), "thrown"));
  EXPECT_TRUE(is_error(co_await error_of(done.as_coroutine()), errc::invalid_state, reused));
}

// A hundred closed in every state: what they used is used again.
CORO_TEST_AS_JOB(TestCoroStart, closing_many_leaves_nothing_behind) {
  Event never(home);
  const auto task = eager(never.wait());
  std::atomic<int> live = 0;
  const auto waits = [&](Tracked, int how) -> awaitable<void> {
    if (how == 0) co_await task.wait();
    if (how == 1) co_await sleep_for(std::chrono::hours(1));
    if (how == 2) co_await this_task::yield();
  };
  for (int i = 0; i < 100; ++i) {
    CoroStart start(waits(Tracked(live), i % 4));
    if (i % 8 >= 4) {
      const auto awaiter = eager(start.as_coroutine());
      co_await this_task::yield();
      awaiter.cancel();
      co_await awaiter.wait();
    }
  }
  co_await until([&] { return live == 0; });
  task.cancel();
}

// A context that goes first, and one that is closed after it.
TEST(TestCoroStart, outlives_its_context) {
  std::atomic<int> live = 0;
  std::optional<CoroStart<void>> parked, in_timer, awaited;
  {
    asio::io_context context(1);
    const asio::any_io_executor executor = context.get_executor();
    Event never(executor);
    const auto waits = [&](Tracked, bool timer) -> awaitable<void> {
      if (timer) co_await sleep_for(std::chrono::hours(1));
      co_await this_task::yield();
      co_await never.wait();
    };
    parked.emplace(executor, waits(Tracked(live), false));
    in_timer.emplace(executor, waits(Tracked(live), true));
    awaited.emplace(executor, waits(Tracked(live), false));
    const auto task = eager(executor, awaited->as_coroutine());
    context.poll();
    EXPECT_EQ(live, 3);
  }
  EXPECT_EQ(live, 0);
  for (auto* start : {&parked, &in_timer, &awaited}) EXPECT_TRUE(coro_is_finished(**start));
  parked->close();
}

// A scope inside is a child of whoever awaits: his deadlock is found.
CORO_TEST(TestCoroStart, the_awaiters_deadlock_is_seen_through_it) {
  std::exception_ptr error;
  const auto body = [&](CoroutineExecutor& scope) -> awaitable<void> {
    const auto joins = [&]() -> awaitable<void> {
      co_await this_task::yield();
      co_await scope.join();
    };
    const auto job = [&]() -> awaitable<void> {
      CoroStart start(joins());
      error = co_await error_of(start.as_coroutine());
    };
    const auto task = co_await scope.submit(job);
    co_await task.wait();
  };
  co_await with_executor(body);
  EXPECT_TRUE(is_error(error, errc::would_deadlock, "joins the executor it runs in"));
}

}  // namespace
}  // namespace coroexec::test
