// Cancelling jobs of a pool: by handle, all of them, with clean-up, and while results are streamed.

#include "coroexec/aio_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <ranges>
#include <stdexcept>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

using namespace std::chrono_literals;

PoolOptions sized(std::size_t size, bool one_thread) {
  return {.size = size, .threading = one_thread ? Threading::single : Threading::multi};
}

// AP-8: the course of the Python original's own test.
CORO_TEST_EVERYWHERE(PoolCancel, takes_two_of_seven_then_all_the_rest) {
  AioPool pool(home, sized(5, one_thread()));
  Event never(home), quick(home);
  Activity activity;
  const auto job = [&]() -> awaitable<int> {
    const auto stay = activity.enter();
    co_await never.wait();
    co_return 1;
  };
  const auto quick_job = [&]() -> awaitable<int> {
    const auto stay = activity.enter();
    co_await quick.wait();
    co_return 2;
  };
  // AP-9: cleans up with an await and keeps its value.
  std::atomic<bool> careful = false;
  const auto careful_job = [&]() -> awaitable<int> {
    const auto stay = activity.enter();
    const auto error = co_await error_of(never.wait([&] { careful = true; }));
    EXPECT_TRUE(is_cancelled(error));
    co_await this_task::uncancel();
    co_await sleep_for(1ms);
    co_return 3;
  };

  auto f_quick = pool.spawn_n(quick_job);
  auto f1 = pool.spawn_n(job), f2 = pool.spawn_n(job);
  const std::vector<int> three(3);
  const auto each = [&](int) { return job(); };
  auto f35 = pool.map_n(each, three);
  auto f6 = pool.spawn_n(job);
  REQUIRE(f35.size() == 3);
  co_await until([&] { return activity.now() == 5; });
  EXPECT_EQ(f6.state(), TaskState::queued);

  // One that runs and one that waits.
  const auto two = co_await pool.cancel(f1, f6);
  EXPECT_EQ(two.count, 2u);
  REQUIRE(two.outcomes.size() == 2);
  EXPECT_TRUE(is_cancelled(two.outcomes[0].error()));
  EXPECT_TRUE(is_cancelled(two.outcomes[1].error()));
  EXPECT_TRUE(f1.cancelled() && f6.cancelled());

  quick.set();
  co_await f_quick.wait();
  EXPECT_EQ(f_quick.result(), 2);
  co_await pool.cancel(f2);
  auto f_careful = pool.spawn_n(careful_job);
  co_await until([&] { return careful && activity.now() == 4; });

  // Typed: what was recovered is told with its value; what was done before is not counted.
  std::vector<Task<int>> rest = f35;
  rest.push_back(f_careful);
  rest.push_back(f_quick);
  const auto four = co_await pool.cancel(rest);
  EXPECT_EQ(four.count, 4u);
  REQUIRE(four.outcomes.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(is_cancelled(four.outcomes[i].error()));
  REQUIRE(four.outcomes[3].has_value());
  EXPECT_EQ(*four.outcomes[3], 3);
  EXPECT_FALSE(f_careful.cancelled());
  EXPECT_EQ(activity.now(), 0);
  EXPECT_EQ(activity.entered(), 7) << "f6 was cancelled while it waited and has begun all the same";
  EXPECT_TRUE(pool.is_empty());
}

// AP-8
CORO_TEST_EVERYWHERE(PoolCancel, of_all_waits_until_every_one_has_ended) {
  AioPool pool(home, sized(3, one_thread()));
  Event never(home);
  Activity activity;
  std::atomic<int> waiting = 0;
  const auto job = [&]() -> awaitable<int> {
    const auto stay = activity.enter();
    const auto error = co_await error_of(never.wait([&] { ++waiting; }));
    co_await this_task::uncancel();
    co_await sleep_for(5ms);
    std::rethrow_exception(error);
  };
  const auto recovers = [&]() -> awaitable<std::string> {
    const auto stay = activity.enter();
    co_await error_of(never.wait([&] { ++waiting; }));
    co_return "recovered";
  };
  const auto fails = [&]() -> awaitable<int> {
    const auto stay = activity.enter();
    co_await error_of(never.wait([&] { ++waiting; }));
    throw std::runtime_error("while cleaning up");
  };
  auto ended = pool.spawn_n([]() -> awaitable<int> { co_return 1; });
  co_await ended.wait();
  auto slow = pool.spawn_n(job);
  auto safe = pool.spawn_n(recovers);
  auto broken = pool.spawn_n(fails);
  auto queued = pool.spawn_n(job);
  co_await until([&] { return waiting == 3; });

  const auto all = co_await pool.cancel();
  EXPECT_EQ(activity.now(), 0);
  EXPECT_EQ(all.count, 4u);
  EXPECT_EQ(all.outcomes.size(), 4u);
  EXPECT_EQ(std::ranges::count_if(all.outcomes, [](auto& outcome) { return outcome.has_value(); }), 1);
  EXPECT_EQ(safe.result(), "recovered");
  EXPECT_TRUE(slow.state() == TaskState::failed || slow.cancelled());
  EXPECT_TRUE(is_cancelled(slow.exception()));
  EXPECT_EQ(broken.state(), TaskState::failed);
  EXPECT_TRUE(says(broken.exception(), "while cleaning up"));
  EXPECT_TRUE(queued.cancelled());
  EXPECT_EQ(ended.result(), 1);

  // The pool goes on.
  const int again = co_await pool.exec([]() -> awaitable<int> { co_return 7; });
  EXPECT_EQ(again, 7);
}

// AP-8: of mixed types only success or error can be told.
CORO_TEST(PoolCancel, takes_handles_of_several_types) {
  AioPool pool(home, 4);
  Event never(home);
  const auto number = [&]() -> awaitable<int> {
    co_await never.wait();
    co_return 1;
  };
  const auto text = [&]() -> awaitable<std::string> {
    co_await error_of(never.wait());
    co_return "recovered";
  };
  auto a = pool.spawn_n(number);
  auto b = pool.spawn_n(text);
  co_await until([&] { return pool.active() == 2; });
  const Cancelled<> both = co_await pool.cancel(a, b);
  EXPECT_EQ(both.count, 2u);
  REQUIRE(both.outcomes.size() == 2);
  EXPECT_TRUE(is_cancelled(both.outcomes[0].error()));
  EXPECT_TRUE(both.outcomes[1].has_value());
  EXPECT_EQ(b.result(), "recovered");
}

// AP-8
CORO_TEST(PoolCancel, does_not_count_what_is_done) {
  AioPool pool(home, 2);
  auto task = pool.spawn_n([]() -> awaitable<int> { co_return 1; });
  co_await task.wait();
  EXPECT_FALSE(task.cancel());
  const auto one = co_await pool.cancel(task);
  EXPECT_EQ(one.count, 0u);
  EXPECT_TRUE(one.outcomes.empty());
  const auto all = co_await pool.cancel();
  EXPECT_EQ(all.count, 0u);
  EXPECT_EQ(task.result(), 1);
}

// AP-8: a job may cancel the others of its pool; itself it leaves out.
CORO_TEST(PoolCancel, of_all_from_a_job_leaves_that_job_out) {
  AioPool pool(home, 4);
  Event never(home);
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  std::vector<Task<>> others;
  for (int i = 0; i < 6; ++i) others.push_back(pool.spawn_n(waits));
  co_await until([&] { return pool.active() == 4; });
  others[0].cancel();
  const auto job = [&]() -> awaitable<std::size_t> {
    const auto all = co_await pool.cancel();
    co_return all.count;
  };
  others.erase(others.begin());
  // It waits behind two others for the one slot that gets free, so move them out of the way.
  co_await pool.cancel(others[0], others[1], others[3]);
  const auto count = co_await pool.exec(job);
  EXPECT_EQ(count, 2u);
  for (auto& other : others) EXPECT_TRUE(other.cancelled());
}

// AP-9
CORO_TEST_EVERYWHERE(PoolCancel, stays_set_until_the_job_takes_it_back) {
  AioPool pool(home, sized(1, one_thread()));
  Event never(home);
  std::atomic<bool> waits = false;
  const auto job = [&]() -> awaitable<int> {
    EXPECT_TRUE(is_cancelled(co_await error_of(never.wait([&] { waits = true; }))));
    EXPECT_TRUE(this_task::cancel_requested());
    bool awaited = false;
    try {
      co_await sleep_for(0s);
      awaited = true;
    } catch (const boost::system::system_error& error) {
      EXPECT_EQ(error.code(), asio::error::operation_aborted);
    }
    EXPECT_FALSE(awaited) << "a cancelled coroutine can await nothing";
    co_await this_task::uncancel();
    EXPECT_FALSE(this_task::cancel_requested());
    co_await sleep_for(1ms);
    co_return 9;
  };
  auto task = pool.spawn_n(job);
  co_await until([&] { return waits.load(); });
  const auto result = co_await pool.cancel(task);
  EXPECT_EQ(result.count, 1u);
  REQUIRE(result.outcomes.size() == 1);
  REQUIRE(result.outcomes[0].has_value());
  EXPECT_EQ(*result.outcomes[0], 9);
  EXPECT_EQ(task.state(), TaskState::succeeded);
  EXPECT_FALSE(task.cancelled());
}

// AP-15
CORO_TEST_EVERYWHERE(PoolCancel, of_all_at_result_13_of_100_takes_exactly_87) {
  AioPool pool(home, sized(5, one_thread()));
  Event never(home);
  const auto job = [&](int n) -> awaitable<int> {
    if (n > 13) co_await never.wait();
    co_return n;
  };
  auto results = pool.itermap(job, std::views::iota(1, 101),
                              IterOptions{.yield_when = ReturnWhen::first_completed});
  int seen = 0, errors = 0;
  std::size_t cancelled = 0;
  while (auto result = co_await results.next()) {
    result->has_error() ? ++errors : ++seen;
    if (seen != 13 || cancelled > 0) continue;
    const auto stopped = co_await pool.cancel();
    cancelled = stopped.count;
    EXPECT_EQ(stopped.outcomes.size(), 87u);
  }
  EXPECT_EQ(cancelled, 87u);
  EXPECT_EQ(seen, 13);
  EXPECT_EQ(errors, 87);  // their cancellation is their result
}

CORO_TEST(PoolTimeout, of_a_job_is_its_own_error_with_its_name) {
  AioPool pool(home, 2);
  Event never(home);
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  auto limited = co_await pool.spawn(TaskOptions{.name = "slow", .timeout = 5ms}, waits);
  const auto job = [&]() -> awaitable<int> {
    co_await limited.wait();
    co_return 1;
  };
  auto other = pool.spawn_n(job);
  co_await pool.join();
  EXPECT_TRUE(limited.cancelled());
  EXPECT_TRUE(is_error(limited.exception(), errc::timed_out,
                       "job 1 'slow' exceeded its timeout of 5 ms"));
  EXPECT_EQ(other.result(), 1);
}

CORO_TEST(PoolTimeout, below_zero_is_refused) {
  AioPool pool(home, {.size = 2, .name = "p"});
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto refusal = error_from(
      [&] { pool.spawn_n(TaskOptions{.name = "early", .timeout = -1ms}, nothing); });
  EXPECT_TRUE(is_error(refusal, errc::invalid_argument,
                       "job 1 'early' of pool 'p': timeout must not be negative"));
  co_return;
}

// A handle asked too early says which job of which pool it is.
CORO_TEST(PoolTask, asked_for_a_result_it_does_not_have_yet_says_so) {
  AioPool pool(home, {.size = 1, .name = "p"});
  Event go(home);
  const auto waits = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 1;
  };
  auto task = pool.spawn_n(TaskOptions{.name = "late"}, waits);
  const auto early = error_from([&] { (void)task.result(); });
  EXPECT_TRUE(is_error(early, errc::invalid_state, "job 1 'late' of pool 'p' is not done"));
  EXPECT_TRUE(is_error(error_from([&] { (void)task.exception(); }), errc::invalid_state));
  EXPECT_TRUE(is_error(error_from([&] { (void)task.outcome(); }), errc::invalid_state));
  go.set();
  co_await pool.join();
  EXPECT_EQ(task.result(), 1);
}

}  // namespace
}  // namespace coroexec::test
