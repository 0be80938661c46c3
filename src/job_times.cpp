#include "coroexec/job_times.hpp"

namespace coroexec {

DurationHistogram JobTimes::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_;
}

DurationHistogram JobTimes::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

JobTimes::Ends JobTimes::ends() const {
  std::lock_guard lock(mutex_);
  return ends_;
}

void JobTimes::job_ended(const TaskView& job) noexcept {
  if (job.role != TaskRole::job) return;
  std::lock_guard lock(mutex_);
  ++(job.state == TaskState::succeeded ? ends_.succeeded
     : job.state == TaskState::failed  ? ends_.failed
                                       : ends_.cancelled);
  if (job.worker == 0) return;
  waiting_.record(job.waiting());
  running_.record(job.running());
}

}  // namespace coroexec
