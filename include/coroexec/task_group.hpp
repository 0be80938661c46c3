// with_task_group(body): a scope without a bound, for tasks that belong together.
//
//   auto body = [&](TaskGroup& group) -> awaitable<void> {
//     const int port = co_await group.start<int>(serve);   // serve calls status.started(port) once it listens
//     group.start_soon(announce, port);
//   };                                                     // waits for both
//   co_await with_task_group(body);
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/starting.hpp"
#include "coroexec/detail/submit.hpp"
#include "coroexec/options.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

// How a group is set up.
struct TaskGroupOptions {
  std::chrono::nanoseconds timeout = no_timeout;  // of the whole group
  bool all_errors = false;                        // throw all errors together, as one TaskGroupError
  Threading threading = Threading::automatic;     // as in ExecutorOptions
  std::string_view name = {};                     // for error texts; copied
};

// What a task that is started with start() tells that it is up with. A copy is the same one.
template <class V = void>
class TaskStatus {
 public:
  // Gives `value` to who awaits start(). From now on an error of the task is the group's. invalid-state
  // when called twice, or after the task has ended.
  void started(V value) const {
    state_->claim();
    state_->value.emplace(std::move(value));
    state_->publish();
  }

 private:
  template <class, bool>
  friend class BasicTaskGroup;
  explicit TaskStatus(detail::Ref<detail::Starting<V>> state) noexcept : state_(std::move(state)) {}
  detail::Ref<detail::Starting<V>> state_;
};
// The same without a value.
template <>
class TaskStatus<void> {
 public:
  // Says that the task is up; as above.
  void started() const {
    state_->claim();
    state_->publish();
  }

 private:
  template <class, bool>
  friend class BasicTaskGroup;
  explicit TaskStatus(detail::Ref<detail::Starting<void>> state) noexcept : state_(std::move(state)) {}
  detail::Ref<detail::Starting<void>> state_;
};

// Ends a task group before its time, without an error.
class COROEXEC_DECL CancelScope {
 public:
  explicit CancelScope(detail::Engine& engine) noexcept : engine_(engine) {}
  CancelScope(const CancelScope&) = delete;

  // Cancels the group's body and all its tasks; it takes no more. Does not wait. Any thread.
  void cancel();
  // Has it been?
  bool cancel_called() const noexcept { return called_.load(std::memory_order_relaxed); }

 private:
  detail::Engine& engine_;
  std::atomic<bool> called_ = false;
};

// Tasks that are waited for together: the first error, of one of them or of the body, cancels the others,
// and leaves the group once all have ended. No bound: for that take a CoroutineExecutor. Callable and
// arguments are kept as there. (anyio.create_task_group, asyncio.TaskGroup, trio's nursery)
//
// In an eager group a task runs up to its first wait on the caller's stack, before the call that starts
// it returns. (asynkit.EagerTaskGroup)
//
// Threads: as CoroutineExecutor. With several, start an eager group's tasks from its body or its tasks.
template <class Executor = asio::any_io_executor, bool Eager = false>
class BasicTaskGroup {
 public:
  using executor_type = Executor;
  template <class T>
  using awaitable = asio::awaitable<T, Executor>;

  // Made by with_task_group().
  BasicTaskGroup(Executor executor, TaskGroupOptions options)
      : engine_(Engine::make(executor, config_of(options))), cancel_scope_(*engine_) {}
  BasicTaskGroup(const BasicTaskGroup&) = delete;
  BasicTaskGroup& operator=(const BasicTaskGroup&) = delete;
  ~BasicTaskGroup() { engine_->close(); }

