// One moment of an engine, under its lock, for dump().
#include <mutex>
#include <string>
#include <utility>

#include "coroexec/detail/scope_snapshot.hpp"
#include "engine_parts.hpp"

namespace coroexec::detail {
namespace {

const char* text_of(Phase phase) noexcept {
  switch (phase) {
    case Phase::open: return "";
    case Phase::shut: return "shut down";
    case Phase::stopping: return "stopped";
    case Phase::closed: return "closed";
  }
  return "";
}

}  // namespace

// What is parked is told apart by workers, which live as long as the context: of another scope's job nothing may be
// read here.
ScopeSnapshot Engine::snapshot(std::size_t most_jobs) const {
  ScopeSnapshot scope;
  scope.number = number_;
  scope.label = label();
  std::lock_guard lock(mutex_);
  scope.stats = stats_locked();
  scope.phase = text_of(phase_);
  scope.parent = parent_.get();
  const auto waits = [&](const WaitList& list, const std::string& what) {
    list.for_each_worker([&](const Worker& worker) { scope.waits.emplace_back(&worker, what); });
  };
  const auto add = [&](const TaskBase& job, const Worker* worker) {
    ScopeSnapshot::Job line{};
    line.job = &job;
    line.worker = worker;
    line.label = job.label();
    line.cancelled = job.cancel_requested.load(std::memory_order_relaxed);
    const bool idle = threads() ? worker && worker->queue && worker->queue->is_idle()
                                : worker != current_worker();
    line.suspended = worker && idle;
    line.observed = job.observed;
    if (job.observed) {
      const JobRecord& record = job.record();
      line.age = scope.stats.at - (worker ? record.started : record.queued);
      line.submitter = record.submitter;
      line.submitter_scope = record.submitter_scope;
      line.where = record.where;
    }
    scope.jobs.push_back(std::move(line));
    if (!job.waiters_.empty()) waits(job.waiters_, job.label() + " of " + scope.label);
  };
  for (auto* worker = busy_.front(); worker; worker = busy_.next(*worker))
    if (worker->job) add(*worker->job, worker);
  std::size_t queued = 0;
  for (auto* job = queued_.front(); job && queued < most_jobs; job = queued_.next(*job), ++queued)
    add(*job, nullptr);
  scope.left_out = admission_.queued() - queued;
  for (auto* wait = room_waits_.front(); wait; wait = room_waits_.next(*wait))
    if (wait->worker) scope.waits.emplace_back(wait->worker, "room in " + scope.label);
  waits(joiners_, "the last job of " + scope.label);
  waits(scope_end_, "the end of " + scope.label);
  return scope;
}

}  // namespace coroexec::detail
