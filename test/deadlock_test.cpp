// Waits that could never end are errors (CE-28); waits that can are not.
#include <gtest/gtest.h>

#include <optional>
#include <ranges>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/aio_pool.hpp"
#include "coroexec/concurrent.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "coroexec/wait.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<int> seven() { co_return 7; }
awaitable<int> seven_of(int) { co_return 7; }

// CE-28
CORO_TEST_EVERYWHERE(Deadlock, the_only_worker_waits_for_room) {
  std::exception_ptr refused;
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    refused = co_await error_of(executor.submit(seven));
  };
  co_await with_executor(options({.max_workers = 1, .backlog = 0, .name = "small"}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           co_await executor.submit({.name = "producer"}, job, std::ref(executor));
                         });
  EXPECT_TRUE(is_error(refused, errc::would_deadlock,
                       "job 2 'producer' of executor 'small' waits for room, but all 1 slots are held "
                       "by jobs that wait for this executor: none of them could ever go on"));
  try {
    std::rethrow_exception(refused);
  } catch (const boost::system::system_error& e) {
    EXPECT_TRUE(e.code() == boost::system::errc::resource_deadlock_would_occur);
  }
}

// CE-28
CORO_TEST_EVERYWHERE(Deadlock, the_last_worker_that_would_wait_for_room_is_refused) {
  std::atomic<int> begun = 0, refused = 0, accepted = 0;
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    ++begun;
    co_await until([&] { return begun == 3; });
    const auto error = co_await error_of(executor.submit(seven));
    if (error) {
      EXPECT_TRUE(is_error(error, errc::would_deadlock, "all 3 slots are held"));
      ++refused;
    } else {
      ++accepted;
    }
  };
  co_await with_executor(options({.max_workers = 3, .backlog = 0}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           for (int i = 0; i < 3; ++i)
                             executor.submit_nowait(job, std::ref(executor));
                           co_return;
                         });
  EXPECT_EQ(refused, 1) << "its end gives the others room";
  EXPECT_EQ(accepted, 2);
}

// CE-28
CORO_TEST_EVERYWHERE(Deadlock, workers_that_wait_for_room_while_another_works_are_no_deadlock) {
  Event go(home);
  std::atomic<int> accepted = 0;
  const auto works = [&]() -> awaitable<void> { co_await go.wait(); };
  const auto producer = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(seven);
    ++accepted;
  };
  co_await with_executor(options({.max_workers = 2, .backlog = 0}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           executor.submit_nowait(works);
                           executor.submit_nowait(producer, std::ref(executor));
                           co_await until([&] { return executor.stats().waiting == 1; });
                           EXPECT_EQ(accepted, 0);
                           go.set();
                         });
  EXPECT_EQ(accepted, 1);
}

// CE-28: without a backlog to fall back on, nested producers still get through one another.
CORO_TEST_EVERYWHERE(Deadlock, a_job_that_submits_to_another_executor_is_no_deadlock) {
  CoroutineExecutor other(home, options({.max_workers = 1, .backlog = 0}));
  Event go(home);
  const auto works = [&]() -> awaitable<void> { co_await go.wait(); };
  const auto producer = [&]() -> awaitable<void> { co_await other.submit(seven); };
  co_await other.submit(works);
  co_await with_executor(options({.max_workers = 1, .backlog = 0}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           co_await executor.submit(producer);
                           co_await until([&] { return other.stats().waiting == 1; });
                           go.set();
                         });
  co_await other.join();
}

// CE-28
CORO_TEST_EVERYWHERE(Deadlock, a_job_may_not_join_its_own_executor) {
  std::exception_ptr refused;
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    refused = co_await error_of(executor.join());
  };
  co_await with_executor(options({.name = "front"}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           co_await executor.submit({.name = "joiner"}, job, std::ref(executor));
                         });
  EXPECT_TRUE(is_error(refused, errc::would_deadlock,
                       "job 2 'joiner' of executor 'front' joins the executor it runs in: it would wait "
                       "for itself"));
}

