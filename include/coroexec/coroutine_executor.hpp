// CoroutineExecutor: a scope you submit jobs to.
//
//   co_await with_executor({.max_workers = 100}, [&](CoroutineExecutor& executor) -> awaitable<void> {
//     for (auto& url : urls) co_await executor.submit(fetch, url);   // waits for room
//   });                                                              // waits for every job
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/result_stream.hpp"
#include "coroexec/detail/submit.hpp"
#include "coroexec/options.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

// Bounded, structured concurrency: at most max_workers jobs are active, in submission order; nothing
// outlives the scope. (Python: coroexecutor.CoroutineExecutor, concurrent.futures.Executor.)
//
// Jobs are callables that return awaitable<T, Executor>: functions, lambdas, member functions,
// function objects; or an awaitable itself. Callable and arguments are copied or moved into the job when
// the call is made and live until it ends; they are passed on as rvalues, as std::thread does.
//
// Errors follow ErrorPolicy. A job that outlives its own TaskOptions::timeout is cancelled, with
// timed-out as its error, and disturbs no other.
//
// Threads: with Threading::multi every member may be called from any thread and jobs run in parallel,
// each on a strand of its own. Destroying an executor that was not joined cancels its jobs and does
// not wait for them.
template <class Executor = asio::any_io_executor>
class BasicCoroutineExecutor {
 public:
  using executor_type = Executor;
  template <class T>
  using awaitable = asio::awaitable<T, Executor>;
  template <class T>
  using task = BasicTask<T, Executor>;

  // Throws invalid-argument with the option's name. A timeout counts from here.
  explicit BasicCoroutineExecutor(Executor executor, ExecutorOptions options = {})
      : engine_(Engine::make(executor, config_of(options))) {}
  BasicCoroutineExecutor(const BasicCoroutineExecutor&) = delete;
  BasicCoroutineExecutor& operator=(const BasicCoroutineExecutor&) = delete;
  ~BasicCoroutineExecutor() { engine_->close(); }

