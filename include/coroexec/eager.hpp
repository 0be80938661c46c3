// eager(coroutine): a task that starts at once, inside the call, and is queued only where it first waits.
//
//   auto answer = eager(fetch(url));     // the request is on its way when this returns
//   …
//   use(co_await answer.get());
//
// Such a task belongs to no scope: only to the context, which destroys it when it goes. Whoever needs
// its end waits for it. To make it a child of a scope, hand it to one by a task factory.
#pragma once

#include <boost/asio/execution.hpp>
#include <boost/asio/is_executor.hpp>
#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "coroexec/coro_start.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/kept_engine.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

namespace detail {

struct NoFactory {};
struct CallersExecutor {};

template <class E>
concept AnExecutor = asio::execution::is_executor<E>::value || asio::is_executor<E>::value;

template <class F>
concept AFunction = !Awaitable<F> && !AnExecutor<std::remove_cvref_t<F>> &&
                    (std::is_class_v<std::remove_cvref_t<F>> ||
                     std::is_function_v<std::remove_pointer_t<std::decay_t<F>>> || std::is_member_function_pointer_v<std::decay_t<F>>);

inline constexpr TaskOptions eager_options{.name = "eager_task", .where = {}};

template <class Ex, class F, class... Args>
auto start_eagerly(const Home<Ex>& home, const TaskOptions& options, F&& function, Args&&... arguments) {
  auto engine = home.engine();
  auto job = make_job<Ex>(*engine, options, std::forward<F>(function), std::forward<Args>(arguments)...);
  while (!engine->start_here(*job)) (engine = home.engine())->adopt(*job);
  return TaskAccess::make(std::move(job));
}

// One that has not ended goes on as whatever task the factory makes of the rest of it.
template <class T, class Factory>
auto start_for_factory(const Home<asio::any_io_executor>& home, asio::awaitable<T>&& coroutine, Factory& factory) {
  using R = std::invoke_result_t<Factory&, asio::awaitable<T>>;
  static_assert(std::constructible_from<R, Task<T>>,
                "coroexec: a task factory must return a Task, or what can be made from a finished one");
  auto start = StartAccess::make(home, std::move(coroutine), copy_context());
  if (start.done()) return R(start.as_future());
  return R(std::invoke(factory, start.as_coroutine()));
}

template <class T, class Ex, class Factory>
auto start_coroutine(const Home<Ex>& home, const TaskOptions& options, asio::awaitable<T, Ex>&& coroutine,
                     Factory& factory) {
  if constexpr (std::is_same_v<Factory, NoFactory>)
    return start_eagerly(home, options, AwaitableCall<T, Ex>(std::move(coroutine)));
  else
    return start_for_factory(home, std::move(coroutine), factory);
}

// Function and arguments live in the frame of a coroutine around the function's.
template <class F, class... Args>
auto call_inside(F function, Args... arguments) -> std::invoke_result_t<F, Args...> {
  co_return co_await std::invoke(std::move(function), std::move(arguments)...);
}

template <class F, class Executor, class Factory>
class EagerFunction {
 public:
  EagerFunction(F function, Executor executor, Factory factory)
      : function_(std::move(function)), executor_(std::move(executor)), factory_(std::move(factory)) {}

  template <class... Args>
    requires std::invocable<F, std::decay_t<Args>...>
  auto operator()(Args&&... arguments) const {
    using Ex = typename awaitable_traits<std::invoke_result_t<F, std::decay_t<Args>...>>::executor;
    if constexpr (std::is_same_v<Executor, CallersExecutor>) {
      return call(Home<Ex>("eager()"), std::forward<Args>(arguments)...);
    } else {
      const Ex executor(executor_);
      return call(Home<Ex>("eager()", executor), std::forward<Args>(arguments)...);
    }
  }

 private:
  template <class Ex, class... Args>
  auto call(const Home<Ex>& home, Args&&... arguments) const {
    if constexpr (std::is_same_v<Factory, NoFactory>)
      return start_eagerly(home, eager_options, function_, std::forward<Args>(arguments)...);
    else
      return start_for_factory(home, call_inside<F, std::decay_t<Args>...>(function_, std::forward<Args>(arguments)...),
                               factory_);
  }

