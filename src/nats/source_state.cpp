// Asking for messages, keeping them, handing them out.
#include "source_state.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "api.hpp"
#include "coroexec/error.hpp"

namespace coroexec::nats::detail {
namespace {

// Not that the consumer has nothing to give: a leader that has just begun may not know what there is. And not only that the
// stream has nothing: servers 2.9 may keep what was acknowledged when a leader went, and nobody gets that again.
bool is_empty(const ApiAnswer& consumer, const ApiAnswer& stream) {
  if (consumer.failed() || stream.failed()) return false;
  const auto& state = object_at(stream.object, "state");
  return number_at(state, "messages") == 0 ||
         number_at(object_at(consumer.object, "ack_floor"), "stream_seq") >= number_at(state, "last_seq");
}

constexpr std::chrono::milliseconds pause_when_nobody_answers(250);

}  // namespace

void check_batch(const SourceState::Config& config, std::size_t slots) {
  if (config.max_batch == 0) return;
  if (config.prefetch < config.max_batch && slots <= config.max_batch - config.prefetch) return;
  throw_error(errc::wrong_consumer, "consumer " + config.durable + " of stream " + config.stream + " has a max_batch of " +
                                        std::to_string(config.max_batch) + ", and up to " +
                                        std::to_string(slots + config.prefetch) + " messages are to be asked for at once");
}

SourceState::SourceState(std::shared_ptr<Link> link, Config config)
    : link_(std::move(link)),
      config_(std::move(config)),
      strand_(asio::make_strand(link_->executor())),
      timer_(strand_),
      signal_(std::make_shared<Signal>(link_->executor())),
      leases_(config_.lease),
      pulls_(config_.pull_expires) {}

SourceState::~SourceState() {
  inbox_->detach();
  renewals_inbox_->detach();
  quietly([this] {
    const auto messages = state_ == State::stopped ? nullptr : inbox_;
    link_->off_context([link = link_.get(), messages, renewals = renewals_inbox_] {
      if (messages) link->close_inbox(messages);
      link->close_inbox(renewals);
    });
  });
}

std::function<void()> SourceState::listening() const {
  return [link = link_.get(), messages = inbox_, renewals = renewals_inbox_] {
    link->open_inbox(messages);
    link->open_inbox(renewals);
  };
}

asio::awaitable<std::optional<Message>> SourceState::read(std::shared_ptr<SourceState> self, bool keep) {
  struct Waiting {
    SourceState& state;
    ~Waiting() {
      const std::lock_guard lock(state.mutex_);
      state.waiting_ = state.waking_ = false;
    }
  };
  for (;;) {
    {
      const std::lock_guard lock(self->mutex_);
      if (self->error_) std::rethrow_exception(self->error_);
      if (self->state_ == State::stopped) co_return std::nullopt;
      if (!self->buffer_.empty()) {
        auto delivery = std::move(self->buffer_.front());
        self->buffer_.pop_front();
        if (keep && self->slots_.value_or(0) > 0) --*self->slots_;
        if (!keep) {
          self->leases_.remove(delivery->id);
          self->held_.erase(delivery->id);
          self->stats_.held = self->held_.size();
        }
        if (!self->slots_) self->schedule_refill_locked();
        co_return Access::make<Message>(std::move(delivery));
      }
      if (self->state_ == State::finished) co_return std::nullopt;
      if (std::exchange(self->waiting_, true))
        coroexec::detail::throw_error(coroexec::errc::invalid_state,
                                      "nats: next() while another next() is still waiting");
      self->schedule_refill_locked();
    }
    const Waiting waiting{*self};
    co_await Signal::wait(self->signal_);
  }
}

void SourceState::want(std::size_t slots) {
  const std::lock_guard lock(mutex_);
  slots_ = slots;
  schedule_refill_locked();
}

void SourceState::on_lost(std::function<void(std::uint64_t)> lost) {
  const std::lock_guard lock(mutex_);
  lost_ = std::move(lost);
  if (!lost_) slots_.reset();
}

void SourceState::on_stop(SignalPtr signal) {
  const std::lock_guard lock(mutex_);
  told_of_stop_ = std::move(signal);
}

bool SourceState::stopped() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::stopped;
}

