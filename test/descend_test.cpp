// Free tasks that start depth first. A suite with a name of asynkit's tests has its facts.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/scheduling.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// DESC-1, SLEEP-4
CORO_TEST_VIRTUAL(TestCreateTask, descend_runs_ahead_of_everything_queued) {
  auto& context = SchedulingContext::current();
  std::vector<std::string> log;
  const auto yields = [&](std::string name) -> awaitable<void> {
    log.push_back(name + "1");
    co_await this_task::yield();
    log.push_back(name + "2");
  };
  const auto other = context.create_task(yields, "other");
  const auto task = co_await create_task_descend(yields, "d");
  log.push_back("me");
  EXPECT_FALSE(task.done());
  co_await task.wait();
  co_await other.wait();
  EXPECT_EQ(log, (std::vector<std::string>{"d1", "me", "other1", "d2", "other2"}));
}

// DESC-2
CORO_TEST_VIRTUAL(TestCreateTask, descend_gives_a_done_task_if_nothing_blocked) {
  const auto seven = []() -> awaitable<int> { co_return 7; };
  const auto task = co_await create_task_descend(seven);
  EXPECT_TRUE(task.done());
  EXPECT_EQ(task.result(), 7);
  const auto fails = []() -> awaitable<int> {
    throw std::runtime_error("at once");
    co_return 1;
  };
  const auto failed = co_await create_task_descend(fails);
  EXPECT_TRUE(failed.done());
  EXPECT_TRUE(says(failed.exception(), "at once"));
}

// DESC-5
CORO_TEST_VIRTUAL(TestCreateTask, takes_a_name_and_a_timeout) {
  const auto sleeps = [] { return sleep_for(std::chrono::hours(1)); };
  const auto task = co_await create_task_descend({.name = "deep", .timeout = milliseconds(5)}, sleeps);
  EXPECT_EQ(task.name(), "deep");
  co_await task.wait();
  EXPECT_TRUE(is_error(task.exception(), errc::timed_out, "job 1 'deep' exceeded its timeout of 5 ms"));
}

// A tree whose nodes log when they begin (a), before their children are awaited (B, b) and at their
// end (c).
class Tree {
 public:
  enum class How { descend, start };
  explicit Tree(How how) : how_(how) {}
  awaitable<void> grow(std::string name, int depth) {
    log.push_back(name + "a");
    std::vector<Task<>> children;
    for (int i = 0; depth > 0 && i < 2; ++i) {
      const auto child = [this](std::string n, int d) { return grow(std::move(n), d); };
      if (how_ == How::descend)
        children.push_back(co_await create_task_descend(child, name + ":" + std::to_string(i), depth - 1));
      else
        children.push_back(co_await create_task_start(child, name + ":" + std::to_string(i), depth - 1));
    }
    log.push_back(name + (depth > 0 ? "b" : "B"));
    co_await this_task::yield();
    for (auto& child : children) co_await child.wait();
    log.push_back(name + "c");
  }
  std::vector<std::string> log;

 private:
  How how_;
};

using Names = std::vector<std::string>;
Names head(const Names& names, std::size_t count) {
  return {names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(count, names.size()))};
}

// DESC-3
CORO_TEST_VIRTUAL(TestCreateTask, okay_one_descend) {
  Tree tree(Tree::How::descend);
  co_await tree.grow("0", 1);
  EXPECT_EQ(head(tree.log, 6), (Names{"0a", "0:0a", "0:0B", "0:1a", "0:1B", "0b"}));
  EXPECT_EQ(tree.log.size(), 9u);
}

// DESC-4
CORO_TEST_VIRTUAL(TestCreateTask, okay_two_descend) {
  Tree tree(Tree::How::descend);
  co_await tree.grow("0", 2);
  EXPECT_EQ(tree.log.size(), 21u);
  EXPECT_EQ(head(tree.log, 14), (Names{"0a", "0:0a", "0:0:0a", "0:0:0B", "0:0:1a", "0:0:1B", "0:0b", "0:1a",
                                       "0:1:0a", "0:1:0B", "0:1:1a", "0:1:1B", "0:1b", "0b"}));
}

// DESC-6
CORO_TEST_VIRTUAL(TestCreateTask, start_lets_everything_run_once) {
  auto& context = SchedulingContext::current();
  std::vector<int> log;
  const auto log_it = [&](int i) -> awaitable<void> {
    log.push_back(i);
    co_return;
  };
  context.create_task(log_it, 0);
  const auto task = co_await create_task_start(log_it, 1);
  log.push_back(-1);
  EXPECT_EQ(log, (std::vector{0, 1, -1}));
  EXPECT_TRUE(task.done());
}

// DESC-6
CORO_TEST_VIRTUAL(TestCreateTask, okay_two_start) {
  Tree one(Tree::How::start), two(Tree::How::start), depth_first(Tree::How::descend);
  co_await one.grow("0", 1);
  EXPECT_EQ(head(one.log, 6), (Names{"0a", "0:0a", "0:0B", "0:0c", "0:1a", "0:1B"}))
      << "the first child goes on while the second one starts";
  co_await two.grow("0", 2);
  co_await depth_first.grow("0", 2);
  EXPECT_EQ(two.log.size(), 21u);
  EXPECT_NE(head(two.log, 14), head(depth_first.log, 14));
}

}  // namespace
}  // namespace coroexec::test
