// AioPool: a pool you spawn coroutines into.
//
//   AioPool pool(co_await this_coro::executor, 10);
//   auto task = co_await pool.spawn(fetch(url));        // waits for room, starts it, gives its handle
//   auto all = co_await pool.map(fetch, urls);           // outcomes, in input order
//   co_await pool.join();
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/callback.hpp"
#include "coroexec/detail/pool_calls.hpp"
#include "coroexec/detail/result_stream.hpp"
#include "coroexec/detail/submit.hpp"
#include "coroexec/iter_options.hpp"
#include "coroexec/options.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

// What cancel() gives: how many jobs it asked to stop, and how each of them ended.
template <class T = void>
struct Cancelled {
  std::size_t count = 0;             // jobs that were asked to stop
  std::vector<Outcome<T>> outcomes;  // how they ended
};

// At most `size` jobs are active, in the order they were handed in. A job's error stays in its handle
// and disturbs nobody. (Python: asyncio_pool.AioPool)
//
// `coro` is an awaitable<T>, by value, or a callable without parameters that returns one: prefer the
// callable, it is called when the job starts. With a callback the job's result is the callback's: a
// coroutine cb(std::optional<T> result), cb(result, std::exception_ptr error) or
// cb(result, error, context) that runs after the job in the same slot. `result` is empty and `error`
// set if the job failed; a cancelled job's callback does not run.
//
// A first argument TaskOptions, taken by every call, names the job and gives it a timeout. Threads and lifetime are as for
// CoroutineExecutor.
template <class Executor = asio::any_io_executor>
class BasicAioPool {
 public:
  using executor_type = Executor;
  template <class T>
  using awaitable = asio::awaitable<T, Executor>;
  template <class T>
  using task = BasicTask<T, Executor>;

  // Throws invalid-argument with the option's name.
  explicit BasicAioPool(Executor executor, std::size_t size = 1024)
      : BasicAioPool(std::move(executor), PoolOptions{.size = size}) {}
  BasicAioPool(Executor executor, PoolOptions options)
      : engine_(Engine::make(executor, config_of(options))) {}
  BasicAioPool(const BasicAioPool&) = delete;
  BasicAioPool& operator=(const BasicAioPool&) = delete;
  ~BasicAioPool() { engine_->close(); }

  // Waits for room, hands the job in, gives its handle. Throws as CoroutineExecutor::submit.
  template <class Coro, class... Callback>
    requires(sizeof...(Callback) <= 2 && !std::same_as<std::remove_cvref_t<Coro>, TaskOptions>)
  COROEXEC_AWAITED auto spawn(Coro&& coro, Callback&&... callback) {
    return detail::submit_job(
        make(detail::no_task_options, std::forward<Coro>(coro), std::forward<Callback>(callback)...));
  }
  template <class Coro, class... Callback>
    requires(sizeof...(Callback) <= 2)
  COROEXEC_AWAITED auto spawn(TaskOptions options, Coro&& coro, Callback&&... callback) {
    return detail::submit_job(
        make(options, std::forward<Coro>(coro), std::forward<Callback>(callback)...));
  }

  // The handle at once; no limit on how many wait.
  template <class Coro, class... Callback>
    requires(sizeof...(Callback) <= 2 && !std::same_as<std::remove_cvref_t<Coro>, TaskOptions>)
  auto spawn_n(Coro&& coro, Callback&&... callback) {
    return detail::submit_job_nowait(
        *engine_, make(detail::no_task_options, std::forward<Coro>(coro), std::forward<Callback>(callback)...));
  }
  template <class Coro, class... Callback>
    requires(sizeof...(Callback) <= 2)
  auto spawn_n(TaskOptions options, Coro&& coro, Callback&&... callback) {
    return detail::submit_job_nowait(
        *engine_, make(options, std::forward<Coro>(coro), std::forward<Callback>(callback)...));
  }

