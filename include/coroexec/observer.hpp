// Observer: is told of every job when it is handed in, when it starts and when it ends.
//
//   coroexec::observe(executor, std::make_shared<JobTimes>());   // for the scopes made from now on
#pragma once

#include <boost/asio/query.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "coroexec/detail/context_service.hpp"
#include "coroexec/detail/task_base.hpp"
#include "coroexec/options.hpp"

namespace coroexec {

// What a job is to its scope.
enum class TaskRole : std::uint8_t {
  job,        // handed in by a user
  body,       // the scope's own body: outside of the bound
  input,      // what reads the input of a stream; likewise
  operation,  // a part of its caller: of gather, race, with_timeout
};

// A job, as an observer sees it; valid during the call. Times are those of the scope's clock.
struct TaskView {
  using Time = std::chrono::steady_clock::time_point;  // of the scope's clock
  std::uint64_t id = 0;                // as Task::id(): counted from 1 in each scope
  std::uint64_t scope = 0;             // number of the scope, counted from 1 in the process
  std::string_view name;               // from TaskOptions; empty if it was given none
  std::string_view scope_kind;         // "executor", "pool", "task group", "gather" …
  std::string_view scope_name;         // from the scope's options
  TaskRole role = TaskRole::job;       // what it is to its scope
  TaskState state = TaskState::queued; // how far it has come, or how it has ended
  SourceLocation where;                // of its TaskOptions; unknown if it was given none
  std::uint64_t submitter = 0;         // id of the job that handed it in; 0: none
  std::uint64_t submitter_scope = 0;   // that one's scope
  std::uint32_t submitter_worker = 0;  // and worker
  std::uint32_t worker = 0;            // which of the process's workers runs it, counted from 1; 0: it has not started,
                                       // and if it has ended it never will. A worker has one job at a time
  Time queued{};                       // when it was accepted
  Time started{};                      // when it started, if it has
  Time ended{};                        // when it ended, if it has
  std::chrono::nanoseconds waiting() const noexcept { return started - queued; }  // once it has started
  std::chrono::nanoseconds running() const noexcept { return ended - started; }   // once that has ended
};

// To be derived from. Calls come without any lock held, on the thread that hands in, runs or cancels the job, and
// have to be quick and, where several threads run the context, thread-safe. They must not call the scope of the
// job. Each accepted job is told of once for each of its steps, and always of its end: before anyone who waits for
// the job or its scope goes on. With several threads job_queued() may come later than the other two; the
// view's times are right in any case.
class COROEXEC_DECL Observer {
 public:
  virtual ~Observer();
  virtual void job_queued(const TaskView& job) noexcept;   // it has been accepted
  virtual void job_started(const TaskView& job) noexcept;  // it is about to run
  virtual void job_ended(const TaskView& job) noexcept;    // it has run, or never will
};

// Has the scopes that are made on this context from now on tell `observer`; null: nobody. The scopes keep it as long
// as they or handles of their jobs live. Of one job in `one_in`, rounded up to a power of two: for jobs so short
// that looking at the clock for each would be felt. Any thread.
template <class Executor>
void observe(const Executor& executor, std::shared_ptr<Observer> observer, std::size_t one_in = 1) {
  detail::ContextService::of(executor).observe(std::move(observer), one_in);
}

// One observer that tells several, in their order.
COROEXEC_DECL std::shared_ptr<Observer> observers(std::vector<std::shared_ptr<Observer>> several);

}  // namespace coroexec
