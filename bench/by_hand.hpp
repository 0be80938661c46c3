// The same work written by hand with Boost.Asio, and the floor: what any solution must pay.
//
// The bound is a channel used as a semaphore, each job is a co_spawn, its completion handler takes the
// result and keeps the first error. That is the least a program needs; it has no cancellation, no
// timeout, no handle and no error but the first, all of which ours has in the same measurement.
#pragma once

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/experimental/channel_traits.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>

#include "jobs.hpp"

namespace bench::by_hand {

template <class Ex>
using Slots = asio::experimental::basic_channel<Ex, asio::experimental::channel_traits<>,
                                                void(boost::system::error_code)>;
inline constexpr auto token = [] { return boost::system::error_code(); };

// What the completion handlers write to.
struct Results {
  std::int64_t sum = 0;
  std::exception_ptr error;
  void add(const std::exception_ptr& e, int value) {
    if (e && !error) error = e;
    sum += value;
  }
};

// Typical: wait for a slot, then co_spawn; at the end take all slots back. Every async_send suspends
// the submitter and comes back through the scheduler, even where a slot is free.
template <class Ex, class Job>
asio::awaitable<void, Ex> typical(std::size_t jobs, std::size_t bound, Job job) {
  const Ex executor = co_await asio::this_coro::executor;
  Slots<Ex> slots(executor, bound);
  Results results;
  for (std::size_t i = 0; i < jobs; ++i) {
    co_await slots.async_send(token(), asio::use_awaitable_t<Ex>());
    asio::co_spawn(executor, job(static_cast<int>(i)), [&](std::exception_ptr error, int value) {
      results.add(error, value);
      slots.try_receive([](boost::system::error_code) {});
    });
  }
  for (std::size_t i = 0; i < bound; ++i)
    co_await slots.async_send(token(), asio::use_awaitable_t<Ex>());
  rethrow(results.error);
}

// Skilled. Where its speed comes from:
// - try_send first: while a slot is free the submitter does not suspend, so that many jobs are started
//   in one go and a hop through the scheduler is paid only where there is something to wait for;
// - the completion handler is bound to the system executor, so that co_spawn's last dispatch calls it
//   where it stands instead of through a type-erased executor with a work guard of its own.
template <class Ex, class Job>
asio::awaitable<void, Ex> skilled(std::size_t jobs, std::size_t bound, Job job) {
  const Ex executor = co_await asio::this_coro::executor;
  Slots<Ex> slots(executor, bound);
  Results results;
  for (std::size_t i = 0; i < jobs; ++i) {
    if (!slots.try_send(token())) co_await slots.async_send(token(), asio::use_awaitable_t<Ex>());
    asio::co_spawn(
        executor, job(static_cast<int>(i)),
        asio::bind_executor(asio::system_executor(), [&](std::exception_ptr error, int value) {
          results.add(error, value);
          slots.try_receive([](boost::system::error_code) {});
        }));
  }
  for (std::size_t i = 0; i < bound; ++i)
    if (!slots.try_send(token())) co_await slots.async_send(token(), asio::use_awaitable_t<Ex>());
  rethrow(results.error);
}

// The most we know to get out of a co_spawn per job: as the skilled form, but the slots are a plain
// counter, the channel only wakes the submitter, and that not before half of the slots are free.
template <class Ex, class Job>
asio::awaitable<void, Ex> counting(std::size_t jobs, std::size_t bound, Job job) {
  const Ex executor = co_await asio::this_coro::executor;
  Slots<Ex> wake(executor, 1);
  Results results;
  std::size_t active = 0, wake_at = bound;  // a submitter waits if wake_at is below the bound
  for (std::size_t i = 0; i < jobs; ++i) {
    if (active == bound) {
      wake_at = bound / 2;
      co_await wake.async_receive(asio::use_awaitable_t<Ex>());
    }
    ++active;
    asio::co_spawn(
        executor, job(static_cast<int>(i)),
        asio::bind_executor(asio::system_executor(), [&](std::exception_ptr error, int value) {
          results.add(error, value);
          if (--active > wake_at || wake_at == bound) return;
          wake_at = bound;
          wake.try_send(token());
        }));
  }
  if (active > 0) {
    wake_at = 0;
    co_await wake.async_receive(asio::use_awaitable_t<Ex>());
  }
  rethrow(results.error);
}

// Everything at once, as it is usually written: a coroutine for each job, all of which wait for a slot.
template <class Ex, class Job>
asio::awaitable<void, Ex> all_at_once(std::size_t jobs, std::size_t bound, Job job) {
  const Ex executor = co_await asio::this_coro::executor;
  Slots<Ex> slots(executor, bound), ended(executor, 1);
  Results results;
  std::size_t left = jobs;
  const auto bounded = [&](int i) -> asio::awaitable<int, Ex> {
    co_await slots.async_send(token(), asio::use_awaitable_t<Ex>());
    const int value = co_await job(i);
    slots.try_receive([](boost::system::error_code) {});
    co_return value;
  };
  for (std::size_t i = 0; i < jobs; ++i)
    asio::co_spawn(executor, bounded(static_cast<int>(i)),
                   [&](std::exception_ptr error, int value) {
                     results.add(error, value);
                     if (--left == 0) ended.try_send(token());
                   });
  co_await ended.async_receive(asio::use_awaitable_t<Ex>());
  rethrow(results.error);
}

// The floor: as many plain coroutines as the bound allows, that count, await the job, and nothing else.
// There is no submitter, no queue, no handle: it is what the jobs themselves cost.
template <class Ex, class Job>
void floor(std::size_t jobs, std::size_t bound, Job job) {
  asio::io_context context(1);
  std::size_t next = 0;
  std::int64_t sum = 0;
  const auto worker = [&]() -> asio::awaitable<void, Ex> {
    while (next < jobs) sum += co_await job(static_cast<int>(next++));
  };
  for (std::size_t i = 0; i < bound; ++i)
    asio::co_spawn(Ex(context.get_executor()), worker(), rethrow);
  context.run();
}

// The same on several threads, each coroutine on a strand of its own.
template <class Job>
void floor_on_threads(std::size_t jobs, std::size_t bound, Job job, int threads) {
  asio::io_context context(threads);
  std::atomic<std::size_t> next = 0;
  const auto worker = [&]() -> asio::awaitable<void> {
    std::int64_t sum = 0;
    for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < jobs;)
      sum += co_await job(static_cast<int>(i));
  };
  for (std::size_t i = 0; i < bound; ++i)
    asio::co_spawn(asio::make_strand(context), worker(), rethrow);
  run_threads(context, threads);
}

}  // namespace bench::by_hand
