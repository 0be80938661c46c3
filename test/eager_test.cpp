// eager, coro_eager, func_eager.
#include "coroexec/eager.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "coroexec/context.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "job_test.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

ContextVar<std::string> var("var", "X");

awaitable<int> coro1(Log& log) {
  log("1");
  var.set("a");
  co_await this_task::yield();
  log("2");
  EXPECT_EQ(var.get(), "a");
  var.set("b");
  co_return 7;
}

awaitable<int> coro1_nb(Log& log) {
  log("1");
  var.set("a");
  log("2");
  EXPECT_EQ(var.get(), "a");
  var.set("b");
  co_return 7;
}

// EAGER-1, EAGER-9, EAGER-10
CORO_TEST_AS_JOB(TestEager, test_coro_eager_block) {
  Log log;
  const auto future = coro_eager(coro1(log));
  log("a");
  EXPECT_FALSE(future.done());
  EXPECT_EQ(co_await future.get(), 7);
  EXPECT_EQ(log.text(), "1 a 2");
  EXPECT_EQ(var.get(), "X");
}

// EAGER-1, EAGER-4, EAGER-9
CORO_TEST_AS_JOB(TestEager, test_coro_eager_noblock) {
  Log log;
  const auto future = coro_eager(coro1_nb(log));
  log("a");
  EXPECT_TRUE(future.done());
  EXPECT_EQ(co_await future.get(), 7);
  EXPECT_EQ(log.text(), "1 2 a");
  EXPECT_EQ(var.get(), "X");
}

// EAGER-9, EAGER-12
CORO_TEST_AS_JOB(TestEager, test_func_eager) {
  Log log;
  const auto start = func_eager(coro1), start_nb = func_eager(coro1_nb);
  const auto future = start(std::ref(log));
  log("a");
  EXPECT_EQ(co_await future.get(), 7);
  EXPECT_EQ(log.take(), "1 a 2");
  const auto future_nb = start_nb(std::ref(log));
  log("a");
  EXPECT_EQ(co_await future_nb.get(), 7);
  EXPECT_EQ(log.take(), "1 2 a");
  EXPECT_EQ(var.get(), "X");
}

struct Named {
  std::string name;
  awaitable<std::string> greet(std::unique_ptr<int> number, const std::string& text) {
    co_await this_task::yield();
    co_return name + text + std::to_string(*number);
  }
};

// EAGER-12: arguments and the object are forwarded and live as long as the task
CORO_TEST_AS_JOB(TestEager, test_func_eager_method) {
  Task<std::string> future;
  {
    const auto greet = func_eager(&Named::greet);
    std::string text = " has a name longer than any small buffer, number ";
    future = greet(Named{"Anna"}, std::make_unique<int>(3), text);
    text = "gone";
  }
  EXPECT_EQ(co_await future.get(), "Anna has a name longer than any small buffer, number 3");
}

// EAGER-1, EAGER-9, EAGER-13
CORO_TEST_AS_JOB(TestEager, test_eager) {
  Log log;
  const auto future = eager(coro1(log));
  log("a");
  EXPECT_EQ(co_await future.get(), 7);
  EXPECT_EQ(log.take(), "1 a 2");
  const auto lambda = [&log]() { return coro1_nb(log); };
  const auto start = eager(lambda);
  EXPECT_EQ(log.text(), "") << "a function is only made eager, not called";
  const auto from_function = start();
  EXPECT_EQ(log.take(), "1 2");
  EXPECT_EQ(from_function.result(), 7);
  EXPECT_EQ(var.get(), "X");
}

// EAGER-3: the control
CORO_TEST_AS_JOB(TestEager, test_no_eager) {
  Log log;
  auto future = coro1(log);
  log("a");
  co_await std::move(future);
  EXPECT_EQ(log.text(), "a 1 2");
  EXPECT_EQ(var.get(), "b") << "without a task of its own it changes the caller's context";
}

// EAGER-4, EAGER-5
CORO_TEST_AS_JOB(TestEager, test_coro_eager_create_task) {
  Log log;
  int calls = 0;
  const auto factory = [&](awaitable<int> rest) {
    ++calls;
    return create_task({.name = "bob"}, std::move(rest));
  };
  const auto future = coro_eager(coro1(log), factory);
  EXPECT_EQ(future.name(), "bob");
  EXPECT_EQ(calls, 1);
  log("a");
  EXPECT_EQ(co_await future.get(), 7);
  EXPECT_EQ(log.take(), "1 a 2");
  const auto done = coro_eager(coro1_nb(log), factory);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(done.result(), 7);
  EXPECT_EQ(var.get(), "X");

  const auto start = func_eager(coro1, factory);
  EXPECT_EQ(co_await start(std::ref(log)).get(), 7);
  EXPECT_EQ(calls, 2);
}

awaitable<void> raises(Log& log, bool block) {
  log("1");
  if (block) co_await this_task::yield();
  log("2");
  throw std::out_of_range("eager");
}

