// Handlers waiting to run one after the other on one executor, drained by one post per batch.
//
// This is a strand that is cheaper than one post per handler. Whoever is inside a drain of the queue
// appends without any atomic; everybody else goes through the inbox. With one thread all workers of
// an engine share a queue; with several each worker has its own, which is what makes it serial.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <mutex>

#include "coroexec/config.hpp"
#include "coroexec/detail/post_room.hpp"

namespace coroexec::detail {

class ContextCell;
class RunQueue;
class Worker;

// What the calling thread is doing.
struct ThisThread {
  Worker* worker = nullptr;  // whose job it executes
  const RunQueue* draining = nullptr;
  ContextCell* context = nullptr;     // in place of that job's own
  const ThisThread* below = nullptr;  // what it is in the middle of, further down the stack
};

// An entry of a queue. It frees itself in run() and in drop(); one of the two is called, once.
class QueueNode {
 public:
  virtual void run() = 0;
  virtual void drop() noexcept = 0;

  QueueNode* next_in_queue = nullptr;
  Worker* worker = nullptr;  // on whose behalf it runs; null: nobody's

 protected:
  ~QueueNode() = default;
};

class COROEXEC_DECL RunQueue {
 public:
  RunQueue() = default;
  RunQueue(const RunQueue&) = delete;
  virtual ~RunQueue();

  void reset(asio::any_io_executor target) { target_ = std::move(target); }
  const asio::any_io_executor& target() const noexcept { return target_; }
  // Under the executors of those whose entries it runs: what outlives them uses this one.
  virtual const asio::any_io_executor& base() const noexcept { return target_; }
  bool is_idle() const noexcept { return inbox_.load(std::memory_order_acquire) == idle(); }

  // Any thread. The node runs later, never inside this call; unless `may_run_now`, in which case
  // an idle queue is drained at once where the target executor runs things inline.
  void push(QueueNode& node, bool may_run_now = false);

  // The node runs on the caller's stack if the caller is on the target executor, and either inside this
  // queue already or the queue has nothing to do; else it runs later.
  void dispatch(QueueNode& node);

  // While the count is above zero the target's context is told that work is outstanding. Any thread.
  void work_started();
  void work_finished() noexcept;

  // The context is shutting down: drops what waits, and all that comes later.
  virtual void shut_down() noexcept;

  // True inside a drain of this queue on this thread.
  bool running_here() const noexcept;

  // Keeps the queue for who wants to run something of it at once, on its own stack: what is pushed
  // waits, and nothing drains it, until release(). False: a drain is due or runs.
  bool claim() noexcept;
  // Also the end of every drain: schedules the next one, or leaves the queue idle.
  void release();

  // While one lives, the calling thread is inside a drain of the queue, on behalf of `worker`. The
  // queue has been claimed; or one thread does everything, then its drain may also be under way.
  class COROEXEC_DECL Here {
   public:
    Here(RunQueue& queue, Worker* worker) noexcept;
    ~Here();
    Here(const Here&) = delete;

   private:
    ThisThread before_;
  };

  // A gate: a queue whose worker's code is part of whatever runs where the target is, and executes as
  // that job, in `context` or in that job's own. While it is claimed it is shut; open() lets go on what
  // waits, on another target until go_home().
  void make_gate(Worker& worker) noexcept { gate_worker_ = &worker; }
  void make_ordinary() noexcept { gate_worker_ = nullptr; }
  Worker* gate_worker() const noexcept { return gate_worker_; }
  void gate_context(ContextCell* context) noexcept { gate_context_ = context; }  // till it goes home
  void open(const asio::any_io_executor& target);
  void go_home() noexcept;
  // Runs on the caller's stack what waits at a shut gate, and what that leads to, until nothing does or
  // `enough`; then opens it where it is at home.
  void run_shut(bool (*enough)(const void*), const void* what) noexcept;
  // The target it was opened onto has gone, perhaps with a drain that was due.
  void come_home() noexcept;
  // Is the caller in the code of `worker`, whose queue this is?
  bool running_as(const Worker& worker) const noexcept;

 protected:
  friend struct Drain;
  struct Turn;
  virtual void drain();
  void enter(Worker* worker, const ThisThread& before) const noexcept;
  void drain_gate();
  virtual void schedule(bool may_run_now);
  void append_local(QueueNode& node) noexcept;
  void fetch_inbox() noexcept;

  asio::any_io_executor target_;
  QueueNode* first_ = nullptr;  // these two: only for who drains
  QueueNode* last_ = nullptr;
  std::atomic<QueueNode*> inbox_{idle()};  // newest first; idle(): no drain is scheduled or runs
  std::atomic<long> work_{0};
  std::mutex work_mutex_;
  asio::any_io_executor work_guard_;
  PostRoom drain_room_;
  std::atomic<bool> dead_{false};
  Worker* gate_worker_ = nullptr;    // not null: a gate
  ContextCell* gate_context_ = nullptr;
  asio::any_io_executor home_;       // a gate's own target while it is open

  static QueueNode* idle() noexcept;
};

// The worker whose job the calling thread is executing, or null. Set around every entry of a queue.
COROEXEC_DECL Worker* current_worker() noexcept;

COROEXEC_DECL const ThisThread& this_thread_state() noexcept;

// Puts a context in place of the current job's own, for a scope.
class COROEXEC_DECL CurrentContext {
 public:
  explicit CurrentContext(ContextCell* context) noexcept;
  ~CurrentContext();
  CurrentContext(const CurrentContext&) = delete;

 private:
  ContextCell* previous_;
};

// Makes `worker` the current one for a scope.
class COROEXEC_DECL CurrentWorker {
 public:
  explicit CurrentWorker(Worker* worker) noexcept;
  ~CurrentWorker();
  CurrentWorker(const CurrentWorker&) = delete;

 private:
  Worker* previous_;
};

}  // namespace coroexec::detail
