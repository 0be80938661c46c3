// wait(tasks) and iterwait(tasks): for several handles at once, of any executors and pools.
#pragma once

#include <algorithm>
#include <boost/asio/bind_executor.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "coroexec/async_generator.hpp"
#include "coroexec/detail/alarm.hpp"
#include "coroexec/detail/batches.hpp"
#include "coroexec/iter_options.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

// The tasks in the order they were given, split by whether they are done.
template <class T, class Executor = asio::any_io_executor>
struct WaitResult {
  std::vector<BasicTask<T, Executor>> done;     // whatever their end
  std::vector<BasicTask<T, Executor>> pending;  // the others
};

namespace detail {

// Several handles, and which of them have become done and not been taken yet.
template <class T, class Ex>
class TaskWatch {
 public:
  // A callback a task, which keeps the watch alive until that task is done.
  // It runs where the waiting is done: the tasks' own contexts may go first.
  static std::shared_ptr<TaskWatch> make(std::vector<BasicTask<T, Ex>> tasks, const Ex& executor) {
    auto watch = std::make_shared<TaskWatch>();
    watch->tasks = std::move(tasks);
    watch->running = watch->tasks.size();
    for (std::size_t i = 0; i < watch->tasks.size(); ++i)
      watch->tasks[i].async_wait(asio::bind_executor(
          executor, [watch, i](boost::system::error_code) { watch->completed(i); }));
    return watch;
  }

  bool due_locked(ReturnWhen when) const { return batch_due(when, ready.size(), running, failed); }
  bool over_locked() const { return ready.empty() && running == 0; }

  // The same as the tasks are by now, told or not.
  bool will_be_due(ReturnWhen when) const {
    std::size_t done = 0, done_badly = 0;
    for (auto& task : tasks) {
      done += task.done();
      done_badly += task.done() && task.exception();
    }
    return batch_due(when, done - taken, tasks.size() - done, done_badly > taken_badly);
  }

  // Of a task that may need the slot which the caller's own job holds; null if none does.
  Engine* engine_of_caller() const {
    Engine* last = nullptr;
    for (auto& task : tasks) {
      Engine* const engine = &TaskAccess::job(task)->engine();
      if (engine == last) continue;
      if (engine->own_job_of_caller()) return engine;
      last = engine;
    }
    return nullptr;
  }

  std::vector<BasicTask<T, Ex>> tasks;
  OptionalMutex mutex{true};  // the tasks may be of several contexts
  WaitList readers;
  std::deque<std::size_t> ready;
  std::size_t running = 0;
  bool failed = false;
  std::size_t taken = 0, taken_badly = 0;  // by the caller alone

