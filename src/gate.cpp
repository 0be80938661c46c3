#include "coroexec/detail/gate.hpp"

#include "coroexec/this_task.hpp"

namespace coroexec::detail {

Gate::Gate(const Home<Executor>& home, Ref<TaskBase> job, Ref<ContextCell> context) : job_(std::move(job)) {
  while (!job_->engine().start_gated(*job_, context, queue_)) home.engine(KeptKind::gates)->adopt(*job_);
}

bool Gate::running() const noexcept {
  for (auto* place = &this_thread_state(); place; place = place->below)
    if (queue_ && place->draining == queue_ && !job_->done()) return true;
  return false;
}

asio::awaitable<void> Gate::join() { return go_on(false); }
asio::awaitable<void> Gate::cancel() { return go_on(true); }

asio::awaitable<void> Gate::go_on(bool cancelled) {
  struct Closer {
    Gate& gate;
    ~Closer() { gate.close(); }
  } closer{*this};
  if (job_->done()) co_return;
  auto& engine = job_->engine();
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const Executor executor = co_await asio::this_coro::executor;
  if (cancelled) engine.cancel(*job_);
  queue_->open(executor);
  const auto over = [job = job_.get()] { return job->done(); };
  bool passed_on = false;
  while (!co_await wait_until<Executor>(engine.waiters_of(*job_), engine.mutex(), Condition(over))) {
    passed_on = true;
    engine.cancel(*job_, CancelReason::scope);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (!passed_on || job_->error()) co_return;
  auto* own = current_job();
  if (!own || !own->cancel_requested) co_await this_task::uncancel();
}

void Gate::close() noexcept {
  if (queue_ && !job_->done()) job_->engine().close_gate(*job_, *queue_);
}

}  // namespace coroexec::detail