  // Hands in a job, waiting for room if there is none: a free slot, or a place in the backlog. Throws
  // closed after the scope has ended, was cancelled or shut down; would-deadlock if all slots are held
  // by jobs that wait so; operation_aborted if the wait is cancelled: then the job never runs.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  COROEXEC_AWAITED auto submit(F&& function, Args&&... arguments) {
    return detail::submit_job(
        make(detail::no_task_options, std::forward<F>(function), std::forward<Args>(arguments)...));
  }
  template <class F, class... Args>
  COROEXEC_AWAITED auto submit(TaskOptions options, F&& function, Args&&... arguments) {
    return detail::submit_job(make(options, std::forward<F>(function), std::forward<Args>(arguments)...));
  }

  // Hands in a job without waiting and without a limit on the queue. Throws closed as above.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto submit_nowait(F&& function, Args&&... arguments) {
    return detail::submit_job_nowait(
        *engine_, make(detail::no_task_options, std::forward<F>(function), std::forward<Args>(arguments)...));
  }
  template <class F, class... Args>
  auto submit_nowait(TaskOptions options, F&& function, Args&&... arguments) {
    return detail::submit_job_nowait(*engine_, make(options, std::forward<F>(function), std::forward<Args>(arguments)...));
  }

  // Hands in a job if there is room now; else gives nullopt, and callable and arguments are gone.
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto try_submit(F&& function, Args&&... arguments) {
    return detail::try_submit_job(
        *engine_, make(detail::no_task_options, std::forward<F>(function), std::forward<Args>(arguments)...));
  }
  template <class F, class... Args>
  auto try_submit(TaskOptions options, F&& function, Args&&... arguments) {
    return detail::try_submit_job(*engine_, make(options, std::forward<F>(function), std::forward<Args>(arguments)...));
  }

  // Calls `function` with each element of the input, or of several ranges zipped to the shortest, and
  // streams the results in input order, or as the jobs end. At most max_workers elements are in hand
  // ahead of the reader, who so sets the pace; an input range is read inside next(). Results of void
  // are std::monostate.
  //
  // On a job's error the results before it come first, then the error; on an error of the input it
  // comes at once. Both cancel and join what the stream has running, and go to the reader alone, not
  // to the scope's policy. (Executor.map)
  // TaskOptions, if given, are those of every job.
  template <class F, class... Inputs>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto map(F&& function, Inputs&&... inputs) {
    return map(detail::no_task_options, std::forward<F>(function), std::forward<Inputs>(inputs)...);
  }
  template <class F, class... Inputs>
  auto map(TaskOptions options, F&& function, Inputs&&... inputs) {
    return stream(true, options, std::forward<F>(function), std::forward<Inputs>(inputs)...);
  }
  // The same, with the results as the jobs end.
  template <class F, class... Inputs>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto map_unordered(F&& function, Inputs&&... inputs) {
    return map_unordered(detail::no_task_options, std::forward<F>(function), std::forward<Inputs>(inputs)...);
  }
  template <class F, class... Inputs>
  auto map_unordered(TaskOptions options, F&& function, Inputs&&... inputs) {
    return stream(false, options, std::forward<F>(function), std::forward<Inputs>(inputs)...);
  }

  // Runs before each job, in its slot: a plain function or a coroutine. If it throws, the job fails
  // with that. Set it before the first job is handed in.
  template <class Init, class... InitArgs>
  void set_initializer(Init init, InitArgs... arguments) {
    engine_->initializer(detail::make_initializer<Executor>(std::move(init), std::move(arguments)...));
  }

  // Waits until nothing is queued or active; does not close. Rethrows the scope's error, once. Throws
  // would-deadlock from a job of this executor; operation_aborted if cancelled, while the jobs go on.
  // With a limit: timed-out when that has passed, naming the jobs that still run.
  awaitable<void> join() { return Engine::join(engine_); }
  awaitable<void> join(std::chrono::nanoseconds limit) {
    return Engine::join(engine_, detail::deadline_in(limit));
  }

  // Takes no more jobs, then joins. Without `wait` it cancels what is queued and active first, and
  // throws operation_aborted if any job ended cancelled.
  awaitable<void> shutdown(bool wait = true) { return Engine::shutdown(engine_, wait); }

  // Cancels every job and the scope's body, and takes no more jobs. Does not wait.
  void cancel() { engine_->cancel_all(detail::CancelReason::handle, detail::make_cancelled()); }

  // The errors of failed jobs, in the order they happened. Under ErrorPolicy::suppress none are kept:
  // each is in its own task.
  std::vector<TaskError> errors() const { return engine_->errors(); }
  Stats stats() const { return engine_->stats(); }
  const Executor& get_executor() const noexcept { return engine_->executor(); }

 private:
  using Engine = detail::BasicEngine<Executor>;
  friend detail::FaceAccess;

  static detail::EngineConfig config_of(const ExecutorOptions& options) {
    return {.max_active = options.max_workers,
            .backlog = options.backlog,
            .timeout = options.timeout,
            .policy = options.suppress_task_errors ? ErrorPolicy::suppress : options.on_error,
            .max_per_second = options.max_per_second,
            .burst = options.burst,
            .threading = options.threading,
            .kind = "executor",
            .name = options.name};
  }

  template <class F, class... Args>
  auto make(const TaskOptions& options, F&& function, Args&&... arguments) {
    detail::check_temporaries<F, Args...>();
    return detail::make_job<Executor>(*engine_, options, std::forward<F>(function),
                                      std::forward<Args>(arguments)...);
  }
  template <class T>
  auto make(const TaskOptions& options, awaitable<T>&& coroutine) {
    return detail::make_job<Executor>(*engine_, options, detail::AwaitableCall<T, Executor>(std::move(coroutine)));
  }

  template <class F, class... Inputs>
  auto stream(bool ordered, const TaskOptions& options, F&& function, Inputs&&... inputs) {
    static_assert(sizeof...(Inputs) > 0, "coroexec: map needs an input after the function");
    detail::check_temporaries<F>();
    if constexpr (sizeof...(Inputs) > 0)
      return detail::map_stream<detail::ResultElement, Executor>(
          engine_, engine_->max_active(), ordered, options, std::forward<F>(function),
          std::forward<Inputs>(inputs)...);
  }

  detail::Ref<Engine> engine_;
};

// The scope on any_io_executor.
using CoroutineExecutor = BasicCoroutineExecutor<>;

// Runs `body(executor)` with an executor of its own and waits for body and jobs, however they end:
// the `async with` of Python. The reference is valid inside the body and its jobs only.
//
// The body is a child of the scope, too: the scope's timeout, a cancel of the caller and, under the
// cancelling policy, a job's failure cancel it. Once everything has ended the first error leaves:
// a job's (by policy), the body's own, timed-out, or operation_aborted if the caller was cancelled.
template <class Executor = asio::any_io_executor, class Body>
COROEXEC_AWAITED auto with_executor(ExecutorOptions options, Body&& body) {
  detail::check_temporaries<Body>();
  using Scope = BasicCoroutineExecutor<Executor>;
  detail::check_body<Executor, Scope, std::decay_t<Body>>();
  return detail::run_with_scope<Executor, Scope, ExecutorOptions, std::decay_t<Body>>(
      options, std::string(options.name), std::forward<Body>(body));
}
template <class Executor = asio::any_io_executor, class Body>
  requires(!std::convertible_to<Body, ExecutorOptions>)
COROEXEC_AWAITED auto with_executor(Body&& body) {
  return with_executor<Executor>(ExecutorOptions{}, std::forward<Body>(body));
}
// Refuses the options of another scope.
template <class Executor = asio::any_io_executor, detail::ScopeOptions Options, class Body>
  requires(!std::convertible_to<Options, ExecutorOptions>)
auto with_executor(Options&&, Body&&) {
  static_assert(detail::never<Body>,
                "coroexec: the options of a CoroutineExecutor are ExecutorOptions");
}

}  // namespace coroexec