 private:
  void completed(std::size_t index) {
    WaitList::Taken to_wake;
    std::lock_guard lock(mutex);
    --running;
    failed = failed || tasks[index].exception();
    ready.push_back(index);
    to_wake.append(readers.take_all());
  }
};

// Until a batch is due, or the alarm rings if there is one.
template <class T, class Ex, class Due>
asio::awaitable<void, Ex> wait_for_batch(TaskWatch<T, Ex>& watch, ReturnWhen when, bool timed, const Due& due) {
  const auto over = [&] { return timed || watch.will_be_due(when); };
  std::optional<Engine::BlockedJob> blocked;
  if (Engine* const engine = watch.engine_of_caller())
    blocked.emplace(*engine, Condition(over), nullptr, "the tasks it was given");
  co_await wait_or_throw<Ex>(watch.readers, watch.mutex, Condition(due));
  if (blocked && blocked->came_late())
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

template <class T, class Ex>
asio::awaitable<WaitResult<T, Ex>, Ex> wait_for_tasks(std::vector<BasicTask<T, Ex>> tasks,
                                                      WaitOptions options) {
  const Ex executor = co_await asio::this_coro::executor;
  auto watch = TaskWatch<T, Ex>::make(tasks, executor);
  Alarm<Ex> alarm(executor, watch->mutex, watch->readers, watch, deadline_in(options.timeout));
  const auto due = [&] { return alarm.rung() || watch->due_locked(options.return_when); };
  co_await wait_for_batch(*watch, options.return_when, options.timeout != no_timeout, due);
  WaitResult<T, Ex> result;
  for (auto& task : tasks) (task.done() ? result.done : result.pending).push_back(task);
  co_return result;
}

// The outcomes of the tasks as they become done, in batches.
template <class T, class Ex>
class TaskBatches final : public Stream<std::vector<Outcome<T>>, Ex> {
  using Batch = std::vector<Outcome<T>>;

 public:
  TaskBatches(std::vector<BasicTask<T, Ex>> tasks, IterOptions options)
      : tasks_(std::move(tasks)),
        timeout_(options.timeout),
        when_(options.yield_when.value_or(ReturnWhen::all_completed)) {}

  asio::awaitable<std::optional<Batch>, Ex> next() override {
    typename Stream<Batch, Ex>::Turn turn(*this);
    const Ex executor = co_await asio::this_coro::executor;
    if (!watch_) watch_ = TaskWatch<T, Ex>::make(std::move(tasks_), executor);
    auto& watch = *watch_;
    Alarm<Ex> alarm(executor, watch.mutex, watch.readers, watch_, deadline_in(timeout_));
    const auto due = [&] { return watch.over_locked() || alarm.rung() || watch.due_locked(when_); };
    co_await wait_for_batch(watch, when_, timeout_ != no_timeout, due);
    std::deque<std::size_t> ready;
    {
      std::lock_guard lock(watch.mutex);
      if (watch.over_locked()) co_return std::nullopt;
      ready.swap(watch.ready);
      watch.failed = false;
    }
    Batch batch;
    for (const auto index : ready) {
      batch.push_back(TaskAccess::outcome(watch.tasks[index]));
      ++watch.taken;
      watch.taken_badly += !batch.back();
    }
    co_return std::optional<Batch>(std::move(batch));
  }

  // The tasks are somebody's: they go on.
  asio::awaitable<void, Ex> aclose() override {
    tasks_.clear();
    watch_ = std::make_shared<TaskWatch<T, Ex>>();
    co_return;
  }

 private:
  std::vector<BasicTask<T, Ex>> tasks_;
  std::shared_ptr<TaskWatch<T, Ex>> watch_;
  std::chrono::nanoseconds timeout_;
  ReturnWhen when_;
};

}  // namespace detail

// Waits until all, one, or the first failed of `tasks` are done, or `timeout` has passed, which is no
// error. Cancelling the wait throws operation_aborted; the tasks go on. (asyncio.wait)
template <class T, class Executor>
asio::awaitable<WaitResult<T, Executor>, Executor> wait(std::vector<BasicTask<T, Executor>> tasks,
                                                        WaitOptions options = {}) {
  return detail::wait_for_tasks(std::move(tasks), options);
}
// Refuses handles that are no vector.
template <class T, class Executor, class... More>
void wait(const BasicTask<T, Executor>&, const More&...) {
  static_assert(detail::never<T>,
                "coroexec: wait takes a std::vector of tasks with results of one type; one task "
                "has a wait() of its own");
}

// The outcomes of `tasks` as they become done, one by one or in batches; results
// are copied, or moved out where they cannot be.
// Leaving early leaves the tasks alone. (asyncio_pool: iterwait, asyncio.as_completed)
template <class T, class Executor>
AsyncGenerator<std::vector<Outcome<T>>, Executor> iterwait_batches(
    std::vector<BasicTask<T, Executor>> tasks, IterOptions options = {}) {
  return AsyncGenerator<std::vector<Outcome<T>>, Executor>(
      std::make_unique<detail::TaskBatches<T, Executor>>(std::move(tasks), options));
}
template <class T, class Executor>
AsyncGenerator<Outcome<T>, Executor> iterwait(std::vector<BasicTask<T, Executor>> tasks,
                                              IterOptions options = {}) {
  options.yield_when = options.yield_when.value_or(ReturnWhen::first_completed);
  return AsyncGenerator<Outcome<T>, Executor>(std::make_unique<detail::FlatStream<Outcome<T>, Executor>>(
      iterwait_batches(std::move(tasks), options)));
}

}  // namespace coroexec