// CE-28: not through a scope of its own either.
CORO_TEST_EVERYWHERE(Deadlock, a_job_of_a_job_may_not_join_the_outer_executor) {
  std::exception_ptr refused;
  const auto joins = [&](CoroutineExecutor& outer) -> awaitable<void> {
    refused = co_await error_of(outer.join());
  };
  const auto job = [&](CoroutineExecutor& outer) -> awaitable<void> {
    const auto body = [&](CoroutineExecutor& inner) -> awaitable<void> {
      co_await inner.submit(joins, std::ref(outer));
    };
    co_await with_executor(options(), body);
  };
  co_await with_executor(options(), [&](CoroutineExecutor& outer) -> awaitable<void> {
    co_await outer.submit(job, std::ref(outer));
  });
  EXPECT_TRUE(is_error(refused, errc::would_deadlock));
}

// CE-28
CORO_TEST_EVERYWHERE(Deadlock, a_job_may_not_shut_its_own_executor_down_and_wait) {
  std::exception_ptr refused;
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    refused = co_await error_of(executor.shutdown());
  };
  co_await with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(job, std::ref(executor));
  });
  EXPECT_TRUE(is_error(refused, errc::would_deadlock));
}

// CE-28
CORO_TEST_EVERYWHERE(Deadlock, a_job_may_not_wait_for_itself) {
  std::exception_ptr refused;
  Task<> self;
  Event known(home);
  const auto job = [&]() -> awaitable<void> {
    co_await known.wait();
    refused = co_await error_of(self.wait());
  };
  CoroutineExecutor executor(home, options({.name = "front"}));
  self = executor.submit_nowait({.name = "narcissus"}, job);
  known.set();
  co_await executor.join();
  EXPECT_TRUE(is_error(refused, errc::would_deadlock,
                       "job 1 'narcissus' of executor 'front' waits for itself"));
}

// CE-28
CORO_TEST_EVERYWHERE(Deadlock, the_only_worker_waits_for_a_queued_job) {
  std::exception_ptr refused;
  Task<int> queued;
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    queued = executor.submit_nowait({.name = "next"}, seven);
    refused = co_await error_of(queued.get());
  };
  co_await with_executor(options({.max_workers = 1}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           co_await executor.submit(job, std::ref(executor));
                         });
  EXPECT_TRUE(is_error(refused, errc::would_deadlock, "waits for job 3 'next', but all 1 slots"));
  EXPECT_EQ(queued.result(), 7) << "it runs once the other has ended";
}

// CE-28: nor for several at once.
CORO_TEST_EVERYWHERE(Deadlock, the_only_worker_waits_for_queued_jobs) {
  std::exception_ptr for_all, one_by_one, in_time;
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 2; ++i) tasks.push_back(executor.submit_nowait(seven));
    for_all = co_await error_of(wait(tasks));
    in_time = co_await error_of(wait(tasks, {.timeout = milliseconds(1)}));
    auto outcomes = iterwait(tasks);
    one_by_one = co_await error_of(outcomes.next());
  };
  co_await with_executor(options({.max_workers = 1}), [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(job, std::ref(executor));
  });
  EXPECT_TRUE(is_error(for_all, errc::would_deadlock, "waits for the tasks it was given, but all 1 slots"));
  EXPECT_EQ(in_time, nullptr);
  EXPECT_TRUE(is_error(one_by_one, errc::would_deadlock));
}

CORO_TEST_EVERYWHERE(Deadlock, waiting_for_the_first_of_several_jobs_is_none) {
  Event go(home);
  std::size_t done = 0;
  const auto works = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 7;
  };
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    std::vector<Task<int>> tasks{executor.submit_nowait(works), executor.submit_nowait(works)};
    go.set();
    done = (co_await wait(tasks, {.return_when = ReturnWhen::first_completed})).done.size();
    auto outcomes = iterwait(tasks);
    while (co_await outcomes.next()) ++done;
  };
  co_await with_executor(options({.max_workers = 2}), [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(job, std::ref(executor));
  });
  EXPECT_GE(done, 3u);
}

