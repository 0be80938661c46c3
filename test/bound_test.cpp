// How many jobs run at once, in which order they start, and who has to wait.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <ranges>
#include <vector>

#include "activity.hpp"
#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// CE-20
CORO_TEST_EVERYWHERE(Bound, uses_every_slot_and_not_one_more) {
  CoroutineExecutor executor(home, options({.max_workers = 5}));
  Activity activity;
  std::vector<std::unique_ptr<Event>> gates;
  for (int i = 0; i < 20; ++i) gates.push_back(std::make_unique<Event>(home));
  const auto job = [&](Event& gate) -> awaitable<void> {
    const auto stay = activity.enter();
    co_await gate.wait();
  };
  for (auto& gate : gates) executor.submit_nowait(job, std::ref(*gate));

  for (int released = 0; released < 20; ++released) {
    const int expected = std::min(5 + released, 20);  // each end lets exactly one in
    co_await until([&] { return activity.entered() == expected; });
    co_await until([&] { return activity.now() == expected - released; });
    gates[static_cast<std::size_t>(released)]->set();
  }
  co_await executor.join();
  EXPECT_EQ(activity.peak(), 5);
  EXPECT_EQ(activity.entered(), 20);
}

// CE-20
CORO_TEST_EVERYWHERE(Bound, holds_in_a_crowd_of_short_jobs) {
  Activity activity;
  const auto job = [&](int i) -> awaitable<int> {
    const auto stay = activity.enter();
    for (int turn = 0; turn < i % 4; ++turn) co_await this_task::yield();
    co_return i;
  };
  std::vector<Task<int>> tasks;
  co_await with_executor(options({.max_workers = 7}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           for (int i = 0; i < 3000; ++i)
                             tasks.push_back(co_await executor.submit(job, i));
                         });
  EXPECT_LE(activity.peak(), 7);
  if (one_thread()) {
    EXPECT_EQ(activity.peak(), 7);
  }
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(tasks[static_cast<std::size_t>(i)].result(), i);
}

// CE-20
CORO_TEST(Bound, is_1000_unless_told_otherwise) {
  CoroutineExecutor executor(home);
  Activity activity;
  Event go(home);
  const auto job = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await go.wait();
  };
  for (int i = 0; i < 1100; ++i) executor.submit_nowait(job);
  co_await until([&] { return activity.now() == 1000; });
  for (int i = 0; i < 10; ++i) co_await this_task::yield();
  EXPECT_EQ(executor.stats().active, 1000u);
  EXPECT_EQ(executor.stats().queued, 100u);
  go.set();
  co_await executor.join();
  EXPECT_EQ(activity.peak(), 1000);
}

CORO_TEST(Bound, may_be_unlimited) {
  CoroutineExecutor executor(home, {.max_workers = unlimited});
  Activity activity;
  Event go(home);
  const auto job = [&]() -> awaitable<void> {
    const auto stay = activity.enter();
    co_await go.wait();
  };
  for (int i = 0; i < 3000; ++i) co_await executor.submit(job);
  co_await until([&] { return activity.now() == 3000; });
  go.set();
  co_await executor.join();
}

// CE-21
CORO_TEST(Bound, submit_does_not_suspend_while_there_is_room) {
  CoroutineExecutor executor(home, {.max_workers = 3, .backlog = 2});
  Event go(home);
  bool others_ran = false;
  const auto job = [&]() -> awaitable<void> {
    others_ran = true;
    co_await go.wait();
  };
  asio::post(home, [&] { others_ran = true; });
  for (int i = 0; i < 3; ++i) co_await executor.submit(job);
  EXPECT_FALSE(others_ran);
  go.set();
  co_await executor.join();
}

