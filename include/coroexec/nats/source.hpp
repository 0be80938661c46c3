// JetStreamSource: the messages of a work queue, as an asynchronous source.
//
//   auto source = co_await nats::open_source(connection, {.stream = "jobs", .durable = "workers"});
//   co_await nats::process(executor, source, handler);
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string_view>

#include "coroexec/nats/connection.hpp"
#include "coroexec/nats/message.hpp"

namespace coroexec::nats {

namespace detail {
class SourceState;
}  // namespace detail

// From where, and how much.
struct SourceOptions {
  std::string_view stream;                  // a work queue
  std::string_view durable = "workers";     // the consumer that all machines share; made if there is none
  std::size_t prefetch = 4;                 // messages held beside those that are asked for
  std::chrono::nanoseconds lease = std::chrono::seconds(30);  // of a consumer that is made; one that is there has its own
  std::chrono::nanoseconds pull_expires = std::chrono::seconds(5);  // how long the server keeps a request
  bool until_empty = false;                 // end when nothing is queued and nobody has one on lease
};

// What has happened since the source was opened.
struct SourceStats {
  std::uint64_t pulled = 0;         // messages that arrived
  std::uint64_t redelivered = 0;    // of them, not for the first time
  std::uint64_t acknowledged = 0;   // by process(), as all that follows
  std::uint64_t failed = 0;         // to be tried again later
  std::uint64_t dead_lettered = 0;  // given up
  std::uint64_t lease_lost = 0;     // their time was up before they were done
  std::uint64_t handed_back = 0;    // taken and not worked on to an end, because of a cancel
  std::size_t held = 0;             // now: on lease and not settled
  std::size_t most_held = 0;        // at one time
};

// Messages of a work queue: an AsyncSource, for map, concurrent, itermap and for_each, and for process().
//
// It asks the stream for as many messages as are wanted now and `prefetch` more, never for others: read by next() one
// is wanted while a reader waits; process() wants one for each free slot. What waits here has its lease renewed.
//
// Threads: every member from any thread; one next() at a time.
class COROEXEC_NATS_DECL JetStreamSource {
 public:
  using value_type = Message;

  JetStreamSource(JetStreamSource&&) noexcept = default;
  JetStreamSource& operator=(JetStreamSource&&) noexcept;
  ~JetStreamSource();  // stop()

  // The next message; nullopt after stop() and, with until_empty, when all is done. Throws no_stream or wrong_consumer
  // if stream or consumer are deleted meanwhile; closed with the connection; operation_aborted if cancelled, and
  // then no message is lost.
  asio::awaitable<std::optional<Message>> next();

  // Asks for no more, and hands back at once what is here and not given out.
  void stop();
  // The same: what reads it to its end calls this.
  asio::awaitable<void> aclose();

  std::chrono::nanoseconds lease() const;  // how long a message is ours: the consumer's acknowledgement wait
  SourceStats stats() const;               // of this moment

 private:
  friend detail::Access;
  explicit JetStreamSource(std::shared_ptr<detail::SourceState> state);
  std::shared_ptr<detail::SourceState> state_;
};

// Opens a work queue's shared consumer, and makes it if there is none. Throws no_stream, wrong_stream, wrong_consumer or
// no_jetstream, naming them; invalid-argument for options that make no sense; no_answer. A wrong consumer is one that
// others have made with a max_deliver, or a max_batch or max_expires that is less than what is to be asked for.
COROEXEC_AWAITED COROEXEC_NATS_DECL asio::awaitable<JetStreamSource> open_source(const Connection& connection,
                                                                                 SourceOptions options);

// The statistics as OpenMetrics text, without the final EOF line: coroexec_nats_messages_total{stream, durable, event}
// and coroexec_nats_messages_held.
COROEXEC_NATS_DECL void open_metrics(std::ostream& out, const JetStreamSource& source);

}  // namespace coroexec::nats
