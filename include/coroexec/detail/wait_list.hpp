// Handlers parked until an event: how a coroutine (or any completion handler) waits for a job, for a
// scope to become idle, for a stream's next element. One mechanism for all of them.
//
// A list is guarded by its owner's mutex. Every parked handler is also known to the service of the
// context it would run on, which drops it when that context goes first: parked handlers are
// invisible to Asio's own shutdown.
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <exception>
#include <mutex>
#include <vector>

#include "coroexec/detail/block_pool.hpp"
#include "coroexec/detail/context_service.hpp"
#include "coroexec/detail/intrusive_list.hpp"
#include "coroexec/detail/job_executor.hpp"
#include "coroexec/detail/optional_mutex.hpp"
#include "coroexec/error.hpp"

namespace coroexec::detail {

class WaitNode : public QueueNode, public PooledObject {
 public:
  WaitNode(OptionalMutex& owner_mutex, ContextService& service)
      : owner_mutex_(owner_mutex), service_(service) {}
  virtual ~WaitNode() = default;

  // Sends the handler on its way; the node must have been taken from its list and its service.
  virtual void post() = 0;

 protected:
  boost::system::error_code result_;

 private:
  friend class WaitList;
  friend class ContextService;
  OptionalMutex& owner_mutex_;
  ContextService& service_;
  class WaitList* list_ = nullptr;
  ListLinks<WaitNode> in_list_;
  ListLinks<WaitNode> in_service_;
};

// Asks a callable that somebody else keeps. Not a template: waiting is compiled once.
class Condition {
 public:
  template <class F>
  explicit Condition(const F& named) noexcept
      : ask_([](const void* f) { return static_cast<bool>((*static_cast<const F*>(f))()); }),
        function_(&named) {}
  bool operator()() const { return ask_(function_); }

 private:
  bool (*ask_)(const void*);
  const void* function_;
};

class COROEXEC_DECL WaitList {
 public:
  // Nodes taken out under the owner's lock, posted when complete() is called without it.
  class COROEXEC_DECL Taken {
   public:
    Taken() = default;
    Taken(Taken&& other) noexcept : nodes_(other.nodes_.take_all()) {}
    Taken& operator=(Taken&&) = delete;
    ~Taken() { complete(); }
    void complete() noexcept {
      if (!nodes_.empty()) complete_all();
    }
    void append(Taken&& other) noexcept {
      if (!other.nodes_.empty()) append_all(other);
    }
    bool empty() const noexcept { return nodes_.empty(); }

   private:
    friend class WaitList;
    void complete_all() noexcept;
    void append_all(Taken& other) noexcept;
    IntrusiveList<WaitNode, &WaitNode::in_list_> nodes_;
  };

  // All need the owner's lock.
  void append_jobs(std::vector<Ref<TaskBase>>& jobs) const;  // of those who wait here
  template <class F>
  void for_each_worker(F f) const {  // whose job waits here
    for (auto* node = nodes_.front(); node; node = nodes_.next(*node))
      if (node->worker) f(*node->worker);
  }
  bool empty() const noexcept { return nodes_.empty(); }
  Taken take_all() noexcept {
    Taken taken;
    if (!nodes_.empty()) move_to(taken);
    return taken;
  }

  // Parks `node` unless `ready`, asked under the owner's lock, says the event is already there.
  void park(WaitNode& node, Condition ready);

  // Takes a node out on cancellation; nothing happens if it is already on its way.
  static void cancel(WaitNode& node) noexcept;

 private:
  friend class ContextService;
  void link(WaitNode& node) noexcept;
  void unlink(WaitNode& node) noexcept;
  void move_to(Taken& taken) noexcept;
  IntrusiveList<WaitNode, &WaitNode::in_list_> nodes_;
};

// Runs a node on an executor that is not one of our queues, and drops it if the executor does.
class NodeRunner {
 public:
  explicit NodeRunner(QueueNode& node) noexcept : node_(&node) {}
  NodeRunner(NodeRunner&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodeRunner& operator=(NodeRunner&&) = delete;
  ~NodeRunner() {
    if (node_) node_->drop();
  }
  void operator()() {
    QueueNode* node = std::exchange(node_, nullptr);
    CurrentWorker current(node->worker);
    node->run();
  }

 private:
  QueueNode* node_;
};

// Straight into the queue where the executor is a job's; false: it is not.
template <class Ex>
bool push_to_job(const Ex& executor, QueueNode& node) {
  if constexpr (std::is_same_v<Ex, asio::any_io_executor>) {
    if (auto* job_executor = executor.template target<JobExecutor>()) {
      node.worker = &job_executor->worker();
      job_executor->queue().push(node);
      return true;
    }
  }
  return false;
}

// Queues a node on `executor`.
template <class Ex>
void post_node(const Ex& executor, QueueNode& node) {
  if (!push_to_job(executor, node)) asio::post(executor, NodeRunner(node));
}

// The same for a node that keeps the room it takes.
template <class Ex>
void post_node_in(PostRoom& room, const Ex& executor, QueueNode& node) {
  if (!push_to_job(executor, node)) post_in(room, executor, false, NodeRunner(node));
}

// The parked form of one handler; `Keep` is whatever must live until it is let go.
template <class Handler, class Keep>
class HandlerNode final : public WaitNode {
  using Executor = asio::associated_executor_t<Handler, asio::any_io_executor>;
  using Work = std::decay_t<decltype(asio::prefer(std::declval<const Executor&>(),
                                                  asio::execution::outstanding_work.tracked))>;
  struct None {};
  // A coroutine's handler has one. A callback without is nobody's: whoever set it goes on meanwhile.
  static constexpr bool has_executor = !std::is_same_v<asio::associated_executor_t<Handler, None>, None>;

