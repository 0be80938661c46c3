// CoroStart<T>: a coroutine that has been started, and goes on only when it is awaited.
//
//   CoroStart<Reply> start(ask(server));         // the request is out
//   if (start.done()) use(start.result());       // it did not have to wait
//   else use(co_await start.as_coroutine());
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <concepts>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "coroexec/context.hpp"
#include "coroexec/coro_state.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/gate.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

namespace detail {

struct StartAccess;

// What a CoroStart and the coroutines it has given out share.
template <class T>
struct StartedCoro {
  enum class Use : std::uint8_t { none, awaited, closed };

  StartedCoro(const Home<asio::any_io_executor>& home, asio::awaitable<T>&& coroutine, Ref<ContextCell> context)
      : job(make_job<asio::any_io_executor>(*home.engine(KeptKind::gates), detail::no_task_options,
                                            AwaitableCall<T, asio::any_io_executor>(std::move(coroutine)))),
        gate(home, job, std::move(context)) {}

  // May its end be looked at?
  bool done() const noexcept { return use == Use::none && job->done(); }
  void begin_use() {
    if (use != Use::none) throw_error(errc::invalid_state, "CoroStart: cannot reuse already awaited coroutine");
    use = Use::awaited;
  }

  Ref<ResultJob<T, asio::any_io_executor>> job;
  Gate gate;
  Use use = Use::none;
  bool has_future = false;  // somebody else may read the result
};

}  // namespace detail

// Its first part runs inside the constructor, in the context of whoever constructs it and as part of
// the same job, to the first suspension or to the end. No exception leaves the constructor: it is kept.
// A suspended one makes no progress, even when what it waits for has come, until as_coroutine() is
// awaited: then the rest of it runs on the awaiter's executor, as part of the awaiter's job and in its
// context. With a Context given both parts run in that.
//
// Executor: inside of a job its executor; else one must be given. Until awaited only its context is
// used: a coroutine that waits for nothing needs no running context. Awaitables with a concrete executor
// type cannot be held back and are not taken.
//
// Dropping one that is suspended closes it, as close() does; the coroutines it gave out keep it alive. Not thread-safe,
// but it may be awaited on another thread than it was started on. (asynkit.CoroStart)
template <class T>
class CoroStart {
 public:
  using value_type = T;

  // Starts `coroutine`. invalid-state if there is no executor.
  explicit CoroStart(asio::awaitable<T> coroutine) : CoroStart(Home(who), std::move(coroutine), {}) {}
  CoroStart(asio::awaitable<T> coroutine, const Context& context)
      : CoroStart(Home(who), std::move(coroutine), detail::ContextAccess::cell(context)) {}
  CoroStart(const asio::any_io_executor& executor, asio::awaitable<T> coroutine)
      : CoroStart(Home(who, executor), std::move(coroutine), {}) {}
  CoroStart(const asio::any_io_executor& executor, asio::awaitable<T> coroutine, const Context& context)
      : CoroStart(Home(who, executor), std::move(coroutine), detail::ContextAccess::cell(context)) {}

  // Has it ended without having been awaited or closed?
  bool done() const noexcept { return started_->done(); }

  // The result in place, or the coroutine's exception; invalid-state unless done().
  decltype(auto) result() const {
    check_done();
    started_->job->check_result();
    if constexpr (!std::is_void_v<T>) return std::as_const(started_->job->value());
  }
  // Null on success; invalid-state unless done().
  std::exception_ptr exception() const {
    check_done();
    return started_->job->error();
  }

  // A coroutine that goes on with it and gives its result, or gives that at once. Only one such may be
  // awaited, once: a second await throws invalid-state. A cancel of the awaiter arrives in the coroutine,
  // which may handle it and still give a result.
  asio::awaitable<T> as_coroutine() const { return go_on(started_); }
  asio::awaitable<T> as_awaitable() const { return go_on(started_); }  // the same

  // If done(), a finished task with its end, any number of times; it can still be awaited. Else
  // invalid-state, and nothing has happened to it.
  Task<T> as_future() const {
    if (!done()) detail::throw_error(errc::invalid_state, "CoroStart: as_future() of a coroutine that is not done");
    started_->has_future = true;
    return detail::TaskAccess::make(started_->job);
  }

