// AsyncGenerator<T>: what every stream is. Elements are asked for, one at a time.
//
//   while (auto element = co_await stream.next()) use(*element);
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "coroexec/detail/callable.hpp"
#include "coroexec/error.hpp"
#include "coroexec/outcome.hpp"

namespace coroexec {

namespace detail {

// What stands behind a generator. Destroying it cancels what it still has running and does not wait.
template <class T, class Ex>
class Stream {
 public:
  virtual ~Stream() = default;
  virtual asio::awaitable<std::optional<T>, Ex> next() = 0;
  virtual asio::awaitable<void, Ex> aclose() = 0;

 protected:
  // One next() at a time.
  class Turn {
   public:
    explicit Turn(Stream& stream) : stream_(stream) {
      if (std::exchange(stream.busy_, true))
        throw_error(errc::invalid_state, "stream: next() while another next() is still waiting");
    }
    ~Turn() { stream_.busy_ = false; }
    Turn(const Turn&) = delete;

   private:
    Stream& stream_;
  };

 private:
  bool busy_ = false;
};

}  // namespace detail

// A stream of elements, owned by the one who reads it. A stream that an executor or pool gave out is
// joined by that scope. Dropping one cancels its jobs, which end by themselves; aclose() and for_each
// also wait for them. Not thread-safe: one reader. (Python's async generator)
template <class T, class Executor = asio::any_io_executor>
class AsyncGenerator {
 public:
  using value_type = T;
  using executor_type = Executor;

  AsyncGenerator() = default;
  explicit AsyncGenerator(std::unique_ptr<detail::Stream<T, Executor>> stream)
      : stream_(std::move(stream)) {}

  // The next element, or nullopt once there are no more, then and ever after. Throws what the stream
  // reports in place of an element, after which it has ended; invalid-state if another next() waits;
  // operation_aborted if the wait is cancelled, and the stream stays as it is.
  asio::awaitable<std::optional<T>, Executor> next() {
    if (!stream_) throw_empty();
    return stream_->next();
  }

  // Ends the stream: cancels what it has running and waits for that. Further calls do nothing.
  asio::awaitable<void, Executor> aclose() {
    if (!stream_) throw_empty();
    return stream_->aclose();
  }

  // All that is left, in one vector. On an error or a cancel everything is joined, then it is rethrown.
  asio::awaitable<std::vector<T>, Executor> collect() && { return collect_all(std::move(*this)); }

 private:
  [[noreturn]] static void throw_empty() {
    detail::throw_error(errc::invalid_state, "stream: this generator is empty or has been moved from");
  }
  static asio::awaitable<std::vector<T>, Executor> collect_all(AsyncGenerator stream) {
    std::vector<T> elements;
    std::exception_ptr failure;
    try {
      while (auto element = co_await stream.next()) elements.push_back(std::move(*element));
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      const bool throws = co_await asio::this_coro::throw_if_cancelled();
      co_await asio::this_coro::throw_if_cancelled(false);
      co_await stream.aclose();
      co_await asio::this_coro::throw_if_cancelled(throws);
      std::rethrow_exception(failure);
    }
    co_return elements;
  }

  std::unique_ptr<detail::Stream<T, Executor>> stream_;
};

namespace detail {

template <class A>
struct optional_result {};
template <class T, class Ex>
struct optional_result<asio::awaitable<std::optional<T>, Ex>> {
  using value_type = T;
  using executor_type = Ex;
};

}  // namespace detail

// Anything with `awaitable<std::optional<T>> next()`, nullopt at its end: an AsyncGenerator, or a type
// of your own. Everything that takes a range also takes one of these, and an asio channel.
template <class S>
concept AsyncSource = requires(S& source) {
  typename detail::optional_result<decltype(source.next())>::value_type;
};

}  // namespace coroexec
