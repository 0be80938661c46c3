// What a running job can ask and do: its name, whether it is to stop, letting others run, sleeping,
// and protecting what must not be interrupted.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

#include "coroexec/detail/alarm.hpp"
#include "coroexec/detail/basic_engine.hpp"
#include "coroexec/detail/call_job.hpp"

namespace coroexec {

namespace detail {

COROEXEC_DECL TaskBase* current_job() noexcept;
COROEXEC_DECL void take_back_cancel() noexcept;

// A handler on its way to the end of its executor's queue.
template <class Handler>
class YieldNode final : public QueueNode, public PooledObject {
 public:
  explicit YieldNode(Handler&& handler) : handler_(std::move(handler)) { worker = current_worker(); }
  virtual ~YieldNode() = default;
  void run() override {
    Handler handler(std::move(handler_));
    delete this;
    std::move(handler)();
  }
  void drop() noexcept override { delete this; }
  auto executor() const { return asio::get_associated_executor(handler_); }

 private:
  Handler handler_;
};

}  // namespace detail

// The job that runs the calling code. Outside of any job: no name, id 0, no cancel requested. A
// coroutine that a job spawns on its own executor by co_spawn counts as that job, and once that has
// ended as the next one there: for work that outlives a job use the scope.
//
// With an executor type other than any_io_executor nothing tells whose handler runs: a job is known
// after each of the library's own waits until it, or the next one in its place, awaits somebody else's
// operation.
namespace this_task {

// As those of the job's handle.
COROEXEC_DECL std::string_view name() noexcept;
COROEXEC_DECL std::uint64_t id() noexcept;

// Has a cancel been asked for since the start or the last uncancel()? For jobs that compute.
COROEXEC_DECL bool cancel_requested() noexcept;

// `co_await this_task::uncancel();` takes a cancellation back, so that the job may await again: to
// clean up, or to go on. In Asio a cancelled coroutine cannot await anything but such a tag, and
// C++ cannot await in a catch block: save the error, leave the block, uncancel, then await.
// (Task.uncancel; Asio: this_coro::reset_cancellation_state.)
inline auto uncancel() noexcept {
  detail::take_back_cancel();
  return asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

// What yield() gives: awaited as it is, which saves a coroutine frame; an awaitable where one is asked for; or
// an Asio operation of signature void() for any other completion token.
template <class Executor>
class YieldOperation {
 public:
  // Starts it with a completion token.
  template <asio::completion_token_for<void()> Token>
  auto operator()(Token&& token) const {
    return asio::async_initiate<Token, void()>(
        [](auto handler) {
          auto* node = new detail::YieldNode<decltype(handler)>(std::move(handler));
          detail::post_node(node->executor(), *node);
        },
        token);
  }
  // As a coroutine, for what takes one.
  operator asio::awaitable<void, Executor>() const { return (*this)(asio::use_awaitable_t<Executor>()); }
};

// Goes to the end of the queue and lets the others run. Throws operation_aborted if the job is being
// cancelled. (asyncio.sleep(0))
template <class Executor = asio::any_io_executor>
YieldOperation<Executor> yield() {
  return {};
}

}  // namespace this_task

// What time it is for the caller: that of the SchedulingContext it runs in, else steady_clock's. Code
// that reckons with times can so be tested in virtual time.
inline std::chrono::steady_clock::time_point now() noexcept { return detail::clock_now(); }

// Waits for a time, on the clock of a SchedulingContext where it runs in one. operation_aborted if
// cancelled. (asyncio.sleep)
template <class Executor = asio::any_io_executor>
asio::awaitable<void, Executor> sleep_for(std::chrono::nanoseconds duration) {
  using Clock = std::chrono::steady_clock;
  const Executor executor = co_await asio::this_coro::executor;
  bool slept = false;
  if (detail::clock_of(executor)) {
    slept = co_await detail::sleep_until(executor, detail::deadline_in(duration));
  } else {
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> timer(
        executor, std::chrono::duration_cast<Clock::duration>(duration));
    boost::system::error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable_t<Executor>(), ec));
    slept = !ec;
  }
  if (slept) co_return;
  if (auto error = detail::take_interruption()) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    std::rethrow_exception(std::move(error));
  }
  detail::throw_cancelled();
}

// Runs `operation` to its end even if the caller is cancelled meanwhile; the cancellation is then
// seen at the caller's next co_await. One that has been seen already cannot be held off: everything
// awaited then throws, this too. (asyncio.shield, but the caller waits)
template <class T, class Executor>
asio::awaitable<T, Executor> shield(asio::awaitable<T, Executor> operation) {
  const Executor executor = co_await asio::this_coro::executor;
  detail::EngineConfig config;
  config.policy = ErrorPolicy::suppress;
  config.kind = "shield";
  auto engine = detail::BasicEngine<Executor>::make(executor, config);
  auto job = detail::make_job<Executor>(
      *engine, detail::no_task_options, detail::AwaitableCall<T, Executor>(std::move(operation)));
  co_await engine->run_scope(job, executor, true);
  if constexpr (!std::is_void_v<T>) co_return std::move(job->value());
}
// Refuses what has not been called.
template <detail::UncalledCoroutine F>
void shield(F&&) {
  static_assert(detail::never<F>, "coroexec: shield takes an awaitable: call the coroutine");
}

}  // namespace coroexec