  // Cancels the coroutine where it is suspended and lets it run, on the caller's stack: if it waited for
  // something of this library it sees operation_aborted, and ends, before close() returns. What it must
  // wait for after that, and an operation of Asio that it is in the middle of, is not waited for: it goes
  // on to its end by itself, on the executor it was started on. Its error is dropped. Afterwards it can
  // neither be looked at nor awaited; further calls do nothing.
  void close() noexcept {
    if (started_->use != Use::none) return;
    started_->use = Use::closed;
    started_->gate.close();
  }

  // Cancels it where it is suspended, and waits for its end, for which it may await more after
  // this_task::uncancel(). Rethrows an error other than the cancellation. (aclose)
  asio::awaitable<void> aclose() { return end(started_); }

  // Raises `error` in it where it is suspended, as task_throw() does, goes on with it and gives its result:
  // if it does not handle it, `error` leaves. Of one that is done `error` leaves at once. (athrow)
  asio::awaitable<T> athrow(std::exception_ptr error) { return interrupt(started_, std::move(error)); }

  friend CoroState coro_state(const CoroStart& start) noexcept { return state_of(*start.started_); }
  friend const void* coro_get_frame(const CoroStart& start) noexcept {
    return state_of(*start.started_) == CoroState::finished ? nullptr : start.started_->job.get();
  }

 private:
  using Started = detail::StartedCoro<T>;
  using Use = typename Started::Use;
  using Home = detail::Home<asio::any_io_executor>;
  using Shared = std::shared_ptr<Started>;
  friend detail::StartAccess;
  static constexpr std::string_view who = "CoroStart";

  CoroStart(const Home& home, asio::awaitable<T>&& coroutine, detail::Ref<detail::ContextCell> context)
      : started_(std::make_shared<Started>(home, std::move(coroutine), std::move(context))) {}

  void check_done() const {
    if (!done()) detail::throw_error(errc::invalid_state, "CoroStart: coroutine not done");
  }
  static CoroState state_of(const Started& started) noexcept {
    if (started.job->done() || started.use == Use::closed) return CoroState::finished;
    return started.gate.running() ? CoroState::running : CoroState::suspended;
  }

  static asio::awaitable<T> go_on(Shared started) {
    started->begin_use();
    co_await started->gate.join();
    started->job->check_result();
    if constexpr (!std::is_void_v<T>) {
      if constexpr (std::copy_constructible<T>)
        if (started->has_future) co_return std::as_const(started->job->value());
      co_return std::move(started->job->value());
    }
  }
  static asio::awaitable<void> end(Shared started) {
    if (std::exchange(started->use, Use::closed) != Use::none || started->job->done()) co_return;
    co_await started->gate.cancel();
    if (started->job->state() == TaskState::failed) std::rethrow_exception(started->job->error());
  }
  static asio::awaitable<T> interrupt(Shared started, std::exception_ptr error) {
    started->begin_use();
    if (started->job->done()) std::rethrow_exception(error);
    co_await started->gate.interrupt(std::move(error));
    started->job->check_result();
    if constexpr (!std::is_void_v<T>) co_return std::move(started->job->value());
  }

  Shared started_;
};

namespace detail {

struct StartAccess {
  template <class T>
  static CoroStart<T> make(const Home<asio::any_io_executor>& home, asio::awaitable<T>&& coroutine,
                           const Context& context) {
    return {home, std::move(coroutine), ContextAccess::cell(context)};
  }
};

}  // namespace detail

// Awaits `coroutine` in `context`, and as part of the same job: what it sets stays in there. The error
// and a cancel pass through. Without a context it is the same as co_await, and what it sets is set for
// the caller. (asynkit.coro_await)
template <class T>
asio::awaitable<T> coro_await(asio::awaitable<T> coroutine, Context context) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  CoroStart<T> start(executor, std::move(coroutine), context);
  co_return co_await start.as_coroutine();
}
template <class T, class Ex>
asio::awaitable<T, Ex> coro_await(asio::awaitable<T, Ex> coroutine) {
  return coroutine;
}

}  // namespace coroexec
