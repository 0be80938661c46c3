// The way of a job: handed in, taken by a worker, ended. One file, for the compiler to see it whole: the usual way
// is inlined, and what is rare on it is not, or all would save the registers that only the rare uses.
#include <mutex>
#include <utility>

#include "coroexec/detail/alarm.hpp"
#include "engine_parts.hpp"

namespace coroexec::detail {

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

[[gnu::always_inline]] inline void Engine::enqueue_locked(TaskBase& job, Effects& effects) {
  if (job.special) [[unlikely]] queue_special_locked(job, effects);  // with a timeout, or observed
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

bool Engine::submit_or_wait(TaskBase& job, RoomWait& wait) {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    throw_if_closed_locked();
    if (!admission_.has_room()) {
      admission_.wait_begun();
      room_waits_.push_back(wait);
      return false;
    }
    enqueue_locked(job, effects);
  }
  effects.carry_out(*this);
  return true;
}

bool Engine::end_wait(TaskBase* job, bool let_in, RoomWait& wait) {
  Effects effects;
  bool accepted = false;
  std::exception_ptr no_memory;
  {
    std::lock_guard lock(mutex_);
    room_waits_.remove(wait);
    let_in = let_in || take_token_locked();  // cancelled, but its token may have been sent already
    let_in ? admission_.reservation_used() : admission_.wait_given_up();
    accepted = job && let_in && phase_ == Phase::open;
    try {
      if (accepted) enqueue_locked(*job, effects);
    } catch (...) {
      no_memory = std::current_exception();
    }
    if (!accepted || no_memory) after_change_locked(effects);
  }
  effects.carry_out(*this);
  look_for_deadlock();  // others may have hoped that they were let in
  if (!accepted || no_memory) detach_if_over();
  if (no_memory) std::rethrow_exception(no_memory);
  return accepted;
}

void Engine::wait_dropped(RoomWait& wait) noexcept {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    room_waits_.remove(wait);
    // Its token may have gone with it; then one fewer waits than are counted.
    take_token_locked() || admission_.waiting() == 0 ? admission_.reservation_used() : admission_.wait_given_up();
    after_change_locked(effects);
  }
  effects.carry_out(*this);
  look_for_deadlock();
}

// How many of those who wait are to be let in now. They are counted and sent for under one lock: a wait
// that is given up meanwhile either finds its token or was not counted yet.
std::size_t Engine::admit_locked() noexcept {
  return phase_ == Phase::open ? admission_.admit_waiting() : admission_.admit_all();
}

// ---- the next job

bool Engine::start_allowed_locked() {
  if (!admission_.may_start()) return false;
  if (!rate_.limited()) return true;
  return rate_allows_start_locked();
}

[[gnu::noinline]] bool Engine::rate_allows_start_locked() {
  const Time time = now();
  if (rate_.may_start(time)) return true;
  return !send_again_locked(rate_.next_start(time));  // without memory for the timer rather too early than never
}

bool Engine::send_again_locked(Time time) noexcept {
  next_wake_ = time;
  return want_timer_locked(time);
}

// As a rule one wake is on its way, and the worker that arrives sends for the next: so a crowd of jobs that end at
// once is done by one worker, and what comes in little by little by few. Where many have arrived in a row and
// there are still jobs, each sends for two: a crowd that suspends has all its workers in few turns.
void Engine::wake_worker_locked(Effects& effects) noexcept {
  if (wakes_ == 0 && service_ && start_allowed_locked()) [[unlikely]] send_worker_locked(effects);
}

[[gnu::noinline]] void Engine::send_worker_locked(Effects& effects) noexcept {
  ++wakes_;
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
    --wakes_;
    effects.start_failed = true;
  }
}

void Engine::arrived_locked(Worker& worker, Effects& effects) noexcept {
  constexpr std::size_t in_a_row = 256;
  worker.woken = false;
  arrivals_ = admission_.queued() > 0 ? arrivals_ + 1 : 0;
  effects.crowd = arrivals_ >= in_a_row;
}

[[gnu::always_inline]] inline TaskBase* Engine::start_next_locked(Worker& worker,
                                                                  const TaskBase* ended,
                                                                  Effects& effects) {
  if (worker.is_body || !start_allowed_locked()) return nullptr;
  TaskBase& job = *queued_.pop_front();
  begin_locked(job, worker, ended, &effects);
  wake_worker_locked(effects);
  return &job;
}

