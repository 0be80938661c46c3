// CoroStart: started in its constructor, goes on only when awaited.
#include "coroexec/coro_start.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "coroexec/context.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "job_test.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

ContextVar<std::string> var("var", "none");
using Result = std::shared_ptr<int>;

awaitable<Result> coro1(Log& log, bool block, Result result = nullptr) {
  log("1");
  if (block) co_await this_task::yield();
  log("2");
  co_return result;
}

awaitable<void> raises(bool block) {
  if (block) co_await this_task::yield();
  throw std::out_of_range("start");
}

constexpr const char* not_done = "CoroStart: coroutine not done";
constexpr const char* reused = "CoroStart: cannot reuse already awaited coroutine";

// CS-1
CORO_TEST_AS_JOB(TestCoroStart, test_auto_start_block) {
  Log log;
  CoroStart start(coro1(log, true));
  EXPECT_FALSE(start.done());
  EXPECT_TRUE(coro_is_suspended(start));
  EXPECT_FALSE(coro_is_finished(start));
  EXPECT_EQ(log.text(), "1");
  co_await start.as_coroutine();
}

// CS-1, CS-9
CORO_TEST_AS_JOB(TestCoroStart, test_auto_start_noblock) {
  Log log;
  CoroStart start(coro1(log, false));
  EXPECT_TRUE(start.done());
  EXPECT_TRUE(coro_is_finished(start));
  EXPECT_EQ(log.text(), "1 2");
  EXPECT_EQ(start.exception(), nullptr);
  co_return;
}

// CS-2, CS-13
CORO_TEST_AS_JOB(TestCoroStart, test_await) {
  Log log;
  const auto result = std::make_shared<int>(3);
  for (const bool block : {true, false}) {
    CoroStart start(coro1(log, block, result));
    log("a");
    EXPECT_EQ(co_await start.as_coroutine(), result);
    EXPECT_EQ(log.take(), block ? "1 a 2" : "1 2 a");
  }
}

// CS-3, CS-4
CORO_TEST_AS_JOB(TestCoroStart, test_await_twice) {
  Log log;
  for (const bool block : {true, false}) {
    CoroStart start(coro1(log, block));
    co_await start.as_coroutine();
    EXPECT_FALSE(start.done()) << "finished, but not without having been awaited";
    EXPECT_TRUE(is_error(co_await error_of(start.as_coroutine()), errc::invalid_state, reused));
  }
}

// CS-5
CORO_TEST_AS_JOB(TestCoroStart, test_result_noblock) {
  Log log;
  const auto result = std::make_shared<int>(3);
  CoroStart start(coro1(log, false, result));
  EXPECT_EQ(start.result(), result);
  EXPECT_EQ(&start.result(), &start.result());
  EXPECT_EQ(co_await start.as_coroutine(), result);
}

// CS-7, CS-10
CORO_TEST_AS_JOB(TestCoroStart, test_result_block) {
  Log log;
  CoroStart start(coro1(log, true));
  EXPECT_TRUE(is_error(error_from([&] { start.result(); }), errc::invalid_state, not_done));
  EXPECT_TRUE(is_error(error_from([&] { start.exception(); }), errc::invalid_state, not_done));
  co_await start.as_coroutine();
}

// CS-6, CS-8
CORO_TEST_AS_JOB(TestCoroStart, test_exception) {
  CoroStart start(raises(false));
  EXPECT_TRUE(is_a<std::out_of_range>(error_from([&] { start.result(); })));
  EXPECT_TRUE(says(start.exception(), "start"));
  CoroStart later(raises(true));
  EXPECT_TRUE(is_error(error_from([&] { later.exception(); }), errc::invalid_state, not_done));
  EXPECT_TRUE(says(co_await error_of(later.as_coroutine()), "start"));
}

