// What the files of the engine share.
#pragma once

#include <chrono>
#include <exception>

#include "coroexec/detail/engine.hpp"

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
  bool crowd = false;            // workers have arrived in a row, and there are jobs
  bool admits = false;
  bool cancels = false;
  bool start_failed = false;

  // Most often there is nothing to do; a call for that would be a hundredth of a job's cost.
  [[gnu::always_inline]] void carry_out(Engine& engine) noexcept {
    if (resume || start || crowd || admits || cancels || start_failed || !settled.empty()) carry_out_all(engine);
    waiters.complete();
  }
  void carry_out_all(Engine& engine) noexcept;
  void send_for_worker(Engine& engine) noexcept;
};

template <class F>
void Engine::for_each_running_locked(F f) const {
  for (auto* worker = busy_.front(); worker; worker = busy_.next(*worker))
    if (worker->job) f(*worker->job);
}

// "… exceeded its timeout of …". The sentence needs memory; without it the bad_alloc is the error.
std::exception_ptr timeout_error(const TaskBase& job, std::chrono::nanoseconds timeout) noexcept;
std::exception_ptr timeout_error(const Engine& engine, std::chrono::nanoseconds timeout) noexcept;

}  // namespace coroexec::detail
