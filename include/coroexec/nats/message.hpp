// Message: one that has been taken from a stream, on lease.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coroexec/nats/config.hpp"

namespace coroexec::nats {

namespace detail {
struct Delivery;
struct Access;
}  // namespace detail

// A shared handle, cheap to copy. The message is this machine's until its lease ends (JetStreamSource::lease(), from
// its delivery or the last in_progress()); then the stream gives it to somebody again. Whoever reads a source
// directly says what became of it by one of ack(), nak(), term(); nats::process() does that for its handlers.
//
// Threads: what asks from any thread at a time; what tells from any thread.
class COROEXEC_NATS_DECL Message {
 public:
  std::string_view subject() const;  // as it was published
  std::string_view data() const;     // its bytes
  std::optional<std::string_view> header(std::string_view name) const;  // the first of that name

  std::uint64_t sequence() const;    // its number in the stream
  std::uint64_t deliveries() const;  // 1 for the first; a lost lease and a nak count
  bool redelivered() const { return deliveries() > 1; }  // somebody may have worked on it

  // Each is sent and not waited for; the last one said counts for the stream.
  void ack() const;          // done: it leaves the work queue
  void nak() const;          // to be given to somebody at once
  void nak(std::chrono::nanoseconds delay) const;  // the same after some time
  void in_progress() const;  // the lease begins anew
  void term() const;         // nobody shall have it again

 private:
  friend detail::Access;
  explicit Message(std::shared_ptr<detail::Delivery> delivery) noexcept;
  std::shared_ptr<detail::Delivery> delivery_;
};

}  // namespace coroexec::nats
