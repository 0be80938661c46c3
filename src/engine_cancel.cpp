// How jobs are cancelled: in the queue, at work, one, all, or with an error of somebody's choice.
#include "engine_parts.hpp"

#include <utility>
#include <vector>

namespace coroexec::detail {

// The job whose coroutine the caller is in, and which stands for that of the current worker.
TaskBase* gated_job() noexcept {
  const RunQueue* const queue = this_thread_state().draining;
  Worker* const worker = queue ? queue->gate_worker() : nullptr;
  return worker && queue->running_as(*worker) ? worker->job : nullptr;
}

bool caller_is_cancelled() noexcept {
  const auto asked = [](TaskBase* job) { return job && job->cancel_requested.load(std::memory_order_relaxed); };
  Worker* const worker = current_worker();
  return asked(gated_job()) || (worker && asked(worker->job));
}

bool Engine::request_cancel_locked(TaskBase& job, CancelReason reason, Effects& effects) noexcept {
  if (job.state_.load(std::memory_order_relaxed) != TaskState::running) return false;
  const CancelReason before = job.cancel_reason.load(std::memory_order_relaxed);
  if (before == CancelReason::none || before == CancelReason::interruption)
    job.cancel_reason.store(reason, std::memory_order_relaxed);
  job.cancel_requested.store(true, std::memory_order_relaxed);
  if (!due_.linked(*job.worker_)) due_.push_back(*job.worker_);
  effects.cancels = true;
  return true;
}

bool Engine::cancel(TaskBase& job, CancelReason reason) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (job.done()) return false;
    if (queued_.linked(job)) {
      cancel_queued_locked(job, reason, make_cancelled(), effects);
      apply_policy_locked(job, TaskState::cancelled, effects);
      after_change_locked(effects);
    } else if (!request_cancel_locked(job, reason, effects)) {
      return false;  // accepted by nobody yet
    }
  }
  effects.carry_out(*this);
  return true;
}

void Engine::cancel_queued_locked(TaskBase& job, CancelReason reason,
                                  const std::exception_ptr& error, Effects& effects) noexcept {
  queued_.remove(job);
  job.cancel_reason = reason;
  end_unstarted_locked(job, TaskState::cancelled, error, effects);
}

// Of a job that has been taken out of the queue. The scope is not over before the job's arguments are gone.
void Engine::end_unstarted_locked(TaskBase& job, TaskState state, std::exception_ptr error,
                                  Effects& effects) noexcept {
  admission_.dequeued();
  job.error_ = std::move(error);
  settle_locked(job, state, effects);
  effects.settled.push_back(job);
  ++letting_go_;
}

void Engine::let_go(Effects& effects) noexcept {
  std::size_t count = 0;
  for (auto* job = effects.settled.front(); job; job = effects.settled.next(*job), ++count) job->drop_payload();
  while (auto* job = effects.settled.pop_front()) {
    if (job->sink) job->sink->completed(*job);
    job->release();
  }
  have_let_go(count);
}

// With threads the last handle may go when the result has just been kept for it: so the worker gives up its own
// reference before the scope can be over, and if that was the last the scope waits for the job's destruction.
TaskBase* Engine::part_with_locked(TaskBase& ended, Effects& effects) noexcept {
  if (ended.sink) return &ended;
  if (!ended.references_.remove()) return nullptr;  // a handle's from now on
  effects.lets_go = true;
  effects.unread = &ended;
  ++letting_go_;
  return nullptr;
}

void Engine::have_let_go(std::size_t count) noexcept {
  Effects over;
  {
    std::lock_guard lock(mutex_);
    letting_go_ -= count;
    after_change_locked(over);
  }
  over.carry_out(*this);
  detach_if_over();
}

void Engine::cancel_all_queued_locked(CancelReason reason, Effects& effects) noexcept {
  const auto error = queued_.empty() ? nullptr : make_cancelled();
  while (auto* job = queued_.front()) cancel_queued_locked(*job, reason, error, effects);
}

void Engine::cancel_everything_locked(CancelReason reason, Effects& effects) noexcept {
  cancel_all_queued_locked(reason, effects);
  for_each_running_locked([&](TaskBase& running) { request_cancel_locked(running, reason, effects); });
}

// What a stream has cancelled, with its input, is left to clean up.
void Engine::end_job_locked(TaskBase& running, Effects& effects) noexcept {
  if (running.error_is_owned && running.cancel_reason == CancelReason::scope) return;
  request_cancel_locked(running, CancelReason::scope, effects);
}

void Engine::end_running_locked(Effects& effects) noexcept {
  for_each_running_locked([&](TaskBase& running) { end_job_locked(running, effects); });
}

// One end, one cancel: who cleans up after the first error is not cancelled again by the next one, nor by the
// end of the scope.
void Engine::end_everything_locked(Effects& effects) noexcept {
  if (stopped_locked()) return;
  cancel_all_queued_locked(CancelReason::scope, effects);
  end_running_locked(effects);
}

void Engine::stop_locked(Effects& effects) noexcept {
  end_everything_locked(effects);
  if (phase_ < Phase::stopping) phase_ = Phase::stopping;
  effects.admits = true;
  after_change_locked(effects);
}

void Engine::cancel_all(CancelReason reason, std::exception_ptr error) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (error && !first_error_) first_error_ = std::move(error);
    cancel_everything_locked(reason, effects);
    if (phase_ < Phase::stopping) phase_ = Phase::stopping;  // told already
    stop_locked(effects);
  }
  effects.carry_out(*this);
}

