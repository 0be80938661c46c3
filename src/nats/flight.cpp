// The job around a handler, and what becomes of its message.
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <algorithm>
#include <utility>

#include "api.hpp"
#include "coroexec/detail/call_job.hpp"
#include "process_state.hpp"

namespace coroexec::nats::detail {
namespace {

// A header's value is one line.
std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

constexpr std::size_t longest_error = 1000;  // in a header

}  // namespace

Flight::Flight(std::shared_ptr<Process> process, Message message)
    : process_(std::move(process)), message_(std::move(message)) {
  try {
    const std::lock_guard lock(process_->mutex_);
    process_->works_.try_emplace(delivery().id);
  } catch (...) {  // no memory: there will be no destructor, and its lease is to end
    settle(&SourceStats::handed_back);
    throw;
  }
}

Flight::~Flight() {
  if (!process_) return;
  const bool lost = process_->was_lost(*this);
  // Without memory it is given out again when its lease is over.
  if (!settled_ && !lost) quietly([this] { message_.nak(); });
  if (!settled_) settle(lost ? &SourceStats::lease_lost : &SourceStats::handed_back);
  process_->end(*this);
}

void Flight::settle(std::uint64_t SourceStats::*count) {
  settled_ = true;
  process_->source_->settle(delivery().id, count);
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
      if (!status_of(*answer).empty() || parse_answer(data_of(*answer)).failed()) co_return false;
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
  // Without memory it is asked for more at the next end, or by the source's own timer.
  quietly([this] {
    changed_->set();
    if (state_ == State::running) source_->want(bound_ - works_.size());
  });
}

bool Process::was_lost(const Flight& flight) {
  const std::lock_guard lock(mutex_);
  return works_.at(flight.delivery().id).lost;
}

bool Process::grace_is_over() {
  const std::lock_guard lock(mutex_);
  return state_ == State::cancelling;
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

}  // namespace coroexec::nats::detail
