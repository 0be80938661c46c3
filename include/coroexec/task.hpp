// Task<T>: the handle of a job.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>

#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/engine.hpp"
#include "coroexec/error.hpp"
#include "coroexec/outcome.hpp"

namespace coroexec {

namespace detail {

struct TaskAccess;

template <class Ex>
asio::awaitable<void, Ex> wait_for_job(Ref<TaskBase> job) {
  if (job->done()) co_return;
  auto& engine = job->engine();
  if (engine.own_job_of_caller().get() == job.get())
    throw_error(errc::would_deadlock, job->label() + " of " + engine.label() + " waits for itself");
  Engine::BlockedJob blocked(engine, job->is_done(), job.get());
  co_await wait_or_throw<Ex>(engine.waiters_of(*job), engine.mutex(), job->is_done());
  if (blocked.came_late()) co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

}  // namespace detail

// A shared handle of one job: copies are cheap and mean the same job. It owns nothing of the
// execution context and may outlive it; a job it refers to does not: jobs belong to their scope.
// A default-constructed handle refers to nothing, and may only be assigned to.
//
// States: queued, running, then exactly one of succeeded, failed, cancelled. A job is cancelled if a
// cancel was asked for (by its handle, a sibling's failure, a timeout, the owner) and it ended with
// operation_aborted or never started; one that throws operation_aborted unasked has failed.
//
// Threads: every member may be called from any thread if the executor's Threading is multi, else from
// the thread that runs the context.
template <class T = void, class Executor = asio::any_io_executor>
class BasicTask {
 public:
  using value_type = T;
  using executor_type = Executor;
  template <class U>
  using awaitable = asio::awaitable<U, Executor>;

  BasicTask() = default;

  bool done() const noexcept { return job_->done(); }  // succeeded, failed or cancelled
  bool cancelled() const noexcept { return job_->state() == TaskState::cancelled; }  // ended so
  TaskState state() const noexcept { return job_->state(); }  // at this moment

  // The result, in place. Rethrows the job's error (a cancelled job's is operation_aborted, or
  // timed-out if it was its own timeout); invalid-state if not done. (Future.result)
  decltype(auto) result() const {
    job_->check_result();
    if constexpr (!std::is_void_v<T>) return std::as_const(job_->value());
  }

  // Null on success; invalid-state if not done. (Future.exception)
  std::exception_ptr exception() const {
    job_->check_done();
    return job_->error();
  }

  // The end as a value; invalid-state if not done. The second moves the result out.
  Outcome<T> outcome() const&
    requires(std::is_void_v<T> || std::copy_constructible<T>)
  {
    job_->check_done();
    if (job_->error()) return job_->error();
    if constexpr (std::is_void_v<T>)
      return {};
    else
      return std::as_const(job_->value());
  }
  Outcome<T> outcome() && {
    job_->check_done();
    if (job_->error()) return job_->error();
    if constexpr (std::is_void_v<T>)
      return {};
    else
      return std::move(job_->value());
  }

  // Asks the job to stop: one that is queued never starts, one that runs has its current operation
  // cancelled and every later co_await throw, until it ends or says this_task::uncancel(). False if
  // it is done already. Does not wait. (Task.cancel)
  bool cancel() const { return job_->engine().cancel(*job_); }

  // Waits until the job is done; never throws its error. Cancelling the wait leaves the job alone and
  // throws operation_aborted. would-deadlock if the wait could never end, because it is the caller's
  // own job, or all slots of the executor are held by jobs that wait for it.
  awaitable<void> wait() const { return detail::wait_for_job<Executor>(job_); }

  // wait(), then the result: a copy, or moved out, which other handles of the job then see as moved.
  awaitable<T> get() const&
    requires(std::is_void_v<T> || std::copy_constructible<T>)
  {
    return copy_result(job_);
  }
  awaitable<T> get() && { return move_result(std::move(job_)); }

  // wait() for any completion token, signature void(boost::system::error_code): operation_aborted if
  // the wait was cancelled, else success. Runs on the token's executor, or where it has none on the
  // job's context; when the job's scope has gone there is no such context any more, and it runs where
  // Asio runs what has no executor, on a thread of asio::system_executor.
  template <class Token>
  auto async_wait(Token&& token) const {
    auto& engine = job_->engine();
    detail::Ref<detail::TaskBase> job(job_);
    return detail::async_park(engine.waiters_of(*job), engine.mutex(), job->is_done(), job,
                              engine.completion_executor(), std::forward<Token>(token));
  }

  std::string_view name() const noexcept { return job_->name(); }  // empty unless it was given one
  std::uint64_t id() const noexcept { return job_->id(); }  // counted from 1 in each executor

  // The same job?
  friend bool operator==(const BasicTask& a, const BasicTask& b) noexcept {
    return a.job_.get() == b.job_.get();
  }

 private:
  friend detail::TaskAccess;
  using Job = detail::Ref<detail::ResultJob<T, Executor>>;
  explicit BasicTask(Job job) noexcept : job_(std::move(job)) {}

  static awaitable<T> copy_result(Job job) {
    co_await detail::wait_for_job<Executor>(job);
    job->check_result();
    if constexpr (!std::is_void_v<T>) co_return std::as_const(job->value());
  }
  static awaitable<T> move_result(Job job) {
    co_await detail::wait_for_job<Executor>(job);
    job->check_result();
    if constexpr (!std::is_void_v<T>) co_return std::move(job->value());
  }

  Job job_;
};

// The handle on any_io_executor.
template <class T = void>
using Task = BasicTask<T>;

namespace detail {

// The way from a handle to its job and back, for the faces.
struct TaskAccess {
  template <class T, class Ex>
  static BasicTask<T, Ex> make(Ref<ResultJob<T, Ex>> job) noexcept {
    return BasicTask<T, Ex>(std::move(job));
  }
  template <class T, class Ex>
  static const Ref<ResultJob<T, Ex>>& job(const BasicTask<T, Ex>& task) noexcept {
    return task.job_;
  }
  // Of a done job whose handle others have, too: a copy where there can be one, else moved out.
  template <class T, class Ex>
  static Outcome<T> outcome(const BasicTask<T, Ex>& task) {
    if constexpr (std::is_void_v<T> || std::copy_constructible<T>)
      return task.outcome();
    else
      return BasicTask<T, Ex>(task).outcome();
  }
};

}  // namespace detail
}  // namespace coroexec
