// The same work written by hand with Boost.Asio, and the floor: what any solution must pay.
//
// The bound is a channel used as a semaphore, each job is a co_spawn, its completion handler takes the
// result and keeps the first error. That is the least a program needs; it has no cancellation, no
// timeout, no handle and no error but the first, all of which ours has in the same measurement.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include "scenario.hpp"

namespace bench {

namespace asio = boost::asio;

// The jobs. They count themselves, and return something that has to be carried.
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

// Runs a main coroutine on a context of its own, and rethrows its error.
template <class Ex, class Main>
void run_context(Main main) {
  asio::io_context context(1);
  asio::co_spawn(Ex(context.get_executor()), main(), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
}

namespace by_hand {

template <class Ex>
using Slots = asio::experimental::basic_channel<Ex, asio::experimental::channel_traits<>,
                                                void(boost::system::error_code)>;

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
    co_await slots.async_send(boost::system::error_code(), asio::use_awaitable_t<Ex>());
    asio::co_spawn(executor, job(static_cast<int>(i)), [&](std::exception_ptr error, int value) {
      results.add(error, value);
      slots.try_receive([](boost::system::error_code) {});
    });
  }
  for (std::size_t i = 0; i < bound; ++i)
    co_await slots.async_send(boost::system::error_code(), asio::use_awaitable_t<Ex>());
  if (results.error) std::rethrow_exception(results.error);
}

// Skilled. Where its speed comes from:
// - try_send first: while a slot is free the submitter does not suspend, and a million jobs that end at
//   once are started in one go;
// - the completion handler is bound to the system executor, so that co_spawn's last dispatch calls it
//   where it stands instead of through a type-erased executor with a work guard of its own.
template <class Ex, class Job>
asio::awaitable<void, Ex> skilled(std::size_t jobs, std::size_t bound, Job job) {
  const Ex executor = co_await asio::this_coro::executor;
  Slots<Ex> slots(executor, bound);
  Results results;
  for (std::size_t i = 0; i < jobs; ++i) {
    if (!slots.try_send(boost::system::error_code()))
      co_await slots.async_send(boost::system::error_code(), asio::use_awaitable_t<Ex>());
    asio::co_spawn(
        executor, job(static_cast<int>(i)),
        asio::bind_executor(asio::system_executor(), [&](std::exception_ptr error, int value) {
          results.add(error, value);
          slots.try_receive([](boost::system::error_code) {});
        }));
  }
  for (std::size_t i = 0; i < bound; ++i)
    if (!slots.try_send(boost::system::error_code()))
      co_await slots.async_send(boost::system::error_code(), asio::use_awaitable_t<Ex>());
  if (results.error) std::rethrow_exception(results.error);
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
    asio::co_spawn(Ex(context.get_executor()), worker(), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  context.run();
}

}  // namespace by_hand
}  // namespace bench