// CE-21
CORO_TEST_EVERYWHERE(Bound, submit_waits_for_a_free_slot_when_there_is_no_backlog) {
  CoroutineExecutor executor(home, options({.max_workers = 2, .backlog = 0}));
  Event go(home), go_on(home);
  std::atomic<int> submitted = 0, started = 0;
  const auto job = [&](Event& gate) -> awaitable<void> {
    ++started;
    co_await gate.wait();
  };
  const auto submitter = [&]() -> awaitable<void> {
    co_await executor.submit(job, std::ref(go));
    ++submitted;
    co_await executor.submit(job, std::ref(go_on));
    ++submitted;
    co_await executor.submit(job, std::ref(go_on));
    ++submitted;
  };
  CoroutineExecutor other(home, options());
  other.submit_nowait(submitter);
  co_await until([&] { return executor.stats().waiting == 1; });
  for (int i = 0; i < 10; ++i) co_await asio::post(asio::use_awaitable);
  EXPECT_EQ(submitted, 2);
  go.set();
  co_await other.join();
  EXPECT_EQ(submitted, 3);
  go_on.set();
  co_await executor.join();
  EXPECT_EQ(started, 3);
}

// CE-21
CORO_TEST_EVERYWHERE(Bound, the_backlog_is_accepted_and_not_started) {
  CoroutineExecutor executor(home, options({.max_workers = 1, .backlog = 3}));
  Event go(home);
  std::atomic<int> started = 0;
  const auto job = [&]() -> awaitable<void> {
    ++started;
    co_await go.wait();
  };
  co_await executor.submit(job);
  co_await until([&] { return started == 1; });
  for (int i = 0; i < 3; ++i) co_await executor.submit(job);
  EXPECT_FALSE(executor.try_submit(job).has_value());
  EXPECT_EQ(started, 1);
  EXPECT_EQ(executor.stats().queued, 3u);
  go.set();
  co_await executor.join();
  EXPECT_EQ(started, 4);
}

// CE-21
CORO_TEST(Bound, the_automatic_backlog_is_max_workers_and_at_least_64) {
  const auto job = []() -> awaitable<void> { co_return; };
  for (const std::size_t bound : {1u, 64u, 65u, 3000u}) {
    CoroutineExecutor executor(home, options({.max_workers = bound}));
    std::size_t accepted = 0;
    while (executor.try_submit(job)) ++accepted;
    EXPECT_EQ(accepted, bound + std::max<std::size_t>(bound, 64)) << bound;
    co_await executor.join();
  }
}