// CS-11
CORO_TEST_AS_JOB(TestCoroStart, has_no_result_once_it_has_been_awaited) {
  Log log;
  CoroStart start(coro1(log, false));
  co_await start.as_coroutine();
  EXPECT_TRUE(is_error(error_from([&] { start.result(); }), errc::invalid_state, not_done));
  EXPECT_TRUE(is_error(error_from([&] { start.exception(); }), errc::invalid_state, not_done));
  EXPECT_TRUE(is_error(error_from([&] { start.as_future(); }), errc::invalid_state, "not done"));
}

// CS-12, CS-28
CORO_TEST_AS_JOB(TestCoroStart, test_start_err) {
  CoroStart start(raises(false));
  EXPECT_TRUE(start.done());
  EXPECT_TRUE(says(co_await error_of(start.as_coroutine()), "start"));
  const auto throws = []() -> awaitable<void> { throw NotAnException{1}; co_return; };
  CoroStart strange(throws());
  EXPECT_TRUE(is_a<NotAnException>(strange.exception()));
}

// CS-14, CS-32
CORO_TEST_AS_JOB(TestCoroStart, test_as_coroutine) {
  const auto tells = []() -> awaitable<std::vector<std::string>> {
    std::vector<std::string> seen{var.get(), std::string(this_task::name())};
    var.set("changed");
    co_await this_task::yield();
    seen.push_back(var.get());
    seen.push_back(std::string(this_task::name()));
    co_return seen;
  };
  const auto other = [](awaitable<std::vector<std::string>> rest) -> awaitable<std::vector<std::string>> {
    var.set("other");
    co_return co_await std::move(rest);
  };
  const auto creator = [&]() -> awaitable<std::vector<std::string>> {
    var.set("creator");
    CoroStart start(tells());
    EXPECT_EQ(var.get(), "changed") << "it runs in the creator's own context";
    const auto task = create_task({.name = "B"}, other(start.as_coroutine()));
    co_return co_await task.get();
  };
  const auto task = eager({.name = "A"}, creator());
  const std::vector<std::string> expected{"creator", "A", "other", "B"};
  EXPECT_EQ(co_await task.get(), expected);
}

// CS-15, CS-17
CORO_TEST_AS_JOB(TestCoroStart, test_as_future_noblock) {
  Log log;
  const auto result = std::make_shared<int>(3);
  CoroStart start(coro1(log, false, result));
  const auto future = start.as_future(), again = start.as_future();
  EXPECT_TRUE(future.done());
  EXPECT_EQ(future.result(), result);
  EXPECT_EQ(again.result(), result);
  EXPECT_EQ(co_await start.as_coroutine(), result);
  EXPECT_EQ(future.result(), result) << "not moved out";
  CoroStart failed(raises(false));
  EXPECT_TRUE(says(failed.as_future().exception(), "start"));
}

// CS-16
CORO_TEST_AS_JOB(TestCoroStart, test_as_future_block) {
  Log log;
  CoroStart start(coro1(log, true));
  EXPECT_TRUE(is_error(error_from([&] { start.as_future(); }), errc::invalid_state, "that is not done"));
  co_await start.as_coroutine();
  EXPECT_EQ(log.text(), "1 2");
}

// CS-18, CS-19
CORO_TEST_AS_JOB(TestCoroStart, test_as_awaitable) {
  Log log;
  const auto result = std::make_shared<int>(3);
  std::vector<awaitable<Result>> mixed;
  for (const bool block : {true, false, true}) mixed.push_back(CoroStart(coro1(log, block, result)).as_awaitable());
  EXPECT_EQ(log.text(), "1 1 2 1");
  for (auto& one : mixed) EXPECT_EQ(co_await std::move(one), result);
  EXPECT_EQ(log.text(), "1 1 2 1 2 2");
}

