// The jobs of all scenarios, ours and the counterparts', and the context they run in.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "scenario.hpp"

namespace bench {

namespace asio = boost::asio;
using Any = asio::any_io_executor;
using Concrete = asio::io_context::executor_type;  // no type erasure

// All jobs take their number and return it: a result that has to be carried to somebody.
template <class Ex>
using JobFunction = asio::awaitable<int, Ex> (*)(int);

template <class Ex>
asio::awaitable<int, Ex> yielding_job(int i) {
  co_await asio::post(asio::use_awaitable_t<Ex>());
  ++jobs_done;
  co_return i;
}

template <class Ex>
asio::awaitable<int, Ex> plain_job(int i) {
  ++jobs_done;
  co_return i;
}

using Clock = std::chrono::steady_clock;

template <class Ex>
asio::awaitable<int, Ex> timer_job(int i, std::chrono::nanoseconds duration) {
  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Ex> timer(
      co_await asio::this_coro::executor, std::chrono::duration_cast<Clock::duration>(duration));
  co_await timer.async_wait(asio::use_awaitable_t<Ex>());
  ++jobs_done;
  co_return i;
}

// Work for the processor, so many steps that they take `duration` on an undisturbed one: a loop that
// looks at the clock would count the time in which another process runs.
inline std::size_t steps_in(std::chrono::nanoseconds duration);
inline std::uint64_t compute(std::size_t steps) {
  std::uint64_t value = steps;
  for (std::size_t i = 0; i < steps; ++i)
    value = value * 6364136223846793005u + 1442695040888963407u;
  return value;
}
inline std::size_t steps_in(std::chrono::nanoseconds duration) {
  static const double steps_per_ns = [] {
    double best = 0;
    volatile std::uint64_t result = 0;
    for (int attempt = 0; attempt < 20; ++attempt) {
      constexpr std::size_t steps = 200'000;
      const auto begin = Clock::now();
      result = result + compute(steps);
      const std::chrono::duration<double, std::nano> time = Clock::now() - begin;
      best = std::max(best, steps / time.count());
    }
    return best;
  }();
  return static_cast<std::size_t>(steps_per_ns * static_cast<double>(duration.count()));
}

template <class Ex>
asio::awaitable<int, Ex> working_job(int i, std::size_t steps) {
  if (compute(steps) == 1) ++i;  // never; but the compiler cannot know
  co_await asio::post(asio::use_awaitable_t<Ex>());
  ++jobs_done;
  co_return i;
}

inline void rethrow(std::exception_ptr error) {
  if (error) std::rethrow_exception(error);
}

// Runs all there is to do in `context` on this thread and `threads - 1` more.
inline void run_threads(asio::io_context& context, int threads) {
  std::atomic<std::size_t> done_by_others = 0;
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i)
      others.emplace_back([&] {
        context.run();
        done_by_others += jobs_done;
      });
    context.run();
  }
  jobs_done += done_by_others;
}

// Runs the coroutine that `main` gives on a context of its own, and rethrows its error. A context for
// one thread is told so, as its users would.
template <class Ex, class Main>
void run_context(Main main, int threads = 1) {
  asio::io_context context(threads);
  asio::co_spawn(Ex(context.get_executor()), main(), rethrow);
  run_threads(context, threads);
}

}  // namespace bench
