#include "coroexec/scheduling.hpp"

#include <algorithm>

#include "coroexec/this_task.hpp"

namespace coroexec {
namespace {

ContextFactory& policy_of_this_thread() noexcept {
  thread_local ContextFactory policy;
  return policy;
}

bool contains(const std::vector<AnyTask>& tasks, const AnyTask& task) {
  return std::ranges::find(tasks, task) != tasks.end();
}

}  // namespace

asio::awaitable<void> sleep_insert(std::ptrdiff_t position) {
  auto& context = SchedulingContext::current();
  return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
      [&context, position](auto handler) {
        context.insert(position, *new detail::YieldNode<decltype(handler)>(std::move(handler)));
      },
      asio::use_awaitable);
}

void task_reinsert(const AnyTask& task, std::ptrdiff_t position) {
  auto& context = SchedulingContext::current();
  const auto index = context.ready_index(task);
  context.ready_insert(position, context.ready_pop(static_cast<std::ptrdiff_t>(index)));
}

asio::awaitable<void> task_switch(AnyTask task, std::optional<std::ptrdiff_t> insert_position) {
  task_reinsert(task, 0);
  if (insert_position)
    co_await sleep_insert(*insert_position);
  else
    co_await this_task::yield();
}

bool task_is_runnable(const AnyTask& task, SchedulingContext& context) {
  return task == current_task() || contains(context.ready_tasks(), task);
}

bool task_is_blocked(const AnyTask& task, SchedulingContext& context) {
  return !task.done() && !task_is_runnable(task, context) && !context.has_popped(task);
}

AnyTask current_task() noexcept { return AnyTask(detail::current_job()); }

std::vector<AnyTask> runnable_tasks(SchedulingContext& context) {
  auto tasks = context.ready_tasks();
  std::erase(tasks, current_task());
  return tasks;
}

std::vector<AnyTask> blocked_tasks(SchedulingContext& context) {
  auto ready = context.ready_tasks();
  ready.push_back(current_task());
  auto tasks = context.unfinished_tasks();
  std::erase_if(tasks, [&](const AnyTask& task) { return contains(ready, task) || context.has_popped(task); });
  return tasks;
}

std::vector<AnyTask> all_tasks(SchedulingContext& context) { return context.unfinished_tasks(); }

ContextFactory scheduling_contexts(SchedulingOptions options) {
  return [options] { return std::make_unique<SchedulingContext>(options); };
}

ContextFactory set_context_policy(ContextFactory factory) {
  return std::exchange(policy_of_this_thread(), std::move(factory));
}

const ContextFactory& context_policy() noexcept { return policy_of_this_thread(); }

}  // namespace coroexec
