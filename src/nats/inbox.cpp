// Subscriptions, and telling their receivers.
#include <charconv>

#include "coroexec/error.hpp"
#include "link.hpp"

namespace coroexec::nats::detail {

void Inbox::detach() {
  const std::lock_guard lock(mutex_);
  receiver_ = nullptr;
}

void Inbox::hand_back() {
  const std::lock_guard lock(mutex_);
  receiver_ = nullptr;
  handing_back_ = true;
}

// A message for which there is no memory comes again when its lease is over, or is asked for again.
void Inbox::on_message(natsConnection*, natsSubscription*, natsMsg* raw, void* data) {
  quietly([&] { static_cast<Inbox*>(data)->take(MessagePtr(raw)); });
}

void Inbox::take(MessagePtr message) {
  const char* const reply = natsMsg_GetReply(message.get());
  {
    const std::lock_guard lock(mutex_);
    if (handing_back_) {
      Packet packet;
      packet.subject = reply ? reply : "";
      packet.data = "-NAK";
      if (reply) link_->send(std::move(packet));
      return;
    }
  }
  // A message of a stream keeps the subject that it was published to.
  const std::string_view subject = natsMsg_GetSubject(message.get());
  std::uint64_t number = 0;
  if (subject.starts_with(prefix_ + '.'))
    std::from_chars(subject.data() + prefix_.size() + 1, subject.data() + subject.size(), number);
  tell([&](Receiver& receiver) { receiver.received(number, std::move(message)); });
}

void Inbox::on_complete(void* data) {
  const auto self = std::move(static_cast<Inbox*>(data)->subscribed_);
  const auto link = std::move(self->link_);
  const std::lock_guard lock(link->mutex_);
  --link->subscriptions_;
  link->changed_.notify_all();
}

std::shared_ptr<Inbox> Link::make_inbox(Receiver& receiver) {
  const std::lock_guard lock(mutex_);
  if (!strand_) std::rethrow_exception(closed_error());
  const auto inbox = std::make_shared<Inbox>(inbox_prefix_ + '.' + std::to_string(++inboxes_made_), receiver);
  std::erase_if(inboxes_, [](const auto& weak) { return weak.expired(); });
  inboxes_.push_back(inbox);
  return inbox;
}

void Link::open_inbox(const std::shared_ptr<Inbox>& inbox) {
  {
    const std::lock_guard lock(mutex_);
    ++subscriptions_;
  }
  inbox->subscribed_ = inbox;
  inbox->link_ = shared_from_this();
  natsSubscription* subscription = nullptr;
  const std::string subject = inbox->prefix_ + ".*";
  auto status = natsConnection_Subscribe(&subscription, connection_, subject.c_str(), &Inbox::on_message, inbox.get());
  inbox->subscription_.reset(subscription);
  if (status == NATS_OK) {
    natsSubscription_SetPendingLimits(subscription, -1, -1);
    status = natsSubscription_SetOnCompleteCB(subscription, &Inbox::on_complete, inbox.get());
  }
  if (status == NATS_OK) return;
  const std::string reason = last_error(status);
  Inbox::on_complete(inbox.get());
  throw_error(errc::closed, "cannot subscribe at " + settings_->shown + ": " + reason);
}

void Link::close_inbox(const std::shared_ptr<Inbox>& inbox) {
  constexpr std::int64_t patience = 2000;  // milliseconds
  natsSubscription* const subscription = inbox->subscription_.get();
  if (natsSubscription_DrainTimeout(subscription, patience) == NATS_OK)
    natsSubscription_WaitForDrainCompletion(subscription, patience);
  else
    natsSubscription_Unsubscribe(subscription);
}

}  // namespace coroexec::nats::detail
