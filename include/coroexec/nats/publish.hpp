// publish(): messages into a stream, each confirmed, and none twice.
//
//   std::vector<nats::Outgoing> jobs = …;
//   co_await nats::publish(connection, std::move(jobs));
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "coroexec/detail/source.hpp"
#include "coroexec/nats/connection.hpp"

namespace coroexec::nats {

// A message to be published. The stream takes an id once, for as long as it remembers it; empty: one is made up.
// No aggregate: of those GCC 12 destroys temporaries twice.
struct Outgoing {
  Outgoing() = default;
  Outgoing(std::string to, std::string bytes, std::string once = {})
      : subject(std::move(to)), data(std::move(bytes)), id(std::move(once)) {}
  std::string subject;  // to publish it to
  std::string data;     // any bytes
  std::string id;       // by which the stream knows one that comes again
};

// How publish() goes about it.
struct PublishOptions {
  std::size_t max_pending = 1000;  // messages on their way and not confirmed
  std::size_t max_buffered = 4 * 1024 * 1024;  // bytes that the socket has not taken
  std::chrono::nanoseconds resend = std::chrono::seconds(5);    // send one again that is not confirmed by then
  std::chrono::nanoseconds timeout = std::chrono::seconds(60);  // give up if it still is not
  std::string_view stream = {};    // refuse to be taken by another stream; empty: any
};

// What publish() has done.
struct PublishStats {
  std::uint64_t published = 0;   // confirmed, all together
  std::uint64_t duplicates = 0;  // of them, there already
  std::uint64_t resent = 0;      // had to be sent more than once
};

namespace detail {

class Publisher;

// The part of publish() that knows no source.
class COROEXEC_NATS_DECL Publishing {
 public:
  Publishing(const Connection& connection, const PublishOptions& options);
  ~Publishing();
  Publishing(const Publishing&) = delete;
  asio::awaitable<void> add(Outgoing message);  // sends it when there is room
  asio::awaitable<PublishStats> finish();       // waits for all

 private:
  std::shared_ptr<Publisher> publisher_;
};

template <class Source>
asio::awaitable<PublishStats> publish_all(std::unique_ptr<Publishing> publishing, Source source) {
  if constexpr (Source::asynchronous) {
    while (auto message = co_await source.next()) co_await publishing->add(std::move(*message));
  } else {
    std::optional<Outgoing> message;
    const auto take = [&message](auto&& element) { message.emplace(std::forward<decltype(element)>(element)); };
    while (source.pull(take)) co_await publishing->add(std::move(*message));
  }
  co_return co_await publishing->finish();
}

}  // namespace detail

// Publishes the Outgoing messages of a range, an asynchronous source or a channel, and returns when a stream has
// confirmed all of them. The source is read only as fast as they are confirmed. What is not confirmed, because a server
// went, is sent again with the same id, so that it is in the stream once.
// Throws no_stream if no stream takes a subject; refused, with the server's reason (a full stream, another stream than
// demanded, too large a message); no_answer after `timeout`; operation_aborted if cancelled. What has been sent before stays.
template <class Source>
  requires(!std::same_as<std::remove_cvref_t<Source>, Outgoing>)
COROEXEC_AWAITED asio::awaitable<PublishStats> publish(const Connection& connection, Source&& messages,
                                                       PublishOptions options = {}) {
  using Given = std::decay_t<Source>;
  return detail::publish_all(
      std::make_unique<detail::Publishing>(connection, options),
      coroexec::detail::make_source<asio::any_io_executor, Given>(std::forward<Source>(messages)));
}

// The same for one message. Of the options, those that are of messages on their way do not matter.
COROEXEC_AWAITED COROEXEC_NATS_DECL asio::awaitable<PublishStats> publish(const Connection& connection, Outgoing message,
                                                                          PublishOptions options = {});

}  // namespace coroexec::nats
