// What a SchedulingContext asks of the engines on it: its own time, tasks with an entry each, and who
// waits for what.
#include "engine_parts.hpp"

namespace coroexec::detail {

// ---- time

// Of a dead context's clock it is the last time there was.
Engine::Time Engine::now() const noexcept {
  if (died_at_ != Time()) return died_at_;
  const ContextClock* clock = service_ ? service_->clock() : nullptr;
  return clock ? clock->now() : Clock::now();
}

bool Engine::arm_clock(Time time) {
  ContextClock* clock = service_->clock();
  if (clock) clock->arm(*this, time);
  return clock != nullptr;
}

void Engine::ring() noexcept {
  const Ref<Engine> keep(this);
  on_timer();
}

// ---- tasks

void Engine::start_task(TaskBase& job) {
  Worker* worker = nullptr;
  QueueNode* parked = nullptr;
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    throw_if_closed_locked();
    if (job.special) queue_special_locked(job, effects);
    watch_deadline_locked(job);
    worker = idle_.pop_front();
    if (!worker) {
      worker = &new_worker_locked(false);
      ++workers_;
    }
    parked = std::exchange(worker->parked, nullptr);
    worker->given = &job;
    job.retain();
    admission_.enqueued();
    begin_locked(job, *worker);
  }
  effects.carry_out(*this);
  parked ? schedule(*worker, *parked) : start_worker(*worker);
}

// ---- who waits for what

std::string Engine::name_of(const WaitList& list) const {
  std::lock_guard lock(mutex_);
  if (&list == &joiners_) return label() + ", which it joins";
  if (&list == &scope_end_) return "the end of " + label();
  const auto is_of = [&](const TaskBase& job) { return &job.waiters_ == &list; };
  for (auto* worker = busy_.front(); worker; worker = busy_.next(*worker))
    if (worker->job && is_of(*worker->job)) return worker->job->label() + " of " + label();
  for (auto* job = queued_.front(); job; job = queued_.next(*job))
    if (is_of(*job)) return job->label() + " of " + label();
  return {};
}

// For its end, or for that of all jobs here.
std::vector<Ref<TaskBase>> Engine::jobs_waiting_for(const TaskBase& job) const {
  std::lock_guard lock(mutex_);
  std::vector<Ref<TaskBase>> jobs;
  job.waiters_.append_jobs(jobs);
  joiners_.append_jobs(jobs);
  scope_end_.append_jobs(jobs);
  return jobs;
}

bool Engine::has_blocked(const TaskBase& job) const {
  std::lock_guard lock(mutex_);
  for (auto* wait = blocked_.front(); wait; wait = blocked_.next(*wait))
    if (wait->job_.get() == &job) return true;
  return false;
}

void Engine::append_jobs(std::vector<Ref<TaskBase>>& jobs) const {
  if (gates_) return;  // these execute as other jobs
  std::lock_guard lock(mutex_);
  for (auto* worker = busy_.front(); worker; worker = busy_.next(*worker))
    if (worker->job) jobs.emplace_back(worker->job);
  for (auto* job = queued_.front(); job; job = queued_.next(*job)) jobs.emplace_back(job);
}

}  // namespace coroexec::detail
