// ScopedCancel: what is cancelled when, and what is not.
#include "coroexec/scoped_cancel.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>

#include "coro_test.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/task.hpp"
#include "event.hpp"
#include "test_objects.hpp"

namespace coroexec::test {
namespace {

CORO_TEST_EVERYWHERE(ScopedCancel, cancels_whichever_way_its_scope_is_left) {
  Event never(home);
  const auto waits = [&]() -> awaitable<void> { co_await never.wait(); };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  Task<> returned, thrown;
  const auto leaves = [&](Task<>& task, bool throws) -> awaitable<void> {
    ScopedCancel guard(executor.submit_nowait(waits));
    task = *guard;
    EXPECT_FALSE(guard->done());
    co_await asio::post(asio::use_awaitable);
    if (throws) throw std::runtime_error("left");
  };
  co_await leaves(returned, false);
  EXPECT_TRUE(says(co_await error_of(leaves(thrown, true)), "left"));
  co_await executor.join();
  EXPECT_TRUE(returned.cancelled());
  EXPECT_TRUE(thrown.cancelled());
}

CORO_TEST_EVERYWHERE(ScopedCancel, leaves_alone_what_is_done_released_or_moved_on) {
  Event go_on(home);
  const auto gives = [&](int value) -> awaitable<int> {
    co_await go_on.wait();
    co_return value;
  };
  CoroutineExecutor executor(home, options({.suppress_task_errors = true}));
  Task<int> released, moved;
  {
    ScopedCancel guard(executor.submit_nowait(gives, 1));
    released = guard.release();
  }
  ScopedCancel<Task<int>> outer = [&] {
    ScopedCancel inner(executor.submit_nowait(gives, 2));
    moved = *inner;
    return inner;
  }();
  go_on.set();
  co_await executor.join();
  EXPECT_EQ(released.result(), 1);
  EXPECT_EQ(moved.result(), 2);
  {
    const ScopedCancel done(moved);
  }
  EXPECT_EQ(moved.result(), 2);
}

static_assert(!Cancellable<int>);

}  // namespace
}  // namespace coroexec::test
