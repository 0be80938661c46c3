// The engine: knows jobs, not how they are handed in. Up to `max_workers` coroutines take jobs from
// one queue and await them; who may enter, who may start, what an error does and when time is up is
// decided here under one mutex, and carried out after it is released.
//
// Engine is everything that does not depend on the executor's type; BasicEngine<Ex> (worker.hpp
// below it) adds the coroutines, the timer and the channel.
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coroexec/detail/admission.hpp"
#include "coroexec/detail/context_clock.hpp"
#include "coroexec/detail/context_service.hpp"
#include "coroexec/detail/deadline_heap.hpp"
#include "coroexec/detail/optional_mutex.hpp"
#include "coroexec/detail/rate_limiter.hpp"
#include "coroexec/detail/task_base.hpp"
#include "coroexec/detail/wait_list.hpp"
#include "coroexec/detail/worker.hpp"
#include "coroexec/error.hpp"
#include "coroexec/options.hpp"

namespace coroexec {
class Observer;
struct TaskView;
}  // namespace coroexec

namespace coroexec::detail {

// The two engines that a context keeps for an executor: for tasks of no scope, and for coroutines that
// go on only as part of whoever awaits them.
enum class KeptKind : std::uint8_t { tasks, gates };

struct EngineConfig {
  std::size_t max_active = 1;
  std::size_t backlog = automatic_backlog;
  std::chrono::nanoseconds timeout = no_timeout;
  ErrorPolicy policy = ErrorPolicy::cancel;
  double max_per_second = 0;
  std::size_t burst = 1;
  Threading threading = Threading::automatic;
  std::optional<KeptKind> kept = std::nullopt;  // by the context: its idle workers stay and are no work
  std::string_view kind = "executor";  // for error texts
  std::string_view name = {};
  // Its jobs are parts of the caller's own job: they run on the caller's executor, one after the
  // other where that is serial, and answer to the caller's name. The caller waits in run_scope().
  bool part_of_caller = false;
  bool first_success = false;  // a job's success stops the others and is the scope's end
  bool all_errors = false;     // the scope throws all of its errors together

  // Throws invalid-argument with a sentence that names the option.
  COROEXEC_DECL void check() const;
};

// Does only one thread run what `executor` runs, as far as can be told?
COROEXEC_DECL bool single_threaded(const asio::any_io_executor& executor, Threading threading);
// The queue of the job that `executor` belongs to, if the caller is in it now: what is part of the job
// is queued there as well. Null if it cannot be.
COROEXEC_DECL RunQueue* own_queue_of_caller(const asio::any_io_executor& executor) noexcept;

// The job of a coroutine that executes as part of another (Engine::start_gated), if the caller is in one.
COROEXEC_DECL TaskBase* gated_job() noexcept;

// Has a cancel been asked for of the job in which the caller runs, whether it has got there or not?
COROEXEC_DECL bool caller_is_cancelled() noexcept;

enum class Phase : std::uint8_t {
  open,      // takes jobs
  shut,      // takes none; what it has goes on
  stopping,  // takes none; all it has has been cancelled
  closed,    // the face is gone: workers end as soon as they have nothing to do
};

struct ScopeSnapshot;

class COROEXEC_DECL Engine : public PooledObject, private ContextClock::WakeUp {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;

  // Where a handler without an executor of its own runs.
  virtual asio::any_io_executor completion_executor() const = 0;

  Engine(const Engine&) = delete;
  void retain() noexcept { references_.add(); }
  void release() noexcept {
    if (references_.remove()) delete this;
  }

  bool retain_unless_gone() noexcept { return references_.add_unless_gone(); }

  // Handing in. All but submit_if_open() throw `closed` once the engine takes no more jobs.
  void submit_nowait(TaskBase& job);
  bool try_submit(TaskBase& job);  // false: no room now
  // Without an error when it takes no more: false, and the job never starts.
  bool submit_if_open(TaskBase& job);
  // Who waits for room: for those who ask.
  struct RoomWait {
    const Worker* worker;  // null: no job
    ListLinks<RoomWait> link{};
  };
  // True: accepted. False: the caller is counted as waiting until end_wait().
  bool submit_or_wait(TaskBase& job, RoomWait& wait);
  // The end of such a wait, with a reservation or without. True: `job` has been accepted.
  bool end_wait(TaskBase* job, bool let_in, RoomWait& wait);
  void wait_dropped(RoomWait& wait) noexcept;  // its coroutine has been destroyed

