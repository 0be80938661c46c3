// AnyTask: the handle of a job whatever its result, for lists of them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "coroexec/task.hpp"

namespace coroexec {

// As a Task, without its result. Made from any Task; a default-constructed one refers to nothing.
// Ordered and compared by which job it is.
class COROEXEC_DECL AnyTask {
 public:
  AnyTask() = default;
  template <class T, class Executor>
  AnyTask(const BasicTask<T, Executor>& task) : job_(detail::TaskAccess::job(task)) {}

  explicit operator bool() const noexcept { return static_cast<bool>(job_); }  // refers to a job
  // As the members of Task.
  bool done() const noexcept { return job_->done(); }
  bool cancelled() const noexcept { return state() == TaskState::cancelled; }
  TaskState state() const noexcept { return job_->state(); }
  std::exception_ptr exception() const;  // as Task::exception()
  bool cancel() const { return job_->engine().cancel(*job_); }  // as Task::cancel()
  std::string_view name() const noexcept { return job_->name(); }  // empty unless it was given one
  std::uint64_t id() const noexcept { return job_->id(); }  // counted from 1 in each executor
  std::string label() const;  // for texts: "job 7 'fetch' of executor", "the body of executor"

  friend bool operator==(const AnyTask& a, const AnyTask& b) noexcept { return a.job() == b.job(); }
  friend auto operator<=>(const AnyTask& a, const AnyTask& b) noexcept {
    return std::compare_three_way()(a.job(), b.job());
  }

  // The library's own way in.
  explicit AnyTask(detail::TaskBase* job) noexcept : job_(job) {}
  detail::TaskBase* job() const noexcept { return job_.get(); }

 private:
  detail::Ref<detail::TaskBase> job_;
};

}  // namespace coroexec