  // Waits for room, runs the job, gives its result or rethrows its error. Cancelling the caller
  // cancels the job and waits for its end.
  template <class Coro, class... Callback>
    requires(sizeof...(Callback) <= 2 && !std::same_as<std::remove_cvref_t<Coro>, TaskOptions>)
  COROEXEC_AWAITED auto exec(Coro&& coro, Callback&&... callback) {
    return detail::exec_job(
        engine_, make(detail::no_task_options, std::forward<Coro>(coro), std::forward<Callback>(callback)...));
  }
  template <class Coro, class... Callback>
    requires(sizeof...(Callback) <= 2)
  COROEXEC_AWAITED auto exec(TaskOptions options, Coro&& coro, Callback&&... callback) {
    return detail::exec_job(
        engine_, make(options, std::forward<Coro>(coro), std::forward<Callback>(callback)...));
  }

  // Calls `fn` with each element, a job each, and waits for all: results in input order, a failed
  // job's error in its place. map(fn, range[, cb[, ctx]][, getres]): getres::flat gives Outcome<T>,
  // getres::pair {std::optional<T>, exception_ptr}, getres::dont the done handle. The range is read as
  // there is room. If it throws, or the caller is cancelled, the jobs are cancelled and joined.
  template <class F, class Range, class... More>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto map(F&& fn, Range&& range, More&&... more) {
    return map(detail::no_task_options, std::forward<F>(fn), std::forward<Range>(range),
               std::forward<More>(more)...);
  }
  template <class F, class Range, class... More>
  auto map(TaskOptions options, F&& fn, Range&& range, More&&... more) {
    detail::check_temporaries<F, Range, More...>();
    using Parts = detail::MapParts<Executor, More...>;
    return detail::map_all<typename Parts::Getres, Executor>(
        engine_, detail::make_source<Executor, std::decay_t<Range>>(std::forward<Range>(range)),
        Parts::each(options, std::forward<F>(fn), std::forward<More>(more)...));
  }

