// The definitions of BasicEngine; compiled once for the two usual executor types (src/engines.cpp).
#pragma once

#include <boost/asio/system_executor.hpp>

#include "coroexec/detail/basic_engine.hpp"

namespace coroexec::detail {

// ---- workers

// A worker's handler while it has nothing to do. It does not go through a WaitList: the engine knows
// its workers.
template <class Handler>
class ParkedWorker final : public QueueNode, public PooledObject {
 public:
  ParkedWorker(Handler&& handler, Worker& parked) : handler_(std::move(handler)) {
    worker = &parked;
  }
  virtual ~ParkedWorker() = default;
  void run() override {
    Handler handler(std::move(handler_));
    delete this;
    std::move(handler)();
  }
  void drop() noexcept override { delete this; }

 private:
  Handler handler_;
};

template <class Ex>
asio::awaitable<void, Ex> BasicEngine<Ex>::park_here(Worker& worker) {
  return asio::async_initiate<const asio::use_awaitable_t<Ex>, void()>(
      [this, &worker](auto handler) {
        park(worker, *new ParkedWorker<decltype(handler)>(std::move(handler), worker));
      },
      use_awaitable);
}

// Takes jobs until there is no more use for it. It ends on no cancel and between two jobs puts back
// what a job may have changed: so it meets none of the co_spawn faults of Boost 1.81 to 1.84, where
// a cancel before the start is ignored or thrown out of run(), and one before the end loses it.
template <class Ex>
asio::awaitable<void, Ex> BasicEngine<Ex>::work(Worker& worker) {
  worker.started = true;
  TaskBase* job = worker.is_body ? worker.job : advance(worker);
  // A body, or a task of its own, counts as running from before it starts, when a cancel finds nothing
  // to tell.
  if (job && job->cancel_requested) worker.signal.emit(asio::cancellation_type::terminal);
  for (;;) {
    while (job) {
      try {
        job = co_await static_cast<Job<Ex>&>(*job).run(*this, worker);
        continue;
      } catch (...) {  // no memory for the frame, or cancelled since it has been begun
        if (!worker.job) throw;  // none to wait for the next job with
        static_cast<Job<Ex>&>(*worker.job).fail(std::current_exception());
      }
      co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
      job = advance(worker);
    }
    if (worker_may_go(worker)) co_return;
    co_await park_here(worker);
    job = advance(worker);
  }
}

// A result's type may well be of an anonymous namespace; g++ takes the frame for one of this header's.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif

// Nothing may be thrown out of here but what stops it from starting.
template <class Ex>
template <class Typed>
asio::awaitable<TaskBase*, Ex> BasicEngine<Ex>::run_jobs(Worker& worker, Typed& first) {
  for (Typed* job = &first;;) {
    try {
      if (worker.turn_left-- == 0) co_await end_turn(worker);
      if (initializer_ && !job->is_body) co_await initializer_();
      if constexpr (requires { job->value(); })
        job->succeed(co_await job->call());
      else
        co_await job->call();
    } catch (...) {
      job->fail(std::current_exception());
    }
    if (!on_own_thread(worker)) {
      co_await asio::this_coro::throw_if_cancelled(false);
      co_await pause(worker);
    }
    co_await asio::this_coro::throw_if_cancelled(true);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    TaskBase* next = advance(worker);
    while (!next && !worker_may_go(worker)) {
      co_await park_here(worker);
      next = advance(worker);
    }
    if (!next || next->kind() != Typed::type_mark()) co_return next;
    job = static_cast<Typed*>(next);
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// Timers and sockets get their turn.
template <class Ex>
asio::awaitable<void, Ex> BasicEngine<Ex>::end_turn(Worker& worker) {
  worker.turn_left = Worker::jobs_per_turn;
  return pause(worker);
}

// A job may have ended where it awaited something with another executor bound to it.
template <class Ex>
bool BasicEngine<Ex>::on_own_thread(Worker& worker) const noexcept {
  if constexpr (own_queues)
    return worker.queue->running_here();
  else if constexpr (requires { executor_->running_in_this_thread(); })
    return executor_->running_in_this_thread();
  else
    return true;
}

// Goes to the end of the queue once.
template <class Ex>
asio::awaitable<void, Ex> BasicEngine<Ex>::pause(Worker& worker) {
  return asio::async_initiate<const asio::use_awaitable_t<Ex>, void()>(
      [this, &worker](auto handler) {
        schedule(worker, *new ParkedWorker<decltype(handler)>(std::move(handler), worker));
      },
      use_awaitable);
}

template <class Ex>
const Ex& BasicEngine<Ex>::target_of(const Worker& worker) const noexcept {
  return worker.is_body && body_executor_ ? *body_executor_ : *executor_;
}

// With several threads a queue is the worker's own, its strand.
template <class Ex>
void BasicEngine<Ex>::give_queue_locked(Worker& worker) {
  if constexpr (own_queues)
    if (!worker.queue) worker.queue = &service_->acquire_queue(target_of(worker), gates());
}

// From the worker's own queue: co_spawn runs a coroutine up to its first wait on the caller's stack
// where it can.
template <class Ex>
void BasicEngine<Ex>::start_worker(Worker& worker) {
  Gone gone(Ref<BasicEngine>(this), worker);
  if constexpr (own_queues) {
    auto start = [this, &worker, handler = std::move(gone)]() mutable {
      const Ex executor = JobExecutor(worker);
      asio::co_spawn(executor, work(worker), std::move(handler));
    };
    worker.queue->push(*new FunctionNode<decltype(start)>(std::move(start), &worker));
  } else {
    asio::post(target_of(worker), [this, &worker, target = target_of(worker), handler = std::move(gone)]() mutable {
      CurrentWorker current(&worker);
      asio::co_spawn(target, work(worker), std::move(handler));
    });
  }
}

// A concrete executor type is a serial executor, used as it is: only on it can a job be started.
template <class Ex>
bool BasicEngine<Ex>::may_start_here() const noexcept {
  if constexpr (!own_queues && requires { executor_->running_in_this_thread(); })
    return executor_->running_in_this_thread();
  else
    return true;
}

template <class Ex>
void BasicEngine<Ex>::run_here(Worker& worker, QueueNode* parked) {
  const auto run = [&] {
    if (parked) return parked->run();
    Gone gone(Ref<BasicEngine>(this), worker);
    if constexpr (own_queues)
      asio::co_spawn(Ex(JobExecutor(worker)), work(worker), std::move(gone));
    else
      asio::co_spawn(*executor_, work(worker), std::move(gone));
  };
  if constexpr (own_queues) {
    RunQueue::Here here(*worker.queue, &worker);
    run();
  } else {
    CurrentWorker current(&worker);
    run();
  }
}

template <class Ex>
void BasicEngine<Ex>::schedule(Worker& worker, QueueNode& node) {
  node.worker = &worker;
  if constexpr (own_queues)
    worker.queue->push(node);
  else
    asio::post(target_of(worker), NodeRunner(node));
}

template <class Ex>
void BasicEngine<Ex>::post_retire_locked() {
  asio::post(*executor_, [self = Ref<Engine>(this)] { self->on_retire(); });
}

// ---- the wait for room

// Under the lock, like the receiving and the sending: a channel must not go while it is still being used, and is
// not to be reset between the two halves of either.
template <class Ex>
typename BasicEngine<Ex>::Channel& BasicEngine<Ex>::room() {
  if (!room_) room_ = std::make_unique<Channel>(*executor_, unlimited);  // a token sent before its taker is there is kept
  return *room_;
}

template <class Ex>
asio::awaitable<void, Ex> BasicEngine<Ex>::enter(Ref<TaskBase> job) {
  // Gives back what the wait holds if the frame goes while waiting.
  struct Waiting {
    BasicEngine& engine;
    bool over;
    RoomWait room{current_worker()};
    ~Waiting() {
      if (!over) engine.wait_dropped(room);
    }
  } waiting{*this, true};
  if (submit_or_wait(*job, waiting.room)) co_return;
  waiting.over = false;
  const auto let_in = [this] { return admission_.reserved() > 0; };  // perhaps this one
  BlockedJob blocked(*this, Condition(let_in), nullptr, "room");

  boost::system::error_code ec;
  auto token = asio::redirect_error(use_awaitable, ec);
  co_await asio::async_initiate<decltype(token), void(boost::system::error_code)>(
      [this](auto handler) {
        std::lock_guard lock(mutex());
        room().async_receive(std::move(handler));
      },
      token);
  waiting.over = true;
  blocked.end();
  if (!ec && blocked.came_late()) co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  if (end_wait(ec ? nullptr : job.get(), !ec, waiting.room)) co_return;
  if (auto error = ec ? detail::take_interruption() : nullptr) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    std::rethrow_exception(std::move(error));
  }
  // The cancel of a caller that is itself a job may still be on its way to it.
  if (state.cancelled() != asio::cancellation_type::none || caller_is_cancelled()) throw_cancelled();
  throw_error(errc::closed, label() + " was closed while a job waited for room in it");
}

template <class Ex>
void BasicEngine<Ex>::admit() noexcept {
  std::lock_guard lock(mutex());
  if (!service_) return;
  for (auto tokens = admit_locked(); tokens > 0; --tokens) {
    auto& channel = room();
    if (channel.try_send(boost::system::error_code{})) continue;
    channel.reset();  // Boost 1.81 takes a channel for full once its last waiting receiver was cancelled
    channel.try_send(boost::system::error_code{});
  }
}

template <class Ex>
bool BasicEngine<Ex>::take_token_locked() noexcept {
  bool taken = false;
  if (room_ && service_) room_->try_receive([&](boost::system::error_code) { taken = true; });
  return taken;
}

// ---- time

template <class Ex>
void BasicEngine<Ex>::arm_timer(Time time) {
  if (arm_clock(time)) return;
  Timer next(*executor_, time);  // the one before stays set if there is no memory for this
  next.async_wait([self = Ref<Engine>(this)](boost::system::error_code ec) {
    if (!ec) self->on_timer();
  });
  timer_ = std::move(next);
}

template <class Ex>
void BasicEngine<Ex>::cancel_timer() noexcept {
  if (timer_) timer_->cancel();
}

template <class Ex>
void BasicEngine<Ex>::forget_context() noexcept {
  std::unique_ptr<Channel> room;  // goes without the lock: who still waits in it goes with it
  std::lock_guard lock(mutex());
  room.swap(room_);
  timer_.reset();
  executor_.reset();
  body_executor_.reset();
}

template <class Ex>
asio::any_io_executor BasicEngine<Ex>::completion_executor() const {
  std::lock_guard lock(mutex());
  if (!service_) return asio::system_executor();
  return *executor_;
}

// ---- joining

template <class Ex>
asio::awaitable<void, Ex> BasicEngine<Ex>::join(Ref<BasicEngine> engine, Time deadline) {
  if (auto job = engine->own_job_of_caller())
    throw_error(errc::would_deadlock, job->label() + " of " + engine->label() + " joins the " +
                                          std::string(engine->kind()) +
                                          " it runs in: it would wait for itself");
  // In a cancelled coroutine every co_await throws, unless it is told not to.
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  const Ex executor = co_await asio::this_coro::executor;
  Alarm<Ex> alarm(executor, engine->mutex(), engine->joiners(), Ref<Engine>(engine), deadline);
  bool idle = false;  // as the wait saw it: a moment later there may be new jobs
  const auto ready = [e = engine.get(), &alarm, &idle] { return (idle = e->jobs_idle_locked()) || alarm.rung(); };
  // A cancel that comes from this engine's own end is waited out; another one ends the wait.
  bool notified = false;
  while (!(notified = co_await wait_until<Ex>(engine->joiners(), engine->mutex(), Condition(ready)))) {
    std::lock_guard lock(engine->mutex());
    if (!engine->stopped_locked()) break;
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (!notified) throw_cancelled();
  if (!idle)
    throw_error(errc::timed_out,
                engine->label() + " is still waiting for " + engine->still_running());
  if (auto error = engine->take_error()) std::rethrow_exception(error);
}

template <class Ex>
asio::awaitable<void, Ex> BasicEngine<Ex>::shutdown(Ref<BasicEngine> engine, bool wait) {
  const auto cancelled_before = engine->cancelled_count();
  if (wait)
    engine->shut();
  else
    engine->cancel_all(CancelReason::scope, nullptr);
  co_await join(engine);
  if (!wait && engine->cancelled_count() != cancelled_before) throw_cancelled();
}

template <class Ex>
void BasicEngine<Ex>::run_body(Job<Ex>& body, const Ex& owner) {
  body_executor_.emplace(owner);
  start_body(body);
}

template <class Ex>
void BasicEngine<Ex>::run_beside(Job<Ex>& job) {
  job.error_is_owned = true;
  start_body(job);
}

template <class Ex>
asio::awaitable<void, Ex> BasicEngine<Ex>::run_scope(Ref<Job<Ex>> body, Ex owner, bool shielded) {
  struct Closer {
    BasicEngine& engine;
    ~Closer() { engine.close(); }
  } closer{*this};
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  if (body) run_body(*body, owner);
  const auto ready = [this] { return scope_over_locked(); };
  bool cancelled = false;
  while (!co_await wait_until<Ex>(scope_end(), mutex(), Condition(ready))) {
    if (shielded) continue;
    cancelled = true;
    cancel_all(CancelReason::scope, nullptr);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (auto error = take_error()) std::rethrow_exception(error);
  if (winner() != 0) co_return;
  if (cancelled && (cancelled_count() > 0 || (body && body->state() == TaskState::cancelled))) {
    if (auto interruption = detail::take_interruption()) {
      co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
      std::rethrow_exception(std::move(interruption));
    }
    throw_cancelled();
  }
  if (body) body->check_result();
}

}  // namespace coroexec::detail
