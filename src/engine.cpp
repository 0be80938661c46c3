#include "coroexec/detail/alarm.hpp"
#include "coroexec/detail/context_executor.hpp"
#include "coroexec/detail/engine.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#if __has_include(<boost/asio/config.hpp>)
#include <boost/asio/config.hpp>
#endif

namespace coroexec::detail {

// What a decision leads to, carried out once the lock is released: no user code and no executor is
// ever called under it.
struct Engine::Effects {
  WaitList::Taken waiters;
  IntrusiveList<TaskBase, &TaskBase::link> settled;  // ended in the queue, each counted once
  Worker* start = nullptr;
  Worker* resume = nullptr;
  QueueNode* handler = nullptr;  // of `resume`
  std::exception_ptr unused;     // an interruption that came to nothing: destroyed without the lock
  bool admits = false;
  bool cancels = false;
  bool start_failed = false;

  // Most often there is nothing to do; a call for that would be a hundredth of a job's cost.
  [[gnu::always_inline]] void carry_out(Engine& engine) noexcept {
    if (resume || start || admits || cancels || start_failed || !settled.empty()) carry_out_all(engine);
    waiters.complete();
  }
  void carry_out_all(Engine& engine) noexcept;
  void send_for_worker(Engine& engine) noexcept;
};

namespace {

std::size_t chosen_backlog(const EngineConfig& config) {
  if (config.backlog != automatic_backlog) return config.backlog;
  return std::clamp<std::size_t>(config.max_active, 64, 1024);
}

std::string milliseconds(std::chrono::nanoseconds time) {
  std::string text = std::to_string(std::chrono::duration<double, std::milli>(time).count());
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " ms";
}

// The sentence needs memory; without it the bad_alloc is the error.
template <class Label>
std::exception_ptr timeout_error(Label label, std::chrono::nanoseconds timeout) noexcept {
  try {
    return make_error(errc::timed_out, label() + " exceeded its timeout of " + milliseconds(timeout));
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

// The job whose coroutine the caller is in, and which stands for that of the current worker.
TaskBase* gated_job() noexcept {
  const RunQueue* const queue = this_thread_state().draining;
  Worker* const worker = queue ? queue->gate_worker() : nullptr;
  return worker && queue->running_as(*worker) ? worker->job : nullptr;
}

bool caller_is_cancelled() noexcept {
  const auto asked = [](TaskBase* job) { return job && job->cancel_requested.load(std::memory_order_relaxed); };
  Worker* const worker = current_worker();
  return asked(gated_job()) || (worker && asked(worker->job));
}

bool single_threaded(const asio::any_io_executor& executor, Threading threading) {
  if (threading != Threading::automatic) return threading == Threading::single;
  if (auto* context_executor = executor.target<ContextExecutor>())
    return single_threaded(context_executor->inner(), threading);
  if (auto* job_executor = executor.target<JobExecutor>()) {
    if (job_executor->queue().gate_worker()) return single_threaded(job_executor->queue().target(), threading);
    if (auto* engine = job_executor->worker().engine) return !engine->threads();
  }
  if (executor.target<asio::strand<asio::any_io_executor>>() ||
      executor.target<asio::strand<asio::io_context::executor_type>>() ||
      executor.target<asio::strand<asio::thread_pool::executor_type>>())
    return true;
  auto& context = asio::query(executor, asio::execution::context);
  if (ContextService::of(context).single_threaded()) return true;
#if __has_include(<boost/asio/config.hpp>)
  // Only an io_context: the one thread of a thread_pool is never the caller's.
  if (executor.target<asio::io_context::executor_type>())
    return asio::config(context).get("scheduler", "concurrency_hint", 0) == 1;
#endif
  return false;
}

// It may be elsewhere after an operation with another executor bound to it.
RunQueue* own_queue_of_caller(const asio::any_io_executor& executor) noexcept {
  auto* job_executor = executor.target<JobExecutor>();
  if (!job_executor || !job_executor->queue().running_as(job_executor->worker())) return nullptr;
  return &job_executor->queue();
}

void EngineConfig::check() const {
  const std::string who = std::string(kind) + (name.empty() ? "" : " '" + std::string(name) + "'");
  const auto refuse = [&](const std::string& what) {
    throw_error(errc::invalid_argument, who + ": " + what);
  };
  const char* bound = kind == "pool" ? "size" : kind == "executor" ? "max_workers" : "limit";
  if (max_active == 0) refuse(std::string(bound) + " must be at least 1");
  if (!(max_per_second >= 0)) refuse("max_per_second must not be negative");
  if (burst == 0) refuse("burst must be at least 1");
  if (timeout < std::chrono::nanoseconds::zero()) refuse("timeout must not be negative");
}

Engine::Engine(const EngineConfig& config, bool threads, bool own_queues, RunQueue* borrowed, ContextService& service)
    : service_(&service),
      queue_(borrowed),
      queue_is_borrowed_(borrowed),
      admission_(config.max_active, chosen_backlog(config)),
      references_(threads),
      mutex_(threads),
      rate_(config.max_per_second, config.burst),
      timeout_(config.timeout),
      policy_(config.policy),
      part_of_caller_(config.part_of_caller),
      first_success_(config.first_success),
      all_errors_(config.all_errors),
      kept_(config.kept && own_queues),
      gates_(config.kept == KeptKind::gates),
      name_(config.name),
      kind_(config.kind) {
  if (auto* worker = current_worker(); worker && worker->job && !config.kept) parent_ = Ref<TaskBase>(worker->job);
  service.add(*this);
}

// Still known to the service: one that failed while it was made, or was never closed.
Engine::~Engine() {
  if (!service_) return;
  service_->remove(*this);
  if (queue_) service_->release_queue(*queue_);
}

// A task handle may be the last to hold an engine, when the context is long gone or about to go: so
// everything of the context is given back as soon as the face has closed and no coroutine is left.
void Engine::detach_if_over() noexcept {
  ContextService* service = nullptr;
  RunQueue* queue = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::closed || held_ > 0 || !jobs_idle_locked() || !service_) return;
    service = std::exchange(service_, nullptr);
    queue = std::exchange(queue_, nullptr);
  }
  forget_context();
  forget_user_code();
  service->remove(*this);
  if (queue && !queue_is_borrowed_) service->release_queue(*queue);
}

std::uint64_t Engine::next_id() noexcept {
  if (threads()) return last_id_.fetch_add(1, std::memory_order_relaxed) + 1;
  const auto id = last_id_.load(std::memory_order_relaxed) + 1;
  last_id_.store(id, std::memory_order_relaxed);
  return id;
}

// ---- handing in

// A caller that is itself being cancelled is told so, and not that the scope which cancels it has ended: with
// several threads it can be here before the cancel reaches it.
void Engine::throw_if_closed_locked() const {
  if (phase_ == Phase::open) return;
  if (phase_ != Phase::shut && caller_is_cancelled()) throw_cancelled();
  throw_error(errc::closed, label() + (phase_ == Phase::shut ? " has been shut down"
                                       : phase_ == Phase::stopping
                                           ? " has been cancelled and takes no more jobs"
                                           : " has ended"));
}

void Engine::enqueue_locked(TaskBase& job, Effects& effects) {
  if (job.timeout_ != no_timeout) deadlines_.reserve(admission_.active() + admission_.queued() + 1);
  job.retain();
  queued_.push_back(job);
  admission_.enqueued();
  wake_worker_locked(effects);
}

void Engine::submit_nowait(TaskBase& job) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    throw_if_closed_locked();
    enqueue_locked(job, effects);
  }
  effects.carry_out(*this);
}