  // The same without waiting: every element is handed in now, the handles are in input order.
  template <class F, class Range, class... Callback>
    requires(sizeof...(Callback) <= 2 && !std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto map_n(F&& fn, Range&& range, Callback&&... callback) {
    return map_n(detail::no_task_options, std::forward<F>(fn), std::forward<Range>(range),
               std::forward<Callback>(callback)...);
  }
  template <class F, class Range, class... Callback>
    requires(sizeof...(Callback) <= 2)
  auto map_n(TaskOptions options, F&& fn, Range&& range, Callback&&... callback) {
    detail::check_temporaries<F, Range, Callback...>();
    using Parts = detail::MapParts<Executor, Callback...>;
    return detail::map_now<Executor>(
        engine_, detail::make_range_source<std::decay_t<Range>>(std::forward<Range>(range)),
        Parts::each(options, std::forward<F>(fn), std::forward<Callback>(callback)...));
  }

  // The results as they become ready: one by one, or in batches. itermap(fn, input[, cb[, ctx]]
  // [, IterOptions]). Up to 1024 elements more than the pool's size are in hand ahead of the reader.
  template <class F, class Input, class... More>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto itermap(F&& fn, Input&& input, More&&... more) {
    return itermap(detail::no_task_options, std::forward<F>(fn), std::forward<Input>(input),
               std::forward<More>(more)...);
  }
  template <class F, class Input, class... More>
  auto itermap(TaskOptions options, F&& fn, Input&& input, More&&... more) {
    detail::check_temporaries<F, Input, More...>();
    using Parts = detail::MapParts<Executor, More...>;
    return detail::iterate<false, Executor>(
        engine_, iter_window(), Parts::iter_options(more...),
        detail::make_source<Executor, std::decay_t<Input>>(std::forward<Input>(input)),
        Parts::each(options, std::forward<F>(fn), std::forward<More>(more)...));
  }
  // The same in batches: vectors of outcomes.
  template <class F, class Input, class... More>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto itermap_batches(F&& fn, Input&& input, More&&... more) {
    return itermap_batches(detail::no_task_options, std::forward<F>(fn), std::forward<Input>(input),
               std::forward<More>(more)...);
  }
  template <class F, class Input, class... More>
  auto itermap_batches(TaskOptions options, F&& fn, Input&& input, More&&... more) {
    detail::check_temporaries<F, Input, More...>();
    using Parts = detail::MapParts<Executor, More...>;
    return detail::iterate<true, Executor>(
        engine_, iter_window(), Parts::iter_options(more...),
        detail::make_source<Executor, std::decay_t<Input>>(std::forward<Input>(input)),
        Parts::each(options, std::forward<F>(fn), std::forward<More>(more)...));
  }

  // Waits until nothing is queued or active; for as many callers as like. would-deadlock from a job of
  // this pool. operation_aborted if cancelled. With a limit: timed-out, naming what still runs.
  awaitable<void> join() { return Engine::join(engine_); }
  awaitable<void> join(std::chrono::nanoseconds limit) {
    return Engine::join(engine_, detail::deadline_in(limit));
  }

  // Cancels these jobs, or all but the caller's own, waits until they have ended, and tells how
  // (results copied, or moved out where they cannot be). Jobs that were done already are not counted. The pool goes on.
  template <class... T>
    requires(sizeof...(T) > 0)
  auto cancel(const BasicTask<T, Executor>&... tasks) {
    return detail::cancel_tasks<Cancelled, Executor>(engine_, tasks...);
  }
  template <class T>
  awaitable<Cancelled<T>> cancel(std::vector<BasicTask<T, Executor>> tasks) {
    return detail::cancel_all_of<Cancelled<T>>(std::move(tasks));
  }
  awaitable<Cancelled<>> cancel() {
    return detail::cancel_jobs<Cancelled<>, Executor>(engine_->cancel_jobs());
  }

  std::size_t size() const { return engine_->max_active(); }  // the most that may be active
  std::size_t active() const { return engine_->stats().active; }  // jobs that run, callbacks too
  std::size_t waiting() const {  // queued, and callers that wait in spawn, exec or map
    const Stats now = engine_->stats();
    return now.queued + now.waiting;
  }
  std::size_t executed() const { return engine_->executed(); }  // that started and ended, callbacks too
  bool is_empty() const { return engine_->idle(); }  // nothing is queued or active
  bool is_full() const { return active() >= size(); }  // no slot is free
  Stats stats() const { return engine_->stats(); }
  const Executor& get_executor() const noexcept { return engine_->executor(); }

 private:
  using Engine = detail::BasicEngine<Executor>;
  friend detail::FaceAccess;

  static detail::EngineConfig config_of(const PoolOptions& options) {
    return {.max_active = options.size,
            .backlog = options.backlog,
            .policy = ErrorPolicy::suppress,
            .max_per_second = options.max_per_second,
            .burst = options.burst,
            .threading = options.threading,
            .kind = "pool",
            .name = options.name};
  }

  template <class Coro, class... Callback>
  auto make(const TaskOptions& options, Coro&& coro, Callback&&... callback) {
    detail::check_temporaries<Coro, Callback...>();
    return detail::make_job<Executor>(
        *engine_, options,
        detail::with_callback<Executor>(detail::as_callable(std::forward<Coro>(coro)),
                                        std::decay_t<Callback>(std::forward<Callback>(callback))...));
  }

  std::size_t iter_window() const {
    const std::size_t ahead = 1024;
    return size() < unlimited - ahead ? size() + ahead : unlimited;
  }

  detail::Ref<Engine> engine_;
};

// The pool on any_io_executor.
using AioPool = BasicAioPool<>;

// Runs `body(pool)` with a pool of its own and waits for body and jobs. An error of the body, or a
// cancel of the caller, cancels the jobs first. The reference is valid inside the body and its jobs
// only. (async with AioPool(size))
template <class Executor = asio::any_io_executor, class Body>
COROEXEC_AWAITED auto with_pool(PoolOptions options, Body&& body) {
  detail::check_temporaries<Body>();
  detail::check_body<Executor, BasicAioPool<Executor>, std::decay_t<Body>>();
  return detail::run_with_scope<Executor, BasicAioPool<Executor>, PoolOptions, std::decay_t<Body>>(
      options, std::string(options.name), std::forward<Body>(body));
}
template <class Executor = asio::any_io_executor, class Body>
COROEXEC_AWAITED auto with_pool(std::size_t size, Body&& body) {
  return with_pool<Executor>(PoolOptions{.size = size}, std::forward<Body>(body));
}
// Refuses the options of another scope.
template <class Executor = asio::any_io_executor, detail::ScopeOptions Options, class Body>
  requires(!std::convertible_to<Options, PoolOptions>)
auto with_pool(Options&&, Body&&) {
  static_assert(detail::never<Body>, "coroexec: the options of an AioPool are PoolOptions");
}

}  // namespace coroexec