  F function_;
  [[no_unique_address]] Executor executor_;
  [[no_unique_address]] Factory factory_;
};

struct CoroEager {
  template <class T, class Ex, class Factory = NoFactory>
  auto operator()(asio::awaitable<T, Ex> coroutine, Factory factory = {}) const {
    return start_coroutine(Home<Ex>("eager()"), eager_options, std::move(coroutine), factory);
  }
  template <class T, class Ex, class Factory = NoFactory>
  auto operator()(const std::type_identity_t<Ex>& executor, asio::awaitable<T, Ex> coroutine,
                  Factory factory = {}) const {
    return start_coroutine(Home<Ex>("eager()", executor), eager_options, std::move(coroutine), factory);
  }
  template <class T, class Ex>
  auto operator()(TaskOptions options, asio::awaitable<T, Ex> coroutine) const {
    NoFactory factory;
    return start_coroutine(Home<Ex>("eager()"), options, std::move(coroutine), factory);
  }
  template <class T, class Ex>
  auto operator()(const std::type_identity_t<Ex>& executor, TaskOptions options,
                  asio::awaitable<T, Ex> coroutine) const {
    NoFactory factory;
    return start_coroutine(Home<Ex>("eager()", executor), options, std::move(coroutine), factory);
  }
};

struct FuncEager {
  template <AFunction F, class Factory = NoFactory>
  auto operator()(F&& function, Factory factory = {}) const {
    return make(std::forward<F>(function), CallersExecutor(), std::move(factory));
  }
  template <AnExecutor Executor, AFunction F, class Factory = NoFactory>
  auto operator()(const Executor& executor, F&& function, Factory factory = {}) const {
    return make(std::forward<F>(function), executor, std::move(factory));
  }

 private:
  template <class F, class Executor, class Factory>
  static auto make(F&& function, Executor executor, Factory factory) {
    check_temporaries<F>();
    return EagerFunction<std::decay_t<F>, Executor, Factory>(std::forward<F>(function), std::move(executor),
                                                             std::move(factory));
  }
};

struct Eager : CoroEager, FuncEager {
  using CoroEager::operator();
  using FuncEager::operator();
};

template <class T, class Ex>
BasicTask<T, Ex> start_later(const Home<Ex>& home, const TaskOptions& options, asio::awaitable<T, Ex>&& coroutine) {
  auto engine = home.engine();
  auto job = make_job<Ex>(*engine, options, AwaitableCall<T, Ex>(std::move(coroutine)));
  while (!engine->submit_if_open(*job)) (engine = home.engine())->adopt(*job);
  return TaskAccess::make(std::move(job));
}

}  // namespace detail

// coro_eager([executor,] [TaskOptions,] coroutine) → Task<T>
// coro_eager([executor,] coroutine, factory)       → what the factory returns
//
// Starts `coroutine` on the caller's stack. When the call returns it has ended, or has run up to its first
// suspension; its error is kept in the task. It is a job of its own from its first line: this_task tells
// of it, its cancel arrives at any moment from then on, and it has a copy of the caller's context variables.
//
// `factory` is called with the rest of a coroutine that has not ended, an awaitable<T>, and decides what
// task that becomes; the rest runs when and where it awaits. For one that has ended a finished task is
// made without it. It returns a Task<T> or what can be made from one:
//   eager(handle(request), [&](auto rest) { return scope.submit_nowait(std::move(rest)); })
//
// Executor: inside of a job the one its scope runs on; else one must be given, or it is an invalid-state
// error. With several threads the first part runs on the calling thread, the rest on a strand of its own.
// A concrete executor type must be the one the call is made on, elsewhere the start is queued; and a
// factory needs any_io_executor. Nested eager starts nest on the stack. (asynkit.coro_eager)
inline constexpr detail::CoroEager coro_eager{};

// func_eager([executor,] function [, factory]) → a function that starts it eagerly
//
// The result is called as the function is, which is copied, with its arguments, into each task.
// (asynkit.func_eager, a decorator)
inline constexpr detail::FuncEager func_eager{};

// Either of the two, by what it is given. (asynkit.eager)
inline constexpr detail::Eager eager{};

// Queues a task of no scope: it starts when its turn comes. Executor as above. (asyncio.create_task)
template <class T, class Ex>
BasicTask<T, Ex> create_task(asio::awaitable<T, Ex> coroutine) {
  return detail::start_later(detail::Home<Ex>("create_task()"), {}, std::move(coroutine));
}
template <class T, class Ex>
BasicTask<T, Ex> create_task(TaskOptions options, asio::awaitable<T, Ex> coroutine) {
  return detail::start_later(detail::Home<Ex>("create_task()"), options, std::move(coroutine));
}
template <class T, class Ex>
BasicTask<T, Ex> create_task(const std::type_identity_t<Ex>& executor, asio::awaitable<T, Ex> coroutine) {
  return detail::start_later(detail::Home<Ex>("create_task()", executor), {}, std::move(coroutine));
}
template <class T, class Ex>
BasicTask<T, Ex> create_task(const std::type_identity_t<Ex>& executor, TaskOptions options,
                             asio::awaitable<T, Ex> coroutine) {
  return detail::start_later(detail::Home<Ex>("create_task()", executor), options, std::move(coroutine));
}

}  // namespace coroexec