  // Starts a task and gives its handle, without waiting. `closed` once the group has ended or is being
  // cancelled. Eager: an error before the task's first wait is thrown here, and is not the group's.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto start_soon(F&& function, Args&&... arguments) {
    return start_soon(detail::no_task_options, std::forward<F>(function), std::forward<Args>(arguments)...);
  }
  template <class F, class... Args>
  auto start_soon(TaskOptions options, F&& function, Args&&... arguments) {
    detail::check_temporaries<F, Args...>();
    auto job = detail::make_job<Executor>(*engine_, options, std::forward<F>(function),
                                          std::forward<Args>(arguments)...);
    job->error_is_owned = Eager;
    hand_in(*engine_, *job);
    if (Eager && !detail::leave_error_to_group(*job)) job->check_result();
    return detail::TaskAccess::make(std::move(job));
  }

  // Starts a task that takes a TaskStatus<V> after its other arguments, and waits until it has called
  // started(value), which is given; the task runs on. Until then its error is thrown here and leaves the
  // group alone; invalid-state if it returns without the call. A cancel of this wait cancels the task and
  // waits for it. Eager: the task starts in the call, not with the co_await.
  template <class V = void, class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  awaitable<V> start(F&& function, Args&&... arguments) {
    return start<V>(detail::no_task_options, std::forward<F>(function), std::forward<Args>(arguments)...);
  }
  template <class V = void, class F, class... Args>
  awaitable<V> start(TaskOptions options, F&& function, Args&&... arguments) {
    detail::check_temporaries<F, Args...>();
    constexpr bool callable =
        std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>..., TaskStatus<V>>;
    static_assert(callable,
                  "coroexec: a task that is started with start<V>() takes a TaskStatus<V> after "
                  "its other arguments");
    if constexpr (callable) {
      auto state = detail::Ref<detail::Starting<V>>::adopt(new detail::Starting<V>(*engine_));
      auto job = detail::make_job<Executor>(*engine_, options, std::forward<F>(function),
                                            std::forward<Args>(arguments)..., TaskStatus<V>(state));
      state->watch(*job);
      if constexpr (Eager) begin(*engine_, *state, *job);
      return wait_until_started<V>(detail::StartingOwner<V>(std::move(state), std::move(job)),
                                   engine_);
    } else {
      return {};
    }
  }

  CancelScope& cancel_scope() noexcept { return cancel_scope_; }  // ends this group

  // The errors so far of tasks whose error is the group's, in the order they happened.
  std::vector<TaskError> errors() const { return engine_->errors(); }
  Stats stats() const { return engine_->stats(); }
  const Executor& get_executor() const noexcept { return engine_->executor(); }

 private:
  using Engine = detail::BasicEngine<Executor>;
  friend detail::FaceAccess;
  template <class V>
  using Owner = detail::StartingOwner<V>;

  static detail::EngineConfig config_of(const TaskGroupOptions& options) {
    return {.max_active = unlimited,
            .timeout = options.timeout,
            .threading = options.threading,
            .kind = "task group",
            .name = options.name,
            .all_errors = options.all_errors};
  }

  static void hand_in(Engine& engine, detail::TaskBase& job) {
    if constexpr (Eager)
      if (engine.start_here(job)) return;
    engine.submit_nowait(job);  // or says why it takes no more
  }
  static void begin(Engine& engine, detail::StartingBase& state, detail::TaskBase& job) {
    state.begin();
    try {
      hand_in(engine, job);
    } catch (...) {
      if (job.state() == TaskState::queued) state.not_begun();  // else it was begun, and is told its end
      throw;
    }
  }

  template <class V>
  static awaitable<V> wait_until_started(Owner<V> owner, detail::Ref<Engine> engine) {
    auto& state = owner.state();
    auto& job = owner.job();
    if constexpr (!Eager) begin(*engine, state, job);
    auto& waiters = engine->waiters_of(job);
    const auto ready = [&] { return state.is_published() || job.done(); };
    const auto over = [&] { return job.done(); };
    const bool told = co_await detail::wait_until<Executor>(waiters, engine->mutex(), detail::Condition(ready));
    if (!told && !state.is_published()) {
      const bool throws = co_await asio::this_coro::throw_if_cancelled();
      co_await asio::this_coro::throw_if_cancelled(false);
      engine->cancel(job, detail::CancelReason::scope);
      while (!co_await detail::wait_until<Executor>(waiters, engine->mutex(), detail::Condition(over))) {
      }
      co_await asio::this_coro::throw_if_cancelled(throws);
    }
    const auto kept = owner.heard();
    if (!state.is_published()) {
      job.check_result();
      if (!told) detail::throw_cancelled();
      detail::throw_not_started(job);
    }
    if constexpr (!std::is_void_v<V>) co_return std::move(*state.value);
  }

  detail::Ref<Engine> engine_;
  CancelScope cancel_scope_;
};