bool Engine::submit_if_open(TaskBase& job) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::open) return false;
    enqueue_locked(job, effects);
  }
  effects.carry_out(*this);
  return true;
}

bool Engine::try_submit(TaskBase& job) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    throw_if_closed_locked();
    if (!admission_.has_room()) return false;
    enqueue_locked(job, effects);
  }
  effects.carry_out(*this);
  return true;
}

bool Engine::submit_or_wait(TaskBase& job) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    throw_if_closed_locked();
    if (!admission_.has_room()) {
      admission_.wait_begun();
      return false;
    }
    enqueue_locked(job, effects);
  }
  effects.carry_out(*this);
  return true;
}

bool Engine::end_wait(TaskBase* job, bool let_in) {
  Effects effects;
  bool accepted = false;
  {
    std::lock_guard lock(mutex_);
    let_in = let_in || take_token_locked();  // cancelled, but its token may have been sent already
    let_in ? admission_.reservation_used() : admission_.wait_given_up();
    accepted = job && let_in && phase_ == Phase::open;
    if (accepted) enqueue_locked(*job, effects);
    else after_change_locked(effects);
  }
  effects.carry_out(*this);
  if (!accepted) detach_if_over();
  return accepted;
}

void Engine::wait_dropped() noexcept {
  std::lock_guard lock(mutex_);
  // Its token may have gone with it; then one fewer waits than are counted.
  take_token_locked() || admission_.waiting() == 0 ? admission_.reservation_used() : admission_.wait_given_up();
}

// How many of those who wait are to be let in now. They are counted and sent for under one lock: a wait
// that is given up meanwhile either finds its token or was not counted yet.
std::size_t Engine::admit_locked() noexcept {
  return phase_ == Phase::open ? admission_.admit_waiting() : admission_.admit_all();
}

// ---- workers

