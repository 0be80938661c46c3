// A job followed by its callback, in the same slot: cb(result), cb(result, error),
// cb(result, error, context), coroutines all.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/callable.hpp"
#include "coroexec/error.hpp"
#include "coroexec/outcome.hpp"

namespace coroexec::detail {

// An awaitable or a callable, as a callable.
template <class Coro>
auto as_callable(Coro&& coro) {
  if constexpr (Awaitable<Coro>) {
    static_assert(!std::is_lvalue_reference_v<Coro>,
                  "coroexec: an awaitable is handed in by value: use std::move");
    using Traits = awaitable_traits<std::remove_cvref_t<Coro>>;
    return AwaitableCall<typename Traits::result, typename Traits::executor>(std::move(coro));
  } else {
    return std::decay_t<Coro>(std::forward<Coro>(coro));
  }
}

struct NoContext {};

// What the callback returns, by the number of its parameters; the longest form it takes is used.
template <class Cb, class R, class Context>
struct CallbackForm {
  using Value = std::optional<void_to_monostate<R>>;
  static constexpr bool three = std::is_invocable_v<Cb, Value, std::exception_ptr, Context>;
  static constexpr bool two = std::is_invocable_v<Cb, Value, std::exception_ptr>;
  static constexpr bool one = std::is_invocable_v<Cb, Value>;

  static auto call(Cb& cb, Value value, std::exception_ptr error, Context& context) {
    if constexpr (three)
      return std::invoke(std::move(cb), std::move(value), std::move(error), std::move(context));
    else if constexpr (two)
      return std::invoke(std::move(cb), std::move(value), std::move(error));
    else if constexpr (one)
      return std::invoke(std::move(cb), std::move(value));
  }
  using Returned = decltype(call(std::declval<Cb&>(), Value(), nullptr, std::declval<Context&>()));
  static constexpr bool callable = three || two || one;
  static constexpr bool ok = Awaitable<Returned>;
};

// Call, then callback; the callback's result is the job's. A job that was cancelled has no callback:
// nothing could be awaited in it.
template <class Ex, class Call, class Cb, class Context>
class CallThenCallback {
 public:
  CallThenCallback(Call call, Cb cb, Context context)
      : call_(std::move(call)), cb_(std::move(cb)), context_(std::move(context)) {}

  template <class... Args>
    requires std::is_invocable_v<Call, Args...>
  auto operator()(Args&&... args) {
    using R = job_result_t<Ex, Call, Args...>;
    using Form = CallbackForm<Cb, R, Context>;
    static_assert(
        Form::callable,
        "coroexec: the callback must take (std::optional<T> result), (result, "
        "std::exception_ptr error) or (result, error, context); T is std::monostate for void");
    static_assert(!Form::callable || Form::ok,
                  "coroexec: the callback must be a coroutine: it has to return "
                  "boost::asio::awaitable<T>");
    if constexpr (Form::ok) {
      using R2 = typename awaitable_traits<typename Form::Returned>::result;
      return run<R, R2, Form>(std::invoke(std::move(call_), std::forward<Args>(args)...));
    } else {
      return asio::awaitable<void, Ex>();
    }
  }

 private:
  template <class R, class R2, class Form>
  asio::awaitable<R2, Ex> run(asio::awaitable<R, Ex> job) {
    typename Form::Value value;
    std::exception_ptr error;
    try {
      if constexpr (std::is_void_v<R>) {
        co_await std::move(job);
        value.emplace();
      } else {
        value.emplace(co_await std::move(job));
      }
    } catch (...) {
      error = std::current_exception();
    }
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (error && state.cancelled() != asio::cancellation_type::none) std::rethrow_exception(error);
    co_return co_await Form::call(cb_, std::move(value), std::move(error), context_);
  }

  Call call_;
  Cb cb_;
  Context context_;
};

template <class Ex, class Call>
Call with_callback(Call call) {
  return call;
}
template <class Ex, class Call, class Cb>
auto with_callback(Call call, Cb cb) {
  return CallThenCallback<Ex, Call, Cb, NoContext>(std::move(call), std::move(cb), NoContext{});
}
template <class Ex, class Call, class Cb, class Context>
auto with_callback(Call call, Cb cb, Context context) {
  return CallThenCallback<Ex, Call, Cb, Context>(std::move(call), std::move(cb), std::move(context));
}

}  // namespace coroexec::detail
