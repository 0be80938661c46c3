// A job made from a callable and its arguments.
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "coroexec/detail/callable.hpp"
#include "coroexec/detail/task_base.hpp"

namespace coroexec::detail {

// Callable and arguments stay here, beside the coroutine's frame, until the job has ended: a lambda
// coroutine refers to its captures in the closure, and parameters taken by reference refer here.
template <class T, class Ex, class F, class... Args>
class CallJob final : public ResultJob<T, Ex> {
 public:
  template <class G, class... Given>
  CallJob(Engine& engine, const TaskOptions& options, G&& function, Given&&... arguments)
      : ResultJob<T, Ex>(engine, options),
        payload_(std::in_place, std::forward<G>(function), std::forward<Given>(arguments)...) {}

  asio::awaitable<T, Ex> call() override {
    return std::apply(
        [](F& function, Args&... arguments) {
          return std::invoke(std::move(function), std::move(arguments)...);
        },
        *payload_);
  }

  bool drop_payload() noexcept override {
    payload_.reset();
    if constexpr (std::is_void_v<T>)
      return false;
    else
      return this->drop_unread();
  }

 private:
  std::optional<std::tuple<F, Args...>> payload_;
};

// An awaitable as a callable.
template <class T, class Ex>
class AwaitableCall {
 public:
  explicit AwaitableCall(asio::awaitable<T, Ex>&& operation) : operation_(std::move(operation)) {}
  asio::awaitable<T, Ex> operator()() { return std::move(operation_); }

 private:
  asio::awaitable<T, Ex> operation_;
};

// The options of all jobs of a stream: the name is copied when the call is made.
class EachTaskOptions {
 public:
  EachTaskOptions() = default;
  explicit EachTaskOptions(const TaskOptions& options)
      : name_(options.name), timeout_(options.timeout), where_(options.where) {}
  TaskOptions get() const noexcept { return {.name = name_, .timeout = timeout_, .where = where_}; }

 private:
  std::string name_;
  std::chrono::nanoseconds timeout_ = no_timeout;
  SourceLocation where_;
};

template <class Ex, class F, class... Args>
auto make_job(Engine& engine, const TaskOptions& options, F&& function, Args&&... arguments) {
  using Result = JobResult<Ex, std::decay_t<F>, std::decay_t<Args>...>;
  using Given = typename Result::type;
  static_assert(
      !std::is_same_v<Given, std::exception_ptr>,
      "coroexec: a job's result must not be std::exception_ptr: it could not be told from an "
      "error");
  static_assert(!std::is_reference_v<Given>,
                "coroexec: a job's result must not be a reference; return a pointer or "
                "std::reference_wrapper");
  constexpr bool kept = std::constructible_from<std::decay_t<F>, F> &&
                        (std::constructible_from<std::decay_t<Args>, Args> && ...);
  static_assert(
      kept || !Result::ok,
      "coroexec: a callable and its arguments are copied or moved into the job, which one of "
      "these cannot be: use std::move, or std::ref");
  constexpr bool value = !std::is_same_v<Given, std::exception_ptr> && !std::is_reference_v<Given>;
  using T = std::conditional_t<value, Given, void>;
  using JobType = CallJob<T, Ex, std::decay_t<F>, std::decay_t<Args>...>;
  if constexpr (Result::ok && kept && value)
    return Ref<ResultJob<T, Ex>>::adopt(new JobType(engine, options, std::forward<F>(function),
                                                    std::forward<Args>(arguments)...));
  else
    return Ref<ResultJob<T, Ex>>();
}

}  // namespace coroexec::detail
