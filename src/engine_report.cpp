// What an engine can say: which waits could never end, how many jobs are where, what went wrong.
#include "engine_parts.hpp"

#include <string>
#include <utility>
#include <vector>

namespace coroexec::detail {
namespace {

std::string milliseconds(std::chrono::nanoseconds time) {
  std::string text = std::to_string(std::chrono::duration<double, std::milli>(time).count());
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " ms";
}

template <class Who>
std::exception_ptr timeout_error_of(const Who& who, std::chrono::nanoseconds timeout) noexcept {
  try {
    return make_error(errc::timed_out, who.label() + " exceeded its timeout of " + milliseconds(timeout));
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

std::exception_ptr timeout_error(const TaskBase& job, std::chrono::nanoseconds timeout) noexcept {
  return timeout_error_of(job, timeout);
}
std::exception_ptr timeout_error(const Engine& engine, std::chrono::nanoseconds timeout) noexcept {
  return timeout_error_of(engine, timeout);
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

Engine::BlockedJob::BlockedJob(Engine& engine, Condition over, const TaskBase* job, std::string_view what)
    : engine_(engine), job_(engine.own_job_of_caller()), over_(over), awaited_(job), what_(what) {
  if (!job_) return;
  waiter_ = Ref<TaskBase>(current_worker()->job);
  {
    std::lock_guard lock(engine.mutex_);
    engine.blocked_.push_back(*this);
    ++engine.blocked_count_;
  }
  if (const auto error = engine.break_deadlock(this)) {
    end();
    std::rethrow_exception(error);
  }
}

Engine::BlockedJob::~BlockedJob() { end(); }

void Engine::BlockedJob::end() noexcept {
  if (!job_) return;
  {
    std::lock_guard lock(engine_.mutex_);
    engine_.blocked_.remove(*this);
    --engine_.blocked_count_;
  }
  job_ = {};
}

// The last wait that may fail of those that can never end; null: they can. Looks closer only when there are as
// many waits as slots. A wait whose target is done, or that has been given room, is as good as over; one of a job
// that is done itself, shielded by it, holds no slot.
Engine::BlockedJob* Engine::deadlocked_locked() noexcept {
  const std::size_t active = admission_.active();
  if (blocked_count_ < active || active < admission_.max_active() || !service_) return nullptr;
  for (auto* wait = blocked_.front(); wait; wait = blocked_.next(*wait))
    wait->job_->counted_as_blocked = false;
  std::size_t jobs = 0;
  BlockedJob* last = nullptr;
  for (auto* wait = blocked_.front(); wait; wait = blocked_.next(*wait)) {
    if (wait->job_->done() || wait->over_()) continue;
    if (wait->awaited_ || !wait->what_.empty()) last = wait;
    if (wait->job_->counted_as_blocked) continue;
    wait->job_->counted_as_blocked = true;
    ++jobs;
  }
  return jobs == active ? last : nullptr;
}

std::exception_ptr Engine::deadlock_error(const BlockedJob& wait) const noexcept {
  try {
    return make_error(errc::would_deadlock,
                      wait.job_->label() + " of " + label() + " waits for " +
                          (wait.awaited_ ? wait.awaited_->label() : std::string(wait.what_)) + ", but all " +
                          std::to_string(admission_.active()) + " slots are held by jobs that wait for this " +
                          std::string(kind_) + ": none of them could ever go on");
  } catch (...) {
    return std::current_exception();
  }
}

// Gives the error if it is for the wait that begins now, and else raises it where it is waited. The locks of an
// engine and of one made in a job of it are taken in this order only.
std::exception_ptr Engine::break_deadlock(BlockedJob* begun) noexcept {
  Ref<TaskBase> waiter;
  Effects effects;
  {
    std::lock_guard lock(mutex_);
    BlockedJob* const wait = deadlocked_locked();
    if (!wait) return nullptr;
    auto error = deadlock_error(*wait);
    if (wait == begun) return error;
    waiter = wait->waiter_;
    Engine& its = waiter->engine();
    std::unique_lock<OptionalMutex> inner;
    if (&its != this) inner = std::unique_lock(its.mutex_);
    if (!waiter->worker_ || waiter->cancel_requested) return nullptr;  // its wait ends with that
    wait->failed_ = true;
    its.interrupt_locked(*waiter, error, effects);
  }
  effects.carry_out(waiter->engine());
  return nullptr;
}

// ---- what it tells

bool Engine::idle() const {
  std::lock_guard lock(mutex_);
  return jobs_idle_locked();
}

bool Engine::lives() const noexcept {
  std::lock_guard lock(mutex_);
  return service_ != nullptr;
}

bool Engine::open() const {
  std::lock_guard lock(mutex_);
  return phase_ == Phase::open;
}

Stats Engine::stats() const {
  std::lock_guard lock(mutex_);
  return stats_locked();
}

Stats Engine::stats_locked() const {
  return {admission_.waiting(), admission_.queued(), admission_.active(), succeeded_, failed_, cancelled_, now()};
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

}  // namespace coroexec::detail
