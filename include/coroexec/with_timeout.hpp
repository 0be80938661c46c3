// with_timeout(limit, operation): an awaitable that is cancelled when its time is up.
//
//   auto reply = co_await with_timeout(5s, ask(server));
//
//   Timeout connecting(2s, "connect"), whole(10s, "request");     // to tell them apart
//   try { co_await with_timeout(whole, request(connecting)); }
//   catch (const boost::system::system_error&) { if (connecting.expired()) … }
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "coroexec/detail/operations.hpp"

namespace coroexec {

namespace detail {
struct TimeoutAccess;
COROEXEC_DECL bool was_out_of_time(const TaskBase& operation) noexcept;
}  // namespace detail

// A time limit that can be told from others. To be used by one with_timeout() at a time, and any number
// of times; the time is counted from each operation's start.
class COROEXEC_DECL Timeout {
 public:
  // `name` is for the error's text.
  explicit Timeout(std::chrono::nanoseconds limit, std::string_view name = {});

  // Did the last operation end with timed-out because *this* time was up? Not for a limit inside or
  // around it. (The upstream task_timeout knows its own interrupt; asyncio.timeout's expired())
  bool expired() const noexcept { return expired_; }
  std::chrono::nanoseconds limit() const noexcept { return limit_; }  // as given
  std::string_view name() const noexcept { return name_; }            // as given

 private:
  friend struct detail::TimeoutAccess;
  std::chrono::nanoseconds limit_;
  std::string name_;
  bool expired_ = false;
};

namespace detail {

struct TimeoutAccess {
  static bool& expired(Timeout& timeout) noexcept { return timeout.expired_; }
};

template <class T, class Ex>
asio::awaitable<T, Ex> await_in_time(std::chrono::nanoseconds limit, Timeout* timeout,
                                     asio::awaitable<T, Ex> given) {
  const Ex executor = co_await asio::this_coro::executor;
  Operations<Ex> operations(executor, {.policy = ErrorPolicy::suppress, .kind = "with_timeout"});
  const TaskOptions options{
      .name = timeout ? timeout->name() : std::string_view(), .timeout = limit, .where = {}};
  const auto operation = operations.add(std::move(given), options);
  if (timeout) TimeoutAccess::expired(*timeout) = false;
  operations.start(*operation);
  co_await operations.join();
  if (timeout) TimeoutAccess::expired(*timeout) = was_out_of_time(*operation);
  operation->check_result();
  if constexpr (!std::is_void_v<T>) co_return std::move(operation->value());
}

}  // namespace detail

// Awaits `operation`, and cancels it when `limit` has passed; it is waited for in any case. If it ended
// by that, timed-out is thrown, whose text has the limit and its name; if it succeeds all the same its
// result is given, and an error of its own, a timed-out of an inner limit included, is thrown as it is.
// operation_aborted if the caller was cancelled. The operation runs on the caller's executor, as its part.
// invalid-argument for a negative limit; no_timeout is none. (asyncio.wait_for, asyncio.timeout)
template <class T, class Executor>
asio::awaitable<T, Executor> with_timeout(std::chrono::nanoseconds limit,
                                          asio::awaitable<T, Executor> operation) {
  return detail::await_in_time(limit, nullptr, std::move(operation));
}

// The same, and `timeout`, which must live as long as the call, tells afterwards whether it was this one.
template <class T, class Executor>
asio::awaitable<T, Executor> with_timeout(Timeout& timeout, asio::awaitable<T, Executor> operation) {
  return detail::await_in_time(timeout.limit(), &timeout, std::move(operation));
}

// Refuses a coroutine that has not been called, and a handle.
template <class Limit, detail::NoSingleOperation A>
void with_timeout(Limit&&, A&&) {
  static_assert(
      detail::never<A>,
      "coroexec: with_timeout takes an awaitable: call the coroutine, or give a task's get()");
}

}  // namespace coroexec