  // Starts `job` at once, on the caller's stack, out of turn and whatever the bound: returns when it
  // has ended or suspended. Elsewhere than on a concrete executor it is only queued. False: the engine
  // takes no more jobs.
  bool start_here(TaskBase& job);
  // The same, but what comes after the first suspension waits in `gate`, which is shut; null if the job
  // has ended. For its code the current job is still the caller's, later that of whoever opens, and so
  // is the context unless one is given.
  bool start_gated(TaskBase& job, Ref<ContextCell> context, RunQueue*& gate);
  // Cancels one whose gate is shut, or has `error` raised in it.
  void cancel_at_gate(TaskBase& job, std::exception_ptr error = nullptr) noexcept;
  // Makes a job that no engine has accepted one of this engine.
  void adopt(TaskBase& job) noexcept;
  // A kept engine that has nothing to do closes; false: it has.
  bool close_if_idle() noexcept;
  // Where the tasks of no scope that our jobs start belong; remembered once found. `type` stands for
  // the executor's type.
  Ref<Engine> kept_engine(KeptKind kind, const void* type) const noexcept;
  void remember_kept(KeptKind kind, Ref<Engine> engine) noexcept;
  const void* kept_type = nullptr;

  bool cancel(TaskBase& job, CancelReason reason = CancelReason::handle);  // false: already done
  void cancel_all(CancelReason reason, std::exception_ptr error);  // and takes no more jobs
  // Cancels what the job waits for, and has `error` raised in it in place of operation_aborted.
  // invalid-state if that cannot be.
  void interrupt(TaskBase& job, std::exception_ptr error);
  bool interruption_is_over_locked(const TaskBase& job) const noexcept;
  // What is to be raised in the job now; with it the cancel is taken back. Null: it is a plain cancel.
  std::exception_ptr take_interruption(TaskBase& job) noexcept;
  // Cancels all jobs of now but the caller's own, and gives them; later ones are still taken.
  std::vector<Ref<TaskBase>> cancel_jobs();
  void cancel_sink(const CompletionSink& sink) noexcept;  // all jobs of one stream
  void shut() noexcept;  // no new jobs
  void close() noexcept;  // the face goes: cancels what is left and lets the workers go
  // The context is being destroyed. After the first nothing new is asked of it, whatever its dying
  // coroutines do; after the second nothing of it is held.
  void context_dies() noexcept;
  void abandon() noexcept;

  bool idle() const;
  bool open() const;
  Stats stats() const;
  Stats stats_locked() const;
  std::vector<TaskError> errors() const;
  std::size_t max_active() const noexcept { return admission_.max_active(); }
  std::string label() const;            // "executor 'name'"
  std::string still_running() const;    // "job 3 'a', job 7" for error texts
  std::string name_of(const WaitList& list) const;     // "job 3 'a' of executor"; empty: not of ours
  Ref<TaskBase> parent() const noexcept;  // the job in which the engine was made
  std::vector<Ref<TaskBase>> jobs_waiting_for(const TaskBase& job) const;
  bool has_blocked(const TaskBase& job) const;         // it waits for what only this engine can give
  void append_jobs(std::vector<Ref<TaskBase>>& jobs) const;  // all that are not done

  // The error a scope or a join is to rethrow, handed out once; null if there is none.
  std::exception_ptr take_error();
  std::uint64_t cancelled_count() const;
  std::uint64_t executed() const;  // jobs that started and ended
  std::uint64_t winner() const;    // the job whose success stopped the others; 0: none
  bool part_of_caller() const noexcept { return part_of_caller_; }
  bool gates() const noexcept { return gates_; }

