// What the subject to acknowledge at says of a message: $JS.ACK.stream.consumer.delivered.sequence.consumer-sequence.
// time.pending, or since servers 2.8 with domain and account before the stream, and a token at the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace coroexec::nats::detail {

struct AckSubject {
  std::string_view stream, consumer;
  std::uint64_t deliveries = 0;
  std::uint64_t sequence = 0;  // in the stream
};

// Nothing if it is none.
std::optional<AckSubject> parse_ack_subject(std::string_view subject);

}  // namespace coroexec::nats::detail
