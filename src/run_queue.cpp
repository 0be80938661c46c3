#include "coroexec/detail/run_queue.hpp"

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <utility>

#include "coroexec/detail/context_cell.hpp"
#include "coroexec/detail/job_executor.hpp"

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

// In place of a target whose context is being destroyed: runs nothing. A strand, for one, must have been let
// go of before its own service is destroyed, and that may be before ours.
struct Gone {
  asio::execution_context* context;
  void execute(auto&&) const noexcept {}
  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context; }
  static constexpr auto query(asio::execution::blocking_t) noexcept { return asio::execution::blocking.never; }
  Gone require(asio::execution::blocking_t::never_t) const noexcept { return *this; }
  bool operator==(const Gone&) const noexcept = default;
};

}  // namespace

struct Drain {
  RunQueue* queue;
  void operator()() const { queue->drain(); }
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

// What follows executes as `worker`; at a gate its own worker stands for whatever is below.
void RunQueue::enter(Worker* worker, const ThisThread& before) const noexcept {
  if (gate_worker_ && (!worker || worker == gate_worker_))
    this_thread = {before.worker, this, gate_context_ ? gate_context_ : before.context, &before};
  else
    this_thread = {worker, this, nullptr, &before};
}

bool RunQueue::running_as(const Worker& worker) const noexcept {
  if (this_thread.draining != this) return false;
  if (this_thread.worker == &worker) return true;
  return &worker == gate_worker_ && this_thread.worker == this_thread.below->worker;
}

// With one thread there may be entries in the inbox: they come before what is appended from now on.
RunQueue::Here::Here(RunQueue& queue, Worker* worker) noexcept : before_(this_thread) {
  queue.fetch_inbox();
  queue.enter(worker, before_);
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
  if (auto* job = target_.target<JobExecutor>(); job && !may_run_now) return job->post_in(drain_room_, Drain{this});
  post_in(drain_room_, target_, may_run_now, Drain{this});
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
  explicit Turn(RunQueue& q) noexcept : queue(q) { q.enter(nullptr, before); }
  ~Turn() noexcept(false) {
    this_thread = before;
    queue.release();
  }
};

// Of ten thousand coroutines none is in a cache when its turn comes: the processor is told of the second next, of which
// the queue's entry is there already. A hundredth of a hop; where all fits the second level of the cache it gives nothing.
inline void fetch_ahead([[maybe_unused]] const QueueNode* node) noexcept {
#if defined(__GNUC__)
  if (!node) return;
  __builtin_prefetch(node->next_in_queue);
  const auto* const worker = reinterpret_cast<const char*>(node->worker);
  if (!worker) return;
  __builtin_prefetch(worker);
  __builtin_prefetch(worker + 64);
#endif
}

// Runs exactly the entries that are there now, then lets the context turn (timers, sockets, other
// queues) before the next batch.
void RunQueue::drain() {
  fetch_inbox();
  QueueNode* const end = last_;
  if (!first_) return;  // dropped by a shutdown
  Turn turn{*this};
  if (gate_worker_) return drain_gate();
  for (bool more = true; more;) {
    QueueNode* node = first_;
    more = node != end;
    first_ = node->next_in_queue;
    if (first_) fetch_ahead(first_->next_in_queue);
    this_thread.worker = node->worker;
    node->run();
  }
}

// The context goes with the job that ends; what is still done in this batch may look at it.
void RunQueue::drain_gate() {
  const ThisThread& before = *this_thread.below;
  const Ref<ContextCell> context(gate_context_);
  QueueNode* const end = last_;
  for (bool more = true; more;) {
    QueueNode* node = first_;
    more = node != end;
    first_ = node->next_in_queue;
    enter(node->worker, before);
    node->run();
  }
}

void RunQueue::dispatch(QueueNode& node) {
  const RunQueue* const here = this_thread.draining;
  if (here == this) {
    CurrentWorker current(node.worker && node.worker == gate_worker_ ? this_thread.below->worker : node.worker);
    return node.run();
  }
  if (!here || here->target_ != target_) return push(node, true);
  if (dead_.load(std::memory_order_relaxed) || !claim()) return push(node);
  Turn turn{*this};
  enter(node.worker, turn.before);
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

void RunQueue::run_shut(bool (*enough)(const void*), const void* what) noexcept {
  constexpr int passes = 100;  // what takes more turns than that may take them at home
  const Ref<ContextCell> context(gate_context_);
  for (int pass = 0; pass < passes && !enough(what); ++pass) {
    const Here here(*this, nullptr);
    if (!first_) break;
    try {
      drain_gate();
    } catch (...) {  // a stray handler's: it leaves through the context's run(), as any handler's
      asio::post(target_, [error = std::current_exception()] { std::rethrow_exception(error); });
    }
  }
  if (!dead_) release();
}

void RunQueue::come_home() noexcept {
  if (!home_) return;  // it has come already
  go_home();
  if (!dead_ && !is_idle()) schedule(false);
}

void RunQueue::work_started() {
  long count = work_.load(std::memory_order_relaxed);
  while (count > 0)
    if (work_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return;
  std::lock_guard lock(work_mutex_);
  if (work_.fetch_add(1, std::memory_order_relaxed) != 0 || dead_) return;
  try {
    work_guard_ = asio::prefer(target_, asio::execution::outstanding_work.tracked);
  } catch (...) {  // no memory: counted all the same, but run() may return early
  }
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
  asio::any_io_executor guard, home, target;  // released after the lock
  std::lock_guard lock(work_mutex_);
  guard = std::exchange(work_guard_, {});
  home = std::exchange(home_, {});
  if (target_) target = std::exchange(target_, Gone{&asio::query(target_, asio::execution::context)});
}

}  // namespace coroexec::detail