// The groups on any_io_executor.
using TaskGroup = BasicTaskGroup<>;
using EagerTaskGroup = BasicTaskGroup<asio::any_io_executor, true>;

namespace detail {

template <class Ex, class Group, class Body>
auto run_with_group(TaskGroupOptions options, std::string name, Body body)
    -> asio::awaitable<body_result_t<Ex, Group, Body>, Ex> {
  using R = body_result_t<Ex, Group, Body>;
  check_body<Ex, Group, Body>();
  if constexpr (!BodyResult<Ex, Group, Body>::ok) {
    co_return;
  } else {
    options.name = name;
    const Ex executor = co_await asio::this_coro::executor;
    Group group(executor, options);
    auto& engine = FaceAccess::engine(group);
    auto job = make_job<Ex>(*engine, no_task_options, std::move(body), std::ref(group));
    if constexpr (std::is_void_v<R>) {
      std::exception_ptr error;
      try {
        co_await engine->run_scope(job, executor);
      } catch (...) {
        error = std::current_exception();
      }
      if (!error) co_return;
      // The end that its own cancel scope has made is none to tell of.
      const asio::cancellation_state caller = co_await asio::this_coro::cancellation_state;
      if (group.cancel_scope().cancel_called() &&
          caller.cancelled() == asio::cancellation_type::none &&
          job->state() == TaskState::cancelled && error == job->error())
        co_return;
      std::rethrow_exception(error);
    } else {
      co_await engine->run_scope(job, executor);
      co_return std::move(job->value());
    }
  }
}

}  // namespace detail

// Runs `body(group)` and waits for it and for all tasks, however they end; body and timeout as with
// with_executor. A group that was ended by its cancel scope leaves without an error; if its body was to
// give a result and has none, operation_aborted leaves. (async with create_task_group())
template <class Executor = asio::any_io_executor, class Body>
COROEXEC_AWAITED auto with_task_group(TaskGroupOptions options, Body&& body) {
  detail::check_temporaries<Body>();
  detail::check_body<Executor, BasicTaskGroup<Executor>, std::decay_t<Body>>();
  return detail::run_with_group<Executor, BasicTaskGroup<Executor>, std::decay_t<Body>>(
      options, std::string(options.name), std::forward<Body>(body));
}
template <class Executor = asio::any_io_executor, class Body>
  requires(!std::convertible_to<Body, TaskGroupOptions>)
COROEXEC_AWAITED auto with_task_group(Body&& body) {
  return with_task_group<Executor>(TaskGroupOptions{}, std::forward<Body>(body));
}

// The same with an eager group. On an executor of a concrete type its tasks are only queued, as in a plain one.
// (asynkit.create_eager_task_group)
template <class Executor = asio::any_io_executor, class Body>
COROEXEC_AWAITED auto with_eager_task_group(TaskGroupOptions options, Body&& body) {
  detail::check_temporaries<Body>();
  detail::check_body<Executor, BasicTaskGroup<Executor, true>, std::decay_t<Body>>();
  return detail::run_with_group<Executor, BasicTaskGroup<Executor, true>, std::decay_t<Body>>(
      options, std::string(options.name), std::forward<Body>(body));
}
template <class Executor = asio::any_io_executor, class Body>
  requires(!std::convertible_to<Body, TaskGroupOptions>)
COROEXEC_AWAITED auto with_eager_task_group(Body&& body) {
  return with_eager_task_group<Executor>(TaskGroupOptions{}, std::forward<Body>(body));
}

}  // namespace coroexec
