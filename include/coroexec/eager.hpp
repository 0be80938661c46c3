// eager(coroutine): a task that starts at once, in the call, and is only queued where it first waits.
//
//   auto answer = eager(fetch(url));     // the request is on its way when this returns
//   …
//   use(co_await answer.get());
//
// It is a task of no scope: it belongs to the context, and whoever needs its end waits for it. To make
// it a child of a scope, give a task factory.
#pragma once

#include <concepts>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/kept_engine.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

namespace detail {

template <class Ex, class F, class... Args>
auto start_eagerly(const Home<Ex>& home, const TaskOptions& options, F&& function, Args&&... arguments) {
  auto engine = home.engine();
  auto job = make_job<Ex>(*engine, options, std::forward<F>(function), std::forward<Args>(arguments)...);
  while (!engine->start_here(*job)) (engine = home.engine())->adopt(*job);
  return TaskAccess::make(std::move(job));
}

template <class T, class Ex>
BasicTask<T, Ex> start_later(const Home<Ex>& home, const TaskOptions& options, asio::awaitable<T, Ex>&& coroutine) {
  auto engine = home.engine();
  auto job = make_job<Ex>(*engine, options, AwaitableCall<T, Ex>(std::move(coroutine)));
  while (!engine->submit_kept(*job)) (engine = home.engine())->adopt(*job);
  return TaskAccess::make(std::move(job));
}

}  // namespace detail

// Queues a task of no scope, which runs when its turn comes. (asyncio.create_task)
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

struct CoroEager {
  template <class T, class Ex>
  BasicTask<T, Ex> operator()(asio::awaitable<T, Ex> coroutine) const {
    return detail::start_eagerly(detail::Home<Ex>("eager()"), TaskOptions{.name = "eager_task"},
                                 detail::AwaitableCall<T, Ex>(std::move(coroutine)));
  }
  template <class T, class Ex>
  BasicTask<T, Ex> operator()(const std::type_identity_t<Ex>& executor, asio::awaitable<T, Ex> coroutine) const {
    return detail::start_eagerly(detail::Home<Ex>("eager()", executor), TaskOptions{.name = "eager_task"},
                                 detail::AwaitableCall<T, Ex>(std::move(coroutine)));
  }
};
inline constexpr CoroEager eager{};

}  // namespace coroexec
