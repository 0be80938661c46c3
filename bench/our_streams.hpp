// The scenarios of this library's streams: a reader takes all results.
#pragma once

#include <coroexec/concurrent.hpp>
#include <coroexec/itermap.hpp>
#include <ranges>

#include "ours.hpp"

namespace bench::ours {

// Reads a stream to its end. Elements are ints, or Outcome<int> where the stream gives errors as values.
template <class Ex, class Stream>
asio::awaitable<void, Ex> read_all(Stream stream, std::size_t jobs) {
  std::int64_t sum = 0;
  while (auto element = co_await stream.next()) {
    if constexpr (requires { element->value(); }) sum += element->value();
    else sum += *element;
  }
  if (sum != static_cast<std::int64_t>(jobs * (jobs - 1) / 2))
    throw std::runtime_error("wrong sum");
}

inline auto numbers(std::size_t jobs) { return std::views::iota(0, static_cast<int>(jobs)); }

template <class Ex, class Job>
void map(std::size_t jobs, std::size_t bound, Job job) {
  const auto body = [&](Executor<Ex>& executor) -> asio::awaitable<void, Ex> {
    co_await read_all<Ex>(executor.map(job, numbers(jobs)), jobs);
  };
  in_executor<Ex>(bound, body);
}

template <class Ex, class Job>
void map_unordered(std::size_t jobs, std::size_t bound, Job job) {
  const auto body = [&](Executor<Ex>& executor) -> asio::awaitable<void, Ex> {
    co_await read_all<Ex>(executor.map_unordered(job, numbers(jobs)), jobs);
  };
  in_executor<Ex>(bound, body);
}

template <class Ex, class Job>
void itermap(std::size_t jobs, std::size_t bound, Job job) {
  const auto body = [&](Pool<Ex>& pool) -> asio::awaitable<void, Ex> {
    co_await read_all<Ex>(pool.itermap(job, numbers(jobs)), jobs);
  };
  in_pool<Ex>(bound, body);
}

template <class Ex, class Job>
void concurrent(std::size_t jobs, std::size_t bound, Job job) {
  run_context<Ex>([&]() -> asio::awaitable<void, Ex> {
    auto awaitables = numbers(jobs) | std::views::transform(job);
    coroexec::ConcurrentOptions options{.limit = static_cast<std::ptrdiff_t>(bound),
                                        .threading = Threading::single};
    co_await read_all<Ex>(coroexec::concurrent(awaitables, options), jobs);
  });
}

}  // namespace bench::ours
