// An ordered stream of results written by hand: jobs run at most `bound` ahead of the reader, who takes
// their results in input order.
#pragma once

#include <optional>
#include <vector>

#include "by_hand.hpp"

namespace bench::by_hand {

// Typical: one coroutine hands in, one reads. A slot of the semaphore is given back by the reader, who
// so sets the pace; results wait in a ring; every job that ends tells the reader, who looks whether it
// was the next one.
template <class Ex, class Job>
asio::awaitable<void, Ex> typical_map(std::size_t jobs, std::size_t bound, Job job) {
  const Ex executor = co_await asio::this_coro::executor;
  Slots<Ex> slots(executor, bound), ready(executor, 1);
  std::vector<std::optional<int>> ring(bound);
  std::exception_ptr first_error;

  const auto producer = [&]() -> asio::awaitable<void, Ex> {
    for (std::size_t i = 0; i < jobs; ++i) {
      co_await slots.async_send(token(), asio::use_awaitable_t<Ex>());
      asio::co_spawn(executor, job(static_cast<int>(i)),
                     [&, i](std::exception_ptr error, int value) {
                       if (error && !first_error) first_error = error;
                       ring[i % bound] = value;
                       ready.try_send(token());
                     });
    }
  };
  asio::co_spawn(executor, producer(), rethrow);

  std::int64_t sum = 0;
  for (std::size_t i = 0; i < jobs; ++i) {
    auto& place = ring[i % bound];
    while (!place) co_await ready.async_receive(asio::use_awaitable_t<Ex>());
    rethrow(first_error);
    sum += *place;
    place.reset();
    slots.try_receive([](boost::system::error_code) {});
  }
  if (sum != static_cast<std::int64_t>(jobs * (jobs - 1) / 2))
    throw std::runtime_error("wrong sum");
}

// Skilled: the reader itself starts the next job where it takes a result, so that there is neither a
// semaphore nor a second coroutine, and it is woken only by the job it waits for.
template <class Ex, class Job>
asio::awaitable<void, Ex> skilled_map(std::size_t jobs, std::size_t bound, Job job) {
  const Ex executor = co_await asio::this_coro::executor;
  Slots<Ex> ready(executor, 1);
  std::vector<std::optional<int>> ring(bound);
  std::exception_ptr first_error;
  const std::size_t nobody = jobs;
  std::size_t waited_for = nobody;

  const auto start = [&](std::size_t i) {
    asio::co_spawn(
        executor, job(static_cast<int>(i)),
        asio::bind_executor(asio::system_executor(), [&, i](std::exception_ptr error, int value) {
          if (error && !first_error) first_error = error;
          ring[i % bound] = value;
          if (i == waited_for) ready.try_send(token());
        }));
  };
  std::size_t started = 0;
  while (started < std::min(bound, jobs)) start(started++);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < jobs; ++i) {
    auto& place = ring[i % bound];
    if (!place) {
      waited_for = i;
      co_await ready.async_receive(asio::use_awaitable_t<Ex>());
      waited_for = nobody;
    }
    rethrow(first_error);
    sum += *place;
    place.reset();
    if (started < jobs) start(started++);
  }
  if (sum != static_cast<std::int64_t>(jobs * (jobs - 1) / 2))
    throw std::runtime_error("wrong sum");
}

}  // namespace bench::by_hand