bool Engine::start_allowed_locked() {
  if (!admission_.may_start()) return false;
  if (!rate_.limited()) return true;
  const Time time = now();
  if (rate_.may_start(time)) return true;
  rate_wake_ = rate_.next_start(time);
  want_timer_locked(rate_wake_);
  return false;
}

// At most one wake is on its way; the worker that arrives sends for the next. So a crowd of jobs that
// end at once is done by one worker, and a crowd that suspends gets all of them.
void Engine::wake_worker_locked(Effects& effects) noexcept {
  if (wake_pending_ || !service_ || !start_allowed_locked()) return;
  wake_pending_ = true;
  if (Worker* worker = idle_.pop_front()) {
    effects.resume = worker;
    effects.handler = std::exchange(worker->parked, nullptr);
    worker->woken = true;
    return;
  }
  try {
    effects.start = &new_worker_locked(false);
    effects.start->woken = true;
    ++workers_;
  } catch (...) {
    wake_pending_ = false;
    effects.start_failed = true;
  }
}

// There is no memory for a worker. The others, if there are any, take the jobs in time; if there are
// none, nobody ever would.
void Engine::fail_stranded() noexcept {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (workers_ > 0) return;
    wake_pending_ = false;
    auto stranded = queued_.take_all();
    while (auto* job = stranded.pop_front()) {
      admission_.dequeued();
      job->error_ = std::make_exception_ptr(std::bad_alloc());
      settle_locked(*job, TaskState::failed, effects);
      let_go_later_locked(*job, effects);
      apply_policy_locked(*job, TaskState::failed, effects);
    }
    after_change_locked(effects);
  }
  effects.carry_out(*this);
}

Worker& Engine::new_worker_locked(bool is_body) {
  Worker& worker = service_->acquire_worker();
  worker.engine = this;
  worker.queue = queue_;
  worker.job = nullptr;
  worker.is_body = is_body;
  worker.started = worker.gone = worker.woken = false;
  try {
    give_queue_locked(worker);  // now, before it can be found by who cancels
  } catch (...) {
    service_->release_worker(worker);
    throw;
  }
  worker.counts_itself = !kept_;
  ++held_;
  return worker;
}

TaskBase* Engine::start_next_locked(Worker& worker, Effects& effects) {
  if (worker.is_body || !start_allowed_locked()) return nullptr;
  TaskBase& job = *queued_.pop_front();
  begin_locked(job, worker);
  wake_worker_locked(effects);
  return &job;
}

void Engine::begin_locked(TaskBase& job, Worker& worker) {
  admission_.started();
  job.state_.store(TaskState::running, std::memory_order_relaxed);
  job.worker_ = &worker;
  worker.job = &job;
  if (!busy_.linked(worker)) busy_.push_back(worker);
  if (rate_.limited()) rate_.started(now());
  if (job.timeout_ != no_timeout) {
    const Time deadline = deadline_in(job.timeout_, now());
    deadlines_.add(job, deadline);
    want_timer_locked(deadline);
  }
}

TaskBase* Engine::advance(Worker& worker) noexcept {
  if (worker.given) return std::exchange(worker.given, nullptr);
  TaskBase* const ended = worker.job;
  if (ended) ended->drop_payload();
  const bool aborted = ended && ended->error_ && ended->cancel_reason.load(std::memory_order_relaxed) != CancelReason::none &&
                       is_cancelled(ended->error_);
  Effects effects;
  TaskBase* next = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (worker.woken) worker.woken = wake_pending_ = false;
    if (ended) finish_locked(worker, *ended, aborted, effects);
    if (ended && worker.interruption) std::swap(effects.unused, worker.interruption);
    // Perhaps still on the stack of whoever started it: no other job is to run there.
    if (!ended || !ended->started_here) next = start_next_locked(worker, effects);
    if (ended && !next) busy_.remove(worker);
    after_change_locked(effects);
  }
  if (kept_ && worker.job_counted != (next != nullptr)) next ? count_job(worker) : uncount_job(worker);
  if (gates_) worker.queue->go_home();
  effects.carry_out(*this);
  if (ended) {
    if (ended->sink) ended->sink->completed(*ended);
    ended->release();
  }
  return next;
}

// A kept engine keeps that many idle workers from a crowd.
bool Engine::worker_may_go(Worker& worker) const noexcept {
  constexpr std::size_t keep_idle = 256;
  std::lock_guard lock(mutex_);
  return worker.is_body || phase_ == Phase::closed || (part_of_caller_ && scope_over_locked()) ||
         (kept_ && workers_ - admission_.active() > keep_idle && admission_.queued() == 0);
}

void Engine::park(Worker& worker, QueueNode& handler) noexcept {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::closed || start_allowed_locked()) {
      effects.resume = &worker;
      effects.handler = &handler;
    } else {
      worker.parked = &handler;
      idle_.push_front(worker);
      retire_if_idle_locked();
    }
  }
  effects.carry_out(*this);
}

