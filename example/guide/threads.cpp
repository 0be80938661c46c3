// A context that several threads run; and one that a single thread runs, and says so.
#include <atomic>
#include <boost/asio.hpp>
#include <coroexec/coroexec.hpp>
#include <iostream>
#include <ranges>
#include <string>

namespace asio = boost::asio;
using asio::awaitable;
using coroexec::AioPool;
using coroexec::CoroutineExecutor;
using coroexec::Threading;

static awaitable<int> square(int n) {
  co_await coroexec::this_task::yield();
  co_return n * n;
}

static void several_threads() {
  // [several]
  asio::thread_pool threads(4);
  AioPool pool(threads.get_executor(), 100);                 // jobs run in parallel
  auto task = pool.spawn_n([] { return square(6); });        // from any thread, this one too
  auto done = task.async_wait(asio::use_future);             // so does waiting, as a std::future
  done.get();
  std::cout << task.result() << '\n';
  threads.join();
  // [several]
}

static void state_example() {
  asio::thread_pool threads(4);
  AioPool pool(threads.get_executor(), 100);
  // [state]
  std::atomic<int> done = 0;                                 // shared by jobs: needs to be safe
  auto job = [&]() -> awaitable<void> {
    int steps = 0;                                           // the job's own: never in two threads
    for (int i = 0; i < 10; ++i) {
      co_await coroexec::this_task::yield();
      ++steps;
    }
    done += steps;
  };
  for (int i = 0; i < 100; ++i) pool.spawn_n(job);
  // [state]
  asio::co_spawn(threads, [&] { return pool.join(); }, asio::use_future).get();
  threads.join();
  std::cout << done << " steps\n";
}

static void one_thread() {
  // [one]
  asio::io_context context;
  CoroutineExecutor executor(context.get_executor(), {.threading = Threading::single});
  auto task = executor.submit_nowait(square, 7);             // before it runs, or from its thread only
  context.run();
  std::cout << task.result() << '\n';
  // [one]
}

// [concrete]
using Executor = asio::io_context::executor_type;
template <class T>
using task_of = asio::awaitable<T, Executor>;

static task_of<int> cube(int n) { co_return n * n * n; }

static task_of<int> sum_of_cubes(int n) {
  auto body = [n](coroexec::BasicCoroutineExecutor<Executor>& executor) -> task_of<int> {
    int sum = 0;
    auto cubes = executor.map(cube, std::views::iota(0, n));
    while (auto value = co_await cubes.next()) sum += *value;
    co_return sum;
  };
  co_return co_await coroexec::with_executor<Executor>({.max_workers = 10}, body);
}
// [concrete]

int main() {
  several_threads();
  state_example();
  one_thread();
  asio::io_context context;
  auto sum = asio::co_spawn(context, sum_of_cubes(4), asio::use_future);
  context.run();
  std::cout << sum.get() << '\n';
}
