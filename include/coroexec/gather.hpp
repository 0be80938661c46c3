// gather(operations…): several awaitables at once, all results together.
//
//   auto [user, orders] = co_await gather(load_user(id), load_orders(id));
//   std::vector<Page> pages = co_await gather(urls | std::views::transform(fetch));
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "coroexec/detail/operations.hpp"

namespace coroexec {

// The tag of the form that throws every error.
struct all_errors_t {};
inline constexpr all_errors_t all_errors{};

namespace detail {

// The three forms: what an operation's error does, and what is taken of each at the end.
struct GatherFirstError {
  static EngineConfig config() { return {.policy = ErrorPolicy::cancel, .kind = "gather"}; }
  template <class T, class Ex>
  static auto take(const Operation<T, Ex>& operation) {
    return take_result(operation);
  }
  template <class Ex>
  static asio::awaitable<void, Ex> join(Operations<Ex>& operations) {
    return operations.join();
  }
};
struct GatherAllErrors : GatherFirstError {
  static EngineConfig config() {
    return {.policy = ErrorPolicy::cancel, .kind = "gather", .all_errors = true};
  }
};
struct GatherOutcomes {
  static EngineConfig config() { return {.policy = ErrorPolicy::suppress, .kind = "gather"}; }
  template <class T, class Ex>
  static Outcome<T> take(const Operation<T, Ex>& operation) {
    return TaskAccess::make(operation).outcome();
  }
  // That the caller was cancelled is told by the outcomes.
  template <class Ex>
  static asio::awaitable<void, Ex> join(Operations<Ex>& operations) {
    co_await as_outcome(operations.join());
  }
};

template <class Form, class T, class Ex>
using gathered = decltype(Form::take(std::declval<const Operation<T, Ex>&>()));

template <class Form, class Ex, class... T>
asio::awaitable<std::tuple<gathered<Form, T, Ex>...>, Ex> gather_each(asio::awaitable<T, Ex>... given) {
  const Ex executor = co_await asio::this_coro::executor;
  Operations<Ex> operations(executor, Form::config());
  const std::tuple<Operation<T, Ex>...> started{operations.add(std::move(given))...};
  std::apply([&](auto&... operation) { (operations.start(*operation), ...); }, started);
  co_await Form::join(operations);
  co_return std::apply(
      [](auto&... operation) { return std::tuple<gathered<Form, T, Ex>...>{Form::take(operation)...}; },
      started);
}

template <class Form, class R, class T = range_result<R>, class Ex = range_executor<R>>
asio::awaitable<std::vector<gathered<Form, T, Ex>>, Ex> gather_range(R range) {
  const Ex executor = co_await asio::this_coro::executor;
  Operations<Ex> operations(executor, Form::config());
  std::vector<Operation<T, Ex>> started;
  start_range(operations, range, started);
  co_await Form::join(operations);
  std::vector<gathered<Form, T, Ex>> results;
  results.reserve(started.size());
  for (auto& operation : started) results.push_back(Form::take(operation));
  co_return results;
}

}  // namespace detail

// Awaits all `operations` at once and gives their results in the order of the arguments (std::monostate
// for void). A range gives a vector; it is moved or copied in when the call is made, a view or std::ref
// refers to one. Nothing starts before the call is awaited; they start in the order of the arguments.
//
// The first error cancels the others, and leaves as it is once they have ended. A later one is to be
// had from the forms below. A cancel of the caller cancels all; if one ends by that, operation_aborted
// leaves, unless one fails. (asyncio.gather, but nothing runs on after an error)
//
// Threads: the operations are parts of the caller and run on its executor, so inside a job, or on a
// strand, never two at once. To use several threads submit jobs to an executor or a pool.
template <class Executor, class... T>
COROEXEC_AWAITED auto gather(asio::awaitable<T, Executor>... operations) {
  return detail::gather_each<detail::GatherFirstError, Executor, T...>(std::move(operations)...);
}
template <detail::OperationRange R>
COROEXEC_AWAITED auto gather(R&& range) {
  return detail::gather_range<detail::GatherFirstError, std::decay_t<R>>(std::forward<R>(range));
}

// The same, but throws one TaskGroupError with every error, in the order they happened, even if it is
// only one. An error's `id` is the operation's place, from 1. (Python's TaskGroup)
template <class Executor, class... T>
COROEXEC_AWAITED auto gather(all_errors_t, asio::awaitable<T, Executor>... operations) {
  return detail::gather_each<detail::GatherAllErrors, Executor, T...>(std::move(operations)...);
}
template <detail::OperationRange R>
COROEXEC_AWAITED auto gather(all_errors_t, R&& range) {
  return detail::gather_range<detail::GatherAllErrors, std::decay_t<R>>(std::forward<R>(range));
}

// The same, but gives an Outcome<T> for each and throws nothing: an error cancels nobody. After a cancel
// of the caller those that ended by it have operation_aborted. (return_exceptions=True)
template <class Executor, class... T>
COROEXEC_AWAITED auto gather(yield_exceptions_t, asio::awaitable<T, Executor>... operations) {
  return detail::gather_each<detail::GatherOutcomes, Executor, T...>(std::move(operations)...);
}
template <detail::OperationRange R>
COROEXEC_AWAITED auto gather(yield_exceptions_t, R&& range) {
  return detail::gather_range<detail::GatherOutcomes, std::decay_t<R>>(std::forward<R>(range));
}

// Refuses what has not been called, and handles.
template <detail::NoOperation... A>
void gather(A&&...) {
  static_assert(
      detail::never<A...>,
      "coroexec: gather takes awaitables, or a range of them: call the coroutines, and co_await "
      "a task's get()");
}

}  // namespace coroexec
