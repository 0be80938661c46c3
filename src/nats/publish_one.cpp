// Publishing one message: a request.
#include <utility>

#include "api.hpp"
#include "coroexec/nats/publish.hpp"
#include "coroexec/this_task.hpp"
#include "publisher.hpp"

namespace coroexec::nats {
namespace {

using namespace detail;

asio::awaitable<PublishStats> publish_packet(std::shared_ptr<Link> link, Packet packet, PublishOptions options) {
  check_payload(*link, packet);
  PublishStats stats;
  const auto begun = coroexec::now();
  for (;; ++stats.resent) {
    bool nobody = false;
    std::exception_ptr failure;
    try {
      const auto message = co_await link->request(packet, options.resend);
      nobody = !status_of(*message).empty();
      if (!nobody) {
        const auto answer = parse_answer(data_of(*message));
        if (!answer.failed()) {
          stats.published = 1;
          stats.duplicates = is_duplicate(answer);
          co_return stats;
        }
        if (!passes(answer.error)) throw_refused(*link, packet, answer.error);
      }
    } catch (const boost::system::system_error& error) {
      if (error.code() != errc::no_answer) throw;
      failure = std::current_exception();
    }
    const auto passed = coroexec::now() - begun;
    if (nobody && passed > patience_without_taker) throw_nobody_takes(*link, packet);
    if (passed > options.timeout) {
      if (failure) std::rethrow_exception(failure);
      throw_nobody_takes(*link, packet);
    }
    if (!failure) co_await sleep_for(std::chrono::milliseconds(100));
  }
}

}  // namespace

asio::awaitable<PublishStats> publish(const Connection& connection, Outgoing message, PublishOptions options) {
  static std::mutex mutex;
  static std::uint64_t number = 0;
  if (message.id.empty()) {
    const std::lock_guard lock(mutex);
    message.id = Access::link(connection)->inbox_prefix() + " one " + std::to_string(++number);
  }
  Packet packet;
  packet.subject = std::move(message.subject);
  packet.data = std::move(message.data);
  packet.headers.emplace_back("Nats-Msg-Id", std::move(message.id));
  if (!options.stream.empty()) packet.headers.emplace_back("Nats-Expected-Stream", options.stream);
  return publish_packet(Access::link(connection), std::move(packet), options);
}

}  // namespace coroexec::nats
