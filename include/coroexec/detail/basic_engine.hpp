// The engine for one executor type: the worker coroutine, the wait for room, the timer.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "coroexec/detail/alarm.hpp"
#include "coroexec/detail/context_executor.hpp"
#include "coroexec/detail/engine.hpp"
#include "coroexec/detail/job_executor.hpp"

namespace coroexec::detail {

// The executor under a job's own, through all scopes: what an engine made inside a job runs its jobs on.
template <class Ex>
Ex base_executor(Ex executor) {
  if constexpr (std::is_same_v<Ex, asio::any_io_executor>) {
    for (;;) {
      Ex base;
      if (auto* job_executor = executor.template target<JobExecutor>())
        base = job_executor->queue().base();
      else if (auto* context_executor = executor.template target<ContextExecutor>())
        base = Ex(context_executor->inner());
      else
        break;
      if (base == executor) break;  // a SchedulingContext's own
      executor = std::move(base);
    }
  }
  return executor;
}

template <class Ex>
class BasicEngine final : public Engine {
 public:
  static constexpr bool own_queues = std::is_same_v<Ex, asio::any_io_executor>;
  template <class T>
  using awaitable = asio::awaitable<T, Ex>;
  static constexpr asio::use_awaitable_t<Ex> use_awaitable{};

  static Ref<BasicEngine> make(const Ex& executor, const EngineConfig& config) {
    config.check();
    auto engine = Ref<BasicEngine>::adopt(new BasicEngine(executor, config));
    engine->arm_scope_timeout();
    return engine;
  }

  // Not after the face has closed.
  const Ex& executor() const noexcept { return *executor_; }

  // Hands `job` in, waiting for room where try_submit() found none.
  awaitable<void> enter(Ref<TaskBase> job);

  // Until no job is queued or active, or `deadline`: then timed-out, naming those that still run.
  // Static, because the face may go meanwhile.
  static awaitable<void> join(Ref<BasicEngine> engine, Time deadline = Time::max());
  static awaitable<void> shutdown(Ref<BasicEngine> engine, bool wait);

  // Runs `body` on `owner` as a child of the scope, waits for it and for every job, whatever happens
  // meanwhile, and rethrows the scope's error. Only a cancel of the caller cancels the scope.
  // A shielded scope is not cancelled even by that. Without a body it waits for the jobs alone.
  awaitable<void> run_scope(Ref<Job<Ex>> body, Ex owner, bool shielded = false);
  // Starts the body alone; its end is told to its sink.
  void run_body(Job<Ex>& body, const Ex& owner);
  // Starts a job outside of the bound, whose error is the caller's: the pump of a stream.
  void run_beside(Job<Ex>& job);

  // From a worker's coroutine: see Job::run.
  template <class Typed>
  awaitable<TaskBase*> run_jobs(Worker& worker, Typed& first);

  void initializer(std::function<awaitable<void>()> function) { initializer_ = std::move(function); }

 private:
  using Channel =
      asio::experimental::basic_concurrent_channel<Ex, asio::experimental::channel_traits<>,
                                                   void(boost::system::error_code)>;
  using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Ex>;

  BasicEngine(const Ex& executor, const EngineConfig& config)
      : BasicEngine(executor, config, config.part_of_caller ? borrowed_queue(executor) : nullptr) {}
  BasicEngine(const Ex& executor, const EngineConfig& config, RunQueue* borrowed)
      : Engine(config, !single_threaded(executor, config.threading), own_queues, borrowed, ContextService::of(executor)),
        executor_(config.part_of_caller ? executor : base_executor(executor)) {
    if (own_queues && !threads() && !queue_) queue_ = &service_->acquire_queue(*executor_);
  }
  static RunQueue* borrowed_queue([[maybe_unused]] const Ex& executor) noexcept {
    if constexpr (own_queues) return own_queue_of_caller(executor);
    return nullptr;
  }

  // The completion handler of a worker's coroutine. It goes when all else of the coroutine is gone,
  // also if that never started or was destroyed in the middle of a job.
  struct Gone {
    Ref<BasicEngine> engine;
    Worker* worker;
    Gone(Ref<BasicEngine> e, Worker& w) noexcept : engine(std::move(e)), worker(&w) {}
    Gone(Gone&& other) noexcept
        : engine(std::move(other.engine)), worker(std::exchange(other.worker, nullptr)) {}
    Gone& operator=(Gone&&) = delete;
    ~Gone() {
      if (worker) engine->worker_gone(*worker);
    }
    using cancellation_slot_type = asio::cancellation_slot;
    cancellation_slot_type get_cancellation_slot() const noexcept { return worker->signal.slot(); }
    void operator()(std::exception_ptr) const noexcept {}
  };

  awaitable<void> work(Worker& worker);
  awaitable<void> park_here(Worker& worker);
  awaitable<void> pause(Worker& worker);
  awaitable<void> end_turn(Worker& worker);
  Channel& room();
  bool on_own_thread(Worker& worker) const noexcept;
  const Ex& target_of(const Worker& worker) const noexcept;

  asio::any_io_executor completion_executor() const override;
  void give_queue_locked(Worker& worker) override;
  bool may_start_here() const noexcept override;
  void start_worker(Worker& worker) override;
  void run_here(Worker& worker, QueueNode* parked) override;
  void schedule(Worker& worker, QueueNode& node) override;
  void admit() noexcept override;
  bool take_token_locked() noexcept override;
  void arm_timer(Time time) override;
  void cancel_timer() noexcept override;
  void post_retire_locked() override;
  void forget_context() noexcept override;
  void forget_user_code() noexcept override { initializer_ = nullptr; }

  std::optional<Ex> executor_;  // empty once nothing of the context is held any more
  std::optional<Ex> body_executor_;
  std::unique_ptr<Channel> room_;  // made when somebody first has to wait
  std::optional<Timer> timer_;   // made with the first deadline
  std::function<awaitable<void>()> initializer_;
};

}  // namespace coroexec::detail

#include "coroexec/detail/impl/basic_engine.hpp"

namespace coroexec::detail {
#if !defined(COROEXEC_BUILDING_ENGINE)
extern template class COROEXEC_DECL BasicEngine<asio::any_io_executor>;
extern template class COROEXEC_DECL BasicEngine<asio::io_context::executor_type>;
#endif
}  // namespace coroexec::detail
