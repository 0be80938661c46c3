// Awaitables put together, task groups, waits of other kinds.
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/steady_timer.hpp>

#include "scenario.hpp"

namespace coroexec::faults {
namespace {

using namespace std::chrono_literals;

awaitable<int> gathers(Home) {
  const auto [first, second] = co_await gather(twice(1), after(10us, 2));
  std::vector<awaitable<int>> some;
  for (int i = 1; i <= 3; ++i) some.push_back(twice(i));
  int sum = first + second;
  for (int n : co_await gather(std::move(some))) sum += n;
  co_return sum + 100 * co_await ends_with<Broken>(gather(breaks(), after(1h, 1)));
}

awaitable<int> races(Home) {
  const auto winner = co_await race(after(20ms, 1), twice(2));
  std::vector<awaitable<int>> some;
  some.push_back(after(20ms, 1));
  some.push_back(twice(3));
  const auto second = co_await race(std::move(some));
  // One that has no memory does not win.
  if (winner.index() == 0 || second.index == 0) throw std::bad_alloc();
  co_return 10 * static_cast<int>(winner.index()) + std::get<1>(winner) + second.value;
}

awaitable<int> timeouts(Home) {
  const int in_time = co_await with_timeout(1h, twice(1));
  const int late = co_await ends_with(errc::timed_out, with_timeout(20us, after(1h, 1)));
  co_return in_time + 10 * late;
}

awaitable<int> shields(Home) {
  const auto cleans_up = []() -> awaitable<int> {
    co_await sleep_for(10us);
    co_return 1;
  };
  int sum = co_await shield(cleans_up());
  co_return sum + co_await with_timeout(10us, shield(after(50us, 10)));
}

awaitable<int> sleeps_and_outcomes(Home) {
  co_await sleep_for(10us);
  co_await this_task::yield();
  const auto good = co_await as_outcome(twice(1));
  const int bad = co_await ends_with<Broken>(breaks());
  co_return good.value() + 10 * bad;
}

// After a cancel of its own, a job goes on. What jobs count in is theirs: a coroutine that Asio destroys is survived by its
// jobs.
awaitable<int> uncancels(Home) {
  const auto sleeps = std::make_shared<bool>(false);
  const auto job = [sleeps]() -> awaitable<int> {
    *sleeps = true;
    const auto slept = co_await as_outcome(sleep_an_hour());
    if (!this_task::cancel_requested() && slept.has_error()) std::rethrow_exception(slept.error());
    co_await this_task::uncancel();
    co_await sleep_for(10us);
    co_return slept.has_error() ? 1 : 0;
  };
  const auto body = [job, sleeps](CoroutineExecutor& executor) -> awaitable<int> {
    const auto task = executor.submit_nowait(job);
    while (!*sleeps && !task.done()) co_await this_task::yield();
    task.cancel();
    co_return co_await task.get();
  };
  co_return co_await with_executor(body);
}

awaitable<int> task_group(Home) {
  const auto serves = [](int port, TaskStatus<int> status) -> awaitable<void> {
    co_await this_task::yield();
    status.started(port);
    co_await sleep_an_hour();
  };
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    const auto task = group.start_soon(twice, 1);
    const int port = co_await group.start<int>(serves, 80);
    if (co_await task.get() == 2 && port == 80) group.cancel_scope().cancel();
  };
  co_await with_task_group(body);
  co_return 1;
}

awaitable<int> task_group_errors(Home) {
  const auto fails = [](TaskStatus<> status) -> awaitable<void> {
    co_await this_task::yield();
    (void)status;
    throw Broken();
  };
  int before = 0;
  const auto body = [&](TaskGroup& group) -> awaitable<void> {
    before = co_await ends_with<Broken>(group.start(fails));
    group.start_soon(breaks);
    co_await sleep_an_hour();
  };
  const int failed = co_await ends_with<Broken>(with_task_group(body));
  co_return before + 10 * failed;
}

awaitable<int> eager_task_group(Home) {
  const auto serves = [](TaskStatus<int> status) -> awaitable<void> {
    status.started(3);
    co_await sleep_for(10us);
  };
  const auto body = [&](EagerTaskGroup& group) -> awaitable<int> {
    const auto first = group.start_soon(at_once, 1);
    const auto second = group.start_soon(twice, 1);
    const int third = co_await group.start<int>(serves);
    co_return first.result() + co_await second.get() + third;
  };
  co_return co_await with_eager_task_group(body);
}

awaitable<int> scoped_cancel(Home home) {
  CoroutineExecutor executor(home, {.on_error = ErrorPolicy::suppress});
  const auto task = executor.submit_nowait(sleep_an_hour);
  co_await sleep_for(10us);
  { const ScopedCancel cancels(task); }
  co_await executor.join();
  co_return was_cancelled(task);
}

struct Changed : std::runtime_error {
  Changed() : std::runtime_error("changed") {}
};

awaitable<int> interrupts(Home) {
  const auto waiting = std::make_shared<int>(0);
  const auto job = [waiting]() -> awaitable<int> {
    ++*waiting;
    const int raised = co_await ends_with<Changed>(sleep_an_hour());
    co_await sleep_for(10us);
    co_return raised;
  };
  const auto body = [job, waiting](AioPool& pool) -> awaitable<int> {
    const auto first = pool.spawn_n(job);
    const auto second = pool.spawn_n(job);
    const auto waits = [](std::shared_ptr<int> count, Task<int> task) -> awaitable<int> {
      ++*count;
      co_return co_await ends_with<Changed>(task.wait());
    };
    const auto waits_for_first = [waits, waiting, first] { return waits(waiting, first); };
    const auto third = pool.spawn_n(waits_for_first);
    const auto none_done = [&] { return !first.done() && !second.done() && !third.done(); };
    while (*waiting < 3 && none_done()) co_await sleep_for(10us);
    if (this_task::cancel_requested()) throw boost::system::system_error(asio::error::operation_aborted);
    for (auto& task : {first, second, third})
      if (task.done()) co_return co_await task.get();
    task_throw(third, Changed());
    co_await third.wait();
    for (auto& task : {first, second, third})
      if (task.state() == TaskState::failed) std::rethrow_exception(task.exception());
    if (this_task::cancel_requested()) throw boost::system::system_error(asio::error::operation_aborted);
    task_throw(first, Changed());
    co_await task_interrupt(second, Changed());
    co_return co_await first.get() + co_await second.get() + co_await third.get();
  };
  co_return co_await with_pool(3, body);
}

awaitable<int> async_waits(Home home) {
  AioPool pool(home, 2);
  const auto job = [] { return after(10us, 1); };
  const auto task = pool.spawn_n(job);
  const auto told = std::make_shared<int>(0);
  task.async_wait(asio::bind_executor(home, [told](boost::system::error_code ec) { *told += ec ? 0 : 1; }));
  task.async_wait([told](boost::system::error_code ec) { *told += ec ? 0 : 10; });
  co_await task.async_wait(asio::use_awaitable);
  while (*told < 11) co_await sleep_for(10us);
  co_return *told;
}

// A context of its own, run inside a coroutine.
awaitable<int> nested_run(Home) {
  const auto main = []() -> awaitable<int> {
    co_await sleep_for(10us);
    co_return 1;
  };
  co_return run(main) + run_in_virtual_time(main);
}

awaitable<int> waits_on_asio(Home home) {
  asio::steady_timer timer(home, 10us);
  co_await timer.async_wait(asio::use_awaitable);
  asio::experimental::channel<void(boost::system::error_code, int)> channel(home, 1);
  const auto sends = [&channel]() -> awaitable<void> {
    for (int i = 1; i <= 3; ++i) co_await channel.async_send(boost::system::error_code(), i, asio::use_awaitable);
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<int> {
    executor.submit_nowait(sends);
    int sum = 0;
    for (int i = 0; i < 3; ++i) sum += co_await channel.async_receive(asio::use_awaitable);
    co_return sum;
  };
  co_return co_await with_executor(body);
}

}  // namespace

std::vector<Scenario> operation_scenarios() {
  return {{"gather", 116, gathers},
          {"race", 20, races},
          {"with_timeout", 12, timeouts},
          {"shield", 11, shields},
          {"sleep_and_outcome", 12, sleeps_and_outcomes},
          {"uncancel", 1, uncancels},
          {"task_group", 1, task_group},
          {"task_group_errors", 11, task_group_errors},
          {"eager_task_group", 6, eager_task_group},
          {"scoped_cancel", 1, scoped_cancel},
          {"interrupt", 3, interrupts},
          {"async_wait", 11, async_waits},
          {"run", 2, nested_run, false, "signal_set leaks a service it has no room for"},
          {"asio", 6, waits_on_asio, false, channel_without_memory}};
}

}  // namespace coroexec::faults
