// process(): the loop that starts jobs, and its end.
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "api.hpp"
#include "coroexec/detail/call_job.hpp"
#include "process_state.hpp"

namespace coroexec::nats::detail {
namespace {

// Not in the coroutine: GCC 12 has no initializer lists there.
std::string streams_that_take(const std::string& subject) {
  return boost::json::serialize(boost::json::object{{"subject", subject}});
}

// The source may outlive the context, of which a signal must not be used then.
struct TellsNoMore {
  SourceState& source;
  ~TellsNoMore() {
    source.on_lost(nullptr);
    source.on_stop(nullptr);
  }
};

// However process() ends.
struct TellsOver {
  SignalPtr over;
  ~TellsOver() {
    quietly([this] { over->set(); });  // without memory the executor's end ends it, too
  }
};

}  // namespace

// Beside the executor's jobs and outside of its bound: a cancel of the executor reaches neither process(), which may
// have been called elsewhere, nor the handlers, which are shielded from it for the time of their grace.
asio::awaitable<void> Process::watch(std::weak_ptr<Process> process, SignalPtr over) {
  const bool told = co_await Signal::wait_unless_cancelled(over);
  const auto self = process.lock();
  if (told || !self) co_return;
  {
    const std::lock_guard lock(self->mutex_);
    self->executor_cancelled_ = true;
  }
  self->stop();
}

asio::awaitable<SourceStats> Process::run(std::shared_ptr<Process> self) {
  self->source_->on_lost([weak = std::weak_ptr(self)](std::uint64_t id) {
    if (const auto process = weak.lock()) process->lost(id);
  });
  self->source_->on_stop(self->changed_);
  const TellsNoMore told{*self->source_};
  const TellsOver over{std::make_shared<Signal>(self->source_->link()->executor())};
  std::exception_ptr failure;
  try {
    const auto watcher = coroexec::detail::make_job<Executor>(*self->engine_, TaskOptions{.name = "process()"},
                                                              &Process::watch, std::weak_ptr(self), over.over);
    self->engine_->run_beside(*watcher);
    self->check_executor();  // before there was somebody to tell
    co_await self->start_jobs();
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) self->stop();
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  for (;;) {
    const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
    if (!failure && (cancelled != asio::cancellation_type::none || self->executor_cancelled())) {
      failure = coroexec::detail::make_cancelled();
      self->stop();
    }
    if (self->source_->stopped()) self->hand_back();
    {
      const std::lock_guard lock(self->mutex_);
      if (self->works_.empty()) break;
    }
    co_await Signal::wait_unless_cancelled(self->changed_);
  }
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (failure) std::rethrow_exception(failure);
  co_return self->source_->stats();
}

// A dead letter that no stream keeps would be nowhere, as its message leaves the queue.
asio::awaitable<void> Process::check_dead_letter() {
  if (dead_letter_.empty()) co_return;
  const auto answer = co_await ask(source_->link(), "STREAM.NAMES", streams_that_take(dead_letter_));
  const std::string& where = source_->link()->settings().shown;
  if (answer.failed())
    throw_error(errc::no_stream, "cannot ask whether a stream at " + where + " takes the dead letters' subject " +
                                     dead_letter_ + ": " + answer.error.text);
  if (number_at(answer.object, "total") == 0)
    throw_error(errc::no_stream, "no stream at " + where + " takes the dead letters' subject " + dead_letter_);
}

asio::awaitable<void> Process::start_jobs() {
  check_batch(source_->config(), bound_);
  co_await check_dead_letter();
  for (;;) {
    std::size_t free = 0;
    {
      const std::lock_guard lock(mutex_);
      free = bound_ - works_.size();
    }
    source_->want(free);
    if (free == 0 && !source_->stopped()) {
      co_await Signal::wait(changed_);
      continue;
    }
    auto message = co_await SourceState::read(source_, true);
    if (!message) co_return;
    Flight flight(shared_from_this(), std::move(*message));  // whatever is thrown from here on, it is settled
    const std::string name = source_->config().stream + ' ' + std::to_string(flight.message().sequence());
    const auto id = flight.delivery().id;
    const auto task = executor_.submit_nowait(TaskOptions{.name = name}, &Process::job, std::move(flight));
    keep(id, coroexec::detail::TaskAccess::job(task));
  }
}

void Process::check_executor() const {
  if (engine_->open()) return;
  if (coroexec::detail::caller_is_cancelled()) coroexec::detail::throw_cancelled();
  coroexec::detail::throw_error(coroexec::errc::closed, engine_->label() + " takes no more jobs");
}

bool Process::executor_cancelled() {
  const std::lock_guard lock(mutex_);
  return executor_cancelled_;
}

// What waits in the executor, for its rate, say, goes with its arguments, of which one is the flight. Not as a cancel
// by its handle, which by the executor's policy would be one of all others.
void Process::hand_back() {
  std::vector<JobRef> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::running) state_ = State::ending;
    for (auto& [id, work] : works_)
      if (work.waits) waiting.push_back(std::exchange(work.waits, {}));
  }
  for (const auto& job : waiting) job->engine().cancel(*job, CancelReason::scope);
}

void Process::stop() {
  source_->stop();
  const std::lock_guard lock(mutex_);
  if (state_ >= State::stopping) return;
  state_ = State::stopping;
  grace_.expires_after(options_.grace);
  grace_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    if (error) return;
    if (const auto self = weak.lock()) self->cancel_all();
  });
}

void Process::cancel_all() {
  std::vector<EngineRef> engines;
  {
    const std::lock_guard lock(mutex_);
    state_ = State::cancelling;
    for (const auto& [id, work] : works_)
      if (work.engine) engines.push_back(work.engine);
  }
  for (const auto& engine : engines)
    engine->cancel_all(CancelReason::handle, coroexec::detail::make_cancelled());
}

asio::awaitable<SourceStats> process(CoroutineExecutor& executor, JetStreamSource& source, Handler handler,
                                     const ProcessOptions& options) {
  return Process::run(std::make_shared<Process>(executor, Access::state(source), std::move(handler), options));
}

}  // namespace coroexec::nats::detail