// CE-21
CORO_TEST_EVERYWHERE(Bound, jobs_start_in_the_order_of_their_submission) {
  std::vector<int> order;  // one slot: the jobs do not overlap
  const auto job = [&](int i) -> awaitable<void> {
    order.push_back(i);
    if (i % 3 == 0) co_await this_task::yield();
  };
  co_await with_executor(options({.max_workers = 1, .backlog = 2}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           for (int i = 0; i < 200; ++i) {
                             if (i % 2)
                               executor.submit_nowait(job, i);
                             else
                               co_await executor.submit(job, i);
                           }
                         });
  std::vector<int> expected(200);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

// CE-21: those who wait are let in in the order they came.
CORO_TEST(Bound, waiting_submitters_are_served_in_order) {
  CoroutineExecutor executor(home, {.max_workers = 2, .backlog = 0}), submitters(home);
  std::vector<int> order;
  const auto job = [&](int i) -> awaitable<void> {
    order.push_back(i);
    co_await this_task::yield();
  };
  const auto submitter = [&](int i) -> awaitable<void> { co_await executor.submit(job, i); };
  for (int i = 0; i < 50; ++i) submitters.submit_nowait(submitter, i);
  co_await submitters.join();
  co_await executor.join();
  EXPECT_EQ(order.size(), 50u);
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

CORO_TEST_EVERYWHERE(Bound, a_submit_cancelled_while_it_waits_hands_in_nothing) {
  CoroutineExecutor executor(home, options({.max_workers = 1, .backlog = 0}));
  CoroutineExecutor others(home, options({.suppress_task_errors = true}));
  Event go(home);
  std::atomic<int> live = 0, ran = 0;
  const auto job = [&](const Tracked&) -> awaitable<void> {
    ++ran;
    co_await go.wait();
  };
  const auto submitter = [&]() -> awaitable<void> { co_await executor.submit(job, Tracked(live)); };
  co_await submitter();
  const auto cancelled = others.submit_nowait(submitter);
  const auto patient = others.submit_nowait(submitter);
  co_await until([&] { return executor.stats().waiting == 2; });
  cancelled.cancel();
  co_await cancelled.wait();
  EXPECT_TRUE(cancelled.cancelled());
  EXPECT_EQ(live, 3) << "the active one's, the waiting one's, and the temporary it was made from";
  go.set();
  co_await others.join();
  co_await executor.join();
  EXPECT_EQ(ran, 2) << "the other one must get the place";
  EXPECT_EQ(live, 0);
}

// CE-24
CORO_TEST_EVERYWHERE(Bound, ten_thousand_jobs_through_few_and_many_workers_give_every_result) {
  for (const auto workers : {std::size_t{50}, std::size_t{500}, std::size_t{5000}}) {
    for (const bool sleeps : {false, true}) {
      const auto job = [=](int i) -> awaitable<int> {
        if (sleeps) co_await sleep_for(milliseconds(1));
        co_return 3 * i;
      };
      std::vector<Task<int>> tasks;
      co_await with_executor(options({.max_workers = workers}),
                             [&](CoroutineExecutor& executor) -> awaitable<void> {
                               for (int i = 0; i < 10'000; ++i)
                                 tasks.push_back(co_await executor.submit(job, i));
                             });
      long long sum = 0;
      for (int i = 0; i < 10'000; ++i) {
        const int result = tasks[static_cast<std::size_t>(i)].result();
        if (result != 3 * i) ADD_FAILURE() << i;
        sum += result;
      }
      EXPECT_EQ(sum, 3LL * 9999 * 5000);
    }
  }
}

// CE-25, a thirtieth of it: what lives at any moment does not depend on how many there are.
CORO_TEST(Bound, many_jobs_from_a_lazy_source_live_only_as_long_as_they_run) {
  constexpr int jobs = 300'000, workers = 10'000;
  std::atomic<int> live = 0;
  int most = 0;
  std::int64_t sum = 0;
  const auto job = [&](Tracked tracked) -> awaitable<void> {
    most = std::max(most, live.load());
    co_await this_task::yield();
    sum += tracked.value();
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    for (int i = 0; i < jobs; ++i) co_await executor.submit(job, Tracked(live, i));
  };
  co_await with_executor({.max_workers = workers}, body);
  EXPECT_EQ(sum, std::int64_t(jobs) * (jobs - 1) / 2);
  EXPECT_EQ(live, 0);
  // Argument and parameter of those that run, and the backlog.
  EXPECT_LE(most, 3 * workers + 2);
}

// CE-26
TEST(Bound, submit_nowait_takes_any_number_from_a_plain_function) {
  asio::io_context context(1);
  std::atomic<int> ran = 0;
  CoroutineExecutor executor(context.get_executor(),
                             {.max_workers = 10, .threading = Threading::single});
  const auto job = [&]() -> awaitable<void> {
    ++ran;
    co_return;
  };
  std::vector<Task<>> tasks;
  for (int i = 0; i < 50'000; ++i) tasks.push_back(executor.submit_nowait(job));
  EXPECT_EQ(ran, 0) << "a job ran on its submitter's stack";
  EXPECT_EQ(executor.stats().queued, 50'000u);
  EXPECT_EQ(tasks.back().state(), TaskState::queued);
  context.run();
  EXPECT_EQ(ran, 50'000);
  EXPECT_EQ(tasks.back().state(), TaskState::succeeded);
}

// CE-27
CORO_TEST_EVERYWHERE(Bound, try_submit_accepts_only_what_has_room_now) {
  CoroutineExecutor executor(home, options({.max_workers = 1, .backlog = 1}));
  Event go(home);
  std::atomic<int> live = 0, started = 0;
  const auto job = [&](const Tracked&) -> awaitable<int> {
    const int number = ++started;
    co_await go.wait();
    co_return number;
  };
  const auto active = executor.try_submit(job, Tracked(live));
  REQUIRE(active.has_value());
  co_await until([&] { return started == 1; });
  const auto queued = executor.try_submit({.name = "second"}, job, Tracked(live));
  REQUIRE(queued.has_value());
  EXPECT_EQ(queued->name(), "second");
  EXPECT_FALSE(executor.try_submit(job, Tracked(live)).has_value());
  EXPECT_EQ(live, 2) << "what was refused has not been let go";
  go.set();
  co_await executor.join();
  EXPECT_EQ(queued->result(), 2);
  EXPECT_TRUE(executor.try_submit(job, Tracked(live)).has_value());
  co_await executor.join();
}

}  // namespace
}  // namespace coroexec::test
