// One reusable coroutine of an engine, as the rest of the library sees it.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <exception>

#include "coroexec/detail/intrusive_list.hpp"
#include "coroexec/detail/run_queue.hpp"

namespace coroexec::detail {

class Engine;
class TaskBase;
class Worker;

// Sends a pending cancel to the job a worker runs, from the worker's own queue: emit() is not
// thread-safe.
class CancelNode final : public QueueNode {
 public:
  void run() override;
  void drop() noexcept override;
};

class Worker {
 public:
  Engine* engine = nullptr;
  TaskBase* job = nullptr;        // what it runs now
  RunQueue* queue = nullptr;      // null: the engine's executor is a concrete type, used as it is
  QueueNode* parked = nullptr;    // the handler of its coroutine while it has nothing to do
  TaskBase* given = nullptr;      // the job it is to start with, past the queue
  asio::cancellation_signal signal;
  ListLinks<Worker> link;         // among the engine's busy or idle workers
  ListLinks<Worker> due;          // among those whose job is to be told of a cancel
  CancelNode cancel_node;
  static constexpr std::uint32_t jobs_per_turn = 256;
  std::uint32_t turn_left = jobs_per_turn;  // jobs it may yet begin before others get their turn
  std::uint32_t number = 0;       // for observers: of the process, from 1
  std::exception_ptr interruption;  // to be raised in its job; engine's mutex
  bool cancel_queued = false;
  bool is_body = false;           // runs the scope's body and nothing else
  bool woken = false;             // has been sent for and has not arrived
  bool started = false;           // its coroutine has run
  bool discarded = false;         // its start was taken out of the queue and let go
  bool may_go = false;            // is to end when it finds nothing to do
  bool gone = false;              // nothing of its coroutine is left
  bool counts_itself = true;      // its coroutine is outstanding work of the context, busy or not
  bool job_counted = false;       // its job is, because the coroutine is not
};

}  // namespace coroexec::detail
