#include "coroexec/this_task.hpp"

namespace coroexec {

detail::TaskBase* detail::current_job() noexcept {
  Worker* worker = current_worker();
  return worker ? worker->job : nullptr;
}

std::string_view this_task::name() noexcept {
  auto* job = detail::current_job();
  return job ? job->name() : std::string_view();
}

std::uint64_t this_task::id() noexcept {
  auto* job = detail::current_job();
  return job ? job->id() : 0;
}

bool this_task::cancel_requested() noexcept {
  return detail::caller_is_cancelled();
}

}  // namespace coroexec
