// process(): the loop that starts jobs, the job around a handler, and what becomes of its message.
#include "coroexec/nats/process.hpp"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <algorithm>
#include <map>
#include <utility>

#include "api.hpp"
#include "coroexec/detail/call_job.hpp"
#include "coroexec/detail/submit.hpp"
#include "source_state.hpp"

namespace coroexec::nats::detail {
namespace {

using Executor = asio::any_io_executor;
using Engine = coroexec::detail::BasicEngine<Executor>;
using EngineRef = coroexec::detail::Ref<Engine>;
using JobRef = coroexec::detail::Ref<coroexec::detail::TaskBase>;
using coroexec::detail::CancelReason;

// A header's value is one line.
std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

// Not in the coroutine: GCC 12 has no initializer lists there.
std::string streams_that_take(const std::string& subject) {
  return boost::json::serialize(boost::json::object{{"subject", subject}});
}

constexpr std::size_t longest_error = 1000;  // in a header

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
  std::size_t in_flight_ = 0;
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

Flight::Flight(std::shared_ptr<Process> process, Message message)
    : process_(std::move(process)), message_(std::move(message)) {
  try {
    const std::lock_guard lock(process_->mutex_);
    process_->works_.try_emplace(delivery().id);
    ++process_->in_flight_;
  } catch (...) {  // no memory: there will be no destructor, and its lease is to end
    settle(&SourceStats::handed_back);
    throw;
  }
}

Flight::~Flight() {
  if (!process_) return;
  const bool lost = process_->was_lost(*this);
  try {
    if (!settled_ && !lost) message_.nak();
  } catch (...) {  // no memory: it is given out again when its lease is over
  }
  if (!settled_) settle(lost ? &SourceStats::lease_lost : &SourceStats::handed_back);
  process_->end(*this);
}

void Flight::settle(std::uint64_t SourceStats::*count) {
  settled_ = true;
  process_->source_->settle(delivery().id, count);
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
    try {
      over->set();
    } catch (...) {  // no memory: the executor's end ends it, too
    }
  }
};

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
      if (self->in_flight_ == 0) break;
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
      free = bound_ - in_flight_;
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

// The job has a scope of its own for the handler, so that a cancel from outside does not reach that before its grace is over.
asio::awaitable<void> Process::job(Flight flight) {
  const Executor executor = co_await asio::this_coro::executor;
  coroexec::detail::EngineConfig config;
  config.policy = ErrorPolicy::suppress;
  config.kind = "message";
  const auto engine = Engine::make(executor, config);
  const auto handler = coroexec::detail::make_job<Executor>(*engine, coroexec::detail::no_task_options, &Process::handle,
                                                            std::ref(flight));
  if (!flight.process().begin(flight, engine)) co_return;
  try {
    co_await engine->run_scope(handler, executor, true);
  } catch (...) {  // it has been cancelled, by us: that is nobody else's error
  }
}

asio::awaitable<void> Process::handle(Flight& flight) {
  auto& self = flight.process();
  std::exception_ptr error;
  try {
    // Hand-backs and lost leases are deliveries, too: only what has come far too often is not tried once more.
    const std::uint64_t before = flight.message().deliveries() - 1, bound = self.options_.max_deliveries;
    if (before >= bound && before - bound >= bound)
      throw std::runtime_error("has been delivered before, " + std::to_string(before) +
                               " times, and nobody has said what became of it");
    co_await self.handler_(flight.message());
  } catch (...) {
    error = std::current_exception();
  }
  // A cancel, whether it has arrived or is to come, does not keep it from telling.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await self.settle(flight, error);
}

asio::awaitable<void> Process::settle(Flight& flight, std::exception_ptr error) {
  const auto& message = flight.message();
  const bool cancelling = grace_is_over();
  if (was_lost(flight)) {
    flight.settle(&SourceStats::lease_lost);
  } else if (!error) {
    co_await acknowledge(flight);
  } else if (cancelling && coroexec::detail::is_cancelled(error)) {
    message.nak();
    flight.settle(&SourceStats::handed_back);
  } else {
    bool buried = false;
    if (message.deliveries() >= options_.max_deliveries)
      buried = co_await bury(flight, coroexec::detail::message_of(error));
    if (!buried) message.nak(retry_delay(message));
    flight.settle(buried ? &SourceStats::dead_lettered : &SourceStats::failed);
  }
}

asio::awaitable<void> Process::acknowledge(Flight& flight) {
  if (!options_.confirm) {
    flight.message().ack();
    flight.settle(&SourceStats::acknowledged);
    co_return;
  }
  bool confirmed = false;
  // Asked again, as long as the message is ours and nobody waits for our end.
  for (bool again = true; again && !confirmed; again = !was_lost(flight) && !grace_is_over()) {
    Packet packet;
    packet.subject = natsMsg_GetReply(flight.delivery().message.get());
    packet.data = "+ACK";
    try {
      const auto answer = co_await source_->link()->request(std::move(packet), source_->config().lease / 6);
      confirmed = status_of(*answer).empty();
    } catch (const boost::system::system_error& error) {
      if (error.code() != errc::no_answer) break;
    }
  }
  const bool given_up = !was_lost(flight) && grace_is_over();  // it may come again, and is none that took too long
  flight.settle(confirmed ? &SourceStats::acknowledged
                          : given_up ? &SourceStats::handed_back : &SourceStats::lease_lost);
}

// False: it could not be published, and is to be tried again.
asio::awaitable<bool> Process::bury(const Flight& flight, std::string error) {
  const auto& message = flight.message();
  if (!dead_letter_.empty()) {
    const auto& stream = source_->config().stream;
    const std::string sequence = std::to_string(message.sequence());
    error.resize(std::min(error.size(), longest_error));
    Packet packet;
    packet.subject = dead_letter_;
    packet.data = message.data();
    packet.headers = {{"Nats-Msg-Id", stream + ' ' + sequence},
                      {"Coroexec-Error", one_line(std::move(error))},
                      {"Coroexec-Stream", stream},
                      {"Coroexec-Sequence", sequence},
                      {"Coroexec-Subject", std::string(message.subject())},
                      {"Coroexec-Deliveries", std::to_string(message.deliveries())}};
    // It would be refused each time, and the message never leave the queue.
    if (size_of(packet) > static_cast<std::size_t>(source_->link()->max_payload())) {
      packet.headers.emplace_back("Coroexec-Truncated",
                                  "data of " + std::to_string(packet.data.size()) + " bytes was too large");
      packet.data.clear();
    }
    try {
      const auto answer = co_await source_->link()->request(std::move(packet), source_->link()->settings().request_timeout);
      const auto* const data = natsMsg_GetData(answer.get());
      if (!status_of(*answer).empty() ||
          parse_answer({data, static_cast<std::size_t>(natsMsg_GetDataLength(answer.get()))}).failed())
        co_return false;
    } catch (const boost::system::system_error&) {
      co_return false;
    }
  }
  message.term();
  co_return true;
}

std::chrono::nanoseconds Process::retry_delay(const Message& message) const {
  auto delay = options_.retry_delay;
  for (std::uint64_t i = 1; i < message.deliveries() && delay < options_.max_retry_delay; ++i) delay *= 2;
  return std::min(delay, options_.max_retry_delay);
}

bool Process::begin(const Flight& flight, const EngineRef& engine) {
  const std::lock_guard lock(mutex_);
  auto& mine = works_.at(flight.delivery().id);
  if (state_ != State::running || mine.lost) return false;
  mine.engine = engine;
  mine.waits = {};
  return true;
}

void Process::end(const Flight& flight) noexcept {
  const std::lock_guard lock(mutex_);
  works_.erase(flight.delivery().id);
  --in_flight_;
  try {
    changed_->set();
    if (state_ == State::running) source_->want(bound_ - in_flight_);
  } catch (...) {  // no memory: it is asked for more at the next end, or by the source's own timer
  }
}

bool Process::was_lost(const Flight& flight) {
  const std::lock_guard lock(mutex_);
  return works_.at(flight.delivery().id).lost;
}

void Process::check_executor() const {
  if (engine_->open()) return;
  if (coroexec::detail::caller_is_cancelled()) coroexec::detail::throw_cancelled();
  coroexec::detail::throw_error(coroexec::errc::closed, engine_->label() + " takes no more jobs");
}

bool Process::grace_is_over() {
  const std::lock_guard lock(mutex_);
  return state_ == State::cancelling;
}

bool Process::executor_cancelled() {
  const std::lock_guard lock(mutex_);
  return executor_cancelled_;
}

void Process::lost(std::uint64_t id) {
  EngineRef engine;
  {
    const std::lock_guard lock(mutex_);
    const auto found = works_.find(id);
    if (found == works_.end()) return;
    found->second.lost = true;
    engine = found->second.engine;
  }
  // One that has not begun will see it then.
  if (engine) engine->cancel_all(CancelReason::handle, coroexec::detail::make_cancelled());
}

// The job may have begun, or be over, by now.
void Process::keep(std::uint64_t id, JobRef job) {
  const std::lock_guard lock(mutex_);
  const auto found = works_.find(id);
  if (found != works_.end() && !found->second.engine) found->second.waits = std::move(job);
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

}  // namespace

asio::awaitable<SourceStats> process(CoroutineExecutor& executor, JetStreamSource& source, Handler handler,
                                     const ProcessOptions& options) {
  return Process::run(std::make_shared<Process>(executor, Access::state(source), std::move(handler), options));
}

}  // namespace coroexec::nats::detail
