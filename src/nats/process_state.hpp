// Process: one call of process(). Flight: one of its messages, from when it has been read until it is settled.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "coroexec/detail/submit.hpp"
#include "coroexec/nats/process.hpp"
#include "source_state.hpp"

namespace coroexec::nats::detail {

using Executor = asio::any_io_executor;
using Engine = coroexec::detail::BasicEngine<Executor>;
using EngineRef = coroexec::detail::Ref<Engine>;
using JobRef = coroexec::detail::Ref<coroexec::detail::TaskBase>;
using coroexec::detail::CancelReason;

class Process;

// A message that a job has, or will have: whichever way it goes, the message is settled and the slot free again.
class Flight {
 public:
  Flight(std::shared_ptr<Process> process, Message message);
  Flight(Flight&&) noexcept = default;
  Flight& operator=(Flight&&) = delete;
  ~Flight();

  const Message& message() const { return message_; }
  const Delivery& delivery() const { return *Access::state(message_); }
  Process& process() const { return *process_; }
  void settle(std::uint64_t SourceStats::*count);

 private:
  std::shared_ptr<Process> process_;  // null: moved from
  Message message_;
  bool settled_ = false;
};

class Process : public std::enable_shared_from_this<Process> {
 public:
  Process(CoroutineExecutor& executor, std::shared_ptr<SourceState> source, Handler handler, const ProcessOptions& options)
      : executor_(executor),
        engine_(coroexec::detail::FaceAccess::engine(executor)),
        source_(std::move(source)),
        handler_(std::move(handler)),
        options_(options),
        dead_letter_(options.dead_letter),
        bound_(engine_->max_active()),
        changed_(std::make_shared<Signal>(source_->link()->executor())),
        grace_(source_->link()->executor()) {
    const auto require = [](bool condition, const char* text) {
      if (!condition) coroexec::detail::throw_error(coroexec::errc::invalid_argument, text);
    };
    require(bound_ != unlimited, "nats: process() needs an executor with a bound, max_workers");
    require(options.max_deliveries > 0, "nats: max_deliveries must be at least 1");
    require(options.retry_delay.count() >= 0 && options.max_retry_delay >= options.retry_delay && options.grace.count() >= 0,
            "nats: retry_delay, max_retry_delay and grace must not be negative, nor max_retry_delay less than retry_delay");
  }

  static asio::awaitable<SourceStats> run(std::shared_ptr<Process> self);

 private:
  friend class Flight;

  static asio::awaitable<void> watch(std::weak_ptr<Process> process, SignalPtr over);
  asio::awaitable<void> check_dead_letter();
  asio::awaitable<void> start_jobs();
  static asio::awaitable<void> job(Flight flight);
  static asio::awaitable<void> handle(Flight& flight);
  asio::awaitable<void> settle(Flight& flight, std::exception_ptr error);
  asio::awaitable<void> acknowledge(Flight& flight);
  asio::awaitable<bool> bury(const Flight& flight, std::string error);
  bool begin(const Flight& flight, const EngineRef& engine);
  void end(const Flight& flight) noexcept;
  void keep(std::uint64_t id, JobRef job);
  void hand_back();
  void stop();
  void cancel_all();
  void lost(std::uint64_t id);
  bool was_lost(const Flight& flight);
  bool grace_is_over();
  bool executor_cancelled();
  void check_executor() const;
  std::chrono::nanoseconds retry_delay(const Message& message) const;

  CoroutineExecutor& executor_;
  const EngineRef engine_;  // the executor's
  const std::shared_ptr<SourceState> source_;
  Handler handler_;
  const ProcessOptions options_;
  const std::string dead_letter_;
  const std::size_t bound_;

  std::mutex mutex_;
  const SignalPtr changed_;  // a flight has ended
  asio::steady_timer grace_;
  struct Work {
    EngineRef engine = {};  // null: its job has not begun
    JobRef waits = {};      // that job, from when it is in the executor
    bool lost = false;
  };
  std::map<std::uint64_t, Work> works_;  // one for each flight
  bool executor_cancelled_ = false;
  // Ending: the source has been stopped, and what runs is waited for; stopping: for as long as the grace.
  enum class State { running, ending, stopping, cancelling } state_ = State::running;
};

}  // namespace coroexec::nats::detail
