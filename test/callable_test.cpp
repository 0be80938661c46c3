// What may be handed in as a job, what it may take and what it may return.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<int> add(int a, int b) { co_return a + b; }
awaitable<int> length(std::string text) { co_return static_cast<int>(text.size()); }

class Accumulator {
 public:
  awaitable<int> add(int number) {
    co_await this_task::yield();
    co_return sum_ += number;
  }
  awaitable<int> sum() const { co_return sum_; }
  static awaitable<int> twice(int number) { co_return 2 * number; }

 private:
  int sum_ = 0;
};

struct Multiplier {
  int factor;
  explicit Multiplier(int f) : factor(f) {}
  awaitable<int> operator()(int number) const { co_return factor * number; }
};

CORO_TEST(Callable, may_be_a_function_or_a_pointer_to_one) {
  CoroutineExecutor executor(home);
  const auto by_name = co_await executor.submit(add, 1, 2);
  const auto by_pointer = co_await executor.submit(&add, 3, 4);
  EXPECT_EQ(co_await by_name.get(), 3);
  EXPECT_EQ(co_await by_pointer.get(), 7);
}

CORO_TEST(Callable, may_be_a_member_function_with_its_object) {
  CoroutineExecutor executor(home, {.max_workers = 1});
  Accumulator accumulator;
  const auto by_pointer = executor.submit_nowait(&Accumulator::add, &accumulator, 5);
  const auto by_reference = executor.submit_nowait(&Accumulator::add, std::ref(accumulator), 6);
  const auto by_mem_fn = executor.submit_nowait(std::mem_fn(&Accumulator::sum), &accumulator);
  const auto by_value = executor.submit_nowait(&Accumulator::add, accumulator, 100);
  const auto of_class = executor.submit_nowait(&Accumulator::twice, 21);
  auto shared = std::make_shared<Accumulator>();
  const auto by_shared = executor.submit_nowait(&Accumulator::add, shared, 8);
  co_await executor.join();
  EXPECT_EQ(by_pointer.result(), 5);
  EXPECT_EQ(by_reference.result(), 11);
  EXPECT_EQ(by_mem_fn.result(), 11);
  EXPECT_EQ(by_value.result(), 100);
  EXPECT_EQ(of_class.result(), 42);
  EXPECT_EQ(by_shared.result(), 8);
}

CORO_TEST(Callable, may_be_a_function_object) {
  CoroutineExecutor executor(home);
  const Multiplier triple(3);
  const std::function<awaitable<int>(int)> function = triple;
  const auto object = co_await executor.submit(triple, 5);
  const auto wrapped = co_await executor.submit(function, 6);
  EXPECT_EQ(co_await object.get(), 15);
  EXPECT_EQ(co_await wrapped.get(), 18);
}

// A lambda coroutine refers to its captures in the closure: that must live as long as it.
CORO_TEST_EVERYWHERE(Callable, captures_of_a_lambda_live_as_long_as_its_coroutine) {
  Event go(home);
  std::atomic<int> live = 0;
  CoroutineExecutor executor(home, options());
  Task<int> task;
  {
    Tracked tracked(live, 7);
    const auto job = [tracked, &go]() -> awaitable<int> {
      co_await go.wait();
      co_return tracked.value();
    };
    task = co_await executor.submit(job);
  }
  EXPECT_EQ(live, 1);
  go.set();
  EXPECT_EQ(co_await task.get(), 7);
  co_await executor.join();
  EXPECT_EQ(live, 0);
}

// Taken when the call is made, not when its awaitable is first resumed.
CORO_TEST(Callable, arguments_are_taken_at_the_call) {
  CoroutineExecutor executor(home);
  std::string text = "four";
  auto submission = executor.submit(length, text);
  text = "something longer";
  const auto task = co_await std::move(submission);
  EXPECT_EQ(co_await task.get(), 4);
}

CORO_TEST(Callable, arguments_that_cannot_be_copied_are_moved) {
  CoroutineExecutor executor(home);
  const auto job = [](MoveOnly a, std::unique_ptr<int> b) -> awaitable<int> {
    co_return a.value() + *b;
  };
  MoveOnly three(3);
  const auto task = co_await executor.submit(job, std::move(three), std::make_unique<int>(4));
  EXPECT_EQ(co_await task.get(), 7);
  EXPECT_EQ(three.value(), -1);
}

CORO_TEST(Callable, a_callable_that_cannot_be_copied_is_moved) {
  CoroutineExecutor executor(home);
  auto number = std::make_unique<int>(7);
  auto job = [number = std::move(number)]() -> awaitable<int> { co_return *number; };
  const auto task = co_await executor.submit(moved(job));
  EXPECT_EQ(co_await task.get(), 7);

  auto other_number = std::make_unique<int>(8);
  auto with_arguments = [n = std::move(other_number)](int a, MoveOnly b) -> awaitable<int> {
    co_return *n + a + b.value();
  };
  const auto other = co_await executor.submit(moved(with_arguments), 1, MoveOnly(1));
  EXPECT_EQ(co_await other.get(), 10);
}

CORO_TEST(Callable, a_reference_is_passed_with_std_ref) {
  CoroutineExecutor executor(home);
  int counter = 0;
  const auto increments = [](int& number) -> awaitable<void> {
    ++number;
    co_return;
  };
  co_await executor.submit(increments, std::ref(counter));
  co_await executor.join();
  EXPECT_EQ(counter, 1);
}