// Nothing is left of a worker's coroutine: it ended, was destroyed in the middle of its job, or never
// started.
void Engine::worker_gone(Worker& worker) noexcept {
  TaskBase* const job = worker.job;
  worker.given = nullptr;
  uncount_job(worker);
  if (job) job->drop_payload();
  Effects effects;
  bool recyclable = false;
  {
    std::lock_guard lock(mutex_);
    if (worker.woken) worker.woken = wake_pending_ = false;
    if (job) {
      job->cancel_reason = CancelReason::dropped;
      job->error_ = make_cancelled();
      finish_locked(worker, *job, true, effects);
      busy_.remove(worker);
    }
    if (!worker.is_body) --workers_;
    worker.gone = true;
    recyclable = !worker.cancel_queued;
    if (service_ && worker.started) wake_worker_locked(effects);
    if (service_ && !worker.started) effects.start_failed = true;  // no memory for its frame
    after_change_locked(effects);
  }
  effects.carry_out(*this);
  if (recyclable) recycle(worker);
  if (!job) return;
  if (job->sink) job->sink->completed(*job);
  job->release();
}

void Engine::recycle(Worker& worker) noexcept {
  worker.interruption = nullptr;
  ContextService* service = nullptr;
  {
    std::lock_guard lock(mutex_);
    service = service_;  // stays while workers are held
    worker.engine = nullptr;
  }
  if (!service) return;
  if (worker.queue && worker.queue != queue_) {
    if (gates_) worker.queue->go_home(), worker.queue->make_ordinary();
    service->release_queue(*worker.queue);
  }
  service->release_worker(worker);
  {
    std::lock_guard lock(mutex_);
    --held_;
  }
  detach_if_over();
}

// ---- the end of a job

void Engine::settle_locked(TaskBase& job, TaskState state, Effects& effects) noexcept {
  if (job.heap_index != no_deadline) deadlines_.remove(job);
  switch (state) {
    case TaskState::succeeded: ++succeeded_; break;
    case TaskState::failed: ++failed_; break;
    default: ++cancelled_;
  }
  job.state_.store(state, std::memory_order_release);
  effects.waiters.append(job.waiters_.take_all());
}

// The worker stays among the busy ones: as a rule its next job begins at once.
void Engine::finish_locked(Worker& worker, TaskBase& job, bool aborted, Effects& effects) {
  if (due_.linked(worker)) due_.remove(worker);
  worker.job = nullptr;
  job.worker_ = nullptr;
  if (job.is_body && job.error_is_owned)
    --pumps_;
  else if (job.is_body)
    body_running_ = false;
  else
    admission_.finished(), ++executed_;
  TaskState state = !job.error_ ? TaskState::succeeded
                    : aborted   ? TaskState::cancelled
                                : TaskState::failed;
  if (state == TaskState::cancelled && job.cancel_reason == CancelReason::interruption) {
    std::swap(job.error_, worker.interruption);
    state = TaskState::failed;
  }
  if (state == TaskState::cancelled && job.cancel_reason == CancelReason::deadline)
    job.error_ = timeout_error([&] { return job.label(); }, job.timeout_);
  settle_locked(job, state, effects);
  if (state != TaskState::succeeded) return apply_policy_locked(job, state, effects);
  if (!first_success_ || winner_ != 0) return;
  winner_ = job.id();
  stop_locked(effects);
}

// The error is recorded first and the siblings cancelled second, or it would not be the first.
void Engine::apply_policy_locked(TaskBase& job, TaskState state, Effects& effects) {
  if (job.error_is_owned) return;
  const bool asked_by_user = state == TaskState::cancelled && job.cancel_reason == CancelReason::handle;
  if (job.is_body) {
    if (state == TaskState::failed || asked_by_user) {
      if (all_errors_) record_locked(job);
      stop_for_error_locked(job, effects);
    }
    return;
  }
  if (policy_ == ErrorPolicy::suppress) return;
  if (state == TaskState::failed) record_locked(job);
  if (policy_ == ErrorPolicy::cancel && (state == TaskState::failed || asked_by_user)) {
    stop_for_error_locked(job, effects);
  }
}

void Engine::stop_for_error_locked(TaskBase& job, Effects& effects) noexcept {
  if (!first_error_) first_error_ = job.error_;
  stop_locked(effects);
}

void Engine::record_locked(TaskBase& job) {
  try {
    errors_.push_back({std::string(job.name()), job.id(), job.error_});
  } catch (const std::bad_alloc&) {  // the error itself is still in its task
  }
}

template <class F>
void Engine::for_each_running_locked(F f) const {
  for (auto* worker = busy_.front(); worker; worker = busy_.next(*worker))
    if (worker->job) f(*worker->job);
}