 public:
  HandlerNode(Handler&& handler, const Executor& executor, OptionalMutex& mutex, Keep keep)
      : WaitNode(mutex, ContextService::of(executor)),
        handler_(std::move(handler)),
        work_(asio::prefer(executor, asio::execution::outstanding_work.tracked)),
        keep_(std::move(keep)) {
    if constexpr (has_executor) worker = current_worker();
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.assign(Canceller{this});
  }

  void post() override {
    if constexpr (has_executor)
      post_node_in(room_, Executor(asio::get_associated_executor(handler_)), *this);
    else  // as it was before it counted: the room is for an executor as the context gives it
      post_node_in(room_, Executor(asio::prefer(work_, asio::execution::outstanding_work.untracked)), *this);
  }

  void run() override {
    asio::get_associated_cancellation_slot(handler_).clear();
    Handler handler(std::move(handler_));
    const auto result = result_;
    delete this;
    std::move(handler)(result);
  }
  void drop() noexcept override { delete this; }

 private:
  struct Canceller {
    HandlerNode* node;
    void operator()(asio::cancellation_type type) const {
      if (type != asio::cancellation_type::none) WaitList::cancel(*node);
    }
  };

  Handler handler_;
  Work work_;
  Keep keep_;
  PostRoom room_;
};

// Waits on `list` until it is notified; completes with operation_aborted when cancelled first. `keep`
// is what list and mutex belong to, unless the handler itself keeps that alive. `fallback` is the
// executor of a handler that has none of its own.
template <class Keep, class Token>
auto async_park(WaitList& list, OptionalMutex& mutex, Condition ready, Keep keep,
                const asio::any_io_executor& fallback, Token&& token) {
  return asio::async_initiate<Token, void(boost::system::error_code)>(
      [&list, &mutex](auto handler, Condition is_ready, Keep kept, asio::any_io_executor other) {
        using Handler = decltype(handler);
        asio::associated_executor_t<Handler, asio::any_io_executor> executor(
            asio::get_associated_executor(handler, other));
        auto* node = new HandlerNode<Handler, Keep>(std::move(handler), executor, mutex,
                                                    std::move(kept));
        list.park(*node, is_ready);
      },
      token, ready, std::move(keep), fallback);
}

struct KeptByCaller {};

// At a wait of the library that has been cancelled: what is to be raised instead, or null. If there is
// something, reset_cancellation_state() must follow.
COROEXEC_DECL std::exception_ptr take_interruption() noexcept;

// Until `ready()`, which is asked under the mutex. False: the caller was cancelled first. A list may
// be notified for a part of its waiters only: each looks for itself and waits on. The caller's frame
// keeps list, mutex and what `ready` looks at.
template <class Ex, bool throws = false>
asio::awaitable<bool, Ex> wait_until(WaitList& list, OptionalMutex& mutex, Condition ready) {
  for (;;) {
    {
      std::lock_guard lock(mutex);
      if (ready()) co_return true;
    }
    boost::system::error_code ec;
    co_await async_park(list, mutex, ready, KeptByCaller(), asio::any_io_executor(),
                        asio::redirect_error(asio::use_awaitable_t<Ex>{}, ec));
    if (!ec) continue;
    if constexpr (!throws) co_return false;
    if (auto error = take_interruption()) {
      co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
      std::rethrow_exception(std::move(error));
    }
    throw_cancelled();
  }
}

// The same, but throws where the caller was cancelled: operation_aborted, or the error of an interruption.
template <class Ex>
asio::awaitable<bool, Ex> wait_or_throw(WaitList& list, OptionalMutex& mutex, Condition ready) {
  return wait_until<Ex, true>(list, mutex, ready);
}

}  // namespace coroexec::detail
