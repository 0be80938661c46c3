#include "coroexec/task_group.hpp"

namespace coroexec {

void CancelScope::cancel() {
  called_.store(true, std::memory_order_relaxed);
  engine_.cancel_all(detail::CancelReason::scope, nullptr);
}

namespace detail {

StartingBase::StartingBase(Engine& engine) : references_(engine.threads()), engine_(&engine) {}
StartingBase::~StartingBase() = default;

void StartingBase::watch(TaskBase& job) noexcept {
  job_ = &job;
  job.sink = this;
  job.error_is_owned = true;
}

void StartingBase::claim() {
  std::lock_guard lock(engine_->mutex());
  if (!job_ || job_->done())
    throw_error(errc::invalid_state, engine_->label() + ": started() after the task has ended");
  if (std::exchange(claimed_, true))
    throw_error(errc::invalid_state, job_->label() + " of " + engine_->label() + " calls started() twice");
}

void StartingBase::publish() noexcept {
  WaitList::Taken to_wake;
  std::lock_guard lock(engine_->mutex());
  published_.store(true, std::memory_order_release);
  if (!job_) return;
  job_->error_is_owned = false;
  to_wake.append(engine_->waiters_of(*job_).take_all());
}

void StartingBase::completed(TaskBase&) noexcept {
  {
    std::lock_guard lock(engine_->mutex());
    job_ = nullptr;
  }
  release();
}

bool leave_error_to_group(TaskBase& job) noexcept {
  std::lock_guard lock(job.engine().mutex());
  if (job.done()) return false;
  job.error_is_owned = false;
  return true;
}

void StartingBase::give_up(TaskBase& job) noexcept {
  if (leave_error_to_group(job)) return;
  if (job.state() == TaskState::failed && !is_published()) engine_->cancel_all(CancelReason::scope, job.error());
}

void throw_not_started(const TaskBase& job) {
  throw_error(errc::invalid_state,
              job.label() + " of " + job.engine().label() + " exited without calling started()");
}

}  // namespace detail
}  // namespace coroexec