void Engine::after_change_locked(Effects& effects) noexcept {
  if (admission_.may_admit() || (admission_.waiting() > 0 && phase_ != Phase::open)) effects.admits = true;
  if (!jobs_idle_locked()) return;
  retire_if_idle_locked();
  effects.waiters.append(joiners_.take_all());
  if (scope_over_locked()) effects.waiters.append(scope_end_.take_all());
  // Nobody in the scope is left to read what a pump would still bring.
  if (service_ && scoped_ && !body_running_ && pumps_ > 0)
    end_running_locked(effects);
  if (armed_ != Time::max() && scope_deadline_ == Time::max()) {
    armed_ = rate_wake_ = Time::max();
    disarm();
    if (service_) cancel_timer();
  }
}

// A parked coroutine counts as work to Asio: run() of a context whose executor has nothing to do must
// be able to return. While a body runs, its scope is waited for anyway, and on a ready queue nothing
// parked counts.
void Engine::retire_if_idle_locked() noexcept {
  if (part_of_caller_ || kept_) return;  // so is this one; idle workers of kept engines are no work
  if (!scope_over_locked() || idle_.empty() || retire_posted_ || !service_ || service_->has_ready_queue()) return;
  try {
    post_retire_locked();
    retire_posted_ = true;
  } catch (...) {  // no memory: tried again when it is idle the next time
  }
}

void Engine::on_retire() noexcept {
  IntrusiveList<Worker, &Worker::link> retired;
  {
    std::lock_guard lock(mutex_);
    retire_posted_ = false;
    if (scope_over_locked()) retired = idle_.take_all();
  }
  // Dropping the handler destroys the coroutine, which ends in worker_ended().
  while (auto* worker = retired.pop_front()) std::exchange(worker->parked, nullptr)->drop();
}

// ---- cancellation

bool Engine::request_cancel_locked(TaskBase& job, CancelReason reason, Effects& effects) noexcept {
  if (job.state_.load(std::memory_order_relaxed) != TaskState::running) return false;
  const CancelReason before = job.cancel_reason.load(std::memory_order_relaxed);
  if (before == CancelReason::none || before == CancelReason::interruption)
    job.cancel_reason.store(reason, std::memory_order_relaxed);
  job.cancel_requested.store(true, std::memory_order_relaxed);
  if (!due_.linked(*job.worker_)) due_.push_back(*job.worker_);
  effects.cancels = true;
  return true;
}

bool Engine::cancel(TaskBase& job, CancelReason reason) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (job.done()) return false;
    if (queued_.linked(job)) {
      cancel_queued_locked(job, reason, make_cancelled(), effects);
      apply_policy_locked(job, TaskState::cancelled, effects);
      after_change_locked(effects);
    } else if (!request_cancel_locked(job, reason, effects)) {
      return false;  // accepted by nobody yet
    }
  }
  effects.carry_out(*this);
  return true;
}

void Engine::cancel_queued_locked(TaskBase& job, CancelReason reason,
                                  const std::exception_ptr& error, Effects& effects) noexcept {
  queued_.remove(job);
  admission_.dequeued();
  job.cancel_reason = reason;
  job.error_ = error;
  settle_locked(job, TaskState::cancelled, effects);
  let_go_later_locked(job, effects);
}

// The scope is not over before the job's arguments are gone.
void Engine::let_go_later_locked(TaskBase& job, Effects& effects) noexcept {
  effects.settled.push_back(job);
  ++letting_go_;
}

void Engine::let_go(Effects& effects) noexcept {
  std::size_t count = 0;
  for (auto* job = effects.settled.front(); job; job = effects.settled.next(*job), ++count) job->drop_payload();
  while (auto* job = effects.settled.pop_front()) {
    if (job->sink) job->sink->completed(*job);
    job->release();
  }
  Effects over;
  {
    std::lock_guard lock(mutex_);
    letting_go_ -= count;
    after_change_locked(over);
  }
  over.carry_out(*this);
  detach_if_over();
}

void Engine::cancel_all_queued_locked(CancelReason reason, Effects& effects) noexcept {
  const auto error = queued_.empty() ? nullptr : make_cancelled();
  while (auto* job = queued_.front()) cancel_queued_locked(*job, reason, error, effects);
}

void Engine::cancel_everything_locked(CancelReason reason, Effects& effects) noexcept {
  cancel_all_queued_locked(reason, effects);
  for_each_running_locked([&](TaskBase& running) { request_cancel_locked(running, reason, effects); });
}

// One end, one cancel: who cleans up after the first error is not cancelled again by the next one, nor by the
// end of the scope.
void Engine::end_job_locked(TaskBase& running, Effects& effects) noexcept {
  if (running.cancel_reason != CancelReason::scope) request_cancel_locked(running, CancelReason::scope, effects);
}

