#include "coroexec/detail/run_queue.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <utility>

namespace coroexec::detail {
namespace {

struct ThisThread {
  Worker* worker = nullptr;
  const RunQueue* draining = nullptr;
};

constinit thread_local ThisThread this_thread;

class IdleMark final : public QueueNode {
 public:
  void run() override {}
  void drop() noexcept override {}
};

IdleMark idle_mark;

void drop_all(QueueNode* node) noexcept {
  while (node) std::exchange(node, node->next_in_queue)->drop();
}

}  // namespace

struct Drain {
  RunQueue* queue;
  void operator()() const { queue->drain(); }
};

Worker* current_worker() noexcept { return this_thread.worker; }

CurrentWorker::CurrentWorker(Worker* worker) noexcept
    : previous_(std::exchange(this_thread.worker, worker)) {}
CurrentWorker::~CurrentWorker() { this_thread.worker = previous_; }

QueueNode* RunQueue::idle() noexcept { return &idle_mark; }

RunQueue::~RunQueue() { shut_down(); }

RunQueue::Here::Here(RunQueue& queue, Worker* worker) noexcept
    : worker_before_(std::exchange(this_thread.worker, worker)),
      draining_before_(std::exchange(this_thread.draining, &queue)) {}

RunQueue::Here::~Here() {
  this_thread.worker = worker_before_;
  this_thread.draining = draining_before_;
}

bool RunQueue::claim() noexcept {
  QueueNode* expected = idle();
  return inbox_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel);
}

// Also the end of every drain.
void RunQueue::release() {
  if (!first_) {
    QueueNode* empty = nullptr;
    if (inbox_.compare_exchange_strong(empty, idle(), std::memory_order_acq_rel)) return;
  }
  schedule(false);
}

bool RunQueue::running_here() const noexcept { return this_thread.draining == this; }

void RunQueue::push(QueueNode& node, bool may_run_now) {
  if (dead_.load(std::memory_order_relaxed)) return node.drop();
  if (running_here()) return append_local(node);
  QueueNode* before = inbox_.load(std::memory_order_relaxed);
  do {
    node.next_in_queue = before == idle() ? nullptr : before;
  } while (!inbox_.compare_exchange_weak(before, &node, std::memory_order_acq_rel));
  if (before != idle()) return;
  try {
    schedule(may_run_now);
  } catch (...) {  // no memory for the post: all that came meanwhile is let go, as Asio does
    QueueNode* all = inbox_.exchange(idle(), std::memory_order_acq_rel);
    drop_all(all);
    throw;
  }
}

void RunQueue::schedule(bool may_run_now) {
  may_run_now ? asio::dispatch(target_, Drain{this}) : asio::post(target_, Drain{this});
}

void RunQueue::append_local(QueueNode& node) noexcept {
  node.next_in_queue = nullptr;
  (first_ ? last_->next_in_queue : first_) = &node;
  last_ = &node;
}

void RunQueue::fetch_inbox() noexcept {
  if (!inbox_.load(std::memory_order_relaxed)) return;
  QueueNode* newest = inbox_.exchange(nullptr, std::memory_order_acquire);
  QueueNode* oldest_first = nullptr;
  QueueNode* last = newest;
  while (newest) {
    QueueNode* older = newest->next_in_queue;
    newest->next_in_queue = oldest_first;
    oldest_first = newest;
    newest = older;
  }
  if (!oldest_first) return;
  (first_ ? last_->next_in_queue : first_) = oldest_first;
  last_ = last;
}

// A thread's stay in a queue. An exception leaves through the context's run(), as with any handler,
// and what is left in the queue is scheduled again.
struct RunQueue::Turn {
  RunQueue& queue;
  ThisThread before = std::exchange(this_thread, {nullptr, &queue});
  ~Turn() noexcept(false) {
    this_thread = before;
    queue.release();
  }
};

// Runs exactly the entries that are there now, then lets the context turn (timers, sockets, other
// queues) before the next batch.
void RunQueue::drain() {
  fetch_inbox();
  QueueNode* const end = last_;
  if (!first_) return;  // dropped by a shutdown
  Turn turn{*this};
  for (bool more = true; more;) {
    QueueNode* node = first_;
    more = node != end;
    first_ = node->next_in_queue;
    this_thread.worker = node->worker;
    node->run();
  }
}

void RunQueue::dispatch(QueueNode& node) {
  const RunQueue* const here = this_thread.draining;
  if (here == this) {
    CurrentWorker current(node.worker);
    return node.run();
  }
  if (!here || here->target_ != target_) return push(node, true);
  QueueNode* expected = idle();
  if (dead_.load(std::memory_order_relaxed) ||
      !inbox_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel))
    return push(node);
  Turn turn{*this};
  this_thread.worker = node.worker;
  node.run();
}

void RunQueue::work_started() {
  long count = work_.load(std::memory_order_relaxed);
  while (count > 0)
    if (work_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return;
  std::lock_guard lock(work_mutex_);
  if (work_.fetch_add(1, std::memory_order_relaxed) == 0 && !dead_)
    work_guard_ = asio::prefer(target_, asio::execution::outstanding_work.tracked);
}

void RunQueue::work_finished() noexcept {
  long count = work_.load(std::memory_order_relaxed);
  while (count > 1)
    if (work_.compare_exchange_weak(count, count - 1, std::memory_order_relaxed)) return;
  asio::any_io_executor guard;  // released after the lock
  std::lock_guard lock(work_mutex_);
  if (work_.fetch_sub(1, std::memory_order_relaxed) == 1) guard = std::exchange(work_guard_, {});
}

void RunQueue::shut_down() noexcept {
  dead_ = true;
  QueueNode* inbox = inbox_.exchange(idle(), std::memory_order_acq_rel);
  drop_all(std::exchange(first_, nullptr));
  last_ = nullptr;
  if (inbox != idle()) drop_all(inbox);
  std::lock_guard lock(work_mutex_);
  work_guard_ = {};
}

}  // namespace coroexec::detail
