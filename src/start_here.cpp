// Starting a job on the caller's own stack, and the engines a context keeps for tasks of no scope.
#include <utility>

#include "coroexec/detail/engine.hpp"

namespace coroexec::detail {

// With one thread all workers share a queue, whose drain may be under way below us. With several a
// worker is taken only together with its queue: its job stays serial.
Worker& Engine::worker_for_start_here_locked() {
  for (auto* worker = idle_.front(); worker; worker = idle_.next(*worker)) {
    if (threads() && worker->queue && !worker->queue->claim()) continue;
    idle_.remove(*worker);
    return *worker;
  }
  Worker& worker = new_worker();
  ++workers_;
  if (!threads()) return worker;
  try {
    claim_own_queue(worker);
  } catch (...) {
    --workers_, --held_;
    service_->release_worker(worker);
    throw;
  }
  return worker;
}

bool Engine::start_here(TaskBase& job) {
  if (!may_start_here()) return submit_kept(job);
  Worker* worker = nullptr;
  QueueNode* parked = nullptr;
  RunQueue* queue = nullptr;
  bool claimed = false;
  {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::open) return false;
    if (job.timeout_ != no_timeout) deadlines_.reserve(admission_.active() + admission_.queued() + 1);
    worker = &worker_for_start_here_locked();
    queue = worker->queue;
    parked = std::exchange(worker->parked, nullptr);
    job.retain();
    job.started_here = true;
    admission_.enqueued();
    begin_locked(job, *worker);
    worker->given = &job;
  }
  if (queue) claimed = threads() || queue->claim();
  struct Release {
    RunQueue* queue;
    ~Release() noexcept(false) {
      if (queue) queue->release();
    }
  } release{claimed ? queue : nullptr};
  run_here(*worker, parked);
  // A job that has ended has left its worker to others.
  if (!job.done() && kept_) count_job(*worker);
  return true;
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
