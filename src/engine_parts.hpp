// What the files of the engine share.
#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <exception>

#include "coroexec/detail/engine.hpp"

namespace coroexec::detail {

// Of what a decision leads to: a byte each, to be asked for in one go.
struct EffectMarks {
  bool crowd = false;  // workers have arrived in a row, and there are jobs
  bool admits = false;
  bool cancels = false;
  bool start_failed = false;
  bool tells_queued = false;  // an observer, of `told`
  bool tells_started = false;
  bool lets_go = false;  // of `unread`
  bool none[1] = {};
  bool any() const noexcept { return std::bit_cast<std::uint64_t>(*this) != 0; }
};

// What a decision leads to, carried out once the lock is released: no user code and no executor is
// ever called under it.
struct Engine::Effects : EffectMarks {
  WaitList::Taken waiters;
  IntrusiveList<TaskBase, &TaskBase::link> settled;  // ended in the queue, each counted once
  Worker* start = nullptr;
  Worker* resume = nullptr;
  QueueNode* handler = nullptr;  // of `resume`
  std::exception_ptr unused;     // an interruption that came to nothing: destroyed without the lock
  TaskBase* told;                // set if an observer is told
  TaskBase* unread;              // has ended, and nobody can read its result any more; counted

  // Most often there is nothing to do; a call for that would be a hundredth of a job's cost.
  [[gnu::always_inline]] void carry_out(Engine& engine) noexcept {
    if (any() || resume || start || !settled.empty()) carry_out_all(engine);
    waiters.complete();
  }
  void carry_out_all(Engine& engine) noexcept;
  void send_for_worker(Engine& engine) noexcept;
};

inline void Engine::queue_special_locked(TaskBase& job, Effects& effects) {
  if (job.timeout_ != no_timeout) deadlines_.reserve(admission_.active() + admission_.queued() + 1);
  if (!job.observed) return;
  note_queued_locked(job);
  effects.tells_queued = true;
  effects.told = &job;
}

template <class F>
void Engine::for_each_running_locked(F f) const {
  for (auto* worker = busy_.front(); worker; worker = busy_.next(*worker))
    if (worker->job) f(*worker->job);
}

// "… exceeded its timeout of …". The sentence needs memory; without it the bad_alloc is the error.
std::exception_ptr timeout_error(const TaskBase& job, std::chrono::nanoseconds timeout) noexcept;
std::exception_ptr timeout_error(const Engine& engine, std::chrono::nanoseconds timeout) noexcept;

}  // namespace coroexec::detail
