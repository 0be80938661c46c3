// coro_iter(function): an object that can be awaited again and again, each time as a new coroutine.
//
//   struct Connection {
//     CoroIter<…> ready = coro_iter([this] { return wait_until_ready(); });
//   };
//   co_await connection.ready();
//   co_await connection.ready();
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/callable.hpp"
#include "coroexec/error.hpp"

namespace coroexec {

namespace detail {

template <class T>
struct CoroIterSignature {
  using type = void(std::exception_ptr, T);
};
template <>
struct CoroIterSignature<void> {
  using type = void(std::exception_ptr);
};

// A coroutine object as a function that can be called once.
template <class T, class Ex>
class OnlyOnce {
 public:
  explicit OnlyOnce(asio::awaitable<T, Ex>&& coroutine)
      : coroutine_(std::make_shared<asio::awaitable<T, Ex>>(std::move(coroutine))) {}
  asio::awaitable<T, Ex> operator()() const {
    if (!coroutine_->valid()) throw_error(errc::invalid_state, "coro_iter: cannot reuse already awaited coroutine");
    return std::move(*coroutine_);
  }

 private:
  std::shared_ptr<asio::awaitable<T, Ex>> coroutine_;
};

}  // namespace detail

// Every await calls a copy of the function, which lives as long as the coroutine it returned; result,
// error and cancel pass through.
template <class F>
class CoroIter {
  using Awaitable = std::invoke_result_t<F&>;

 public:
  using value_type = typename detail::awaitable_traits<Awaitable>::result;
  using executor_type = typename detail::awaitable_traits<Awaitable>::executor;

  explicit CoroIter(F function) : function_(std::move(function)) {}  // made by coro_iter()

  // A new coroutine, to be awaited once.
  Awaitable operator()() const { return call(function_); }

#if BOOST_VERSION >= 108500
  // Also as an asynchronous operation of Asio, with any completion token. Boost before 1.85 cannot
  // await one that gives a value along with an exception_ptr, or loses its cancel.
  template <asio::completion_token_for<typename detail::CoroIterSignature<value_type>::type> Token>
  auto operator()(Token&& token) const {
    return asio::async_initiate<Token, typename detail::CoroIterSignature<value_type>::type>(
        [](auto handler, F function) {
          const executor_type executor = asio::get_associated_executor(handler);
          asio::co_spawn(executor, call(std::move(function)), std::move(handler));
        },
        token, function_);
  }
#endif

 private:
  static Awaitable call(F function) { co_return co_await function(); }

  F function_;
};

// An object that calls `function`, which returns an awaitable, for each await. (asynkit.coro_iter)
template <class F>
  requires detail::Awaitable<std::invoke_result_t<std::decay_t<F>&>>
auto coro_iter(F&& function) {
  detail::check_temporaries<F>();
  return CoroIter<std::decay_t<F>>(std::forward<F>(function));
}

// Of a coroutine object: it can be awaited once, and throws invalid-state after that.
template <class T, class Ex>
auto coro_iter(asio::awaitable<T, Ex> coroutine) {
  return CoroIter<detail::OnlyOnce<T, Ex>>(detail::OnlyOnce<T, Ex>(std::move(coroutine)));
}

}  // namespace coroexec
