#include "coroexec/this_task.hpp"

namespace coroexec {

detail::TaskBase* detail::current_job() noexcept {
  Worker* worker = current_worker();
  return worker ? worker->job : nullptr;
}

void detail::take_back_cancel() noexcept {
  for (auto* job : {gated_job(), current_job()}) {
    if (!job) continue;
    job->cancel_requested.store(false, std::memory_order_relaxed);
    job->engine().take_interruption(*job);
  }
}

namespace {

// An operation is part of the job that awaits it.
detail::Ref<detail::TaskBase> named_job() noexcept {
  detail::Ref<detail::TaskBase> job(detail::current_job());
  while (job && job->engine().part_of_caller()) job = job->engine().parent();
  return job;
}

}  // namespace

// The view is of a name that lives as long as the job runs.
std::string_view this_task::name() noexcept {
  const auto job = named_job();
  return job ? job->name() : std::string_view();
}

std::uint64_t this_task::id() noexcept {
  const auto job = named_job();
  return job ? job->id() : 0;
}

bool this_task::cancel_requested() noexcept {
  return detail::caller_is_cancelled();
}

}  // namespace coroexec
