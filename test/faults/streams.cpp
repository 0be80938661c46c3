// The pool, and all that streams results.
#include <ranges>

#include "scenario.hpp"

namespace coroexec::faults {
namespace {

using namespace std::chrono_literals;
using Result = std::optional<int>;

awaitable<int> pool_spawn(Home home) {
  const auto plus_one = [](Result result) -> awaitable<int> { co_return result.value() + 1; };
  const auto was_broken = [](Result result, std::exception_ptr error) -> awaitable<int> {
    co_return result || !error ? 0 : 1;
  };
  const auto adds = [](Result result, std::exception_ptr, int context) -> awaitable<int> {
    co_await this_task::yield();
    co_return result.value_or(0) + context;
  };
  const auto ten = [] { return twice(5); };
  AioPool pool(home, 2);
  const auto first = co_await pool.spawn(ten, plus_one);
  const auto second = pool.spawn_n(breaks, was_broken);
  const int third = co_await pool.exec(ten, adds, 100);
  co_await pool.join();
  co_return first.result() + second.result() + third;
}

awaitable<int> pool_map(Home home) {
  AioPool pool(home, 2);
  const auto outcomes = co_await pool.map(twice, std::views::iota(0, 3));
  const auto pairs = co_await pool.map(twice, std::views::iota(0, 2), getres::pair);
  const auto tasks = pool.map_n(twice, std::views::iota(0, 3));
  co_await pool.join();
  int sum = 0;
  for (auto& outcome : outcomes) sum += outcome.value();
  for (auto& [value, error] : pairs) {
    if (error) std::rethrow_exception(error);
    sum += *value;
  }
  for (auto& task : tasks) sum += task.result();
  co_return sum;
}

awaitable<int> pool_itermap(Home home) {
  AioPool pool(home, 2);
  int sum = 0;
  auto results = pool.itermap(twice, std::views::iota(0, 3));
  while (auto result = co_await results.next()) sum += result->value();
  const auto sleeps = [](int n) { return after(std::chrono::microseconds(n), n); };
  auto batches = pool.itermap_batches(sleeps, std::views::iota(1, 4), IterOptions{.timeout = 20us});
  while (auto batch = co_await batches.next())
    for (auto& result : *batch) sum += result.value();
  co_return sum;
}

awaitable<int> pool_cancel(Home home) {
  AioPool pool(home, 2);
  const auto one = pool.spawn_n(sleep_an_hour);
  std::vector<Task<void>> some{pool.spawn_n(sleep_an_hour), pool.spawn_n(sleep_an_hour)};
  const auto last = pool.spawn_n(sleep_an_hour);
  co_await sleep_for(10us);
  const auto first = co_await pool.cancel(one);
  const auto second = co_await pool.cancel(some);
  const auto rest = co_await pool.cancel();
  co_await pool.join();
  for (auto& task : {one, some[0], some[1]}) was_cancelled(task);
  co_return static_cast<int>(first.count + second.count + rest.count) + 10 * was_cancelled(last);
}

awaitable<int> map(Home) {
  const auto body = [](CoroutineExecutor& executor) -> awaitable<int> {
    int sum = 0;
    auto ordered = executor.map(twice, std::views::iota(0, 4));
    while (auto n = co_await ordered.next()) sum += *n;
    auto unordered = executor.map_unordered({.name = "each"}, twice, std::views::iota(0, 4));
    for (auto n : co_await std::move(unordered).collect()) sum += n;
    co_return sum;
  };
  co_return co_await with_executor({.max_workers = 2}, body);
}

awaitable<int> map_ends_early(Home) {
  const auto breaks_at_three = [](int n) -> awaitable<int> {
    co_await this_task::yield();
    if (n == 3) throw Broken();
    co_return n;
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<int> {
    int sum = 0;
    auto left = executor.map(twice, std::views::iota(1));
    sum += *co_await left.next();
    co_await left.aclose();
    const auto add = [&sum](int n) { sum += n; };
    auto broken = executor.map(breaks_at_three, std::views::iota(1, 10));
    sum += 100 * co_await ends_with<Broken>(for_each(std::move(broken), add));
    auto dropped = executor.map(twice, std::views::iota(1));
    sum += *co_await dropped.next();
    co_return sum;
  };
  co_return co_await with_executor({.max_workers = 2}, body);
}

awaitable<int> map_of_a_source(Home) {
  const auto numbers = [](Yield<int> yield) -> awaitable<void> {
    for (int i = 1; i <= 3; ++i) {
      co_await yield(i);
      co_await this_task::yield();
    }
  };
  const auto body = [&](CoroutineExecutor& executor) -> awaitable<int> {
    int sum = 0;
    auto results = executor.map(twice, generate<int>(numbers));
    while (auto n = co_await results.next()) sum += *n;
    co_return sum;
  };
  co_return co_await with_executor({.max_workers = 2}, body);
}

awaitable<int> concurrent_stream(Home) {
  std::vector<awaitable<int>> work;
  for (int i = 1; i <= 3; ++i) work.push_back(twice(i));
  auto results = concurrent(std::move(work), {.limit = 2});
  int sum = 0;
  while (auto n = co_await results.next()) sum += *n;
  co_return sum;
}

// The job's own error, in that of the stream; another one is passed on.
bool is_broken(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const ConcurrentError& wrapped) {
    return is_broken(wrapped.cause());
  } catch (const Broken&) {
    return true;
  }
}

awaitable<int> concurrent_errors(Home) {
  std::vector<awaitable<int>> first, second;
  for (int i = 1; i <= 2; ++i) first.push_back(twice(i)), second.push_back(twice(i));
  first.push_back(breaks());
  second.push_back(breaks());
  int sum = 0;
  auto outcomes = concurrent(std::move(first), yield_exceptions, {.limit = 1});
  while (auto outcome = co_await outcomes.next()) sum += outcome->has_value() ? **outcome : 100 * is_broken(outcome->error());
  auto results = concurrent(std::move(second), {.limit = 1});
  const auto reads = [&]() -> awaitable<void> {
    while (auto n = co_await results.next()) sum += *n;
  };
  bool was_broken = false;
  try {
    co_await reads();
  } catch (const ConcurrentExecutionError& error) {
    was_broken = is_broken(error.cause());
  }
  co_return sum + 1000 * was_broken;
}

awaitable<int> inflated(Home) {
  // Parts that have begun may outlive a coroutine that is destroyed.
  const auto done = std::make_shared<std::vector<int>>(3);
  const auto part = [](std::shared_ptr<std::vector<int>> count, int item) -> awaitable<void> {
    co_await this_task::yield();
    ++(*count)[static_cast<std::size_t>(item)];
  };
  const auto parts_of = [done, part](const int& item) {
    std::vector<awaitable<void>> parts;
    for (int i = 0; i < 2; ++i) parts.push_back(part(done, item));
    return parts;
  };
  auto items = inflate(std::vector{0, 1, 2}, parts_of, {.limit = 2});
  int sum = 0;
  const auto add = [&](int item) { sum += 10 * item + (*done)[static_cast<std::size_t>(item)]; };
  co_await for_each(std::move(items), add);
  co_return sum;
}

awaitable<int> wait_for_several(Home home) {
  AioPool pool(home, 4);
  std::vector<Task<int>> tasks;
  for (int i = 1; i <= 3; ++i) tasks.push_back(pool.spawn_n([i] { return after(std::chrono::microseconds(10 * i), i); }));
  const auto first = co_await wait(tasks, {.timeout = 1h, .return_when = ReturnWhen::first_completed});
  int sum = first.done.empty() ? 0 : 100;
  auto rest = iterwait(tasks);
  while (auto outcome = co_await rest.next()) sum += outcome->value();
  auto batches = iterwait_batches(tasks, IterOptions{.timeout = 1h});
  while (auto batch = co_await batches.next()) sum += 10 * static_cast<int>(batch->size());
  co_return sum;
}

}  // namespace

std::vector<Scenario> stream_scenarios() {
  return {{"pool_spawn", 122, pool_spawn},
          {"pool_map", 14, pool_map},
          {"pool_itermap", 12, pool_itermap},
          {"pool_cancel", 14, pool_cancel},
          {"map", 24, map},
          {"map_ends_early", 107, map_ends_early},
          {"map_of_a_source", 12, map_of_a_source},
          {"concurrent", 12, concurrent_stream},
          {"concurrent_errors", 1112, concurrent_errors},
          {"inflate", 36, inflated},
          {"wait_for_several", 136, wait_for_several}};
}

}  // namespace coroexec::faults
