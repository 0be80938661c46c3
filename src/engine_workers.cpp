// The workers of an engine: made, waiting for a job, sent home, gone. What of it is on the way of every job is in
// engine.cpp.
#include <mutex>
#include <utility>

#include "engine_parts.hpp"

namespace coroexec::detail {

Worker& Engine::new_worker_locked(bool is_body) {
  Worker& worker = service_->acquire_worker();
  worker.engine = this;
  worker.queue = queue_;
  worker.job = nullptr;
  worker.is_body = is_body;
  worker.started = worker.discarded = worker.may_go = worker.gone = worker.woken = false;
  try {
    give_queue_locked(worker);  // now, before it can be found by who cancels
  } catch (...) {
    service_->release_worker(worker);
    throw;
  }
  worker.counts_itself = !kept_;
  ++held_;
  return worker;
}

void Engine::send_for_two() noexcept {
  for (int i = 0; i < 2; ++i) {
    Effects effects;
    {
      std::lock_guard lock(mutex_);
      const bool enough = wakes_ >= admission_.queued() || admission_.active() + wakes_ >= admission_.max_active();
      if (enough || !service_ || !start_allowed_locked()) return;
      send_worker_locked(effects);
    }
    effects.carry_out(*this);
  }
}

// There is no memory for a worker. While there are others, who may take long to get to the jobs, it is tried again
// in a moment; if there are none, nobody ever would.
void Engine::fail_stranded() noexcept {
  constexpr std::chrono::milliseconds moment(10);
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (queued_.empty() || (workers_ > 0 && send_again_locked(now() + moment))) return;
    auto stranded = queued_.take_all();
    while (auto* job = stranded.pop_front()) {
      end_unstarted_locked(*job, TaskState::failed, std::make_exception_ptr(std::bad_alloc()), effects);
      apply_policy_locked(*job, TaskState::failed, effects);
    }
    after_change_locked(effects);
  }
  effects.carry_out(*this);
}

// ---- without a job

// A kept engine keeps that many idle workers from a crowd.
bool Engine::worker_may_go(Worker& worker) const noexcept {
  constexpr std::size_t keep_idle = 256;
  std::lock_guard lock(mutex_);
  return worker.is_body || worker.may_go || phase_ == Phase::closed || (part_of_caller_ && scope_over_locked()) ||
         (kept_ && workers_ - admission_.active() > keep_idle && admission_.queued() == 0);
}

void Engine::park(Worker& worker, QueueNode& handler) noexcept {
  worker.turn_left = Worker::jobs_per_turn;  // others get theirs
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::closed) {  // a job that has come meanwhile has been sent a worker
      effects.resume = &worker;
      effects.handler = &handler;
    } else {
      worker.parked = &handler;
      idle_.push_front(worker);
      retire_if_idle_locked();
    }
  }
  effects.carry_out(*this);
}

// A parked coroutine counts as work to Asio: run() of a context whose executor has nothing to do must
// be able to return. While a body runs, its scope is waited for anyway, and on a ready queue nothing
// parked counts.
void Engine::retire_if_idle_locked() noexcept {
  if (part_of_caller_ || kept_) return;  // so is this one; idle workers of kept engines are no work
  if (!scope_over_locked() || idle_.empty() || retire_posted_ || !service_ || service_->has_ready_queue()) return;
  try {
    post_retire_locked();
    retire_posted_ = true;
  } catch (...) {  // no memory: tried again when it is idle the next time
  }
}

void Engine::on_retire() noexcept {
  IntrusiveList<Worker, &Worker::link> retired;
  {
    std::lock_guard lock(mutex_);
    retire_posted_ = false;
    if (scope_over_locked()) retired = idle_.take_all();
    for (auto* worker = retired.front(); worker; worker = retired.next(*worker)) worker->may_go = true;
  }
  send_home(retired);
}

// Workers that may go: they find nothing to do and end, in worker_gone(). Dropped, each would have to be destroyed by a post of
// Asio's own, in a destructor: without memory for it the program would be terminated.
void Engine::send_home(IntrusiveList<Worker, &Worker::link>& idle) noexcept {
  while (auto* worker = idle.pop_front()) {
    try {
      schedule(*worker, *std::exchange(worker->parked, nullptr));
    } catch (...) {  // dropped all the same
    }
  }
}

// ---- gone

// Once nothing is left of its coroutine.
void Engine::recycle(Worker& worker) noexcept {
  ContextService* service = nullptr;
  {
    std::lock_guard lock(mutex_);
    service = service_;  // stays while workers are held
    worker.engine = nullptr;
  }
  if (!service) return;
  if (worker.queue && worker.queue != queue_) {
    if (gates_) worker.queue->go_home(), worker.queue->make_ordinary();
    service->release_queue(*worker.queue);
  }
  service->release_worker(worker);
  {
    std::lock_guard lock(mutex_);
    --held_;
  }
  detach_if_over();
}

}  // namespace coroexec::detail
