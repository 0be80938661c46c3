#include "coroexec/any_task.hpp"

namespace coroexec {

std::exception_ptr AnyTask::exception() const {
  job_->check_done();
  return job_->error();
}

std::string AnyTask::label() const {
  const std::string of = " of " + job_->engine().label();
  if (!job_->is_body) return job_->label() + of;
  return (job_->error_is_owned ? "the input of a stream" : "the body") + of;
}

}  // namespace coroexec
