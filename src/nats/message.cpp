// What a message says, and what is said of it.
#include "coroexec/nats/message.hpp"

#include <utility>

#include "delivery.hpp"

namespace coroexec::nats {

Message::Message(std::shared_ptr<detail::Delivery> delivery) noexcept : delivery_(std::move(delivery)) {}

std::string_view Message::subject() const { return natsMsg_GetSubject(delivery_->message.get()); }
std::string_view Message::data() const { return delivery_->data(); }
std::optional<std::string_view> Message::header(std::string_view name) const {
  const char* value = nullptr;
  const auto status = natsMsgHeader_Get(delivery_->message.get(), std::string(name).c_str(), &value);
  if (status != NATS_OK || !value) return std::nullopt;
  return value;
}
std::uint64_t Message::sequence() const { return delivery_->parsed.sequence; }
std::uint64_t Message::deliveries() const { return delivery_->parsed.deliveries; }

void Message::ack() const { delivery_->tell("+ACK"); }
void Message::nak() const { delivery_->tell("-NAK"); }
void Message::nak(std::chrono::nanoseconds delay) const {
  delivery_->tell("-NAK {\"delay\":" + std::to_string(delay.count()) + "}");
}
void Message::in_progress() const { delivery_->tell("+WPI"); }
void Message::term() const { delivery_->tell("+TERM"); }

}  // namespace coroexec::nats
