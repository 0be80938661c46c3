// Starting a job on the caller's own stack.
#include <boost/asio/post.hpp>
#include <utility>

#include "coroexec/detail/context_cell.hpp"
#include "engine_parts.hpp"

namespace coroexec::detail {

// A worker on its way, and its queue in our hands: so that it stays serial.
struct Engine::StartHere {
  Worker* worker = nullptr;  // null: the engine takes no more jobs
  QueueNode* parked = nullptr;
  RunQueue* queue = nullptr;  // null: not claimed

  void release() {
    if (queue) std::exchange(queue, nullptr)->release();
  }
};

// With one thread all workers share a queue, whose drain may be under way below us. With several a
// worker is taken only together with its queue.
Worker& Engine::worker_for_start_here_locked() {
  for (auto* worker = idle_.front(); worker; worker = idle_.next(*worker)) {
    if (threads() && worker->queue && !worker->queue->claim()) continue;
    idle_.remove(*worker);
    return *worker;
  }
  Worker& worker = new_worker_locked(false);
  if (threads() && worker.queue) {
    // Stray handlers may still come through a queue that has been given back.
    while (!worker.queue->claim()) {
      service_->release_queue(*std::exchange(worker.queue, nullptr));
      try {
        give_queue_locked(worker);
      } catch (...) {
        --held_;
        service_->release_worker(worker);
        throw;
      }
    }
    if (gates_) worker.queue->make_gate(worker);
  }
  ++workers_;
  return worker;
}

Engine::StartHere Engine::begin_here(TaskBase& job) {
  StartHere start;
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::open) return start;
  Effects effects;  // of which start_here() itself tells
  if (job.special) queue_special_locked(job, effects);
  watch_deadline_locked(job);
  Worker& worker = worker_for_start_here_locked();
  start.worker = &worker;
  worker.turn_left = Worker::jobs_per_turn;
  start.parked = std::exchange(worker.parked, nullptr);
  if (worker.queue && (threads() || worker.queue->claim())) start.queue = worker.queue;
  job.retain();
  job.started_here = true;
  admission_.enqueued();
  begin_locked(job, worker);
  worker.given = &job;
  return start;
}

namespace {

// An io_context is stopped whenever its count of work comes back to nothing, also while it does not run. What is
// started from outside must not do that on its way: it is counted meanwhile, and leaves a handler behind if it has
// ended.
class WorkDuring {
 public:
  WorkDuring(RunQueue* queue, TaskBase& job)
      : queue_(this_thread_state().draining ? nullptr : queue), job_(job) {
    if (queue_) queue_->work_started();
  }
  ~WorkDuring() {
    if (!queue_) return;
    try {
      if (job_.done()) asio::post(queue_->target(), [] {});
    } catch (...) {  // no memory: then it may be stopped
    }
    queue_->work_finished();
  }
  WorkDuring(const WorkDuring&) = delete;

 private:
  RunQueue* queue_;
  TaskBase& job_;
};

}  // namespace

bool Engine::start_here(TaskBase& job) {
  if (!may_start_here()) return submit_if_open(job);
  auto start = begin_here(job);
  if (!start.worker) return false;
  if (job.observed) tell_queued(job);
  const WorkDuring work(kept_ ? start.worker->queue : nullptr, job);
  try {
    run_here(*start.worker, start.parked);
  } catch (...) {  // no memory for a new worker
    start.release();
    throw;
  }
  // A job that has ended has left its worker to others.
  if (!job.done() && kept_) count_job(*start.worker);
  start.release();
  return true;
}

bool Engine::start_gated(TaskBase& job, Ref<ContextCell> context, RunQueue*& gate) {
  job.context = std::move(context);
  auto start = begin_here(job);
  if (!start.worker) return false;
  start.queue->gate_context(job.context.get());
  try {
    run_here(*start.worker, start.parked);
  } catch (...) {
    start.release();
    throw;
  }
  gate = job.done() ? nullptr : std::exchange(start.queue, nullptr);
  start.release();
  return true;
}

// At once, before anything that waits at the gate.
void Engine::cancel_at_gate(TaskBase& job, std::exception_ptr error) noexcept {
  Worker* worker = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (job.done() || !service_) return;
    worker = job.worker_;
    job.cancel_reason.store(error ? CancelReason::interruption : CancelReason::scope, std::memory_order_relaxed);
    job.cancel_requested.store(true, std::memory_order_relaxed);
    std::swap(worker->interruption, error);
  }
  try {
    worker->signal.emit(asio::cancellation_type::terminal);
  } catch (...) {  // what cannot be told runs on
  }
}

// A suspended job must keep run() from returning, an idle worker must not.
void Engine::count_job(Worker& worker) {
  if (!worker.queue) return;
  worker.job_counted = true;
  worker.queue->work_started();
}

void Engine::uncount_job(Worker& worker) noexcept {
  if (std::exchange(worker.job_counted, false)) worker.queue->work_finished();
}

bool Engine::close_if_idle() noexcept {
  {
    std::lock_guard lock(mutex_);
    if (!admission_.idle()) return false;
    phase_ = Phase::shut;
  }
  close();
  return true;
}

void Engine::adopt(TaskBase& job) noexcept {
  retain();
  std::exchange(job.engine_, this)->release();
  job.id_ = next_id();
}

Ref<Engine> Engine::kept_engine(KeptKind kind, const void* type) const noexcept {
  std::lock_guard lock(mutex_);
  const auto& engine = kept_engines_[static_cast<std::size_t>(kind)];
  return engine && engine->kept_type == type ? engine : Ref<Engine>();
}

void Engine::remember_kept(KeptKind kind, Ref<Engine> engine) noexcept {
  std::unique_lock lock(mutex_);
  if (phase_ == Phase::closed || !service_) return;  // nobody would make it forget again
  std::swap(kept_engines_[static_cast<std::size_t>(kind)], engine);
  lock.unlock();  // before the other one is released
}

}  // namespace coroexec::detail
