// Who runs next: what a task of a SchedulingContext can do about itself and others, the lists of
// tasks, and which contexts run() makes.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "coroexec/any_task.hpp"
#include "coroexec/detail/submit.hpp"
#include "coroexec/run.hpp"
#include "coroexec/scheduling_context.hpp"
#include "coroexec/this_task.hpp"

namespace coroexec {

// All of these throw invalid-state where no SchedulingContext runs, and invalid-argument for a task that
// is not in the ready queue, with the reason: done, blocked, running now, popped. Positions are as
// in SchedulingContext.

// ---- the order of tasks

// Lets others run, and stands at `position` meanwhile: 0 returns at once if nobody else gets in before.
// Later calls may move it. A cancel does not move it. (asynkit.sleep_insert)
COROEXEC_DECL asio::awaitable<void> sleep_insert(std::ptrdiff_t position);

// Moves a task that is ready to `position`, without letting anything run. (asynkit.task_reinsert)
COROEXEC_DECL void task_reinsert(const AnyTask& task, std::ptrdiff_t position);

// Runs `task`, which is ready, next; the caller stands at `insert_position` afterwards, or last. At 0
// the caller would come before `task`. (asynkit.task_switch)
COROEXEC_DECL asio::awaitable<void> task_switch(AnyTask task,
                                                std::optional<std::ptrdiff_t> insert_position = {});

namespace detail {

template <class T>
asio::awaitable<Task<T>> descend(SchedulingContext& context, Ref<ResultJob<T, asio::any_io_executor>> job) {
  context.free_tasks().start_task(*job);
  auto task = TaskAccess::make(std::move(job));
  task_reinsert(task, 0);
  co_await sleep_insert(1);
  co_return task;
}

template <class T>
asio::awaitable<Task<T>> start_and_yield(SchedulingContext& context,
                                         Ref<ResultJob<T, asio::any_io_executor>> job) {
  context.free_tasks().start_task(*job);
  co_await this_task::yield();
  co_return TaskAccess::make(std::move(job));
}

template <class F, class... Args>
auto free_job(const TaskOptions& options, F&& function, Args&&... arguments) {
  check_temporaries<F, Args...>();
  return make_job<asio::any_io_executor>(SchedulingContext::current().free_tasks(), options,
                                         std::forward<F>(function), std::forward<Args>(arguments)...);
}

}  // namespace detail

// Creates a free task, runs it up to its first wait before anything else that is ready, and then
// returns its handle: depth first. Its error stays in the handle. (asynkit.create_task_descend)
template <class F, class... Args>
  requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
auto create_task_descend(F&& function, Args&&... arguments) {
  return create_task_descend(detail::no_task_options, std::forward<F>(function), std::forward<Args>(arguments)...);
}
template <class F, class... Args>
auto create_task_descend(TaskOptions options, F&& function, Args&&... arguments) {
  return detail::descend(
      SchedulingContext::current(),
      detail::free_job(options, std::forward<F>(function), std::forward<Args>(arguments)...));
}

// Creates a free task and lets everything that is ready run once, in order. (asynkit.create_task_start)
template <class F, class... Args>
  requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
auto create_task_start(F&& function, Args&&... arguments) {
  return create_task_start(detail::no_task_options, std::forward<F>(function), std::forward<Args>(arguments)...);
}
template <class F, class... Args>
auto create_task_start(TaskOptions options, F&& function, Args&&... arguments) {
  return detail::start_and_yield(
      SchedulingContext::current(),
      detail::free_job(options, std::forward<F>(function), std::forward<Args>(arguments)...));
}

// ---- what tasks are doing

// A task is runnable while it is running or has an entry in the ready queue; blocked while it is
// neither, nor done, nor popped. A cancel makes one that waits in the library runnable at once;
// one that waits in an operation of Asio's own stays blocked until that has ended. A job that its
// executor has not started counts as blocked.
COROEXEC_DECL bool task_is_runnable(const AnyTask& task,
                                    SchedulingContext& context = SchedulingContext::current());
COROEXEC_DECL bool task_is_blocked(const AnyTask& task,
                                   SchedulingContext& context = SchedulingContext::current());

// The task that is running now, empty if there is none.
COROEXEC_DECL AnyTask current_task() noexcept;

// All that are not done: free tasks, jobs of executors and pools, bodies of scopes. The first two leave
// out the current one. all_tasks = runnable ∪ blocked ∪ popped ∪ {current}.
COROEXEC_DECL std::vector<AnyTask> runnable_tasks(SchedulingContext& context = SchedulingContext::current());
COROEXEC_DECL std::vector<AnyTask> blocked_tasks(SchedulingContext& context = SchedulingContext::current());
COROEXEC_DECL std::vector<AnyTask> all_tasks(SchedulingContext& context = SchedulingContext::current());

// ---- which contexts run() makes

// Makes the context of a run().
using ContextFactory = std::function<std::unique_ptr<SchedulingContext>()>;

// A factory of contexts with these options.
COROEXEC_DECL ContextFactory scheduling_contexts(SchedulingOptions options = {});

// What run(main) on this thread makes its context with; an empty one: a plain io_context, the default.
// The first gives what was there before. (asyncio.set_event_loop_policy)
COROEXEC_DECL ContextFactory set_context_policy(ContextFactory factory);
COROEXEC_DECL const ContextFactory& context_policy() noexcept;

// Sets a policy for a scope. (asynkit.event_loop_policy)
class COROEXEC_DECL ContextPolicy {
 public:
  // Until the object goes; then what was there before.
  explicit ContextPolicy(ContextFactory factory = scheduling_contexts())
      : previous_(set_context_policy(std::move(factory))) {}
  ~ContextPolicy() { set_context_policy(std::move(previous_)); }
  ContextPolicy(const ContextPolicy&) = delete;
  ContextPolicy& operator=(const ContextPolicy&) = delete;

 private:
  ContextFactory previous_;
};

// run(main) on a context that `factory` makes, Ctrl-C included. (asyncio.run with a loop_factory)
template <class F>
auto run(F&& main, const ContextFactory& factory) {
  detail::MainContext context(factory());
  return detail::run_main(context, std::forward<F>(main));
}

// run(main, factory) in virtual time, for tests.
template <class F>
auto run_in_virtual_time(F&& main) {
  return run(std::forward<F>(main), scheduling_contexts({.virtual_time = true}));
}

}  // namespace coroexec