// CE-28: that somebody else has just been given room is no help to a job that waits for another job.
CORO_TEST(Deadlock, the_only_worker_waits_for_a_queued_job_while_the_body_is_let_in) {
  Task<int> queued;
  std::exception_ptr refused;
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto job = [&]() -> awaitable<void> { refused = co_await error_of(queued.wait()); };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(nothing);  // its end gives room to the last of these
    co_await executor.submit(job);
    queued = co_await executor.submit(seven);
    co_await executor.submit(nothing);
  };
  co_await with_executor(options({.max_workers = 1, .backlog = 2}), body);
  EXPECT_TRUE(is_error(refused, errc::would_deadlock, "waits for job 4"));
  EXPECT_EQ(queued.result(), 7);
}

// CE-28: room that was given to somebody else, who then takes it, is none.
CORO_TEST_EVERYWHERE(Deadlock, the_only_worker_waits_for_room_while_the_body_is_let_in) {
  std::exception_ptr refused;
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    refused = co_await error_of(executor.submit(seven));
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(nothing);  // its end gives room to the last of these
    co_await executor.submit({.name = "producer"}, job, std::ref(executor));
    co_await executor.submit(nothing);
  };
  co_await with_executor(options({.max_workers = 1, .backlog = 1}), body);
  if (one_thread()) {
    EXPECT_TRUE(is_error(refused, errc::would_deadlock, "'producer' of executor waits for room"));
  }
}

struct LateSource {
  awaitable<std::optional<int>> next() {
    for (int i = 0; i < 3; ++i) co_await this_task::yield();
    co_return left-- > 0 ? std::optional<int>(left) : std::nullopt;
  }
  int left = 2;
};

// CE-28: a reader has its input to hope for until that has brought something.
CORO_TEST_EVERYWHERE(Deadlock, the_only_worker_waits_for_the_result_of_a_late_input) {
  std::exception_ptr refused;
  int jobs = 0;
  const auto job = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto results = executor.map([&](int) -> awaitable<void> { ++jobs; co_return; }, LateSource());
    refused = co_await error_of(results.next());
    co_await results.aclose();
  };
  co_await with_executor(options({.max_workers = 1}), [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit({.name = "reader"}, job, std::ref(executor));
  });
  EXPECT_TRUE(is_error(refused, errc::would_deadlock, "'reader' of executor waits for a result of its own stream"));
  EXPECT_EQ(jobs, 0) << "they were cancelled with their stream";
}

// CE-28: who joins the rest of its stream cannot be refused; who is in its way is.
CORO_TEST_EVERYWHERE(Deadlock, a_stream_waits_for_jobs_that_wait_for_its_slot) {
  std::exception_ptr refused;
  const auto inner = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto results = executor.map(seven_of, std::views::iota(0, 1));
    co_await results.next();
  };
  const auto shielded = [&](CoroutineExecutor& executor) -> awaitable<void> { co_await shield(inner(executor)); };
  const auto outer = [&](CoroutineExecutor& executor) -> awaitable<void> {
    auto results = executor.map([&](int) { return shielded(executor); }, std::views::iota(0, 2));
    refused = co_await error_of(results.next());
    co_await results.aclose();
  };
  co_await with_executor(options({.max_workers = 2}), [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(outer, std::ref(executor));
  });
  EXPECT_TRUE(is_error(refused, errc::would_deadlock));
}

// CE-28: the same for a pool's map that was cancelled.
CORO_TEST_EVERYWHERE(Deadlock, a_cancelled_map_waits_for_a_job_that_waits_for_its_slot) {
  AioPool pool(home, {.size = 2, .threading = options().threading});
  Event inside(home), go(home);
  std::exception_ptr refused;
  const auto shielded = [&]() -> awaitable<void> {
    inside.set();
    co_await go.wait();
    refused = co_await error_of(pool.exec(seven));
  };
  const auto element = [&](int) -> awaitable<void> { co_await shield(shielded()); };
  const auto maps = [&]() -> awaitable<void> { co_await pool.map(element, std::views::iota(0, 1)); };
  const auto task = pool.spawn_n(maps);
  co_await inside.wait();
  task.cancel();
  go.set();
  co_await task.wait();
  EXPECT_TRUE(is_error(refused, errc::would_deadlock));
  co_await pool.join();
}