  // A wait that only this engine can end, made by one of its own jobs, for as long as the object
  // lives. The last one of jobs that could never go on ends with a would-deadlock error. `over`, asked under
  // the mutex, tells that the wait has been satisfied already; what is waited for is a job or something
  // else, or neither of a wait that may not fail: for jobs that are being cancelled.
  class COROEXEC_DECL BlockedJob {
   public:
    BlockedJob(Engine& engine, Condition over, const TaskBase* job, std::string_view what = {});
    ~BlockedJob();
    BlockedJob(const BlockedJob&) = delete;
    void end() noexcept;
    // After a wait that has ended well: true if its error came too late and has been taken back, and
    // reset_cancellation_state() must follow.
    bool came_late() noexcept { return end(), failed_ && detail::take_interruption(); }

   private:
    friend class Engine;
    Engine& engine_;
    Ref<TaskBase> job_;     // of this engine
    Ref<TaskBase> waiter_;  // in which the wait is: this job, or one of a scope in it
    Condition over_;
    const TaskBase* awaited_;
    std::string_view what_;
    bool failed_ = false;  // it has been chosen
    ListLinks<BlockedJob> link_;
  };
  // To be asked when a wait that was as good as over may no longer be.
  void look_for_deadlock() noexcept { break_deadlock(nullptr); }
  // The job of this engine in which the caller runs, however deeply nested; null if in none.
  Ref<TaskBase> own_job_of_caller() const noexcept;

  OptionalMutex& mutex() const noexcept { return mutex_; }
  bool threads() const noexcept { return mutex_.threads(); }
  WaitList& waiters_of(TaskBase& job) noexcept { return job.waiters_; }
  WaitList& interrupters() noexcept { return interrupters_; }
  WaitList& joiners() noexcept { return joiners_; }
  WaitList& scope_end() noexcept { return scope_end_; }
  bool jobs_idle_locked() const noexcept { return admission_.idle() && letting_go_ == 0; }
  bool scope_over_locked() const noexcept {
    return jobs_idle_locked() && !body_running_ && pumps_ == 0;
  }
  bool stopped_locked() const noexcept { return phase_ >= Phase::stopping; }
  std::string_view kind() const noexcept { return kind_; }
  const std::string& scope_name() const noexcept { return name_; }
  std::uint64_t next_id() noexcept;

  // Starts `job` in a worker of its own, outside of bound and rate: at the end of the run queue, whose
  // next entry it then is. Only where all workers share a queue.
  void start_task(TaskBase& job);

  // From the coroutine of `worker`: ends its job if it has one, gives the next, or null.
  TaskBase* advance(Worker& worker) noexcept;
  bool worker_may_go(Worker& worker) const noexcept;
  void park(Worker& worker, QueueNode& handler) noexcept;
  void worker_gone(Worker& worker) noexcept;
  void cancel_arrived(Worker& worker, bool tell);

  std::size_t index_in_service = 0;
  // Set by the service, once, when it takes the engine in.
  void be_observed(std::uint64_t number, const std::shared_ptr<Observer>& observer,
                   std::uint64_t sample_mask);
  std::uint64_t number() const noexcept { return number_; }  // of the process, from 1
  bool is_on(const ContextService& service) const noexcept { return service_ == &service; }
  bool lives() const noexcept;  // does its context?
  bool is_observed() const noexcept { return observer_ != nullptr; }
  ScopeSnapshot snapshot(std::size_t most_jobs) const;
  void on_timer() noexcept;
  void on_retire() noexcept;
  void send_home(IntrusiveList<Worker, &Worker::link>& idle) noexcept;

 protected:
  Engine(const EngineConfig& config, bool threads, bool own_queues, RunQueue* borrowed, ContextService& service);
  virtual ~Engine();

