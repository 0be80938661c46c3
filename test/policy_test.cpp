// What one job's error, or its cancel, does to the others: cancel, suppress, collect.
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<void> fail(const char* text) {
  throw std::runtime_error(text);
  co_return;
}
awaitable<int> seven() { co_return 7; }

// CE-6
CORO_TEST_EVERYWHERE(Policy, cancelling_a_task_shuts_the_executor_down) {
  Event never(home);
  std::atomic<int> started = 0;
  Task<> chosen, sibling;
  std::exception_ptr refused;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await never.wait();
  };
  const auto error = co_await error_of(
      with_executor(options(), [&](CoroutineExecutor& executor) -> awaitable<void> {
        chosen = co_await executor.submit(waits);
        sibling = co_await executor.submit(waits);
        co_await until([&] { return started == 2; });
        EXPECT_TRUE(chosen.cancel());
        const auto waited = co_await error_of(sibling.wait());  // the body is cancelled as well
        refused = error_from([&] { executor.submit_nowait(seven); });
        if (waited) std::rethrow_exception(waited);
      }));
  EXPECT_TRUE(is_cancelled(error));
  EXPECT_TRUE(chosen.cancelled());
  EXPECT_TRUE(sibling.cancelled());
  EXPECT_TRUE(is_cancelled(refused)) << "the body has itself been cancelled";
}

// CE-6
CORO_TEST_EVERYWHERE(Policy, cancelling_a_queued_task_shuts_the_executor_down) {
  Event never(home);
  std::atomic<int> started = 0;
  Task<> running, queued;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await never.wait();
  };
  const auto error = co_await error_of(
      with_executor(options({.max_workers = 1}), [&](CoroutineExecutor& executor) -> awaitable<void> {
        running = executor.submit_nowait(waits);
        queued = executor.submit_nowait(waits);
        co_await until([&] { return started == 1; });
        EXPECT_TRUE(queued.cancel());
        EXPECT_TRUE(queued.cancelled()) << "at once: there is nothing to wait for";
      }));
  EXPECT_TRUE(is_cancelled(error));
  EXPECT_TRUE(running.cancelled());
  EXPECT_EQ(started, 1);
}

// CE-6
CORO_TEST_EVERYWHERE(Policy, cancelling_a_task_leaves_the_others_alone_when_errors_are_suppressed) {
  Event never(home), go(home);
  std::atomic<int> started = 0;
  Task<> chosen, queued;
  Task<int> sibling;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await never.wait();
  };
  const auto works = [&]() -> awaitable<int> {
    ++started;
    co_await go.wait();
    co_return 5;
  };
  co_await with_executor(options({.max_workers = 2, .suppress_task_errors = true}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           chosen = executor.submit_nowait(waits);
                           sibling = executor.submit_nowait(works);
                           co_await until([&] { return started == 2; });
                           queued = executor.submit_nowait(waits);
                           EXPECT_TRUE(queued.cancel());
                           EXPECT_TRUE(chosen.cancel());
                           co_await chosen.wait();
                           EXPECT_FALSE(sibling.done());
                           go.set();
                         });
  EXPECT_TRUE(chosen.cancelled());
  EXPECT_TRUE(queued.cancelled());
  EXPECT_EQ(sibling.result(), 5);
  EXPECT_EQ(started, 2);
}

// CE-7
CORO_TEST_EVERYWHERE(Policy, suppressed_errors_stay_in_their_own_tasks) {
  Event all_failed(home);
  Task<> first, second;
  Task<int> good;
  const auto waits = [&]() -> awaitable<int> {
    co_await all_failed.wait();
    co_return 7;
  };
  co_await with_executor(options({.on_error = ErrorPolicy::suppress}),
                         [&](CoroutineExecutor& executor) -> awaitable<void> {
                           good = co_await executor.submit(waits);
                           first = co_await executor.submit(fail, "one");
                           second = co_await executor.submit(fail, "two");
                           co_await first.wait();
                           co_await second.wait();
                           all_failed.set();
                           EXPECT_TRUE(executor.errors().empty());
                         });
  EXPECT_TRUE(says(first.exception(), "one"));
  EXPECT_TRUE(says(second.exception(), "two"));
  EXPECT_EQ(first.state(), TaskState::failed);
  EXPECT_EQ(good.result(), 7);
}

