#include "coroexec/any_task.hpp"

namespace coroexec {

std::exception_ptr AnyTask::exception() const {
  job_->check_done();
  return job_->error();
}

std::string AnyTask::label() const { return job_->label() + " of " + job_->engine().label(); }

}  // namespace coroexec