// EAGER-7
CORO_TEST_AS_JOB(TestEager, test_eager_exception_noblock) {
  Log log;
  const auto future = eager(raises(log, false));
  EXPECT_EQ(log.text(), "1 2");
  EXPECT_TRUE(says(co_await error_of(future.get()), "eager"));
}

// EAGER-8
CORO_TEST_AS_JOB(TestEager, test_eager_exception_block) {
  Log log;
  const auto future = eager(raises(log, true));
  EXPECT_EQ(log.text(), "1");
  EXPECT_TRUE(is_a<std::out_of_range>(co_await error_of(future.get())));
  EXPECT_EQ(log.text(), "1 2");
}

// EAGER-14
static_assert(!std::is_invocable_v<decltype(eager), int>);
static_assert(!std::is_invocable_v<decltype(eager), const char*&, int>);
static_assert(!std::is_invocable_v<decltype(coro_eager), awaitable<int> (&)(Log&)>);
static_assert(!std::is_invocable_v<decltype(func_eager), awaitable<int>>);

// EAGER-15, EAGER-17
CORO_TEST_AS_JOB(TestEager, test_eager_future) {
  Log log;
  const std::vector<Task<int>> futures{eager(coro1(log)), eager(coro1_nb(log))};
  for (const auto& future : futures) {
    EXPECT_EQ(co_await future.get(), 7);
    EXPECT_EQ(co_await future.get(), 7);
  }
}

// EAGER-6
CORO_TEST_AS_JOB(TestEager, test_eager_task_has_a_name) {
  Log log;
  EXPECT_EQ(eager(coro1_nb(log)).name(), "eager_task");
  EXPECT_EQ(eager({.name = "mine"}, coro1_nb(log)).name(), "mine");
  EXPECT_EQ(eager(home, {.name = "mine"}, coro1_nb(log)).name(), "mine");
  co_return;
}

// The context closes an engine that has nothing to do when it makes another: a job does not come back to that one.
CORO_TEST_EVERYWHERE(TestEager, alternates_with_other_starts_in_a_scopes_job) {
  const auto quick = []() -> awaitable<int> { co_return 1; };
  const auto job = [&]() -> awaitable<int> {
    int sum = 0;
    for (int i = 0; i < 3; ++i) {
      const auto task = eager(quick());
      CoroStart start(quick());
      sum += task.result() + start.result();
    }
    co_return sum;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    const auto task = co_await executor.submit(job);
    EXPECT_EQ(co_await task.get(), 6);
  };
  co_await with_executor(options(), body);
}

// EAGER-11
CORO_TEST_AS_JOB(TestEager, sees_a_copy_of_the_callers_context_of_the_moment_of_the_call) {
  Event go(home);
  const auto reads = [&]() -> awaitable<std::string> {
    const auto before = var.get();
    co_await go.wait();
    co_return before + var.get();
  };
  var.set("1");
  const auto future = eager(reads());
  var.set("2");
  go.set();
  EXPECT_EQ(co_await future.get(), "11");
}

// EAGER-16
CORO_TEST_AS_JOB(TestEager, finished_and_unfinished_ones_mix) {
  Log log;
  const std::vector<Task<int>> futures{eager(coro1(log)), eager(coro1_nb(log)), eager(coro1(log))};
  for (auto& future : futures) EXPECT_EQ(co_await future.get(), 7);
}

// EAGER-19: unlike there, it is a task of its own from the first line
CORO_TEST_AS_JOB(TestEager, is_a_job_of_its_own_from_its_first_line) {
  const auto tells = []() -> awaitable<std::vector<std::uint64_t>> {
    const auto first = this_task::id();
    EXPECT_EQ(this_task::name(), "eager_task");
    co_await this_task::yield();
    co_return std::vector{first, this_task::id()};
  };
  const auto own = this_task::id();
  const auto future = eager(tells());
  EXPECT_EQ(this_task::id(), own);
  const auto ids = co_await future.get();
  EXPECT_EQ(ids, (std::vector{future.id(), future.id()}));
  EXPECT_NE(future.id(), own);
}

// EAGER-24
CORO_TEST_AS_JOB(TestEager, whatever_the_first_part_throws_is_kept) {
  const auto throws = []() -> awaitable<void> { throw NotAnException{3}; co_return; };
  const auto aborts = []() -> awaitable<void> {
    throw boost::system::system_error(asio::error::operation_aborted);
    co_return;
  };
  EXPECT_TRUE(is_a<NotAnException>(eager(throws()).exception()));
  const auto aborted = eager(aborts());
  EXPECT_TRUE(aborted.done());
  EXPECT_FALSE(aborted.cancelled()) << "nobody asked for it";
  EXPECT_TRUE(is_cancelled(co_await error_of(aborted.get())));
}

}  // namespace
}  // namespace coroexec::test