void Engine::end_everything_locked(Effects& effects) noexcept {
  cancel_all_queued_locked(CancelReason::scope, effects);
  end_running_locked(effects);
}

void Engine::end_running_locked(Effects& effects) noexcept {
  for_each_running_locked([&](TaskBase& running) { end_job_locked(running, effects); });
}

void Engine::stop_locked(Effects& effects) noexcept {
  if (phase_ < Phase::stopping) phase_ = Phase::stopping;
  end_everything_locked(effects);
  effects.admits = true;
  after_change_locked(effects);
}

void Engine::cancel_all(CancelReason reason, std::exception_ptr error) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (error && !first_error_) first_error_ = std::move(error);
    cancel_everything_locked(reason, effects);
    stop_locked(effects);
  }
  effects.carry_out(*this);
}

void Engine::interrupt(TaskBase& job, std::exception_ptr error) {
  const auto refuse = [&](const char* why) {
    throw_error(errc::invalid_state, job.label() + " of " + label() + " cannot be interrupted: it " + why);
  };
  Effects effects;
  if (Worker* caller = current_worker(); caller && caller->job == &job) refuse("is the caller");
  {
    std::lock_guard lock(mutex_);
    if (job.done()) refuse("is done");
    if (job.cancel_requested.load(std::memory_order_relaxed)) refuse("is being cancelled");
    if (queued_.linked(job)) {
      queued_.remove(job);
      admission_.dequeued();
      job.error_ = std::move(error);
      settle_locked(job, TaskState::failed, effects);
      let_go_later_locked(job, effects);
      apply_policy_locked(job, TaskState::failed, effects);
      after_change_locked(effects);
    } else if (job.worker_) {
      job.cancel_reason.store(CancelReason::none, std::memory_order_relaxed);
      request_cancel_locked(job, CancelReason::interruption, effects);
      std::swap(job.worker_->interruption, error);
    }
  }
  effects.carry_out(*this);
}

bool Engine::interruption_is_over_locked(const TaskBase& job) const noexcept {
  return !job.worker_ || !job.worker_->interruption;
}

std::exception_ptr Engine::take_interruption(TaskBase& job) noexcept {
  if (job.cancel_reason.load(std::memory_order_relaxed) != CancelReason::interruption) return nullptr;
  WaitList::Taken told;
  std::lock_guard lock(mutex_);
  if (job.cancel_reason.load(std::memory_order_relaxed) != CancelReason::interruption) return nullptr;
  job.cancel_reason.store(CancelReason::none, std::memory_order_relaxed);
  job.cancel_requested.store(false, std::memory_order_relaxed);
  told.append(job.waiters_.take_all());
  return std::exchange(job.worker_->interruption, nullptr);
}

std::exception_ptr take_interruption() noexcept {
  TaskBase* const gated = gated_job();
  if (gated)
    if (auto error = gated->engine().take_interruption(*gated)) return error;
  Worker* const worker = current_worker();
  if (!worker || !worker->job) return nullptr;
  auto error = worker->job->engine().take_interruption(*worker->job);
  if (gated && error) gated->cancel_requested.store(false, std::memory_order_relaxed);
  return error;
}

std::vector<Ref<TaskBase>> Engine::cancel_jobs() {
  Effects effects;
  std::vector<Ref<TaskBase>> jobs;
  const Ref<TaskBase> own = own_job_of_caller();
  {
    std::lock_guard lock(mutex_);
    jobs.reserve(admission_.queued() + admission_.active());
    while (auto* job = queued_.front()) {
      jobs.emplace_back(job);
      cancel_queued_locked(*job, CancelReason::handle, make_cancelled(), effects);
    }
    for_each_running_locked([&](TaskBase& running) {
      if (running.is_body || &running == own.get()) return;
      jobs.emplace_back(&running);
      request_cancel_locked(running, CancelReason::handle, effects);
    });
    after_change_locked(effects);
  }
  effects.carry_out(*this);
  return jobs;
}

void Engine::cancel_sink(const CompletionSink& sink) noexcept {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    for (auto* job = queued_.front(); job;) {
      auto* next = queued_.next(*job);
      if (job->sink == &sink) cancel_queued_locked(*job, CancelReason::scope, make_cancelled(), effects);
      job = next;
    }
    for_each_running_locked([&](TaskBase& running) {
      if (running.sink == &sink) end_job_locked(running, effects);
    });
    after_change_locked(effects);
  }
  effects.carry_out(*this);
}

