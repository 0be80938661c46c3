// SchedulingContext: an io_context whose ready queue can be read and re-ordered, and whose time can be
// virtual.
//
//   SchedulingContext context({.virtual_time = true});
//   context.run(patient_client);            // an hour of timeouts in no time, and always the same
//
// Everything that is ready on it, tasks and plain handlers alike, stands in one queue. A pass runs as
// many entries as there were when it began; between two passes timers and sockets get their turn.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "coroexec/any_task.hpp"
#include "coroexec/detail/ready_queue.hpp"
#include "coroexec/detail/submit.hpp"
#include "coroexec/run.hpp"
#include "coroexec/task.hpp"

namespace coroexec {

// In which order what is ready runs: as it came, or by priorities (priority.hpp).
enum class ReadyOrder : std::uint8_t { fifo, priority };

// How it keeps time and order. Options stay trivially destructible: GCC 12 destroys other temporaries in
// a co_await twice.
struct SchedulingOptions {
  // Time that stands still while anything is ready, then jumps to the next wake-up. It starts at
  // steady_clock's zero.
  bool virtual_time = false;
  ReadyOrder order = ReadyOrder::fifo;  // of what is ready
};

// An entry of the ready queue, as read from it: it names its place until it runs or is taken out.
class ReadyEntry {
 public:
  const AnyTask& task() const noexcept { return task_; }  // empty: a plain handler's
  friend bool operator==(const ReadyEntry& a, const ReadyEntry& b) noexcept { return a.entry_ == b.entry_; }

 private:
  friend class SchedulingContext;
  ReadyEntry(const detail::QueueNode& entry, AnyTask task) noexcept : entry_(&entry), task_(std::move(task)) {}
  const detail::QueueNode* entry_;
  AnyTask task_;
};

// An entry taken out of the queue: its owner decides what becomes of it. Put back, it runs; destroyed,
// its coroutine is destroyed, and a task then ends as cancelled. Until then the task is neither
// runnable nor blocked. If the context goes first the handle is empty.
class ReadyHandle {
 public:
  ReadyHandle() = default;  // empty
  ReadyHandle(ReadyHandle&&) noexcept = default;
  ReadyHandle& operator=(ReadyHandle&&) noexcept = default;
  explicit operator bool() const noexcept { return popped_ && popped_->get(); }  // holds an entry
  AnyTask task() const noexcept { return AnyTask(*this ? detail::job_of(*popped_->get()) : nullptr); }

 private:
  friend class SchedulingContext;
  explicit ReadyHandle(std::shared_ptr<detail::ReadyQueue::Popped> popped) noexcept : popped_(std::move(popped)) {}
  std::shared_ptr<detail::ReadyQueue::Popped> popped_;
};

// A call on its way, from call_insert(). Letting go of the handle changes nothing.
class CallHandle {
 public:
  void cancel() { *cancelled_ = true; }  // the call keeps its place in the queue, but does nothing
  bool cancelled() const { return *cancelled_; }  // by cancel()

 private:
  friend class SchedulingContext;
  std::shared_ptr<bool> cancelled_ = std::make_shared<bool>(false);
};

// The library's faces, free functions and Asio's objects work on it as on any context, through its
// executor: for one thread, with Threading::single. Faces of another executor type than any_io_executor
// keep its time, but not its queue. Positions are those of a Python list: 0 is next, -1 is
// the last, and inserting beyond an end means that end.
//
// Virtual time is the time of every wait of the library: sleep_for, timeouts of scopes, jobs, joins and
// streams, rates. Asio's own timers and sockets stay in real time; they are not waited for as long as
// there is a wake-up to jump to (as in tokio's paused time), unless an OutsideWork is held.
//
// All members are for the thread that runs it, but for get_executor().
class COROEXEC_DECL SchedulingContext {
 public:
  using Clock = std::chrono::steady_clock;  // whose time points it keeps, real or virtual

  explicit SchedulingContext(SchedulingOptions options = {});  // in real time, first come first run
  ~SchedulingContext();  // destroys what has not ended
  SchedulingContext(const SchedulingContext&) = delete;
  SchedulingContext& operator=(const SchedulingContext&) = delete;

  // What is posted to it stands in the ready queue.
  asio::any_io_executor get_executor() const noexcept;

  // Runs `main`, an awaitable<T> or a callable that returns one, until it is done, and returns its
  // result or rethrows its error. Tasks and callbacks may be there before; what is left afterwards goes
  // on with the next run(). If nothing can make progress any more, the free tasks are cancelled, then
  // main, and run() throws invalid-state, naming the tasks and what they wait for. Work that will come from another thread
  // must be known through outside_work(); operations of Asio's own on this context are waited for.
  template <class F>
  auto run(F&& main) {
    detail::MainContext host(*this);
    return detail::run_main(host, std::forward<F>(main));
  }

