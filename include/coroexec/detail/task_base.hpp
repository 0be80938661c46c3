// A job's state, without its types: what the engine and every handle share.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>

#include "coroexec/detail/block_pool.hpp"
#include "coroexec/detail/deadline_heap.hpp"
#include "coroexec/detail/intrusive_list.hpp"
#include "coroexec/detail/optional_mutex.hpp"
#include "coroexec/detail/priorities.hpp"
#include "coroexec/detail/wait_list.hpp"
#include "coroexec/options.hpp"

namespace coroexec {

// Where a job is in its life; the last three are ends, of which it reaches exactly one.
enum class TaskState : std::uint8_t { queued, running, succeeded, failed, cancelled };

namespace detail {

class ContextCell;
class Engine;
class Worker;
template <class Ex>
class BasicEngine;

// Why a job is to stop. The first reason stays; an interruption gives way to any other.
enum class CancelReason : std::uint8_t { none, handle, scope, deadline, dropped, interruption };

// Told when a job is done: a stream that wants its results. Called once, on the job's worker or on
// whoever cancelled it in the queue, without any lock held.
class CompletionSink {
 public:
  virtual void completed(class TaskBase& task) noexcept = 0;

 protected:
  ~CompletionSink() = default;
};

// What is kept of an observed job, in front of its name.
struct JobRecord {
  using Time = std::chrono::steady_clock::time_point;
  SourceLocation where;
  std::uint64_t submitter;        // the job that made it; 0: none
  std::uint64_t submitter_scope;
  std::uint32_t submitter_worker;
  std::uint32_t worker;           // on which it runs; 0: it has not started; mutex, as the next
  Time queued, started, ended;    // as far as it has come
};

// One queue or handle counts one reference. Which fields are guarded by the engine's mutex is said
// at each; with one thread the mutex does nothing.
class COROEXEC_DECL TaskBase : public PooledObject {
 public:
  TaskBase(Engine& engine, const TaskOptions& options);
  TaskBase(const TaskBase&) = delete;
  virtual ~TaskBase();

  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.remove()) delete this;
  }

  TaskState state() const noexcept { return state_.load(std::memory_order_acquire); }
  bool done() const noexcept { return state() >= TaskState::succeeded; }
  // For waits: kept by whoever keeps the job.
  Condition is_done() const noexcept { return Condition(*this); }
  bool operator()() const noexcept { return done(); }
  std::string_view name() const noexcept;
  std::uint64_t id() const noexcept { return id_; }
  const std::exception_ptr& error() const noexcept { return error_; }
  std::string label() const;  // for error texts: "job 7 'fetch'", "the body"

  // Throws invalid-state unless done; rethrows the job's error.
  void check_done() const;
  void check_result() const;

  // Destroys callable and arguments, and a result that nobody can read: once the job has ended or will never start,
  // and before its scope is told, which they may refer to. True: there is a result, and somebody may read it.
  virtual bool drop_payload() noexcept = 0;

  // Two jobs of one kind are of one ResultJob type.
  virtual const void* kind() const noexcept = 0;

  Engine& engine() const noexcept { return *engine_; }

 private:
  friend class Engine;
  template <class Ex>
  friend class BasicEngine;
  template <class>
  friend class DeadlineHeap;

  [[noreturn]] void refuse_timeout(std::string_view name) const;
  void set_up(const TaskOptions& options);
  void keep_name(const TaskOptions& options);
  void forget_name() noexcept;
  JobRecord& record() const noexcept;

  // Eight bytes more would be sixteen of the heap for each queued job: these fill two words.
  [[no_unique_address]] RefCount references_;
  std::atomic<TaskState> state_{TaskState::queued};

 public:
  bool is_body : 1 = false;             // a scope's own body: outside of the bound; set before it runs
  bool started_here : 1 = false;        // on the stack of whoever made it, by Engine::start_here(); as above
  bool observed : 1 = false;            // has a record, and an observer is told of it; from construction
  bool special : 1 = false;             // observed, or with a timeout: there is more to do when it starts
  bool : 0;                             // another byte: other threads write it
  bool error_is_owned : 1 = false;      // its error goes to a stream or to the caller, not to the policy; mutex
  bool counted_as_blocked : 1 = false;  // scratch of the deadlock check; mutex
  std::atomic<bool> cancel_requested{false};  // a cancel since the start or the last uncancel()
  std::atomic<CancelReason> cancel_reason{CancelReason::none};  // written under the mutex
  std::int16_t priority = unset_priority;      // in a SchedulingContext; of the context's thread
  std::uint32_t heap_index = no_deadline;      // mutex

 private:
  Engine* engine_;              // counted
  Worker* worker_ = nullptr;    // while running; mutex
  WaitList waiters_;            // mutex
  std::exception_ptr error_;    // written before the final state
  std::uint64_t id_;
  std::chrono::nanoseconds timeout_;
  char* name_ = nullptr;        // length, then the characters; one block, with the record in front if observed

 public:
  Ref<ContextCell> context;  // its context variables; null while it has none
  CompletionSink* sink = nullptr;
  ListLinks<TaskBase> link;  // in the engine's queue, later among a stream's results

 protected:
  void end_with(std::exception_ptr error) noexcept { error_ = std::move(error); }
  // Nobody has a handle, and no stream wants the result.
  bool unread() const noexcept { return !sink && !references_.shared(); }
};

// Is the caller in this job's code, however deep?
COROEXEC_DECL bool executes_here(const TaskBase& job) noexcept;

// What a worker of executor type `Ex` can run.
template <class Ex>
class Job : public TaskBase {
 public:
  using TaskBase::TaskBase;
  // Runs this job, which `worker` has begun, and then as many of the next as give the same type of result: one
  // coroutine frame serves them all. Gives the job of another type that `worker` has begun meanwhile, or null.
  virtual asio::awaitable<TaskBase*, Ex> run(BasicEngine<Ex>& engine, Worker& worker) = 0;
  void fail(std::exception_ptr error) noexcept { end_with(std::move(error)); }
};

// A job and its result.
template <class T, class Ex>
class ResultJob : public Job<Ex> {
 public:
  using Job<Ex>::Job;
  T& value() noexcept { return *value_; }
  asio::awaitable<TaskBase*, Ex> run(BasicEngine<Ex>& engine, Worker& worker) override {
    return engine.template run_jobs<ResultJob>(worker, *this);
  }
  virtual asio::awaitable<T, Ex> call() = 0;  // the user's coroutine
  void succeed(T&& value) { value_.emplace(std::move(value)); }
  bool drop_unread() noexcept {
    if (!this->unread()) return true;
    value_.reset();
    return false;
  }
  const void* kind() const noexcept final { return type_mark(); }
  static const void* type_mark() noexcept {
    static char mark;  // not const: a folding linker would merge the marks of all types
    return &mark;
  }

 private:
  std::optional<T> value_;
};

template <class Ex>
class ResultJob<void, Ex> : public Job<Ex> {
 public:
  using Job<Ex>::Job;
  asio::awaitable<TaskBase*, Ex> run(BasicEngine<Ex>& engine, Worker& worker) override {
    return engine.template run_jobs<ResultJob>(worker, *this);
  }
  virtual asio::awaitable<void, Ex> call() = 0;
  const void* kind() const noexcept final { return type_mark(); }
  static const void* type_mark() noexcept {
    static char mark;  // not const: a folding linker would merge the marks of all types
    return &mark;
  }
};

}  // namespace detail
}  // namespace coroexec