void Engine::deliver_cancels() noexcept {
  for (;;) {
    Worker* worker = nullptr;
    {
      std::lock_guard lock(mutex_);
      worker = due_.pop_front();
      if (!worker) return;
      if (threads()) {
        if (std::exchange(worker->cancel_queued, true)) continue;
        retain();  // until cancel_arrived()
      }
    }
    try {
      if (threads())
        schedule(*worker, worker->cancel_node);
      else
        worker->signal.emit(asio::cancellation_type::terminal);
    } catch (...) {  // a handler that cannot be told runs on; it is waited for
    }
  }
}

void CancelNode::run() { worker->engine->cancel_arrived(*worker, true); }

void CancelNode::drop() noexcept { worker->engine->cancel_arrived(*worker, false); }

// Looks at the job and lets the next cancel be sent under one lock: one that comes later is not lost. The job
// that is told cannot end meanwhile, nor its worker go: both would do so on the queue this runs on.
void Engine::cancel_arrived(Worker& worker, bool tell) {
  const auto sent = Ref<Engine>::adopt(this);
  bool recyclable = false;
  {
    std::lock_guard lock(mutex_);
    worker.cancel_queued = false;
    recyclable = worker.gone;
    tell = tell && worker.job && worker.job->cancel_requested.load(std::memory_order_relaxed);
  }
  if (tell) worker.signal.emit(asio::cancellation_type::terminal);
  if (recyclable) recycle(worker);
}

// ---- the engine's life

void Engine::start_body(TaskBase& body) {
  Worker* worker = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::closed) throw_if_closed_locked();  // a stream that outlived its scope
    worker = &new_worker_locked(true);
    body.retain();
    body.is_body = true;
    if (body.error_is_owned)
      ++pumps_;
    else
      scoped_ = body_running_ = true;
    body.state_.store(TaskState::running, std::memory_order_relaxed);
    body.worker_ = worker;
    worker->job = &body;
    busy_.push_back(*worker);
  }
  start_worker(*worker);
}

void Engine::shut() noexcept {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::open) phase_ = Phase::shut;
    effects.admits = true;
  }
  effects.carry_out(*this);
}

void Engine::close() noexcept {
  Effects effects;
  IntrusiveList<Worker, &Worker::link> idle;
  Ref<TaskBase> parent;  // released without the lock, as is the next
  decltype(kept_engines_) kept;
  {
    std::lock_guard lock(mutex_);
    phase_ = Phase::closed;
    std::swap(parent, parent_);
    std::swap(kept, kept_engines_);
    end_everything_locked(effects);
    effects.admits = true;
    scope_deadline_ = Time::max();
    after_change_locked(effects);
    idle = idle_.take_all();
  }
  effects.carry_out(*this);
  while (auto* worker = idle.pop_front()) std::exchange(worker->parked, nullptr)->drop();
  detach_if_over();
}

void Engine::context_dies() noexcept {
  std::lock_guard lock(mutex_);
  phase_ = Phase::closed;
  service_ = nullptr;
}

// As close(), but what runs is not told: its operations' services may be gone. Its coroutines are
// about to be destroyed by the context, and end in worker_ended().
void Engine::abandon() noexcept {
  Effects effects;
  IntrusiveList<Worker, &Worker::link> idle;
  Ref<TaskBase> parent;
  decltype(kept_engines_) kept;
  {
    std::lock_guard lock(mutex_);
    phase_ = Phase::closed;
    std::swap(parent, parent_);
    std::swap(kept, kept_engines_);
    cancel_everything_locked(CancelReason::dropped, effects);
    idle = idle_.take_all();
  }
  while (due_.pop_front()) {
  }
  effects.cancels = false;
  effects.carry_out(*this);
  while (auto* worker = idle.pop_front()) std::exchange(worker->parked, nullptr)->drop();
  {
    std::lock_guard lock(mutex_);
    queue_ = nullptr;
  }
  forget_context();
  forget_user_code();
}

// ---- time

void Engine::arm_scope_timeout() {
  if (timeout_ == no_timeout) return;
  std::lock_guard lock(mutex_);
  scope_deadline_ = deadline_in(timeout_, now());
  want_timer_locked(scope_deadline_);
}

void Engine::want_timer_locked(Time time) noexcept {
  if (time >= armed_ || !service_) return;
  try {
    armed_ = time;
    arm_timer(time);
  } catch (...) {  // no memory: tried again with the next deadline
    armed_ = Time::max();
  }
}

void Engine::on_timer() noexcept {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    const Time time = now();
    armed_ = Time::max();
    while (TaskBase* job = deadlines_.pop_due(time))
      request_cancel_locked(*job, CancelReason::deadline, effects);
    if (scope_deadline_ <= time) {
      scope_deadline_ = Time::max();
      if (!first_error_ && !scope_over_locked())
        first_error_ = timeout_error([&] { return label(); }, timeout_);
      stop_locked(effects);
    }
    if (rate_wake_ <= time) {
      rate_wake_ = Time::max();
      wake_worker_locked(effects);
    }
    const Time next = std::min({deadlines_.next(), scope_deadline_, rate_wake_});
    if (next != Time::max()) want_timer_locked(next);
  }
  effects.carry_out(*this);
}

