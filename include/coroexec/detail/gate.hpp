// A coroutine that has been started and goes on only as part of whoever awaits it: its job, and the
// gate that holds the rest of it back.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "coroexec/detail/context_cell.hpp"
#include "coroexec/detail/kept_engine.hpp"
#include "coroexec/detail/task_base.hpp"

namespace coroexec::detail {

class COROEXEC_DECL Gate {
 public:
  using Executor = asio::any_io_executor;

  // Starts the job, in `context` if there is one.
  Gate(const Home<Executor>& home, Ref<TaskBase> job, Ref<ContextCell> context);
  Gate(const Gate&) = delete;
  ~Gate() { close(); }

  TaskBase& job() const noexcept { return *job_; }
  bool running() const noexcept;  // further down this thread's stack

  // Lets the coroutine go on, on the awaiter's executor and as part of its job, until it has ended;
  // passes cancels on. If the wait itself is destroyed, closes. A cancel that the coroutine took back
  // is taken back for the awaiter.
  asio::awaitable<void> join();
  // The same, after a cancel.
  asio::awaitable<void> cancel();

  // Unwinds the coroutine where it is suspended: at once, or when the operation of Asio that it is in
  // the middle of has been cancelled. In its context.
  void close() noexcept;

 private:
  asio::awaitable<void> go_on(bool cancelled);

  Ref<TaskBase> job_;
  RunQueue* queue_ = nullptr;  // of no meaning once the job has ended
};

}  // namespace coroexec::detail