void Engine::begin_locked(TaskBase& job, Worker& worker, const TaskBase* previous,
                          Effects* effects) {
  admission_.started();
  job.state_.store(TaskState::running, std::memory_order_relaxed);
  job.worker_ = &worker;
  worker.job = &job;
  if (!busy_.linked(worker)) busy_.push_back(worker);
  if (rate_.limited()) [[unlikely]] rate_.started(now());
  if (job.special) [[unlikely]] begin_special_locked(job, worker, previous, effects);
}

// With a deadline, or for an observer: the end of the job before it on the worker is its beginning.
[[gnu::noinline]] void Engine::begin_special_locked(TaskBase& job, Worker& worker,
                                                    const TaskBase* previous, Effects* effects) {
  const Time time = previous && previous->observed ? previous->record().ended : now();
  if (job.observed) {
    job.record().started = time;
    job.record().worker = worker.number;
    if (effects) effects->tells_started = true, effects->told = &job;
  }
  if (job.timeout_ == no_timeout) return;
  const Time deadline = deadline_in(job.timeout_, time);
  deadlines_.add(job, deadline);
  if (want_timer_locked(deadline) || !effects) return;
  auto error = std::make_exception_ptr(std::bad_alloc());
  interrupt_locked(job, error, *effects);
}

// For a job that is begun where an error can be told: so that its beginning cannot fail.
void Engine::watch_deadline_locked(const TaskBase& job) {
  if (job.timeout_ == no_timeout) return;
  if (!want_timer_locked(deadline_in(job.timeout_, now()))) throw std::bad_alloc();
}

[[gnu::noinline]] void Engine::end_deadline_locked(TaskBase& job) noexcept { deadlines_.remove(job); }

[[gnu::noinline]] TaskBase* Engine::take_given(Worker& worker) noexcept {
  TaskBase* const job = std::exchange(worker.given, nullptr);
  if (job->observed) tell_started(*job);
  return job;
}