// Parameters taken by reference refer to what the job keeps.
CORO_TEST_EVERYWHERE(Callable, parameters_by_reference_refer_to_the_jobs_own) {
  Event go(home);
  std::atomic<int> live = 0;
  const auto job = [&](const Tracked& a, Tracked&& b) -> awaitable<int> {
    co_await go.wait();
    co_return a.value() + b.value();
  };
  CoroutineExecutor executor(home, options());
  const auto task = executor.submit_nowait(job, Tracked(live, 3), Tracked(live, 4));
  co_await until([&] { return task.state() == TaskState::running; });
  EXPECT_EQ(live, 2);
  go.set();
  EXPECT_EQ(co_await task.get(), 7);
  co_await executor.join();
  EXPECT_EQ(live, 0);
}

CORO_TEST_EVERYWHERE(Callable, results_need_no_default_constructor_and_no_copy) {
  CoroutineExecutor executor(home, options());
  const auto job = []() -> awaitable<MoveOnly> { co_return MoveOnly(7); };
  auto task = co_await executor.submit(job);
  const auto result = co_await std::move(task).get();
  EXPECT_EQ(result.value(), 7);
}

CORO_TEST(Callable, results_may_be_pointers_and_references_in_a_wrapper) {
  CoroutineExecutor executor(home);
  int number = 5;
  const auto refers = [&]() -> awaitable<std::reference_wrapper<int>> { co_return std::ref(number); };
  const auto points = [&]() -> awaitable<int*> { co_return &number; };
  const auto reference = executor.submit_nowait(refers);
  const auto pointer = executor.submit_nowait(points);
  co_await executor.join();
  EXPECT_EQ(&reference.result().get(), &number);
  EXPECT_EQ(pointer.result(), &number);
}

// Wherever a copy or move of a result throws on its way, the job fails and all goes on.
CORO_TEST_EVERYWHERE(Callable, a_result_that_breaks_when_moved_fails_its_job) {
  bool came_through = false;
  for (int breaks_at = 1; !came_through; ++breaks_at) {
    REQUIRE(breaks_at < 20);
    int left = breaks_at;
    CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
    const auto job = [&]() -> awaitable<Fragile> { co_return Fragile(left); };
    const auto task = executor.submit_nowait(job);
    co_await executor.join();
    if (task.exception()) {
      EXPECT_EQ(task.state(), TaskState::failed);
      EXPECT_TRUE(says(task.exception(), "fragile: broken"));
    } else {
      came_through = true;
      EXPECT_GT(breaks_at, 1);
    }
  }
}

// The same for an argument: the call throws, or the job fails; nothing is half handed in.
CORO_TEST_EVERYWHERE(Callable, an_argument_that_breaks_when_moved_is_an_error_of_call_or_job) {
  bool came_through = false;
  int calls_that_threw = 0;
  for (int breaks_at = 1; !came_through; ++breaks_at) {
    REQUIRE(breaks_at < 20);
    int left = breaks_at;
    std::atomic<int> ran = 0;
    CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
    const auto job = [&](Fragile) -> awaitable<void> {
      ++ran;
      co_return;
    };
    std::optional<Task<>> task;
    const auto error = error_from([&] { task = executor.submit_nowait(job, Fragile(left)); });
    if (error) {
      ++calls_that_threw;
      EXPECT_TRUE(says(error, "fragile: broken"));
    }
    co_await executor.join();
    EXPECT_EQ(executor.stats().done(), task ? 1u : 0u);
    if (task && task->exception()) {
      EXPECT_TRUE(says(task->exception(), "fragile: broken"));
      EXPECT_EQ(ran, 0);
    }
    came_through = task && !task->exception();
  }
  EXPECT_GT(calls_that_threw, 0);
}

// A callable that is no coroutine itself may throw before it has made one.
CORO_TEST_EVERYWHERE(Callable, an_error_before_the_coroutine_exists_is_the_jobs_error) {
  const auto refuses = [](int number) -> awaitable<int> {
    if (number > 0) throw std::invalid_argument("refused");
    return add(number, 1);
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  const auto bad = executor.submit_nowait(refuses, 1), good = executor.submit_nowait(refuses, 0);
  co_await executor.join();
  EXPECT_TRUE(is_a<std::invalid_argument>(bad.exception()));
  EXPECT_EQ(good.result(), 1);
}

CORO_TEST_EVERYWHERE(Callable, what_a_cancelled_job_holds_is_let_go_at_once) {
  Event never(home);
  std::atomic<int> live = 0, started = 0;
  CoroutineExecutor executor(home, options({.max_workers = 1, .suppress_task_errors = true}));
  const auto job = [&](const Tracked&) -> awaitable<void> {
    ++started;
    co_await never.wait();
  };
  const auto running = executor.submit_nowait(job, Tracked(live));
  const auto queued = executor.submit_nowait(job, Tracked(live));
  co_await until([&] { return started == 1; });
  EXPECT_EQ(live, 2);
  queued.cancel();
  EXPECT_EQ(live, 1);
  running.cancel();
  co_await executor.join();
  EXPECT_EQ(live, 0);
}

}  // namespace
}  // namespace coroexec::test