// CE-7
CORO_TEST_EVERYWHERE(Policy, suppressing_errors_does_not_absorb_the_owners_cancel) {
  Event never(home);
  std::atomic<int> started = 0;
  std::vector<Task<>> jobs;
  std::exception_ptr left_with;
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await never.wait();
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    for (int i = 0; i < 3; ++i) jobs.push_back(executor.submit_nowait(waits));
    co_return;
  };
  const auto owner = [&]() -> awaitable<void> {
    left_with = co_await error_of(with_executor(options({.suppress_task_errors = true}), body));
  };
  co_await with_executor(options(), [&](CoroutineExecutor& outer) -> awaitable<void> {
    const auto task = co_await outer.submit(owner);
    co_await until([&] { return started == 3; });
    task.cancel();
  });
  EXPECT_TRUE(is_cancelled(left_with));
  for (auto& job : jobs) EXPECT_TRUE(job.cancelled());
}

// CE-7: the body is not a job: its error is never suppressed.
CORO_TEST_EVERYWHERE(Policy, the_bodys_error_leaves_under_every_policy) {
  for (const auto policy : {ErrorPolicy::cancel, ErrorPolicy::suppress, ErrorPolicy::collect}) {
    Event never(home);
    Task<> job;
    const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
    const auto error = co_await error_of(with_executor(
        options({.on_error = policy}), [&](CoroutineExecutor& executor) -> awaitable<void> {
          job = co_await executor.submit(waits);
          co_await fail("body");
        }));
    EXPECT_TRUE(says(error, "body"));
    EXPECT_TRUE(job.cancelled());
  }
}

// CE-11
CORO_TEST_EVERYWHERE(Policy, the_first_error_is_rethrown_and_all_can_be_listed) {
  Event never(home);
  std::atomic<int> started = 0;
  CoroutineExecutor executor(home, options());
  const auto fails_late = [&](const char* text) -> awaitable<void> {
    co_await error_of(never.wait([&] { ++started; }));
    throw std::runtime_error(text);
  };
  const auto fails_first = [&]() -> awaitable<void> {
    co_await until([&] { return started == 1; });
    throw std::runtime_error("first");
  };
  const auto late = executor.submit_nowait({.name = "late"}, fails_late, "second");
  const auto first = executor.submit_nowait({.name = "early"}, fails_first);

  EXPECT_TRUE(says(co_await error_of(executor.join()), "first"));
  const auto errors = executor.errors();
  REQUIRE(errors.size() == 2);
  EXPECT_EQ(errors[0].name, "early");
  EXPECT_EQ(errors[0].id, first.id());
  EXPECT_EQ(errors[0].exception, first.exception());
  EXPECT_EQ(errors[1].name, "late");
  EXPECT_EQ(errors[1].id, late.id());
  EXPECT_TRUE(says(errors[1].exception, "second"));
}

// CE-11: one end, one cancel, however many errors there are.
CORO_TEST_VIRTUAL(Policy, a_second_error_does_not_cancel_those_that_clean_up) {
  Event never(home);
  int cleaned_up = 0;
  const auto cleans_up = [&](milliseconds time) -> awaitable<void> {
    (void)co_await error_of(never.wait());
    co_await this_task::uncancel();
    co_await sleep_for(time);
    ++cleaned_up;
  };
  const auto fails_in_its_clean_up = [&]() -> awaitable<void> {
    co_await cleans_up(milliseconds(5));
    throw std::runtime_error("second");
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(cleans_up, milliseconds(10));
    co_await executor.submit(fails_in_its_clean_up);
    co_await executor.submit(fail, "first");
  };
  EXPECT_TRUE(says(co_await error_of(with_executor({}, body)), "first"));
  EXPECT_EQ(cleaned_up, 2);
}

// CE-11: an operation_aborted that only our own cancel caused is no error of anybody's.
CORO_TEST_EVERYWHERE(Policy, cancelled_siblings_are_not_among_the_errors) {
  Event never(home);
  std::atomic<int> started = 0;
  CoroutineExecutor executor(home, options());
  const auto waits = [&]() -> awaitable<void> {
    ++started;
    co_await never.wait();
  };
  for (int i = 0; i < 3; ++i) executor.submit_nowait(waits);
  co_await until([&] { return started == 3; });
  executor.submit_nowait(fail, "the only one");
  EXPECT_TRUE(says(co_await error_of(executor.join()), "the only one"));
  EXPECT_EQ(executor.errors().size(), 1u);
  const auto stats = executor.stats();
  EXPECT_EQ(stats.failed, 1u);
  EXPECT_EQ(stats.cancelled, 3u);
  EXPECT_EQ(stats.done(), 4u);
}

