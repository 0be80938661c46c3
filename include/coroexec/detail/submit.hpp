// What the faces share: handing a job to an engine, and running a scope around a body.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/task.hpp"

namespace coroexec::detail {

// From a face to its engine.
struct FaceAccess {
  template <class Face>
  static auto& engine(Face& face) noexcept {
    return face.engine_;
  }
};

// One frame where there is room, which is the usual case.
template <class T, class Ex>
asio::awaitable<BasicTask<T, Ex>, Ex> submit_job(Ref<ResultJob<T, Ex>> job) {
  auto& engine = static_cast<BasicEngine<Ex>&>(job->engine());
  if (!engine.try_submit(*job)) co_await engine.enter(job);
  co_return TaskAccess::make(std::move(job));
}

template <class T, class Ex>
BasicTask<T, Ex> submit_job_nowait(Engine& engine, Ref<ResultJob<T, Ex>> job) {
  engine.submit_nowait(*job);
  return TaskAccess::make(std::move(job));
}

template <class T, class Ex>
std::optional<BasicTask<T, Ex>> try_submit_job(Engine& engine, Ref<ResultJob<T, Ex>> job) {
  if (!engine.try_submit(*job)) return std::nullopt;
  return TaskAccess::make(std::move(job));
}

// The result type of a scope's body; `void` stands in for that of a wrong one, which check_body() refuses with one
// sentence. (Not in here: what a failed static_assert leaves of a class is of no more use to Clang.)
template <class Ex, class Scope, class Body>
struct BodyResult {
  static constexpr bool callable = std::is_invocable_v<Body, std::reference_wrapper<Scope>>;
  static consteval auto result() {
    if constexpr (!callable) return std::type_identity<void>{};
    else return std::type_identity<std::invoke_result_t<Body, std::reference_wrapper<Scope>>>{};
  }
  using Returned = typename decltype(result())::type;
  static constexpr bool ok = awaitable_traits<Returned>::template is_on<Ex>;
  using type = typename std::conditional_t<ok, awaitable_traits<Returned>,
                                           awaitable_traits<asio::awaitable<void, Ex>>>::result;
};
template <class Ex, class Scope, class Body>
using body_result_t = typename BodyResult<Ex, Scope, Body>::type;

template <class Ex, class Scope, class Body>
consteval void check_body() {
  using Result = BodyResult<Ex, Scope, Body>;
  static_assert(
      Result::callable,
      "coroexec: the body of a scope must take a reference to it: CoroutineExecutor&, AioPool&, "
      "TaskGroup& or their Basic form");
  static_assert(!Result::callable || Awaitable<typename Result::Returned>,
                "coroexec: the body of a scope must be a coroutine: it has to return "
                "boost::asio::awaitable<T>");
  static_assert(
      !Awaitable<typename Result::Returned> || Result::ok,
      "coroexec: the awaitable of a scope's body must have the executor type of the scope");
}

// The body is called with a reference to the face, which lives in this frame.
template <class Ex, class Scope, class Options, class Body>
auto run_with_scope(Options options, std::string name, Body body)
    -> asio::awaitable<body_result_t<Ex, Scope, Body>, Ex> {
  check_body<Ex, Scope, Body>();
  if constexpr (BodyResult<Ex, Scope, Body>::ok) {
    options.name = name;
    const Ex executor = co_await asio::this_coro::executor;
    Scope scope(executor, options);
    auto& engine = FaceAccess::engine(scope);
    auto job = make_job<Ex>(*engine, no_task_options, std::move(body), std::ref(scope));
    co_await engine->run_scope(job, executor);
    if constexpr (requires { job->value(); }) co_return std::move(job->value());
  } else {
    co_return;
  }
}

// An initializer is called before every job, so it and its arguments stay as they are.
template <class Ex, class Init, class... Args>
std::function<asio::awaitable<void, Ex>()> make_initializer(Init init, Args... arguments) {
  constexpr bool callable = std::is_invocable_v<Init&, Args&...>;
  static_assert(callable, "coroexec: the initializer cannot be called with these arguments");
  if constexpr (!callable) return {};
  else {
    auto kept =
        std::make_shared<std::tuple<Init, Args...>>(std::move(init), std::move(arguments)...);
    return [kept]() -> asio::awaitable<void, Ex> {
      const auto own = kept;  // the engine may let go of the closure before this frame is destroyed
      auto call = [](Init& function, Args&... args) { return std::invoke(function, args...); };
      using Returned = decltype(std::apply(call, *own));
      if constexpr (Awaitable<Returned>) co_await std::apply(call, *own);
      else std::apply(call, *own);
    };
  }
}

}  // namespace coroexec::detail