TaskBase* Engine::advance(Worker& worker) noexcept {
  if (worker.given) [[unlikely]] return take_given(worker);
  TaskBase* ended = worker.job;
  const bool keeps_result = ended && ended->drop_payload();
  const bool aborted = ended && ended->error_ && ended->cancel_reason.load(std::memory_order_relaxed) != CancelReason::none &&
                       is_cancelled(ended->error_);
  if (ended && ended->observed) [[unlikely]] tell_ended(*ended, aborted);
  Effects effects;
  TaskBase* next = nullptr;
  {
    std::lock_guard lock(mutex_);
    const bool arrives = worker.woken;
    if (arrives) [[unlikely]] --wakes_;
    if (ended) finish_locked(worker, *ended, aborted, effects);
    if (ended && worker.interruption) end_interruption_locked(worker, effects);
    // Perhaps still on the stack of whoever started it: no other job is to run there.
    if (!ended || !ended->started_here) next = start_next_locked(worker, ended, effects);
    if (arrives) [[unlikely]] arrived_locked(worker, effects);
    if (ended && !next) busy_.remove(worker);
    if (keeps_result && threads()) ended = part_with_locked(*ended, effects);
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

// Nothing is left of a worker's coroutine: it ended, was destroyed in the middle of its job, or never
// started.
void Engine::worker_gone(Worker& worker) noexcept {
  TaskBase* const job = worker.job;
  worker.given = nullptr;
  uncount_job(worker);
  if (job) job->drop_payload();
  // Before its start there is no other cause, while the context lives, than memory.
  const bool failed = !worker.started && !worker.discarded && lives();
  if (job && job->observed) [[unlikely]] tell_dropped(*job, failed ? TaskState::failed : TaskState::cancelled);
  Effects effects;
  bool recyclable = false;
  {
    std::lock_guard lock(mutex_);
    if (worker.woken) --wakes_;
    if (job) {
      if (!failed) job->cancel_reason = CancelReason::dropped;
      job->error_ = failed ? std::make_exception_ptr(std::bad_alloc()) : make_cancelled();
      finish_locked(worker, *job, !failed, effects);
      busy_.remove(worker);
      end_interruption_locked(worker, effects);
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

// ---- the end of a job

void Engine::settle_locked(TaskBase& job, TaskState state, Effects& effects) noexcept {
  if (job.heap_index != no_deadline) [[unlikely]] end_deadline_locked(job);
  auto& count = state == TaskState::succeeded ? succeeded_ : state == TaskState::failed ? failed_ : cancelled_;
  if (!job.is_body) [[likely]] ++count;
  job.state_.store(state, std::memory_order_release);
  if (!job.waiters_.empty()) [[unlikely]] effects.waiters.append(job.waiters_.take_all());
}

// The worker stays among the busy ones: as a rule its next job begins at once.
[[gnu::always_inline]] inline void Engine::finish_locked(Worker& worker, TaskBase& job, bool aborted,
                                                         Effects& effects) {
  if (due_.linked(worker)) [[unlikely]] due_.remove(worker);
  worker.job = nullptr;
  job.worker_ = nullptr;
  if (!job.is_body) [[likely]] admission_.finished(), ++executed_;
  else if (job.error_is_owned) --pumps_;
  else body_running_ = false;
  if (job.error_) return finish_failed_locked(worker, job, aborted, effects);
  settle_locked(job, TaskState::succeeded, effects);
  if (!first_success_ || winner_ != 0) return;
  winner_ = job.id();
  stop_locked(effects);
}

[[gnu::noinline]] void Engine::finish_failed_locked(Worker& worker, TaskBase& job, bool aborted, Effects& effects) {
  TaskState state = aborted ? TaskState::cancelled : TaskState::failed;
  if (state == TaskState::cancelled && job.cancel_reason == CancelReason::interruption) {
    std::swap(job.error_, worker.interruption);
    state = TaskState::failed;
  }
  if (state == TaskState::cancelled && job.cancel_reason == CancelReason::deadline)
    job.error_ = timeout_error(job, job.timeout_);
  settle_locked(job, state, effects);
  apply_policy_locked(job, state, effects);
}

// The error is recorded first and the siblings cancelled second, or it would not be the first.
void Engine::apply_policy_locked(TaskBase& job, TaskState state, Effects& effects) {
  if (job.error_is_owned) return;
  const bool asked_by_user = state == TaskState::cancelled && job.cancel_reason == CancelReason::handle;
  if (job.is_body) {
    const bool dropped = state == TaskState::cancelled && job.cancel_reason == CancelReason::dropped;
    if (state == TaskState::failed || asked_by_user || dropped) {
      if (all_errors_) record_locked(job);
      stop_for_error_locked(job, effects);
    }
    return;
  }
  if (policy_ == ErrorPolicy::suppress) return;
  if (state == TaskState::failed) record_locked(job);
  if (policy_ == ErrorPolicy::cancel && (state == TaskState::failed || asked_by_user))
    stop_for_error_locked(job, effects);
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

void Engine::after_change_locked(Effects& effects) noexcept {
  if (admission_.may_admit() || (admission_.waiting() > 0 && phase_ != Phase::open)) effects.admits = true;
  if (jobs_idle_locked()) [[unlikely]] jobs_became_idle_locked(effects);
}

[[gnu::noinline]] void Engine::jobs_became_idle_locked(Effects& effects) noexcept {
  retire_if_idle_locked();
  effects.waiters.append(joiners_.take_all());
  if (scope_over_locked()) effects.waiters.append(scope_end_.take_all());
  // Nobody in the scope is left to read what a pump would still bring.
  if (service_ && scoped_ && !body_running_ && pumps_ > 0) end_running_locked(effects);
  if (armed_ != Time::max() && scope_deadline_ == Time::max()) {
    armed_ = next_wake_ = Time::max();
    disarm();
    if (service_) cancel_timer();
  }
}

// ---- what comes of it

void Engine::Effects::carry_out_all(Engine& engine) noexcept {
  if (tells_queued) engine.tell_queued(*told);
  if (tells_started) engine.tell_started(*told);
  if (resume || start || start_failed) send_for_worker(engine);
  if (crowd) engine.send_for_two();
  if (admits) engine.admit();
  if (!settled.empty()) engine.tell_settled(*this);
  waiters.complete();
  if (cancels) engine.deliver_cancels();
  if (!settled.empty()) engine.let_go(*this);
  if (lets_go) delete unread, engine.have_let_go(1);
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
