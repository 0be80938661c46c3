// The executor: handing in, joining, ending.
#include "scenario.hpp"

namespace coroexec::faults {
namespace {

using namespace std::chrono_literals;

awaitable<int> submit(Home) {
  const auto body = [](CoroutineExecutor& executor) -> awaitable<int> {
    std::vector<Task<int>> tasks;
    for (int i = 1; i <= 4; ++i) tasks.push_back(co_await executor.submit(twice, i));
    int sum = 0;
    for (auto& task : tasks) sum += co_await task.get();
    co_return sum;
  };
  co_return co_await with_executor({.max_workers = 2}, body);
}

awaitable<int> submit_waits_for_room(Home home) {
  CoroutineExecutor executor(home, {.max_workers = 1, .backlog = 0});
  std::vector<Task<int>> tasks;
  for (int i = 1; i <= 3; ++i) tasks.push_back(co_await executor.submit(after, 10us, i));
  co_await executor.join();
  co_return tasks[0].result() + tasks[1].result() + tasks[2].result();
}

awaitable<int> submit_nowait_and_try(Home home) {
  CoroutineExecutor executor(home, {.max_workers = 1, .backlog = 1});
  const auto first = executor.submit_nowait(twice, 1);
  const auto second = executor.try_submit(twice, 2);
  const auto third = executor.try_submit(twice, 3);
  co_await executor.join();
  co_return first.result() + (second ? second->result() : 0) + (third ? 100 : 0);
}

awaitable<int> shutdown(Home home) {
  CoroutineExecutor executor(home, {.max_workers = 1});
  const auto first = executor.submit_nowait(twice, 1);
  const auto second = executor.submit_nowait(twice, 2);
  co_await executor.shutdown();
  const int closed = co_await ends_with(errc::closed, executor.submit(twice, 3));
  co_return first.result() + second.result() + 10 * closed;
}

awaitable<int> shutdown_at_once(Home home) {
  CoroutineExecutor executor(home, {.max_workers = 1});
  const auto runs = executor.submit_nowait(sleep_an_hour);
  const auto queued = executor.submit_nowait({.name = "queued"}, twice, 1);
  co_await sleep_for(10us);
  const int told = co_await ends_with(asio::error::operation_aborted, executor.shutdown(false));
  co_return told + 10 * was_cancelled(runs) + 100 * was_cancelled(queued);
}

awaitable<int> cancel(Home home) {
  CoroutineExecutor executor(home, {.max_workers = 2});
  const auto first = executor.submit_nowait(sleep_an_hour);
  const auto second = executor.submit_nowait(sleep_an_hour);
  const auto third = executor.submit_nowait(twice, 1);
  co_await sleep_for(10us);
  third.cancel();
  const auto error = co_await as_outcome(executor.join());
  executor.cancel();
  co_await first.wait();
  co_await second.wait();
  co_return error.has_error() + 10 * was_cancelled(first) + 10 * was_cancelled(second) + 100 * was_cancelled(third);
}

awaitable<int> scope_timeout(Home) {
  const auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    co_await executor.submit(sleep_an_hour);
  };
  co_return co_await ends_with(errc::timed_out, with_executor({.timeout = 50us}, body));
}

awaitable<int> job_timeout(Home home) {
  CoroutineExecutor executor(home, {.on_error = ErrorPolicy::suppress});
  const auto late = executor.submit_nowait({.name = "late", .timeout = 50us}, sleep_an_hour);
  const auto in_time = executor.submit_nowait({.timeout = 1h}, twice, 1);
  co_await executor.join(1h);
  co_return co_await ends_with(errc::timed_out, late.get()) + in_time.result();
}

awaitable<int> rate_and_initializer(Home) {
  int initialized = 0;
  const auto initialize = [&initialized]() -> awaitable<void> {
    ++initialized;
    co_return;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<void> {
    executor.set_initializer(initialize);
    for (int i = 0; i < 3; ++i) co_await executor.submit(twice, i);
  };
  co_await with_executor({.max_per_second = 100'000}, body);
  co_return initialized;
}

awaitable<int> first_error_cancels(Home) {
  const auto body = [](CoroutineExecutor& executor) -> awaitable<void> {
    executor.submit_nowait(sleep_an_hour);
    executor.submit_nowait(breaks);
    co_await sleep_an_hour();
  };
  co_return co_await ends_with<Broken>(with_executor({.max_workers = 3}, body));
}

awaitable<int> all_errors(Home home) {
  CoroutineExecutor executor(home, {.on_error = ErrorPolicy::collect});
  executor.submit_nowait(breaks);
  executor.submit_nowait({.name = "second, with a name that is long"}, breaks);
  const int told = co_await ends_with<TaskGroupError>(executor.join());
  co_return told;
}

awaitable<int> deadlock(Home) {
  const auto body = [](CoroutineExecutor& executor) -> awaitable<int> {
    const auto joins = [&]() -> awaitable<int> {
      co_return co_await ends_with(errc::would_deadlock, executor.join());
    };
    const auto waits = [&]() -> awaitable<int> {
      const auto queued = executor.submit_nowait(twice, 1);
      co_return co_await ends_with(errc::would_deadlock, queued.wait());
    };
    const auto first = co_await executor.submit(joins);
    const auto second = co_await executor.submit(waits);
    co_return co_await first.get() + co_await second.get();
  };
  co_return co_await with_executor({.max_workers = 1}, body);
}

awaitable<int> nested_scopes(Home) {
  const auto inner_body = [](CoroutineExecutor& inner) -> awaitable<int> {
    const auto task = co_await inner.submit(twice, 2);
    co_return co_await task.get();
  };
  const auto job = [&]() -> awaitable<int> { co_return co_await with_executor(inner_body); };
  const auto body = [&](CoroutineExecutor& outer) -> awaitable<int> {
    const auto first = co_await outer.submit(job);
    const auto second = co_await outer.submit(job);
    co_return co_await first.get() + co_await second.get();
  };
  co_return co_await with_executor({.max_workers = 1}, body);
}

// Dropped without a join: what it has is cancelled, and ends by itself.
awaitable<int> dropped_executor(Home home) {
  std::optional<CoroutineExecutor> executor(std::in_place, home, ExecutorOptions{.max_workers = 1});
  const auto runs = executor->submit_nowait(sleep_an_hour);
  const auto queued = executor->submit_nowait(sleep_an_hour);
  co_await sleep_for(10us);
  executor.reset();
  co_await runs.wait();
  co_return was_cancelled(runs) + was_cancelled(queued);
}

using Concrete = asio::io_context::executor_type;
asio::awaitable<int, Concrete> concrete_job(int n) {
  co_await this_task::yield<Concrete>();
  co_return n;
}
asio::awaitable<int, Concrete> concrete_body(BasicCoroutineExecutor<Concrete>& executor) {
  const auto first = co_await executor.submit(concrete_job, 1);
  const auto second = co_await executor.submit(concrete_job, 2);
  co_return co_await first.get() + co_await second.get();
}
asio::awaitable<int, Concrete> concrete_main() {
  co_return co_await with_executor<Concrete>({.max_workers = 1}, concrete_body);
}

awaitable<int> concrete_executor(Home home) {
  auto& context = static_cast<asio::io_context&>(asio::query(home, asio::execution::context));
  BasicAioPool<Concrete> pool(context.get_executor(), 1);
  const auto task = pool.spawn_n(concrete_main);
  while (!task.done()) co_await sleep_for(10us);
  co_return task.result();
}

}  // namespace

std::vector<Scenario> scope_scenarios() {
  return {{"submit", 20, submit},
          {"submit_waits_for_room", 6, submit_waits_for_room, false, channel_without_memory},
          {"submit_nowait_and_try", 6, submit_nowait_and_try},
          {"shutdown", 16, shutdown},
          {"shutdown_at_once", 111, shutdown_at_once},
          {"cancel", 121, cancel},
          {"scope_timeout", 1, scope_timeout},
          {"job_timeout", 3, job_timeout},
          {"rate_and_initializer", 3, rate_and_initializer},
          {"first_error_cancels", 1, first_error_cancels},
          {"all_errors", 1, all_errors},
          {"deadlock", 2, deadlock},
          {"nested_scopes", 8, nested_scopes},
          {"dropped_executor", 2, dropped_executor},
          {"concrete_executor", 3, concrete_executor}};
}

}  // namespace coroexec::faults
