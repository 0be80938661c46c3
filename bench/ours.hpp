// The scenarios of this library: each does a number of jobs on a context of its own.
#pragma once

#include <coroexec/aio_pool.hpp>
#include <coroexec/coroutine_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "jobs.hpp"

namespace bench::ours {

using coroexec::Threading;

// A scope with `bound` workers around `body`, alone in its context.
template <class Ex, class Body>
void in_executor(std::size_t bound, Body body, int threads = 1, bool multi = false) {
  const auto threading = multi ? Threading::multi : Threading::single;
  run_context<Ex>(
      [&]() -> asio::awaitable<void, Ex> {
        co_await coroexec::with_executor<Ex>({.max_workers = bound, .threading = threading}, body);
      },
      threads);
}
template <class Ex, class Body>
void in_pool(std::size_t size, Body body) {
  run_context<Ex>([&]() -> asio::awaitable<void, Ex> {
    co_await coroexec::with_pool<Ex>({.size = size, .threading = Threading::single}, body);
  });
}
template <class Ex>
using Executor = coroexec::BasicCoroutineExecutor<Ex>;
template <class Ex>
using Pool = coroexec::BasicAioPool<Ex>;

// The handle is dropped: an error ends the scope, the result is not looked at.
template <class Ex, class Job>
void submit(std::size_t jobs, std::size_t bound, Job job, int threads = 1, bool multi = false) {
  const auto body = [&](Executor<Ex>& executor) -> asio::awaitable<void, Ex> {
    for (std::size_t i = 0; i < jobs; ++i) co_await executor.submit(job, static_cast<int>(i));
  };
  in_executor<Ex>(bound, body, threads, multi);
}

// The submitter keeps as many handles as jobs can be in hand, and reads each result once it is there.
template <class Ex, class Job>
void submit_and_read(std::size_t jobs, std::size_t bound, Job job) {
  const auto body = [&](Executor<Ex>& executor) -> asio::awaitable<void, Ex> {
    std::vector<coroexec::BasicTask<int, Ex>> tasks(2 * bound + 64);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < jobs; ++i) {
      auto& task = tasks[i % tasks.size()];
      if (i >= tasks.size()) {
        if (!task.done()) co_await task.wait();
        sum += task.result();
      }
      task = co_await executor.submit(job, static_cast<int>(i));
    }
    co_await executor.join();
    for (std::size_t i = 0; i < std::min(jobs, tasks.size()); ++i) sum += tasks[i].result();
    if (sum != static_cast<std::int64_t>(jobs * (jobs - 1) / 2))
      throw std::runtime_error("wrong sum");
  };
  in_executor<Ex>(bound, body);
}

template <class Ex, class Job>
void submit_with_deadline(std::size_t jobs, std::size_t bound, Job job) {
  const auto body = [&](Executor<Ex>& executor) -> asio::awaitable<void, Ex> {
    for (std::size_t i = 0; i < jobs; ++i)
      co_await executor.submit({.timeout = std::chrono::minutes(1)}, job, static_cast<int>(i));
  };
  in_executor<Ex>(bound, body);
}

template <class Ex, class Job>
void spawn(std::size_t jobs, std::size_t bound, Job job) {
  const auto body = [&](Pool<Ex>& pool) -> asio::awaitable<void, Ex> {
    for (std::size_t i = 0; i < jobs; ++i) {
      auto coro = [job, i] { return job(static_cast<int>(i)); };
      co_await pool.spawn(coro);
    }
  };
  in_pool<Ex>(bound, body);
}

// All of them queued, then run.
template <class Ex, class Job>
void spawn_n(std::size_t jobs, std::size_t bound, Job job) {
  const auto body = [&](Pool<Ex>& pool) -> asio::awaitable<void, Ex> {
    for (std::size_t i = 0; i < jobs; ++i)
      pool.spawn_n([job, i] { return job(static_cast<int>(i)); });
    co_await pool.join();
  };
  in_pool<Ex>(bound, body);
}

}  // namespace bench::ours
