// In what order eager tasks, queued tasks and plain coroutines run.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coroexec/eager.hpp"
#include "coroexec/this_task.hpp"
#include "job_test.hpp"

namespace coroexec::test {
namespace {

// Waits longer than its callers.
awaitable<void> one_two(Log& log) {
  log("1");
  for (int i = 0; i < 2; ++i) co_await this_task::yield();
  log("2");
}

// EAGER-2
CORO_TEST_AS_JOB(EagerOrder, a_plain_coroutine_runs_when_awaited) {
  Log log;
  log("a");
  auto lazy = one_two(log);
  log("b");
  co_await this_task::yield();
  log("c");
  co_await std::move(lazy);
  EXPECT_EQ(log.text(), "a b c 1 2");
}

// EAGER-2
CORO_TEST_AS_JOB(EagerOrder, a_queued_task_runs_at_the_next_wait) {
  Log log;
  log("a");
  const auto queued = create_task(one_two(log));
  EXPECT_EQ(queued.state(), TaskState::queued);
  log("b");
  co_await this_task::yield();
  log("c");
  co_await queued.get();
  EXPECT_EQ(log.text(), "a b 1 c 2");
}

// EAGER-2
CORO_TEST_AS_JOB(EagerOrder, an_eager_task_runs_at_once) {
  Log log;
  log("a");
  const auto eagerly = eager(one_two(log));
  log("b");
  co_await this_task::yield();
  log("c");
  co_await eagerly.get();
  EXPECT_EQ(log.text(), "a 1 b c 2");
}

// EAGER-25
CORO_TEST_AS_JOB(EagerOrder, nested_starts) {
  Log log;
  const auto inner = [&](std::string n) -> awaitable<void> {
    log("i" + n + "a");
    co_await this_task::yield();
    log("i" + n + "b");
  };
  const auto outer = [&](std::string n) -> awaitable<void> {
    log("o" + n + "a");
    const auto task = eager(inner(n));
    log("o" + n + "b");
    co_await task.get();
    log("o" + n + "c");
  };
  const auto first = eager(outer("0")), second = eager(outer("1"));
  log("main");
  co_await first.get();
  co_await second.get();
  EXPECT_EQ(log.text(), "o0a i0a o0b o1a i1a o1b main i0b i1b o0c o1c");
}

// A leaf waits once; a node waits for its children.
awaitable<void> tree(Log& log, int depth, std::string label) {
  log(label + "a");
  if (depth == 0) {
    log(label + "B");
    co_await this_task::yield();
  } else {
    const auto left = eager(tree(log, depth - 1, label + ":0"));
    const auto right = eager(tree(log, depth - 1, label + ":1"));
    log(label + "b");
    co_await left.get();
    co_await right.get();
  }
  log(label + "c");
}

// EAGER-18
CORO_TEST_AS_JOB(TestCreateTask, test_okay_one_eager) {
  Log log;
  co_await eager(tree(log, 1, "0")).get();
  EXPECT_EQ(log.text(), "0a 0:0a 0:0B 0:1a 0:1B 0b 0:0c 0:1c 0c");
}

// EAGER-18
CORO_TEST_AS_JOB(TestCreateTask, test_okay_two_eager) {
  Log log;
  co_await eager(tree(log, 2, "0")).get();
  EXPECT_EQ(log.text(),
            "0a 0:0a 0:0:0a 0:0:0B 0:0:1a 0:0:1B 0:0b 0:1a 0:1:0a 0:1:0B 0:1:1a 0:1:1B 0:1b 0b "
            "0:0:0c 0:0:1c 0:1:0c 0:1:1c 0:0c 0:1c 0c");
}

// A first part that ends leaves the queued ones their turn.
CORO_TEST_AS_JOB(EagerOrder, queued_tasks_do_not_run_on_the_stack_of_an_eager_start) {
  Log log;
  const auto quick = [&]() -> awaitable<void> {
    log("quick");
    co_return;
  };
  const auto queued = create_task(one_two(log));
  const auto first = eager(quick()), second = eager(quick());
  log("a");
  co_await queued.get();
  EXPECT_EQ(log.text(), "quick quick a 1 2");
}

}  // namespace
}  // namespace coroexec::test
