#include "coroexec/detail/run_queue.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <utility>

#include "coroexec/detail/context_cell.hpp"

namespace coroexec::detail {
namespace {

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

// One that is posted to where a gate opened may come when the gate is used by others.
struct GateDrain {
  RunQueue* queue;
  std::uint32_t renewed;
  void operator()() const {
    if (queue->renewed_ == renewed && !queue->dead_) queue->drain();
  }
};

Worker* current_worker() noexcept { return this_thread.worker; }

CurrentWorker::CurrentWorker(Worker* worker) noexcept
    : previous_(std::exchange(this_thread.worker, worker)) {}
CurrentWorker::~CurrentWorker() { this_thread.worker = previous_; }

const ThisThread& this_thread_state() noexcept { return this_thread; }

CurrentContext::CurrentContext(ContextCell* context) noexcept
    : previous_(std::exchange(this_thread.context, context)) {}
CurrentContext::~CurrentContext() { this_thread.context = previous_; }

QueueNode* RunQueue::idle() noexcept { return &idle_mark; }

RunQueue::~RunQueue() { shut_down(); }

ThisThread RunQueue::inside(Worker* worker, const ThisThread& before) const noexcept {
  if (!gate_) return {worker, this, nullptr, &before};
  return {before.worker, this, gate_context_ ? gate_context_ : before.context, &before};
}

RunQueue::Here::Here(RunQueue& queue, Worker* worker) noexcept : before_(this_thread) {
  this_thread = queue.inside(worker, before_);
}
RunQueue::Here::~Here() { this_thread = before_; }

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
  if (dead_.load(std::memory_order_relaxed)) {
    node.next_in_queue = nullptr;
    return let_go(&node);
  }
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
  if (gate_) return asio::post(target_, GateDrain{this, renewed_.load()});
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
  ThisThread before = this_thread;
  explicit Turn(RunQueue& q) noexcept : queue(q) { this_thread = q.inside(nullptr, before); }
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
  const bool gate = gate_;
  const Ref<ContextCell> context(gate ? gate_context_ : nullptr);  // to the end of the batch
  for (bool more = true; more;) {
    QueueNode* node = first_;
    more = node != end;
    first_ = node->next_in_queue;
    if (!gate) this_thread.worker = node->worker;
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
  if (dead_.load(std::memory_order_relaxed) || !claim()) return push(node);
  Turn turn{*this};
  if (!gate_) this_thread.worker = node.worker;
  node.run();
}

void RunQueue::open(const asio::any_io_executor& target) {
  {
    std::lock_guard lock(work_mutex_);
    home_ = std::exchange(target_, target);
  }
  release();
}

// For whoever drains it, or when nobody does.
void RunQueue::go_home() noexcept {
  gate_context_ = nullptr;
  if (!home_) return;
  asio::any_io_executor away;  // released after the lock
  std::lock_guard lock(work_mutex_);
  away = std::exchange(target_, std::exchange(home_, {}));
}

// Destructors see the context that the coroutine ran in.
void RunQueue::let_go(QueueNode* nodes) noexcept {
  CurrentContext context(gate_context_ ? gate_context_ : this_thread.context);
  drop_all(nodes);
}

void RunQueue::close_gate() noexcept {
  dead_ = true;
  QueueNode* inbox = inbox_.exchange(idle(), std::memory_order_acq_rel);
  QueueNode* local = std::exchange(first_, nullptr);
  last_ = nullptr;
  CurrentContext context(gate_context_ ? gate_context_ : this_thread.context);
  drop_all(local);
  if (inbox != idle()) drop_all(inbox);
}

void RunQueue::renew() noexcept {
  go_home();
  gate_ = false;
  ++renewed_;
  dead_ = false;
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
