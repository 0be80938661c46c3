// Where a coroutine stands, asked through its handle.
#include "coroexec/coro_state.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "coroexec/coro_start.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/this_task.hpp"
#include "event.hpp"
#include "job_test.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

template <class Handle>
std::string state(const Handle& handle) {
  std::string text;
  if (coro_is_new(handle)) text += "new ";
  if (coro_is_suspended(handle)) text += "suspended ";
  if (coro_is_finished(handle)) text += "finished ";
  EXPECT_EQ(coro_is_done(handle), coro_is_finished(handle));  // TRAP-4
  EXPECT_EQ(coro_get_frame(handle) == nullptr, coro_is_finished(handle));  // CORO-7
  return text;
}

// CORO-1
CORO_TEST_AS_JOB(TestCoroState, test_coro_new) {
  const auto job = []() -> awaitable<void> { co_return; };
  const auto coroutine = job();
  EXPECT_EQ(state(coroutine), "new ");
  const auto task = create_task(job());
  EXPECT_EQ(state(task), "new ");
  co_await task.wait();
  EXPECT_EQ(state(task), "finished ");
}

// CORO-2
CORO_TEST_AS_JOB(TestCoroState, test_coro_suspended) {
  Event go(home);
  const auto task = eager(go.wait());
  CoroStart start(go.wait());
  EXPECT_EQ(state(task), "suspended ");
  EXPECT_EQ(state(start), "suspended ");
  const auto awaiter = create_task(start.as_coroutine());
  co_await this_task::yield();
  EXPECT_EQ(state(start), "suspended ");
  EXPECT_EQ(state(awaiter), "suspended ");
  go.set();
  co_await awaiter.wait();
  co_await task.wait();
  EXPECT_EQ(state(start), "finished ");
}

// CORO-3, CORO-4
CORO_TEST_AS_JOB(TestCoroState, test_coro_finished) {
  const auto returns = []() -> awaitable<void> { co_return; };
  const auto throws = []() -> awaitable<void> { throw std::out_of_range("state"); co_return; };
  EXPECT_EQ(state(eager(returns())), "finished ");
  EXPECT_EQ(state(eager(throws())), "finished ");
  EXPECT_EQ(state(CoroStart(returns())), "finished ");
  EXPECT_EQ(state(CoroStart(throws())), "finished ");
  auto coroutine = returns();
  co_await std::move(coroutine);
  EXPECT_EQ(state(coroutine), "finished ");
}

// CORO-5
CORO_TEST_AS_JOB(TestCoroState, closed_without_ever_running) {
  bool ran = false;
  const auto job = [&]() -> awaitable<void> {
    ran = true;
    co_return;
  };
  const auto task = create_task(job());
  task.cancel();
  EXPECT_EQ(state(task), "finished ");
  co_await this_task::yield();
  EXPECT_FALSE(ran);
}

// CORO-6
CORO_TEST_AS_JOB(TestCoroState, test_current) {
  Task<> outer, inner;
  const auto asks = [&]() -> awaitable<void> {
    co_await this_task::yield();
    const auto nested = [&]() -> awaitable<void> {
      EXPECT_EQ(state(outer), "") << "on the stack below";
      co_return;
    };
    EXPECT_EQ(state(outer), "");
    inner = eager(nested());
  };
  outer = eager(asks());
  co_await outer.get();
  co_await inner.get();
}

// CORO-6
CORO_TEST_AS_JOB(TestCoroState, test_current_of_a_start) {
  std::optional<CoroStart<void>> start;
  std::string seen = "?";
  const auto asks = [&]() -> awaitable<void> {
    co_await this_task::yield();
    seen = state(*start);
  };
  start.emplace(asks());
  co_await start->as_coroutine();
  EXPECT_EQ(seen, "");
}

// CORO-7
CORO_TEST_AS_JOB(TestCoroState, test_coro_get_frame) {
  Event go(home);
  const auto task = eager(go.wait());
  const auto other = task;
  EXPECT_EQ(coro_get_frame(task), coro_get_frame(other));
  EXPECT_NE(coro_get_frame(task), coro_get_frame(eager(go.wait())));
  go.set();
  co_await task.wait();
  EXPECT_EQ(coro_get_frame(task), nullptr);
}

template <class T>
constexpr bool can_be_asked = requires(const T& handle) { coro_is_new(handle); };
// CORO-8
static_assert(can_be_asked<Task<int>> && can_be_asked<awaitable<int>> && can_be_asked<CoroStart<int>>);
static_assert(!can_be_asked<int> && !can_be_asked<std::string> && !can_be_asked<CoroutineExecutor>);

}  // namespace
}  // namespace coroexec::test