// ---- waits that could never end

Ref<TaskBase> Engine::parent() const noexcept {
  std::lock_guard lock(mutex_);
  return parent_;
}

// An engine that outlives the job it was made in has no parent any more.
Ref<TaskBase> Engine::own_job_of_caller() const noexcept {
  Worker* worker = current_worker();
  Ref<TaskBase> job(worker ? worker->job : nullptr);
  for (; job && !job->done(); job = job->engine().parent())
    if (&job->engine() == this) return job->is_body ? Ref<TaskBase>() : job;
  return {};
}

Engine::BlockedJob::BlockedJob(Engine& engine, Condition over, std::string_view what)
    : engine_(engine), job_(engine.own_job_of_caller()), over_(over) {
  if (!job_) return;
  std::lock_guard lock(engine.mutex_);
  engine.blocked_.push_back(*this);
  ++engine.blocked_count_;
  if (!engine.deadlocked_locked()) return;
  engine.blocked_.remove(*this);
  --engine.blocked_count_;
  throw_error(errc::would_deadlock,
              job_->label() + " of " + engine.label() + " waits for " + std::string(what) +
                  ", but all " + std::to_string(engine.admission_.active()) +
                  " slots are held by jobs that wait for this " + std::string(engine.kind_) +
                  ": none of them could ever go on");
}

Engine::BlockedJob::~BlockedJob() {
  if (!job_) return;
  std::lock_guard lock(engine_.mutex_);
  if (!engine_.blocked_.linked(*this)) return;
  engine_.blocked_.remove(*this);
  --engine_.blocked_count_;
}

// Looks closer only when there are as many waits as slots. A wait whose target is done, or that has
// been given room, is as good as over.
bool Engine::deadlocked_locked() noexcept {
  const std::size_t active = admission_.active();
  if (blocked_count_ < active || active < admission_.max_active()) return false;
  for (auto* wait = blocked_.front(); wait; wait = blocked_.next(*wait))
    wait->job_->counted_as_blocked = false;
  std::size_t jobs = 0;
  for (auto* wait = blocked_.front(); wait; wait = blocked_.next(*wait)) {
    if (wait->over_() || wait->job_->counted_as_blocked) continue;
    wait->job_->counted_as_blocked = true;
    ++jobs;
  }
  return jobs == active;
}

// ---- what it tells

bool Engine::idle() const {
  std::lock_guard lock(mutex_);
  return jobs_idle_locked();
}

bool Engine::open() const {
  std::lock_guard lock(mutex_);
  return phase_ == Phase::open;
}

Stats Engine::stats() const {
  std::lock_guard lock(mutex_);
  return {admission_.waiting(), admission_.queued(), admission_.active(),
          succeeded_,           failed_,             cancelled_};
}

std::vector<TaskError> Engine::errors() const {
  std::lock_guard lock(mutex_);
  return errors_;
}

std::uint64_t Engine::cancelled_count() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

std::uint64_t Engine::executed() const {
  std::lock_guard lock(mutex_);
  return executed_;
}

std::uint64_t Engine::winner() const {
  std::lock_guard lock(mutex_);
  return winner_;
}

std::string Engine::label() const {
  return std::string(kind_) + (name_.empty() ? "" : " '" + name_ + "'");
}

std::string Engine::still_running() const {
  std::lock_guard lock(mutex_);
  std::string text;
  for_each_running_locked([&](TaskBase& running) {
    if (!running.is_body) text += (text.empty() ? "" : ", ") + running.label();
  });
  return text;
}

std::exception_ptr Engine::take_error() {
  std::lock_guard lock(mutex_);
  if (error_taken_ || winner_ != 0) return nullptr;
  std::exception_ptr error = first_error_;
  if (!errors_.empty() && (all_errors_ || (!error && policy_ == ErrorPolicy::collect)))
    error = std::make_exception_ptr(TaskGroupError(errors_));
  error_taken_ = error != nullptr;
  return error;
}

void Engine::Effects::carry_out_all(Engine& engine) noexcept {
  if (resume || start || start_failed) send_for_worker(engine);
  if (admits) engine.admit();
  waiters.complete();
  if (cancels) engine.deliver_cancels();
  if (!settled.empty()) engine.let_go(*this);
}

void Engine::Effects::send_for_worker(Engine& engine) noexcept {
  try {
    if (resume) engine.schedule(*resume, *handler);
    if (start) engine.start_worker(*start);
  } catch (...) {
    start_failed = true;
  }
  if (start_failed) engine.fail_stranded();
}

}  // namespace coroexec::detail