void SourceState::settle(std::uint64_t id, std::uint64_t SourceStats::*count) {
  const std::lock_guard lock(mutex_);
  leases_.remove(id);
  held_.erase(id);
  stats_.held = held_.size();
  ++(stats_.*count);
}

SourceStats SourceState::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void SourceState::wake_locked() {
  if (waiting_ && !std::exchange(waking_, true)) signal_->set_from_outside();
}

// Later, so that what happens until then is one request.
void SourceState::schedule_refill_locked() {
  if (refilling_) return;
  asio::post(strand_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->refill();
  });
  refilling_ = true;  // not where there was no memory for the call
}

void SourceState::refill() {
  std::optional<Pulls::Pull> pull;
  {
    const std::lock_guard lock(mutex_);
    refilling_ = false;
    if (state_ != State::reading || error_) return;
    const std::size_t target = slots_.value_or(waiting_ ? 1 : 0) + config_.prefetch;
    // Half of what is to wait here may be missing: there is still one for each free slot.
    pull = pulls_.ask(target - std::min(target, buffer_.size()), Clock::now(), config_.prefetch / 2 + 1);
  }
  if (!pull) return;
  Packet packet;
  packet.subject = "$JS.API.CONSUMER.MSG.NEXT." + config_.stream + '.' + config_.durable;
  packet.reply = inbox_->subject(pull->number);
  packet.data = "{\"batch\":" + std::to_string(pull->batch) + ",\"expires\":" + std::to_string(config_.pull_expires.count()) + '}';
  link_->send(std::move(packet));
}

void SourceState::received(std::uint64_t number, MessagePtr message) {
  Arrival arrival{nullptr, number, status_of(*message)};
  if (arrival.status.empty()) {
    const char* const reply = natsMsg_GetReply(message.get());
    const auto parsed = parse_ack_subject(reply ? reply : "");
    if (!parsed) return;
    arrival.delivery = std::make_shared<Delivery>(Delivery{link_, std::move(message), *parsed});
  }
  {
    const std::lock_guard lock(arrived_mutex_);
    arrived_.push_back(std::move(arrival));
    if (arrived_.size() > 1) return;  // take_in() is to come
  }
  asio::post(strand_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->take_in();
  });
}

void SourceState::Renewals::received(std::uint64_t id, MessagePtr message) {
  if (!status_of(*message).empty()) return;  // nobody is there
  const std::lock_guard lock(state.mutex_);
  state.leases_.confirmed(id);
}

void SourceState::take_in() {
  std::vector<Arrival> arrived;
  std::vector<DeliveryPtr> not_wanted;
  {
    const std::lock_guard lock(arrived_mutex_);
    arrived.swap(arrived_);
  }
  {
    const std::lock_guard lock(mutex_);
    const std::size_t target = slots_.value_or(1) + config_.prefetch;
    for (auto& [delivery, pull, status] : arrived) {
      if (!delivery) {
        told_locked(pull, status);
        continue;
      }
      if ((!pulls_.received() && buffer_.size() >= target) || state_ == State::stopped) {
        not_wanted.push_back(std::move(delivery));
        continue;
      }
      ++stats_.pulled;
      stats_.redelivered += delivery->parsed.deliveries > 1;
      delivery->id = ++last_;
      leases_.add(delivery->id, Clock::now());
      held_.emplace(delivery->id, delivery);
      buffer_.push_back(std::move(delivery));
    }
    stats_.held = held_.size();
    stats_.most_held = std::max(stats_.most_held, stats_.held);
    if (waiting_ && !buffer_.empty()) signal_->set();
  }
  for (const auto& delivery : not_wanted) delivery->tell("-NAK");
}

void SourceState::told_locked(std::uint64_t pull, const std::string& status) {
  if (status == "100") return;  // it is still there
  pulls_.ended(pull);
  const bool waited_in_vain = status == "404" || status == "408";
  if (!waited_in_vain) pulls_.pause_until(Clock::now() + pause_when_nobody_answers);
  // 409: a change of leaders, or the consumer has been deleted; 503: nobody is there.
  if (!waited_in_vain || config_.until_empty) look_at_consumer_locked();
  schedule_refill_locked();
}

