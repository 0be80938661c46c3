// The streams module's view of a pool: AioPool::itermap and itermap_batches are declared there; here is
// what they share with iterwait, and for_each, which reads any of these streams to its end.
#pragma once

#include <exception>
#include <utility>

#include "coroexec/aio_pool.hpp"
#include "coroexec/async_generator.hpp"
#include "coroexec/detail/source.hpp"
#include "coroexec/iter_options.hpp"

namespace coroexec {

namespace detail {

template <class Ex, class Source, class F>
asio::awaitable<void, Ex> for_each_in(Source source, F function) {
  using Element = typename optional_result<decltype(source.next())>::value_type;
  constexpr bool callable = std::is_invocable_v<F&, Element&&>;
  static_assert(callable, "coroexec: for_each's function must take an element of the stream");
  if constexpr (!callable) co_return;
  else {
    std::exception_ptr failure;
    try {
      while (auto element = co_await source.next()) {
        if constexpr (Awaitable<std::invoke_result_t<F&, decltype(std::move(*element))>>)
          co_await std::invoke(function, std::move(*element));
        else std::invoke(function, std::move(*element));
      }
    } catch (...) {
      failure = std::current_exception();
    }
    if constexpr (requires { source.aclose(); }) {
      const bool throws = co_await asio::this_coro::throw_if_cancelled();
      co_await asio::this_coro::throw_if_cancelled(false);
      co_await source.aclose();
      co_await asio::this_coro::throw_if_cancelled(throws);
    }
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace detail

// Calls `function`, plain or a coroutine, with each element of a stream or other asynchronous source,
// one after the other. Leaves only once everything the stream had running has ended, whatever ends it:
// the last element, an error of the stream or of the function, a cancel. (async for)
template <class T, class Executor, class F>
asio::awaitable<void, Executor> for_each(AsyncGenerator<T, Executor> source, F function) {
  return detail::for_each_in<Executor>(std::move(source), std::move(function));
}
template <AsyncSource S, class F>
auto for_each(S source, F function)
    -> asio::awaitable<void, typename detail::optional_result<decltype(source.next())>::executor_type> {
  using Executor = typename detail::optional_result<decltype(source.next())>::executor_type;
  return detail::for_each_in<Executor>(std::move(source), std::move(function));
}

}  // namespace coroexec
