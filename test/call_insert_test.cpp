// Plain calls in the ready queue. A suite with a name of asynkit's tests has its facts.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/scheduling.hpp"
#include "coroexec/this_task.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

// As list.insert does it to a list.
awaitable<void> insert_as_a_list_does(std::vector<int> positions) {
  auto& context = SchedulingContext::current();
  std::vector<int> expected, log;
  for (int i = 0; i < static_cast<int>(positions.size()); ++i) {
    const int position = positions[static_cast<std::size_t>(i)];
    const int size = static_cast<int>(expected.size());
    expected.insert(expected.begin() + std::min(position, size), i);
    context.call_insert(position, [&log](int number) { log.push_back(number); }, i);
  }
  co_await this_task::yield();
  EXPECT_EQ(log, expected);
}

// LOOP-12
CORO_TEST_VIRTUAL(TestCallInsert, normal) {
  const std::vector<int> positions{0, 1, 2, 3, 4, 5};
  co_await insert_as_a_list_does(positions);
}
CORO_TEST_VIRTUAL(TestCallInsert, reverse) {
  const std::vector<int> positions{5, 4, 3, 2, 1, 0};
  co_await insert_as_a_list_does(positions);
}
CORO_TEST_VIRTUAL(TestCallInsert, cut) {
  const std::vector<int> positions{3, 4, 5, 0, 1, 2};
  co_await insert_as_a_list_does(positions);
}

// LOOP-13
CORO_TEST_VIRTUAL(TestCallInsert, at_0_it_runs_before_everything_queued) {
  auto& context = SchedulingContext::current();
  std::vector<int> log;
  const auto logs = [&](int number) -> awaitable<void> {
    log.push_back(number);
    co_return;
  };
  for (const int number : {0, 1}) context.create_task(logs, number);
  context.call_insert(0, [&] {
    log.push_back(10);
    context.call_insert(0, [&] { log.push_back(11); });
  });
  EXPECT_EQ(log, std::vector<int>()) << "not inside the call";
  co_await this_task::yield();
  EXPECT_EQ(log, (std::vector{10, 11, 0, 1}));
}

// LOOP-14
CORO_TEST_VIRTUAL(TestCallInsert, a_cancelled_call_keeps_its_place_and_does_nothing) {
  auto& context = SchedulingContext::current();
  int calls = 0;
  auto handle = context.call_insert(0, [&] { ++calls; });
  EXPECT_FALSE(handle.cancelled());
  handle.cancel();
  EXPECT_TRUE(handle.cancelled());
  EXPECT_EQ(context.ready_len(), 1u);
  co_await this_task::yield();
  EXPECT_EQ(context.ready_len(), 0u);
  EXPECT_EQ(calls, 0);
}

// LOOP-15
CORO_TEST_VIRTUAL(TestCallInsert, arguments_are_kept) {
  int sum = 0;
  {
    MoveOnly four(4);
    SchedulingContext::current().call_insert(
        0, [](int& total, MoveOnly given) { total += given.value(); }, std::ref(sum), std::move(four));
  }
  co_await this_task::yield();
  EXPECT_EQ(sum, 4);
}

TEST(TestCallInsert, an_exception_leaves_run_which_may_be_called_again) {
  SchedulingContext context;
  const auto main = []() -> awaitable<int> {
    co_await this_task::yield();
    co_return 7;
  };
  context.call_insert(0, [] { throw std::runtime_error("from a call"); });
  EXPECT_TRUE(says(error_from([&] { context.run(main); }), "from a call"));
  EXPECT_EQ(context.run(main), 7);
}

}  // namespace
}  // namespace coroexec::test
