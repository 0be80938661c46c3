#include "coroexec/detail/gate.hpp"

#include "coroexec/this_task.hpp"

namespace coroexec::detail {

Gate::Gate(const Home<Executor>& home, Ref<TaskBase> job, Ref<ContextCell> context) : job_(std::move(job)) {
  while (!job_->engine().start_gated(*job_, context, queue_)) home.engine(KeptKind::gates)->adopt(*job_);
}

bool Gate::running() const noexcept {
  if (!queue_ || job_->done()) return false;
  for (auto* place = &this_thread_state(); place; place = place->below)
    if (place->draining == queue_) return true;
  return false;
}

asio::awaitable<void> Gate::join() { return go_on(); }

asio::awaitable<void> Gate::cancel() {
  job_->engine().cancel_at_gate(*job_);
  return go_on();
}

asio::awaitable<void> Gate::interrupt(std::exception_ptr error) {
  job_->engine().cancel_at_gate(*job_, std::move(error));
  return go_on();
}

asio::awaitable<void> Gate::go_on() {
  if (job_->done()) co_return;
  struct Closer {  // this frame goes only with the executor it runs on
    Gate& gate;
    ~Closer() { gate.close(); }
  } closer{*this};
  auto& engine = job_->engine();
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const Executor executor = co_await asio::this_coro::executor;
  open_ = true;
  queue_->open(executor);
  const auto over = [job = job_.get()] { return job->done(); };
  bool passed_on = false;
  while (!co_await wait_until<Executor>(engine.waiters_of(*job_), engine.mutex(), Condition(over))) {
    passed_on = true;
    engine.cancel(*job_, CancelReason::scope);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (passed_on && !job_->cancel_requested) co_await this_task::uncancel();
}

void Gate::close() noexcept {
  if (!queue_ || job_->done()) return;
  if (open_) {
    queue_->come_home();
    job_->engine().cancel(*job_, CancelReason::scope);
    return;
  }
  open_ = true;
  job_->engine().cancel_at_gate(*job_);
  queue_->run_shut([](const void* job) { return static_cast<const TaskBase*>(job)->done(); }, job_.get());
}

}  // namespace coroexec::detail
