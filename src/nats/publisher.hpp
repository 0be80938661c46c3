// Publisher: messages that have been sent and not been confirmed.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>

#include "coroexec/nats/publish.hpp"
#include "api.hpp"
#include "link.hpp"

namespace coroexec::nats::detail {

// So long a subject may have no taker: a stream without a leader has none either.
inline constexpr std::chrono::seconds patience_without_taker{5};

bool is_duplicate(const ApiAnswer& answer);
void check_payload(const Link& link, const Packet& packet);
[[noreturn]] void throw_refused(const Link& link, const Packet& packet, const ApiError& error);
[[noreturn]] void throw_nobody_takes(const Link& link, const Packet& packet);

class Publisher final : public Receiver, public std::enable_shared_from_this<Publisher> {
 public:
  Publisher(std::shared_ptr<Link> link, const PublishOptions& options);
  ~Publisher();

  static asio::awaitable<void> add(std::shared_ptr<Publisher> self, Outgoing message);
  static asio::awaitable<PublishStats> finish(std::shared_ptr<Publisher> self);
  void end() noexcept;  // no more answers are wanted

 private:
  using Clock = std::chrono::steady_clock;
  struct Pending {
    Packet packet;
    Clock::time_point first, sent;
    bool nobody_took_it = false;
  };

  asio::awaitable<void> wait_until(bool (Publisher::*condition)() const);
  bool has_room() const;
  bool empty() const;
  void received(std::uint64_t number, MessagePtr message) override;
  void relinked() override;
  void closed() override;
  void settle_locked(std::uint64_t number, natsMsg& message);
  void fail_locked(std::exception_ptr error);
  void arm_timer();
  void tick();

  const std::shared_ptr<Link> link_;
  const PublishOptions options_;
  const std::string stream_;
  std::shared_ptr<Inbox> inbox_;
  asio::steady_timer timer_;  // on a strand

  mutable std::mutex mutex_;
  const SignalPtr changed_;
  std::map<std::uint64_t, Pending> pending_;
  std::uint64_t last_ = 0;
  PublishStats stats_;
  std::exception_ptr error_;
};

}  // namespace coroexec::nats::detail
