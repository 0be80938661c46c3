// Outcome<T>: a result or the exception that took its place, as a value.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "coroexec/config.hpp"
#include "coroexec/detail/callable.hpp"

namespace coroexec {

// has_value(), value() (rethrows), error() (the exception_ptr). Outcome<void> is success or error.
template <class T>
  requires(!std::is_same_v<T, std::exception_ptr>)
using Outcome = boost::system::result<T, std::exception_ptr>;

// Runs `operation` and gives its end as a value: C++ has no co_await in a catch block, so code that
// must await after a failure asks for the outcome instead. A cancellation is an outcome too.
template <class T, class Ex>
asio::awaitable<Outcome<T>, Ex> as_outcome(asio::awaitable<T, Ex> operation) {
  std::exception_ptr error;
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(operation);
      co_return Outcome<T>{};
    } else {
      co_return Outcome<T>{co_await std::move(operation)};
    }
  } catch (...) {
    error = std::current_exception();
  }
  co_return Outcome<T>{std::move(error)};
}
// Refuses what has not been called.
template <detail::UncalledCoroutine F>
void as_outcome(F&&) {
  static_assert(detail::never<F>, "coroexec: as_outcome takes an awaitable: call the coroutine");
}

// Errors as elements: for concurrent and gather.
struct yield_exceptions_t {};
inline constexpr yield_exceptions_t yield_exceptions{};

// How AioPool::map gives each element: asyncio-pool's getres flags.
namespace getres {
struct flat_t {};  // Outcome<T>: a value or the error (the default)
struct pair_t {};  // {optional value, error}
struct dont_t {};  // the handle itself
inline constexpr flat_t flat{};
inline constexpr pair_t pair{};
inline constexpr dont_t dont{};
}  // namespace getres

namespace detail {

// What stands for a result where void cannot: streams, callbacks, gather and race.
template <class T>
using void_to_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

}  // namespace detail
}  // namespace coroexec