// CE-11
CORO_TEST(Policy, join_rethrows_the_error_once) {
  CoroutineExecutor executor(home);
  executor.submit_nowait(fail, "once");
  EXPECT_TRUE(says(co_await error_of(executor.join()), "once"));
  co_await executor.join();
}

// CE-12
CORO_TEST_EVERYWHERE(Policy, collecting_cancels_nobody_and_throws_all_errors_in_one) {
  Event both_failed(home);
  Task<> first, second;
  Task<int> good;
  bool body_ended = false;
  const auto waits = [&]() -> awaitable<int> {
    co_await both_failed.wait();
    co_return 7;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    good = co_await executor.submit(waits);
    first = co_await executor.submit({.name = "alpha"}, fail, "one");
    co_await first.wait();
    second = co_await executor.submit(fail, "two");
    co_await second.wait();
    both_failed.set();
    body_ended = true;
  };
  const auto error =
      co_await error_of(with_executor(options({.on_error = ErrorPolicy::collect}), body));
  EXPECT_TRUE(body_ended);
  EXPECT_EQ(good.result(), 7);
  EXPECT_TRUE(is_a<TaskGroupError>(error));
  EXPECT_TRUE(says(error, "2 jobs failed, the first was job 'alpha': one"));
  try {
    std::rethrow_exception(error);
  } catch (const TaskGroupError& group) {
    REQUIRE(group.errors().size() == 2);
    EXPECT_EQ(group.errors()[0].name, "alpha");
    EXPECT_EQ(group.errors()[0].exception, first.exception());
    EXPECT_EQ(group.errors()[1].name, "");
    EXPECT_EQ(group.errors()[1].id, second.id());
    EXPECT_TRUE(says(group.errors()[1].exception, "two"));
  }
}

// CE-12
CORO_TEST(Policy, one_collected_error_is_a_group_too) {
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    executor.submit_nowait(fail, "alone");
    co_return;
  };
  const auto error = co_await error_of(with_executor({.on_error = ErrorPolicy::collect}, body));
  EXPECT_TRUE(is_a<TaskGroupError>(error));
  EXPECT_TRUE(says(error, "1 job failed, the first was job 2: alone")) << "the body is number 1";
}

CORO_TEST(Policy, collecting_without_errors_throws_nothing) {
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(seven);
  };
  co_await with_executor({.on_error = ErrorPolicy::collect}, body);
}

// CE-14
CORO_TEST_EVERYWHERE(Policy, a_failing_job_cancels_the_waiting_body) {
  Event never(home);
  std::exception_ptr in_body;
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(fail, "job");
    try {
      co_await never.wait();  // with threads it may be cancelled before that
    } catch (...) {
      in_body = std::current_exception();
      throw;
    }
  };
  EXPECT_TRUE(says(co_await error_of(with_executor(options(), body)), "job"));
  EXPECT_TRUE(is_cancelled(in_body));
}

// CE-14: also a body that waits for the failed job itself.
CORO_TEST_EVERYWHERE(Policy, a_body_that_awaits_the_failing_job_does_not_hide_its_error) {
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto task = co_await executor.submit(fail, "job");
    co_await task.get();
  };
  EXPECT_TRUE(says(co_await error_of(with_executor(options(), body)), "job"));
}

// An exception need not be a std::exception.
CORO_TEST_EVERYWHERE(Policy, any_type_may_be_thrown) {
  const auto throws = []() -> awaitable<int> {
    throw NotAnException{42};
    co_return 0;
  };
  Task<int> task;
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    task = co_await executor.submit(throws);
  };
  const auto error = co_await error_of(with_executor(options(), body));
  EXPECT_TRUE(is_a<NotAnException>(error));
  EXPECT_EQ(task.state(), TaskState::failed);

  const auto collected =
      co_await error_of(with_executor(options({.on_error = ErrorPolicy::collect}), body));
  EXPECT_NE(what(collected).find("an exception that is not a std::exception"), std::string::npos);
}

// Nobody asked it to: a job that throws operation_aborted by itself has failed.
CORO_TEST_EVERYWHERE(Policy, operation_aborted_unasked_is_a_failure) {
  const auto throws = []() -> awaitable<void> {
    throw boost::system::system_error(asio::error::operation_aborted);
    co_return;
  };
  Task<> task;
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    task = co_await executor.submit(throws);
  };
  EXPECT_TRUE(is_cancelled(co_await error_of(with_executor(options(), body))));
  EXPECT_EQ(task.state(), TaskState::failed);
  EXPECT_FALSE(task.cancelled());
}

}  // namespace
}  // namespace coroexec::test
