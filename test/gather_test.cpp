// gather: results in their places, the first error, every error, and what a cancel does.
#include "coroexec/gather.hpp"

#include <gtest/gtest.h>

#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "stubborn.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<int> give(int value, Event& when) {
  co_await when.wait();
  co_return value;
}

awaitable<void> fail(std::string text) {
  throw std::runtime_error(text);
  co_return;
}

// EAGER-16
CORO_TEST_EVERYWHERE(Gather, gives_the_results_in_the_order_of_the_arguments) {
  Event first(home), last(home);
  const auto text = [&]() -> awaitable<std::string> {
    first.set();
    co_return "two";
  };
  const auto ends_last = [&]() -> awaitable<void> {
    co_await last.wait();
  };
  const auto move_only = [&]() -> awaitable<MoveOnly> {
    last.set();
    co_return MoveOnly(4);
  };
  const auto [one, two, three, four] =
      co_await gather(give(1, first), text(), ends_last(), move_only());
  EXPECT_EQ(one, 1);
  EXPECT_EQ(two, "two");
  EXPECT_EQ(three, std::monostate());
  EXPECT_EQ(four.value(), 4);
}

CORO_TEST(Gather, starts_in_the_order_of_the_arguments_and_only_when_awaited) {
  std::string log;
  Event go_on(home);
  const auto part = [&](char name) -> awaitable<void> {
    log += name;
    if (name == 'c') go_on.set();
    co_await go_on.wait();
  };
  auto all = gather(part('a'), part('b'), part('c'));
  co_await this_task::yield();
  EXPECT_EQ(log, "");
  co_await std::move(all);
  EXPECT_EQ(log, "abc");
}

CORO_TEST_EVERYWHERE(Gather, takes_ranges_of_every_kind) {
  const auto twice = [](int i) -> awaitable<int> {
    co_await this_task::yield();
    co_return 2 * i;
  };
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto lazily = std::views::iota(0, 50) | std::views::transform(twice);
  const auto results = co_await gather(lazily);
  REQUIRE(results.size() == 50);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], 2 * i);

  std::vector<awaitable<int>> handed_over, referred_to;
  for (int i = 0; i < 3; ++i) handed_over.push_back(twice(i)), referred_to.push_back(twice(10 * i));
  const auto of_handed_over = co_await gather(std::move(handed_over));
  EXPECT_EQ(of_handed_over, (std::vector{0, 2, 4}));
  const auto of_referred_to = co_await gather(std::ref(referred_to));
  EXPECT_EQ(of_referred_to, (std::vector{0, 20, 40}));

  std::vector<awaitable<void>> voids;
  voids.push_back(nothing());
  const auto nothings = co_await gather(std::move(voids));
  EXPECT_EQ(nothings.size(), 1u);
  EXPECT_TRUE((co_await gather(std::vector<awaitable<int>>())).empty());
}

CORO_TEST_EVERYWHERE(Gather, the_first_error_cancels_the_others_which_are_joined) {
  Stubborn s(home);
  const auto fails = [&]() -> awaitable<void> {
    co_await until([&] { return s.waiting == 2; });
    throw std::runtime_error("broken");
  };
  const auto error = co_await error_of(gather(s(), fails(), s()));
  EXPECT_EQ(s.cleaned_up, 2);
  EXPECT_TRUE(is_a<std::runtime_error>(error));
  EXPECT_TRUE(says(error, "broken"));
  // Cancelled was not the caller.
  co_await this_task::yield();
}

CORO_TEST_EVERYWHERE(Gather, the_error_is_the_very_object_that_was_thrown) {
  const auto thrown = std::make_exception_ptr(NotAnException{42});
  const auto fails = [&]() -> awaitable<int> {
    std::rethrow_exception(thrown);
    co_return 0;
  };
  EXPECT_EQ(co_await error_of(gather(fails())), thrown);
}

// One that fails at once keeps those behind it from starting.
CORO_TEST(Gather, what_has_not_started_when_an_error_comes_never_does) {
  bool started = false;
  const auto late = [&]() -> awaitable<void> {
    started = true;
    co_return;
  };
  EXPECT_TRUE(says(co_await error_of(gather(fail("at once"), late())), "at once"));
  EXPECT_FALSE(started);
}

CORO_TEST_EVERYWHERE(Gather, every_error_can_be_had) {
  Stubborn s(home);
  const auto second = std::make_exception_ptr(std::logic_error("clean-up failed"));
  const auto fails = [&]() -> awaitable<void> {
    co_await until([&] { return s.waiting == 2; });
    throw std::runtime_error("broken");
  };
  const auto error = co_await error_of(gather(all_errors, s(), s.fails(second), fails()));
  EXPECT_EQ(s.cleaned_up, 2);
  EXPECT_TRUE(says(error, "2 jobs failed, the first was job 3: broken"));
  try {
    if (error) std::rethrow_exception(error);
  } catch (const TaskGroupError& group) {
    REQUIRE(group.errors().size() == 2);
    EXPECT_EQ(group.errors()[0].id, 3u);
    EXPECT_EQ(group.errors()[1].id, 2u);
    EXPECT_EQ(group.errors()[1].exception, second);
  }
}

CORO_TEST_EVERYWHERE(Gather, all_errors_wraps_a_single_one_and_changes_nothing_else) {
  Event set(home);
  set.set();
  EXPECT_TRUE(says(co_await error_of(gather(all_errors, give(1, set), fail("alone"))),
                   "1 job failed, the first was job 2: alone"));
  EXPECT_EQ(co_await gather(all_errors, give(1, set), give(2, set)), std::tuple(1, 2));
  std::vector<awaitable<int>> range;
  range.push_back(give(3, set));
  const auto of_range = co_await gather(all_errors, std::move(range));
  EXPECT_EQ(of_range, std::vector{3});
}

CORO_TEST_EVERYWHERE(Gather, outcomes_have_errors_in_their_places_and_nobody_is_cancelled) {
  Event goes_on(home);
  const auto fails = [&]() -> awaitable<int> {
    goes_on.set();
    throw std::runtime_error("mine alone");
    co_return 0;
  };
  const auto [one, two, three] = co_await gather(yield_exceptions, give(1, goes_on), fails(), fail("void"));
  EXPECT_EQ(one.value(), 1);
  EXPECT_TRUE(says(two.error(), "mine alone"));
  EXPECT_TRUE(says(three.error(), "void"));

  std::vector<awaitable<MoveOnly>> range;
  const auto move_only = [](bool good) -> awaitable<MoveOnly> {
    if (!good) throw std::runtime_error("bad");
    co_return MoveOnly(7);
  };
  range.push_back(move_only(true));
  range.push_back(move_only(false));
  const auto outcomes = co_await gather(yield_exceptions, std::move(range));
  EXPECT_EQ(outcomes[0].value().value(), 7);
  EXPECT_TRUE(says(outcomes[1].error(), "bad"));
}

CORO_TEST_EVERYWHERE(Gather, an_operation_that_throws_operation_aborted_unasked_has_failed) {
  Stubborn s(home);
  const auto gives_up = [&]() -> awaitable<void> {
    co_await until([&] { return s.waiting == 1; });
    throw boost::system::system_error(asio::error::operation_aborted, "gave up");
  };
  const auto error = co_await error_of(gather(all_errors, s(), gives_up()));
  EXPECT_TRUE(is_a<TaskGroupError>(error));
  EXPECT_EQ(s.cleaned_up, 1);
}

}  // namespace
}  // namespace coroexec::test