  // The context that runs on this thread; the first throws invalid-state if there is none.
  static SchedulingContext& current();
  static SchedulingContext* current_or_null() noexcept;  // null if there is none

  // ---- time

  Clock::time_point now() const noexcept;     // its time
  bool has_virtual_time() const noexcept;     // or real time
  // Moves virtual time ahead without letting anything run between: what is due by then is late. For
  // anything else sleep_for() will do. invalid-state in real time; invalid-argument if negative.
  void advance(std::chrono::nanoseconds duration);

  // While one lives, something that the context cannot see is on its way, from another thread or
  // process: run() waits for it, and virtual time stands still. Any thread may let it go; not after the
  // context.
  class COROEXEC_DECL OutsideWork {
   public:
    OutsideWork(OutsideWork&& other) noexcept
        : work_(std::move(other.work_)), count_(std::exchange(other.count_, nullptr)) {}
    OutsideWork& operator=(OutsideWork&&) = delete;
    ~OutsideWork();

   private:
    friend SchedulingContext;
    explicit OutsideWork(SchedulingContext& context);
    asio::executor_work_guard<asio::io_context::executor_type> work_;
    std::atomic<int>* count_;
  };
  // To be held as long as something from outside is expected.
  [[nodiscard]] OutsideWork outside_work() { return OutsideWork(*this); }

  // ---- tasks

  // A free task, in no scope: it belongs to the context. It stands at the end of the queue; its error
  // is its handle's alone. (loop.create_task)
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, TaskOptions>)
  auto create_task(F&& function, Args&&... arguments) {
    return create_task(detail::no_task_options, std::forward<F>(function), std::forward<Args>(arguments)...);
  }
  template <class F, class... Args>
  auto create_task(TaskOptions options, F&& function, Args&&... arguments) {
    detail::check_temporaries<F, Args...>();
    auto job = detail::make_job<asio::any_io_executor>(free_tasks(), options, std::forward<F>(function),
                                                       std::forward<Args>(arguments)...);
    free_tasks().start_task(*job);
    return detail::TaskAccess::make(std::move(job));
  }

  // ---- the ready queue, by position

  std::size_t ready_len() const;           // the running task is not in it
  std::vector<AnyTask> ready_tasks() const;  // each once, in their order; plain handlers are left out
  // Of the last entry of a task. invalid-argument if it has none, with the reason.
  std::size_t ready_index(const AnyTask& task) const;
  // Takes an entry out. invalid-argument beyond the ends.
  [[nodiscard]] ReadyHandle ready_pop(std::ptrdiff_t position = -1);
  // Puts an entry back. invalid-argument if the handle is empty.
  void ready_insert(std::ptrdiff_t position, ReadyHandle handle);
  void ready_append(ReadyHandle handle);  // at the end
  void ready_rotate(std::ptrdiff_t n = -1);  // +1 brings the last to the front, -1 the first to the end

  // Queues a plain call. Callable and arguments are kept; an exception leaves run(). At 0 it runs right
  // after what runs now.
  template <class F, class... Args>
  CallHandle call_insert(std::ptrdiff_t position, F&& function, Args&&... arguments) {
    CallHandle handle;
    auto call = [cancelled = handle.cancelled_, f = std::decay_t<F>(std::forward<F>(function)),
                 args = std::tuple<std::decay_t<Args>...>(std::forward<Args>(arguments)...)]() mutable {
      if (!*cancelled) std::apply(std::move(f), std::move(args));
    };
    insert(position, *new detail::FunctionNode<decltype(call)>(std::move(call), nullptr));
    return handle;
  }

  // ---- the ready queue, by entry

  std::vector<ReadyEntry> queue_items() const;  // all, next first
  // The next one for which `predicate(entry)` holds.
  template <class Predicate>
  std::optional<ReadyEntry> queue_find(Predicate predicate) const {
    for (auto& entry : queue_items())
      if (predicate(std::as_const(entry))) return entry;
    return std::nullopt;
  }
  // Takes an entry out. invalid-argument if it is not there any more.
  [[nodiscard]] ReadyHandle queue_remove(const ReadyEntry& entry);

  // The library's own way in.
  detail::Engine& free_tasks() noexcept;
  detail::Priorities& priorities() noexcept;
  void insert(std::ptrdiff_t position, detail::QueueNode& entry);
  bool has_popped(const AnyTask& task) const noexcept;
  std::vector<AnyTask> unfinished_tasks() const;

 private:
  friend detail::MainContext;
  // Turns until `over` (true), or until nothing can happen any more.
  bool turn(detail::Condition over);
  std::string who_waits_for_what(const detail::TaskBase& main) const;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace coroexec
