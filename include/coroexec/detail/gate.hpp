// A coroutine that has been started and goes on only as part of whoever awaits it: its job, and the
// gate that holds the rest of it back.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <exception>

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

  bool running() const noexcept;  // further down this thread's stack

  // Lets the coroutine go on, on the awaiter's executor and as part of its job, until it has ended;
  // passes cancels on. A cancel that the coroutine took back is taken back for the awaiter.
  asio::awaitable<void> join();
  // The same, after a cancel, or with `error` raised in it.
  asio::awaitable<void> cancel();
  asio::awaitable<void> interrupt(std::exception_ptr error);

  // Cancels it, and lets it go on to its end by itself: on the caller's stack as far as it need not
  // wait, then at home.
  void close() noexcept;

 private:
  asio::awaitable<void> go_on();

  Ref<TaskBase> job_;
  RunQueue* queue_ = nullptr;  // of no meaning once the job has ended
  bool open_ = false;
};

}  // namespace coroexec::detail
