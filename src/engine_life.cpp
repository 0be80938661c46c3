// An engine's beginning and end, and its one timer.
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <utility>
#if __has_include(<boost/asio/config.hpp>)
#include <boost/asio/config.hpp>
#endif

#include "coroexec/detail/alarm.hpp"
#include "coroexec/detail/context_executor.hpp"
#include "engine_parts.hpp"

namespace coroexec::detail {
namespace {

// Where many jobs end in one turn, each worker finds its next one in the queue; with fewer there most would go idle
// and be woken again, at W = 10,000 for more than twice the time. A queued job takes a tenth of an active one's memory.
std::size_t chosen_backlog(const EngineConfig& config) {
  return config.backlog != automatic_backlog ? config.backlog : std::max<std::size_t>(config.max_active, 64);
}

}  // namespace

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
  if (queue_ && !queue_is_borrowed_) service_->release_queue(*queue_);
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

void Engine::start_body(TaskBase& body) {
  body.is_body = true;  // for who is told that it could not be started, too
  Worker* worker = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::closed) throw_if_closed_locked();  // a stream that outlived its scope
    worker = &new_worker_locked(true);
    body.retain();
    if (body.error_is_owned) {
      ++pumps_;
    } else {
      scoped_ = body_running_ = true;
      if (stopped_locked()) {
        // Only its timeout can end a scope that has not begun, on another thread. work() tells the body.
        if (!first_error_) first_error_ = timeout_error(*this, timeout_);
        body.cancel_reason.store(CancelReason::scope, std::memory_order_relaxed);
        body.cancel_requested.store(true, std::memory_order_relaxed);
      }
    }
    body.state_.store(TaskState::running, std::memory_order_relaxed);
    body.worker_ = worker;
    worker->job = &body;
    busy_.push_back(*worker);
    if (body.observed) note_begun_locked(body, *worker);
  }
  if (body.observed) tell_queued(body), tell_started(body);
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
    end_everything_locked(effects);
    phase_ = Phase::closed;
    std::swap(parent, parent_);
    std::swap(kept, kept_engines_);
    effects.admits = true;
    scope_deadline_ = Time::max();
    after_change_locked(effects);
    idle = idle_.take_all();
  }
  effects.carry_out(*this);
  send_home(idle);
  detach_if_over();
}

void Engine::context_dies() noexcept {
  std::lock_guard lock(mutex_);
  phase_ = Phase::closed;
  died_at_ = now();
  service_ = nullptr;
}

// As close(), but what runs is not told: its operations' services may be gone. Its coroutines are
// about to be destroyed by the context, and end in worker_gone().
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
  if (!want_timer_locked(scope_deadline_)) throw std::bad_alloc();  // or the scope would have no limit
}

// False: there is no memory for it.
bool Engine::want_timer_locked(Time time) noexcept {
  if (time >= armed_ || !service_) return true;
  try {
    arm_timer(time);
  } catch (...) {
    return false;
  }
  armed_ = time;
  return true;
}

void Engine::on_timer() noexcept {
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    armed_ = Time::max();
    for (Time time = now();;) {
      while (TaskBase* job = deadlines_.pop_due(time))
        request_cancel_locked(*job, CancelReason::deadline, effects);
      if (scope_deadline_ <= time) {
        scope_deadline_ = Time::max();
        if (!first_error_ && !scope_over_locked()) first_error_ = timeout_error(*this, timeout_);
        stop_locked(effects);
      }
      if (next_wake_ <= time) {
        next_wake_ = Time::max();
        wake_worker_locked(effects);
      }
      const Time next = std::min({deadlines_.next(), scope_deadline_, next_wake_});
      if (next == Time::max() || want_timer_locked(next)) break;
      time = next;  // without memory to wait for it
    }
  }
  effects.carry_out(*this);
}

}  // namespace coroexec::detail