void SourceState::relinked() {
  const std::lock_guard lock(mutex_);
  pulls_.forget();
  schedule_refill_locked();
}

void SourceState::closed() {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = link_->closed_error();
  wake_locked();
}

void SourceState::arm_timer() {
  const auto every = std::min<std::chrono::nanoseconds>(leases_.tick(), std::chrono::milliseconds(500));
  timer_.expires_after(every);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    if (error) return;
    if (const auto self = weak.lock()) self->tick();
  });
}

void SourceState::tick() {
  std::vector<DeliveryPtr> renew;
  std::vector<std::uint64_t> lost;
  std::function<void(std::uint64_t)> tell;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (pulls_.expire(now)) look_at_consumer_locked();
    const auto due = leases_.due(now);
    for (const auto id : due.renew) renew.push_back(held_.at(id));
    for (const auto id : due.lost) {
      const auto waits = std::ranges::find(buffer_, id, &Delivery::id);
      if (waits == buffer_.end()) {
        lost.push_back(id);
        continue;
      }
      buffer_.erase(waits);
      held_.erase(id);
      ++stats_.lease_lost;
    }
    stats_.held = held_.size();
    tell = lost_;
    if (state_ == State::stopped && held_.empty()) return;
    schedule_refill_locked();
  }
  for (const auto& delivery : renew) delivery->tell("+WPI", renewals_inbox_->subject(delivery->id));
  for (const auto id : lost)
    if (tell) tell(id);
  arm_timer();
}

void SourceState::look_at_consumer_locked() {
  if (state_ != State::reading || std::exchange(looking_, true)) return;
  asio::co_spawn(strand_, look(shared_from_this()), [](std::exception_ptr) {});
}

// Is it still there, and has it anything for anybody? Who does not answer is asked again another time.
asio::awaitable<void> SourceState::look(std::shared_ptr<SourceState> self) {
  struct Looked {
    SourceState& state;
    ~Looked() {
      const std::lock_guard lock(state.mutex_);
      state.looking_ = false;
    }
  } looked{*self};
  const auto& config = self->config_;
  const auto answer = co_await ask(self->link_, "CONSUMER.INFO." + config.stream + '.' + config.durable, "");
  const auto stream = co_await ask(self->link_, "STREAM.INFO." + config.stream, "");
  const std::lock_guard lock(self->mutex_);
  if (answer.error.code == stream_not_found)
    self->error_ = make_error(errc::no_stream, "stream " + config.stream + " has been deleted");
  else if (answer.error.code == consumer_not_found)
    self->error_ = make_error(errc::wrong_consumer, "consumer " + config.durable + " of stream " + config.stream + " has been deleted");
  else if (config.until_empty && self->state_ == State::reading && is_empty(answer, stream))
    self->state_ = State::finished;
  self->wake_locked();
}

void SourceState::stop() {
  std::vector<DeliveryPtr> back;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::stopped) return;
    state_ = State::stopped;
    back.assign(buffer_.begin(), buffer_.end());
    buffer_.clear();
    for (const auto& delivery : back) {
      leases_.remove(delivery->id);
      held_.erase(delivery->id);
    }
    stats_.held = held_.size();
    stats_.handed_back += back.size();
    wake_locked();
    if (told_of_stop_) told_of_stop_->set_from_outside();
  }
  inbox_->hand_back();
  {
    const std::lock_guard lock(arrived_mutex_);
    for (auto& arrival : arrived_)
      if (arrival.delivery) back.push_back(std::move(arrival.delivery));
    arrived_.clear();
  }
  // First the server is told that nobody listens any more, lest it gives us again what we hand back.
  link_->off_context([link = link_.get(), inbox = inbox_, back = std::move(back)] {
    link->close_inbox(inbox);
    for (const auto& delivery : back) delivery->tell("-NAK");
  });
}

}  // namespace coroexec::nats::detail
