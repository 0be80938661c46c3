// How an engine tells its observer of a job: what is special about an observed one, out of the usual way.
#include <memory>
#include <mutex>

#include "coroexec/observer.hpp"
#include "engine_parts.hpp"

namespace coroexec::detail {

// What executes as another job (a CoroStart's) is that job.
void Engine::be_observed(std::uint64_t number, const std::shared_ptr<Observer>& observer,
                         std::uint64_t sample_mask) {
  number_ = number;
  if (gates_ || !observer) return;
  observer_ = observer;
  sample_mask_ = sample_mask;
}

[[gnu::noinline]] void Engine::note_queued_locked(TaskBase& job) const noexcept {
  job.record().queued = now();
}

// It is not queued.
void Engine::note_begun_locked(TaskBase& body, const Worker& worker) const noexcept {
  note_queued_locked(body);
  body.record().started = body.record().queued;
  body.record().worker = worker.number;
}

namespace {

TaskRole role_of(const TaskBase& job) noexcept {
  if (job.is_body) return job.error_is_owned ? TaskRole::input : TaskRole::body;
  return job.engine().part_of_caller() ? TaskRole::operation : TaskRole::job;
}

}  // namespace

// Of a queued job another thread may be writing down the start.
void Engine::tell(void (Observer::*what)(const TaskView&) noexcept, const TaskBase& job,
                  TaskState state) const noexcept {
  if (!observer_) return;  // the job has been adopted
  const JobRecord& record = job.record();
  TaskView view;
  view.id = job.id();
  view.scope = number_;
  view.name = job.name();
  view.scope_kind = kind_;
  view.scope_name = name_;
  view.role = role_of(job);
  view.state = state;
  view.where = record.where;
  view.submitter = record.submitter;
  view.submitter_scope = record.submitter_scope;
  view.submitter_worker = record.submitter_worker;
  view.queued = record.queued;
  if (state != TaskState::queued) {
    view.worker = record.worker;
    view.started = record.started;
    view.ended = record.ended;
  }
  ((*observer_).*what)(view);
}

[[gnu::noinline]] void Engine::tell_queued(const TaskBase& job) const noexcept {
  tell(&Observer::job_queued, job, TaskState::queued);
}

[[gnu::noinline]] void Engine::tell_started(const TaskBase& job) const noexcept {
  tell(&Observer::job_started, job, TaskState::running);
}

// Before anyone can see it: its scope is not over yet. As finish_failed_locked() will decide.
[[gnu::noinline]] void Engine::tell_ended(TaskBase& job, bool aborted) const noexcept {
  const bool interrupted =
      job.cancel_reason.load(std::memory_order_relaxed) == CancelReason::interruption;
  const TaskState state = !job.error_               ? TaskState::succeeded
                          : aborted && !interrupted ? TaskState::cancelled
                                                    : TaskState::failed;
  job.record().ended = now();
  tell(&Observer::job_ended, job, state);
}

// It left the queue without a start, or its coroutine is gone.
[[gnu::noinline]] void Engine::tell_dropped(TaskBase& job, TaskState state) const noexcept {
  job.record().ended = now();
  tell(&Observer::job_ended, job, state);
}

void Engine::tell_settled(const Effects& effects) const noexcept {
  for (auto* job = effects.settled.front(); job; job = effects.settled.next(*job))
    if (job->observed) tell_dropped(*job, job->state());
}

}  // namespace coroexec::detail