void Engine::interrupt(TaskBase& job, std::exception_ptr error) {
  const auto refuse = [&](const char* why) {
    throw_error(errc::invalid_state, job.label() + " of " + label() + " cannot be interrupted: it " + why);
  };
  Effects effects;
  if (Worker* caller = current_worker(); caller && caller->job == &job) refuse("is the caller");
  {
    std::lock_guard lock(mutex_);
    if (job.done()) refuse("is done");
    if (job.cancel_requested.load(std::memory_order_relaxed)) refuse("is being cancelled");
    if (queued_.linked(job)) {
      queued_.remove(job);
      end_unstarted_locked(job, TaskState::failed, std::move(error), effects);
      apply_policy_locked(job, TaskState::failed, effects);
      after_change_locked(effects);
    } else if (job.worker_) {
      interrupt_locked(job, error, effects);
    }
  }
  effects.carry_out(*this);
}

void Engine::interrupt_locked(TaskBase& running, std::exception_ptr& error, Effects& effects) noexcept {
  running.cancel_reason.store(CancelReason::none, std::memory_order_relaxed);
  request_cancel_locked(running, CancelReason::interruption, effects);
  std::swap(running.worker_->interruption, error);
}

bool Engine::interruption_is_over_locked(const TaskBase& job) const noexcept {
  return !job.worker_ || !job.worker_->interruption;
}

std::exception_ptr Engine::take_interruption(TaskBase& job) noexcept {
  if (job.cancel_reason.load(std::memory_order_relaxed) != CancelReason::interruption) return nullptr;
  WaitList::Taken told;
  std::lock_guard lock(mutex_);
  if (job.cancel_reason.load(std::memory_order_relaxed) != CancelReason::interruption) return nullptr;
  job.cancel_reason.store(CancelReason::none, std::memory_order_relaxed);
  job.cancel_requested.store(false, std::memory_order_relaxed);
  told.append(interrupters_.take_all());
  return std::exchange(job.worker_->interruption, nullptr);
}

// Its job has ended without having it raised, or with it.
void Engine::end_interruption_locked(Worker& worker, Effects& effects) noexcept {
  std::swap(effects.unused, worker.interruption);
  effects.waiters.append(interrupters_.take_all());
}

std::exception_ptr take_interruption() noexcept {
  TaskBase* const gated = gated_job();
  if (gated)
    if (auto error = gated->engine().take_interruption(*gated)) return error;
  Worker* const worker = current_worker();
  if (!worker || !worker->job) return nullptr;
  auto error = worker->job->engine().take_interruption(*worker->job);
  if (gated && error) gated->cancel_requested.store(false, std::memory_order_relaxed);
  return error;
}

std::vector<Ref<TaskBase>> Engine::cancel_jobs() {
  Effects effects;
  std::vector<Ref<TaskBase>> jobs;
  const Ref<TaskBase> own = own_job_of_caller();
  {
    std::lock_guard lock(mutex_);
    jobs.reserve(admission_.queued() + admission_.active());
    while (auto* job = queued_.front()) {
      jobs.emplace_back(job);
      cancel_queued_locked(*job, CancelReason::handle, make_cancelled(), effects);
    }
    for_each_running_locked([&](TaskBase& running) {
      if (running.is_body || &running == own.get()) return;
      jobs.emplace_back(&running);
      request_cancel_locked(running, CancelReason::handle, effects);
    });
    after_change_locked(effects);
  }
  effects.carry_out(*this);
  return jobs;
}

void Engine::cancel_sink(const CompletionSink& sink) noexcept {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    for (auto* job = queued_.front(); job;) {
      auto* next = queued_.next(*job);
      if (job->sink == &sink) cancel_queued_locked(*job, CancelReason::scope, make_cancelled(), effects);
      job = next;
    }
    for_each_running_locked([&](TaskBase& running) {
      if (running.sink == &sink) end_job_locked(running, effects);
    });
    after_change_locked(effects);
  }
  effects.carry_out(*this);
}

void Engine::deliver_cancels() noexcept {
  for (;;) {
    Worker* worker = nullptr;
    {
      std::lock_guard lock(mutex_);
      worker = due_.pop_front();
      if (!worker) return;
      if (threads()) {
        if (std::exchange(worker->cancel_queued, true)) continue;
        retain();  // until cancel_arrived()
      }
    }
    try {
      if (threads())
        schedule(*worker, worker->cancel_node);
      else
        worker->signal.emit(asio::cancellation_type::terminal);
    } catch (...) {  // a handler that cannot be told runs on; it is waited for
    }
  }
}

void CancelNode::run() { worker->engine->cancel_arrived(*worker, true); }

void CancelNode::drop() noexcept { worker->engine->cancel_arrived(*worker, false); }

// Looks at the job and lets the next cancel be sent under one lock: one that comes later is not lost. The job
// that is told cannot end meanwhile, nor its worker go: both would do so on the queue this runs on.
void Engine::cancel_arrived(Worker& worker, bool tell) {
  const auto sent = Ref<Engine>::adopt(this);
  bool recyclable = false;
  {
    std::lock_guard lock(mutex_);
    worker.cancel_queued = false;
    recyclable = worker.gone;
    tell = tell && worker.job && worker.job->cancel_requested.load(std::memory_order_relaxed);
  }
  if (tell) worker.signal.emit(asio::cancellation_type::terminal);
  if (recyclable) recycle(worker);
}

}  // namespace coroexec::detail
