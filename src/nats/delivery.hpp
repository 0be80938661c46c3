// What a Message's handles share.
#pragma once

#include "ack_subject.hpp"
#include "coroexec/nats/message.hpp"
#include "link.hpp"

namespace coroexec::nats::detail {

struct Delivery {
  std::shared_ptr<Link> link;
  MessagePtr message;
  AckSubject parsed;  // refers to the message
  std::uint64_t id = 0;  // among those of its source

  std::string_view data() const { return data_of(*message); }
  void tell(std::string what, std::string reply = {}) const {
    Packet packet;
    packet.subject = natsMsg_GetReply(message.get());
    packet.reply = std::move(reply);
    packet.data = std::move(what);
    link->send(std::move(packet));
  }
};
using DeliveryPtr = std::shared_ptr<Delivery>;

}  // namespace coroexec::nats::detail
