// race: the first success, what becomes of the losers and of every error.
#include "coroexec/race.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <ranges>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "coro_test.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "stubborn.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

awaitable<void> fail(std::string text) {
  throw std::runtime_error(text);
  co_return;
}

CORO_TEST_EVERYWHERE(Race, the_first_success_wins_and_the_losers_are_joined) {
  Stubborn s(home);
  const auto wins = [&]() -> awaitable<MoveOnly> {
    co_await until([&] { return s.waiting == 2; });
    co_return MoveOnly(7);
  };
  auto winner = co_await race(s(), wins(), s());
  EXPECT_EQ(s.cleaned_up, 2);
  EXPECT_EQ(winner.index(), 1u);
  EXPECT_EQ(std::get<1>(winner).value(), 7);
  EXPECT_EQ(std::get<MoveOnly>(std::move(winner)).value(), 7);
  EXPECT_TRUE(winner.errors().empty()) << "being cancelled is no error";
}

CORO_TEST(Race, gives_a_variant) {
  const auto nothing = []() -> awaitable<void> { co_return; };
  const auto text = []() -> awaitable<std::string> { co_return "text"; };
  const std::variant<std::monostate, std::string> winner = co_await race(nothing(), text());
  EXPECT_EQ(winner.index(), 0u);
  const auto same_types = co_await race(text(), text());
  EXPECT_EQ(std::visit([](const std::string& s) { return s; }, same_types), "text");
}

CORO_TEST(Race, nothing_starts_before_it_is_awaited_nor_after_it_is_won) {
  int started = 0;
  const auto counts = [&]() -> awaitable<int> { co_return ++started; };
  auto later = race(counts(), counts());
  co_await this_task::yield();
  EXPECT_EQ(started, 0);
  EXPECT_EQ(std::get<0>(co_await std::move(later)), 1);
  EXPECT_EQ(started, 1);
}

CORO_TEST_EVERYWHERE(Race, one_that_fails_leaves_it_to_the_others_and_its_error_is_kept) {
  Event go_on(home);
  const auto fails = [&]() -> awaitable<int> {
    go_on.set();
    throw std::runtime_error("no route");
    co_return 0;
  };
  const auto slow = [&]() -> awaitable<std::string> {
    co_await go_on.wait();
    co_return "slow but sure";
  };
  const auto winner = co_await race(slow(), fails());
  EXPECT_EQ(std::get<0>(winner), "slow but sure");
  REQUIRE(winner.errors().size() == 1);
  EXPECT_EQ(winner.errors()[0].id, 2u);
  EXPECT_TRUE(says(winner.errors()[0].exception, "no route"));
}

CORO_TEST_EVERYWHERE(Race, an_error_of_a_loser_while_it_is_cancelled_is_kept_too) {
  Stubborn s(home);
  const auto broken = std::make_exception_ptr(std::logic_error("clean-up failed"));
  const auto wins = [&]() -> awaitable<int> {
    co_await until([&] { return s.waiting == 1; });
    co_return 1;
  };
  const auto winner = co_await race(s.fails(broken), wins());
  EXPECT_EQ(s.cleaned_up, 1);
  EXPECT_EQ(std::get<1>(winner), 1);
  REQUIRE(winner.errors().size() == 1);
  EXPECT_EQ(winner.errors()[0].id, 1u);
  EXPECT_EQ(winner.errors()[0].exception, broken);
}

CORO_TEST(Race, if_all_fail_every_error_is_thrown_in_the_order_they_happened) {
  Event second_has_failed(home);
  const auto fails_late = [&]() -> awaitable<int> {
    co_await second_has_failed.wait();
    throw std::out_of_range("late");
    co_return 0;
  };
  const auto fails_first = [&]() -> awaitable<void> {
    const SetAtExit told{second_has_failed};
    co_await this_task::yield();
    throw std::runtime_error("early");
  };
  const auto error = co_await error_of(race(fails_late(), fails_first()));
  EXPECT_TRUE(says(error, "2 jobs failed, the first was job 2: early"));
  try {
    if (error) std::rethrow_exception(error);
  } catch (const TaskGroupError& group) {
    REQUIRE(group.errors().size() == 2);
    EXPECT_TRUE(is_a<std::out_of_range>(group.errors()[1].exception));
    EXPECT_EQ(group.errors()[1].id, 1u);
  }
  EXPECT_TRUE(says(co_await error_of(race(fail("alone"))), "1 job failed, the first was job 1: alone"));
}

CORO_TEST_EVERYWHERE(Race, takes_ranges) {
  Stubborn s(home);
  std::atomic<bool> has_stumbled = false;
  const auto runner = [&](int i) -> awaitable<int> {
    if (i == 0) {
      has_stumbled = true;
      throw std::runtime_error("stumbled");
    }
    if (i != 3) co_await s();
    co_await until([&] { return has_stumbled && s.waiting == 2; });
    co_return 10 * i;
  };
  const auto winner = co_await race(std::views::iota(0, 4) | std::views::transform(runner));
  EXPECT_EQ(winner.index, 3u);
  EXPECT_EQ(winner.value, 30);
  EXPECT_EQ(s.cleaned_up, 2);
  REQUIRE(winner.errors.size() == 1);
  EXPECT_EQ(winner.errors[0].id, 1u);
}

CORO_TEST(Race, takes_a_vector) {
  std::vector<awaitable<void>> voids;
  voids.push_back(fail("bad"));
  voids.push_back(fail("worse"));
  EXPECT_TRUE(says(co_await error_of(race(std::move(voids))), "2 jobs failed, the first was job 1: bad"));
}

CORO_TEST_EVERYWHERE(Race, of_nobody_is_an_error) {
  EXPECT_TRUE(is_error(co_await error_of(race(std::vector<awaitable<int>>())), errc::invalid_argument,
                       "race: the range is empty, nobody can win"));
}

}  // namespace
}  // namespace coroexec::test
