// Sending, counting confirmations, sending again.
#include "publisher.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "api.hpp"
#include "coroexec/error.hpp"

namespace coroexec::nats::detail {

bool is_duplicate(const ApiAnswer& answer) {
  const auto* duplicate = answer.object.if_contains("duplicate");
  return duplicate && duplicate->is_bool() && duplicate->as_bool();
}

void check_payload(const Link& link, const Packet& packet) {
  const std::size_t size = size_of(packet);
  if (size > static_cast<std::size_t>(link.max_payload()))
    throw_error(errc::refused, "a message of " + std::to_string(packet.data.size()) + " bytes for " + packet.subject + ", with " +
                                   std::to_string(size - packet.data.size()) +
                                   " of headers, is larger than the server's limit of " + std::to_string(link.max_payload()));
}

void throw_refused(const Link& link, const Packet& packet, const ApiError& error) {
  throw_error(errc::refused,
              "JetStream at " + link.settings().shown + " refuses a message for " + packet.subject + ": " + error.text);
}

void throw_nobody_takes(const Link& link, const Packet& packet) {
  throw_error(errc::no_stream, "no stream at " + link.settings().shown + " takes " + packet.subject);
}

namespace {
template <class F>
std::exception_ptr error_of(F throws) {
  try {
    throws();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}
}  // namespace

Publisher::Publisher(std::shared_ptr<Link> link, const PublishOptions& options)
    : link_(std::move(link)),
      options_(options),
      stream_(options.stream),
      timer_(asio::make_strand(link_->executor())),
      changed_(std::make_shared<Signal>(link_->executor())) {
  if (options.max_pending == 0 || options.resend.count() <= 0 || options.timeout.count() <= 0)
    coroexec::detail::throw_error(coroexec::errc::invalid_argument, "nats: max_pending, resend and timeout must be more than 0");
}

Publisher::~Publisher() {
  if (inbox_) inbox_->detach();
}

void Publisher::end() noexcept {
  if (!inbox_) return;
  inbox_->detach();
  quietly([this] { link_->off_context([link = link_.get(), inbox = inbox_] { link->close_inbox(inbox); }); });
}

asio::awaitable<void> Publisher::add(std::shared_ptr<Publisher> self, Outgoing message) {
  auto& link = *self->link_;
  if (!self->inbox_) {
    self->inbox_ = link.make_inbox(*self);
    const std::function<void()> listen = [owner = &link, inbox = self->inbox_] { owner->open_inbox(inbox); };
    co_await link.await_off_context(listen);
    self->arm_timer();
  }
  Packet packet;
  packet.subject = std::move(message.subject);
  packet.data = std::move(message.data);
  const auto number = ++self->last_;
  packet.reply = self->inbox_->subject(number);
  packet.headers.emplace_back("Nats-Msg-Id", message.id.empty() ? packet.reply : std::move(message.id));
  if (!self->stream_.empty()) packet.headers.emplace_back("Nats-Expected-Stream", self->stream_);
  check_payload(link, packet);
  co_await self->wait_until(&Publisher::has_room);
  {
    const std::lock_guard lock(self->mutex_);
    const auto now = Clock::now();
    self->pending_.emplace(number, Pending{packet, now, now});
  }
  link.send(std::move(packet));
}

asio::awaitable<PublishStats> Publisher::finish(std::shared_ptr<Publisher> self) {
  co_await self->wait_until(&Publisher::empty);
  co_return self->stats_;
}

bool Publisher::has_room() const {
  return pending_.size() < options_.max_pending && (pending_.empty() || link_->buffered() < options_.max_buffered);
}
bool Publisher::empty() const { return pending_.empty(); }

asio::awaitable<void> Publisher::wait_until(bool (Publisher::*condition)() const) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (error_) std::rethrow_exception(error_);
      if ((this->*condition)()) co_return;
    }
    co_await Signal::wait(changed_);
  }
}

void Publisher::received(std::uint64_t number, MessagePtr message) {
  const std::lock_guard lock(mutex_);
  settle_locked(number, *message);
}

void Publisher::settle_locked(std::uint64_t number, natsMsg& message) {
  const auto found = pending_.find(number);
  if (found == pending_.end()) return;
  auto& pending = found->second;
  pending.nobody_took_it = !status_of(message).empty();
  if (pending.nobody_took_it) return;
  const auto answer = parse_answer(data_of(message));
  if (answer.failed()) {
    if (!passes(answer.error)) fail_locked(error_of([&] { throw_refused(*link_, pending.packet, answer.error); }));
    return;
  }
  ++stats_.published;
  stats_.duplicates += is_duplicate(answer);
  pending_.erase(found);
  changed_->set_from_outside();
}

void Publisher::fail_locked(std::exception_ptr error) {
  if (!error_) error_ = std::move(error);
  changed_->set_from_outside();
}

// What was under way may not have arrived.
void Publisher::relinked() {
  const std::lock_guard lock(mutex_);
  for (auto& [number, pending] : pending_) pending.sent = Clock::time_point::min();
}

void Publisher::closed() {
  const std::lock_guard lock(mutex_);
  fail_locked(link_->closed_error());
}

void Publisher::arm_timer() {
  timer_.expires_after(std::min<std::chrono::nanoseconds>(options_.resend / 4, std::chrono::milliseconds(250)));
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    if (error) return;
    if (const auto self = weak.lock()) self->tick();
  });
}

void Publisher::tick() {
  std::vector<Packet> again;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    const bool up = link_->up();  // else it would be sent once more for each time
    for (auto& [number, pending] : pending_) {
      if (pending.nobody_took_it && now - pending.first > patience_without_taker)
        fail_locked(error_of([&] { throw_nobody_takes(*link_, pending.packet); }));
      else if (now - pending.first > options_.timeout)
        fail_locked(make_error(errc::no_answer, "no stream at " + link_->settings().shown + " has confirmed a message for " +
                                                    pending.packet.subject));
      if (error_) break;
      if (!up) continue;
      // min(): the connection is new.
      if (!pending.nobody_took_it && pending.sent != Clock::time_point::min() && now - pending.sent < options_.resend) continue;
      again.push_back(pending.packet);
      pending.sent = now;
      ++stats_.resent;
    }
    changed_->set_from_outside();  // there may be room in the buffer
  }
  for (auto& packet : again) link_->send(std::move(packet));
  arm_timer();
}

Publishing::Publishing(const Connection& connection, const PublishOptions& options)
    : publisher_(std::make_shared<Publisher>(Access::link(connection), options)) {}
Publishing::~Publishing() { publisher_->end(); }
asio::awaitable<void> Publishing::add(Outgoing message) { return Publisher::add(publisher_, std::move(message)); }
asio::awaitable<PublishStats> Publishing::finish() { return Publisher::finish(publisher_); }

}  // namespace coroexec::nats::detail