// CE-28: what a job has shielded and left behind holds no slot, whatever it waits for.
CORO_TEST_EVERYWHERE(Deadlock, what_an_ended_job_has_shielded_does_not_count) {
  CoroutineExecutor executor(home, options({.max_workers = 2, .on_error = ErrorPolicy::suppress, .backlog = 0}));
  Event inside(home), go(home), last(home);
  std::atomic<int> refused = 0;
  const auto left_behind = [&]() -> awaitable<void> {
    inside.set();
    co_await executor.submit(seven);
  };
  const auto leaves = [&]() -> awaitable<void> {
    auto results = concurrent(std::views::iota(0, 1) | std::views::transform([&](int) {
                                return [&] { return shield(left_behind()); };
                              }));
    co_await results.next();
  };
  const auto hands_in = [&](Event& when) -> awaitable<void> {
    co_await when.wait();
    if (is_error(co_await error_of(executor.submit(seven)), errc::would_deadlock)) ++refused;
  };
  const auto waiting = [&](std::size_t jobs) {
    return until([&, jobs] { return executor.stats().waiting == jobs || refused > 0; });
  };
  executor.submit_nowait(hands_in, std::ref(go));
  auto left = executor.submit_nowait(leaves);
  co_await inside.wait();
  co_await waiting(1);
  executor.submit_nowait(hands_in, std::ref(last));
  left.cancel();
  co_await left.wait();
  go.set();
  co_await waiting(2);
  EXPECT_EQ(refused, 0) << "one of the two slots is held by a job that goes on";
  last.set();
  co_await executor.join();
  EXPECT_EQ(refused, 1);
}

// CE-28
CORO_TEST_EVERYWHERE(Deadlock, two_workers_that_wait_for_each_other) {
  Task<> one, two;
  Event known(home);
  std::atomic<int> refused = 0;
  const auto job = [&](Task<>& other) -> awaitable<void> {
    co_await known.wait();
    if (const auto error = co_await error_of(other.wait())) {
      EXPECT_TRUE(is_error(error, errc::would_deadlock));
      ++refused;
    }
  };
  CoroutineExecutor executor(home, options({.max_workers = 2}));
  one = executor.submit_nowait(job, std::ref(two));
  two = executor.submit_nowait(job, std::ref(one));
  known.set();
  co_await executor.join();
  EXPECT_EQ(refused, 1);
}

CORO_TEST_EVERYWHERE(Deadlock, waiting_for_a_running_job_is_none) {
  Event go(home), waits(home);
  Task<int> works;
  int got = 0;
  const auto job = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 7;
  };
  const auto waiter = [&]() -> awaitable<void> {
    waits.set();
    got = co_await works.get();
  };
  CoroutineExecutor executor(home, options({.max_workers = 2}));
  works = executor.submit_nowait(job);
  executor.submit_nowait(waiter);
  co_await waits.wait();
  go.set();
  co_await executor.join();
  EXPECT_EQ(got, 7);
}

// A worker whose wait was cancelled no longer counts as one that waits.
CORO_TEST_EVERYWHERE(Deadlock, a_wait_that_was_cancelled_no_longer_counts) {
  CoroutineExecutor executor(home, options({.max_workers = 2, .suppress_task_errors = true}));
  Event never(home), go(home);
  Task<> blocker;
  std::exception_ptr second;
  std::atomic<int> begun = 0;
  const auto recovers = [&]() -> awaitable<void> {
    ++begun;
    co_await error_of(blocker.wait());
    co_await this_task::uncancel();
    ++begun;
    co_await go.wait();
  };
  const auto blocks = [&]() -> awaitable<void> { co_await never.wait(); };
  const auto waits = [&]() -> awaitable<void> {
    ++begun;
    second = co_await error_of(blocker.wait());
  };
  CoroutineExecutor outside(home, options({.suppress_task_errors = true}));
  blocker = outside.submit_nowait(blocks);
  const auto first = executor.submit_nowait(recovers);
  co_await until([&] { return begun == 1; });
  first.cancel();
  co_await until([&] { return begun == 2; });
  executor.submit_nowait(waits);
  co_await until([&] { return begun == 3; });
  blocker.cancel();
  go.set();
  co_await executor.join();
  co_await outside.join();
  EXPECT_EQ(second, nullptr);
}

}  // namespace
}  // namespace coroexec::test