  // What needs the executor's type. All are called without the lock, but for the timer's and what is named so.
  virtual void give_queue_locked(Worker& worker) = 0;
  virtual void start_worker(Worker& worker) = 0;
  virtual bool may_start_here() const noexcept = 0;
  virtual void run_here(Worker& worker, QueueNode* parked) = 0;
  virtual void schedule(Worker& worker, QueueNode& node) = 0;
  virtual void admit() noexcept = 0;
  virtual bool take_token_locked() noexcept = 0;
  virtual void arm_timer(Time time) = 0;
  virtual void cancel_timer() noexcept = 0;
  virtual void post_retire_locked() = 0;
  virtual void forget_context() noexcept = 0;
  virtual void forget_user_code() noexcept = 0;

  Time now() const noexcept;
  // The context's own clock is armed where there is one; else false.
  bool arm_clock(Time time);

  std::size_t admit_locked() noexcept;
  void start_body(TaskBase& body);
  void arm_scope_timeout();
  Worker& new_worker_locked(bool is_body);

  ContextService* service_;
  RunQueue* queue_ = nullptr;  // shared by all workers where one thread runs the context
  const bool queue_is_borrowed_;
  Admission admission_;
  Phase phase_ = Phase::open;

 private:
  friend class TaskBase;
  struct Effects;

  void throw_if_closed_locked() const;
  inline void enqueue_locked(TaskBase& job, Effects& effects);
  void wake_worker_locked(Effects& effects) noexcept;
  void send_worker_locked(Effects& effects) noexcept;
  void arrived_locked(Worker& worker, Effects& effects) noexcept;
  void send_for_two() noexcept;
  void fail_stranded() noexcept;
  bool start_allowed_locked();
  bool rate_allows_start_locked();
  bool send_again_locked(Time time) noexcept;
  inline TaskBase* start_next_locked(Worker& worker, const TaskBase* ended, Effects& effects);
  void begin_locked(TaskBase& job, Worker& worker, const TaskBase* previous = nullptr,
                    Effects* effects = nullptr);
  void watch_deadline_locked(const TaskBase& job);
  void end_deadline_locked(TaskBase& job) noexcept;
  struct StartHere;
  StartHere begin_here(TaskBase& job);
  Worker& worker_for_start_here_locked();
  // Other ids in each scope, or of a small one it would be always the first job.
  bool observes(std::uint64_t id) const noexcept {
    return ((id + (number_ * 0x9e3779b97f4a7c15u >> 32)) & sample_mask_) == 0;
  }
  inline void queue_special_locked(TaskBase& job, Effects& effects);
  void note_queued_locked(TaskBase& job) const noexcept;
  void note_begun_locked(TaskBase& body, const Worker& worker) const noexcept;
  void begin_special_locked(TaskBase& job, Worker& worker, const TaskBase* previous,
                            Effects* effects);
  void tell_queued(const TaskBase& job) const noexcept;
  void tell_started(const TaskBase& job) const noexcept;
  void tell_ended(TaskBase& job, bool aborted) const noexcept;
  void tell_dropped(TaskBase& job, TaskState state) const noexcept;
  void tell(void (Observer::*what)(const TaskView&) noexcept, const TaskBase& job,
            TaskState state) const noexcept;
  TaskBase* take_given(Worker& worker) noexcept;
  void count_job(Worker& worker);
  void uncount_job(Worker& worker) noexcept;
  inline void finish_locked(Worker& worker, TaskBase& job, bool aborted, Effects& effects);
  void finish_failed_locked(Worker& worker, TaskBase& job, bool aborted, Effects& effects);
  void settle_locked(TaskBase& job, TaskState state, Effects& effects) noexcept;
  void apply_policy_locked(TaskBase& job, TaskState state, Effects& effects);
  void record_locked(TaskBase& job);
  void stop_locked(Effects& effects) noexcept;
  void stop_for_error_locked(TaskBase& job, Effects& effects) noexcept;
  void cancel_queued_locked(TaskBase& job, CancelReason reason, const std::exception_ptr& error,
                            Effects& effects) noexcept;
  void end_unstarted_locked(TaskBase& job, TaskState state, std::exception_ptr error, Effects& effects) noexcept;
  void end_interruption_locked(Worker& worker, Effects& effects) noexcept;
  void let_go(Effects& effects) noexcept;
  TaskBase* part_with_locked(TaskBase& ended, Effects& effects) noexcept;
  void have_let_go(std::size_t count) noexcept;
  void tell_settled(const Effects& effects) const noexcept;
  void cancel_all_queued_locked(CancelReason reason, Effects& effects) noexcept;
  void cancel_everything_locked(CancelReason reason, Effects& effects) noexcept;
  void end_everything_locked(Effects& effects) noexcept;
  void end_job_locked(TaskBase& running, Effects& effects) noexcept;
  void end_running_locked(Effects& effects) noexcept;
  BlockedJob* deadlocked_locked() noexcept;
  std::exception_ptr deadlock_error(const BlockedJob& wait) const noexcept;
  std::exception_ptr break_deadlock(BlockedJob* begun) noexcept;
  template <class F>
  void for_each_running_locked(F f) const;
  void interrupt_locked(TaskBase& running, std::exception_ptr& error, Effects& effects) noexcept;
  bool request_cancel_locked(TaskBase& job, CancelReason reason, Effects& effects) noexcept;
  void after_change_locked(Effects& effects) noexcept;
  void jobs_became_idle_locked(Effects& effects) noexcept;
  void retire_if_idle_locked() noexcept;
  void detach_if_over() noexcept;
  void ring() noexcept override;
  bool want_timer_locked(Time time) noexcept;
  void deliver_cancels() noexcept;
  void recycle(Worker& worker) noexcept;

