// The executor a job sees: it knows its worker, and everything the job's coroutine does comes
// through it. It refers to the worker as io_context::executor_type refers to its context: the
// worker's memory lives as long as the context.
#pragma once

#include <boost/asio/execution.hpp>
#include <type_traits>
#include <utility>

#include "coroexec/detail/block_pool.hpp"
#include "coroexec/detail/run_queue.hpp"
#include "coroexec/detail/worker.hpp"

namespace coroexec::detail {

template <class F>
class FunctionNode final : public QueueNode, public PooledObject {
 public:
  FunctionNode(F&& function, Worker* on_behalf_of) : function_(std::move(function)) {
    worker = on_behalf_of;
  }

  void run() override {
    F function(std::move(function_));
    delete this;  // first, so that what the function queues can use the memory
    std::move(function)();
  }
  void drop() noexcept override { delete this; }

 private:
  F function_;
};

// The same, made in the room of who queues it.
template <class F>
class FunctionNodeIn final : public QueueNode {
 public:
  static QueueNode& make(PostRoom& room, F function, Worker* on_behalf_of) {
    return *new (Allocator(room).allocate(1)) FunctionNodeIn(room, std::move(function), on_behalf_of);
  }
  void run() override {
    F function(std::move(function_));
    free();
    function();
  }
  void drop() noexcept override { free(); }

 private:
  using Allocator = PostAllocator<FunctionNodeIn>;
  FunctionNodeIn(PostRoom& room, F&& function, Worker* on_behalf_of) noexcept
      : room_(room), function_(std::move(function)) {
    worker = on_behalf_of;
  }
  void free() noexcept {
    PostRoom& room = room_;
    this->~FunctionNodeIn();
    Allocator(room).deallocate(this, 1);
  }

  PostRoom& room_;
  F function_;
};

class JobExecutor {
 public:
  explicit JobExecutor(Worker& worker) noexcept : worker_(&worker), queue_(worker.queue) {}
  JobExecutor(const JobExecutor& other) noexcept : JobExecutor(other, other.tracked_, other.never_) {}
  JobExecutor(JobExecutor&& other) noexcept
      : worker_(other.worker_), queue_(other.queue_), tracked_(other.tracked_),
        counted_(other.counted_), never_(other.never_) {
    other.counted_ = false;
  }
  ~JobExecutor() {
    if (counted_) queue_->work_finished();
  }
  JobExecutor& operator=(const JobExecutor&) = delete;

  Worker& worker() const noexcept { return *worker_; }
  RunQueue& queue() const noexcept { return *queue_; }

  template <class F>
  void execute(F&& f) const {
    using Function = std::decay_t<F>;
    // As a strand: a dispatch from inside the job itself runs at once.
    if (!never_ && queue_->running_as(*worker_)) {
      Function function(std::forward<F>(f));
      std::move(function)();
      return;
    }
    queue_->push(*new FunctionNode<Function>(Function(std::forward<F>(f)), worker_), !never_);
  }

  template <class F>
  void post_in(PostRoom& room, F function) const {
    queue_->push(FunctionNodeIn<F>::make(room, std::move(function), worker_));
  }

  // The Asio properties that any_io_executor asks for.
  asio::execution_context& query(asio::execution::context_t) const noexcept {
    return asio::query(queue_->target(), asio::execution::context);
  }
  asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
    if (never_) return asio::execution::blocking.never;
    return asio::execution::blocking.possibly;
  }
  JobExecutor require(asio::execution::blocking_t::never_t) const noexcept {
    return {*this, tracked_, true};
  }
  JobExecutor require(asio::execution::blocking_t::possibly_t) const noexcept {
    return {*this, tracked_, false};
  }
  asio::execution::outstanding_work_t query(asio::execution::outstanding_work_t) const noexcept {
    if (tracked_) return asio::execution::outstanding_work.tracked;
    return asio::execution::outstanding_work.untracked;
  }
  JobExecutor require(asio::execution::outstanding_work_t::tracked_t) const noexcept {
    return {*this, true, never_};
  }
  JobExecutor require(asio::execution::outstanding_work_t::untracked_t) const noexcept {
    return {*this, false, never_};
  }

  bool operator==(const JobExecutor& other) const noexcept {
    return worker_ == other.worker_ && queue_ == other.queue_;
  }

 private:
  // What co_spawn keeps for a worker that is not to count is made before that starts; copies of it
  // do not count either.
  JobExecutor(const JobExecutor& other, bool tracked, bool never) noexcept
      : worker_(other.worker_), queue_(other.queue_), tracked_(tracked), never_(never) {
    counted_ = tracked && (other.tracked_ ? other.counted_ : worker_->counts_itself || worker_->started);
    if (counted_) queue_->work_started();
  }

  Worker* worker_;
  RunQueue* queue_;        // outlives the worker's use of it: as the context
  bool tracked_ = false;  // counts as outstanding work of the context,
  bool counted_ = false;  // unless that is its worker's own coroutine, waiting for a job
  bool never_ = false;    // blocking.never: execute() never runs the function inline
};

}  // namespace coroexec::detail