// CS-20
CORO_TEST_AS_JOB(TestCoroStart, makes_no_progress_by_itself) {
  Log log;
  Event event(home), native(home);
  const auto waits = [&](Event& which) -> awaitable<void> {
    log("1");
    co_await which.wait();
    log("2");
  };
  const auto sleeps = [&]() -> awaitable<void> {
    co_await sleep_for(std::chrono::microseconds(100));
    log("3");
  };
  CoroStart start(waits(event)), timer(sleeps());
  event.set();
  co_await sleep_for(milliseconds(5));
  EXPECT_EQ(log.text(), "1");
  co_await start.as_coroutine();
  EXPECT_EQ(log.text(), "1 2");
  co_await timer.as_coroutine();
  EXPECT_EQ(log.text(), "1 2 3");
}

// CS-27, and what was said of a cancel that has been taken back
CORO_TEST_AS_JOB(TestCoroStart, a_cancel_of_the_awaiter_arrives_in_it) {
  Event never(home);
  const auto handles = [&]() -> awaitable<int> {
    const auto error = co_await error_of(never.wait());
    EXPECT_TRUE(is_cancelled(error));
    EXPECT_TRUE(this_task::cancel_requested());
    co_await this_task::uncancel();
    co_await this_task::yield();
    co_return 7;
  };
  const auto awaiter = [&]() -> awaitable<int> {
    CoroStart start(handles());
    const int value = co_await start.as_coroutine();
    co_await this_task::yield();  // the cancel has been handled for the awaiter, too
    co_return value + 1;
  };
  const auto task = eager(awaiter());
  task.cancel();
  EXPECT_EQ(co_await task.get(), 8);
  EXPECT_FALSE(task.cancelled());
}

// CS-29
CORO_TEST_AS_JOB(TestCoroStart, a_second_awaiter_fails) {
  Event go(home);
  const auto waits = [&]() -> awaitable<int> {
    co_await go.wait();
    co_return 1;
  };
  CoroStart start(waits());
  const auto first = eager(start.as_coroutine()), second = eager(start.as_coroutine());
  EXPECT_TRUE(is_error(second.exception(), errc::invalid_state, reused));
  go.set();
  EXPECT_EQ(co_await first.get(), 1);
}

// CS-30
TEST(TestCoroStart, needs_no_running_context_unless_it_waits) {
  asio::io_context context;
  const auto quick = []() -> awaitable<int> { co_return 1; };
  EXPECT_EQ(CoroStart(context.get_executor(), quick()).result(), 1);
  EXPECT_TRUE(is_error(error_from([&] { CoroStart start(quick()); }), errc::invalid_state,
                       "CoroStart outside of any job needs an executor before the coroutine"));
}

// CS-31
CORO_TEST_AS_JOB(TestCoroStart, runs_in_a_given_context_before_and_after) {
  const auto sets = []() -> awaitable<std::string> {
    const auto before = var.get();
    var.set("mine");
    co_await this_task::yield();
    co_return before + " " + var.get();
  };
  var.set("X");
  const auto context = copy_context();
  CoroStart start(sets(), context);
  EXPECT_EQ(context.get(var), "mine");
  var.set("Y");
  EXPECT_EQ(co_await start.as_coroutine(), "X mine");
  EXPECT_EQ(var.get(), "Y");
}

// CORO-9
CORO_TEST_AS_JOB(TestCoroStart, of_a_streams_next) {
  Event go(home);
  const auto body = [&](Yield<int> yield) -> awaitable<void> {
    co_await go.wait();
    co_await yield(5);
  };
  auto stream = generate<int>(body);
  CoroStart start(stream.next());
  EXPECT_TRUE(coro_is_suspended(start));
  go.set();
  EXPECT_EQ(co_await start.as_coroutine(), 5);
  co_await stream.aclose();
}

CORO_TEST_AS_JOB(TestCoroStart, takes_and_gives_what_can_only_be_moved) {
  const auto makes = [](MoveOnly given) -> awaitable<MoveOnly> {
    co_await this_task::yield();
    co_return std::move(given);
  };
  CoroStart start(makes(MoveOnly(4)));
  const auto value = co_await start.as_coroutine();
  EXPECT_EQ(value.value(), 4);
}

}  // namespace
}  // namespace coroexec::test