  RefCount references_;
  mutable OptionalMutex mutex_;
  RateLimiter rate_;
  DeadlineHeap<TaskBase> deadlines_;
  Time scope_deadline_ = Time::max();
  Time next_wake_ = Time::max();  // when a worker is to be sent for again
  Time armed_ = Time::max();
  Time died_at_{};  // with its context
  std::chrono::nanoseconds timeout_;
  const ErrorPolicy policy_;
  const bool part_of_caller_, first_success_, all_errors_;
  const bool kept_;   // by the context, with its idle workers
  const bool gates_;  // each worker's queue is one

  IntrusiveList<TaskBase, &TaskBase::link> queued_;
  IntrusiveList<Worker, &Worker::link> idle_;
  IntrusiveList<Worker, &Worker::link> busy_;
  std::size_t workers_ = 0;
  std::size_t wakes_ = 0;       // workers that have been sent for and have not looked at the queue yet
  std::size_t arrivals_ = 0;    // in a row, that left jobs in the queue
  std::size_t letting_go_ = 0;  // jobs that have ended and hold something of the user's that is to be destroyed yet
  std::size_t held_ = 0;        // workers in our hands, with all that is left of their coroutines
  bool scoped_ = false;         // has, or had, a body
  bool body_running_ = false;
  std::size_t pumps_ = 0;       // of streams; outside of the bound, as the body
  bool retire_posted_ = false;

  IntrusiveList<Worker, &Worker::due> due_;  // whose jobs are yet to be told of their cancel
  IntrusiveList<BlockedJob, &BlockedJob::link_> blocked_;
  IntrusiveList<RoomWait, &RoomWait::link> room_waits_;
  std::size_t blocked_count_ = 0;

  WaitList interrupters_;  // until an interruption has been raised, or its job has ended
  WaitList joiners_;       // until no job is left
  WaitList scope_end_;     // until no job is left and the body has ended
  std::vector<TaskError> errors_;
  std::exception_ptr first_error_;
  bool error_taken_ = false;
  std::uint64_t winner_ = 0;
  std::uint64_t succeeded_ = 0, failed_ = 0, cancelled_ = 0, executed_ = 0;
  std::atomic<std::uint64_t> last_id_{0};
  std::shared_ptr<Observer> observer_;  // null as a rule; these three are set once
  std::uint64_t sample_mask_ = 0;       // which jobs it is told of
  std::uint64_t number_ = 0;
  std::string name_;
  std::string_view kind_;
  Ref<TaskBase> parent_;  // the job in which the engine was made
  std::array<Ref<Engine>, 2> kept_engines_;  // by KeptKind
};

}  // namespace coroexec::detail
