// SourceState: what stands behind a JetStreamSource: what is here, on its way, and on lease.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <map>

#include "coroexec/nats/source.hpp"
#include "delivery.hpp"
#include "leases.hpp"
#include "pulls.hpp"

namespace coroexec::nats::detail {

class SourceState final : public Receiver, public std::enable_shared_from_this<SourceState> {
 public:
  struct Config {
    std::string stream, durable;
    std::size_t prefetch;
    std::chrono::nanoseconds lease, pull_expires;
    bool until_empty;
    std::size_t max_batch = 0;  // messages that the consumer gives for one request; 0: any number
  };
  SourceState(std::shared_ptr<Link> link, Config config);
  ~SourceState();

  // Opens the inboxes: for the link's own thread. Then start().
  std::function<void()> listening() const;
  void start() { arm_timer(); }
  // The next message; its lease is renewed until settle(), if it is to be kept.
  static asio::awaitable<std::optional<Message>> read(std::shared_ptr<SourceState> self, bool keep);
  void stop();

  // For process(): how many messages could be worked on now; what has become of one; whom to tell of a lost lease,
  // and of a stop.
  void want(std::size_t slots);
  void settle(std::uint64_t id, std::uint64_t SourceStats::*count);
  void on_lost(std::function<void(std::uint64_t)> lost);
  void on_stop(SignalPtr signal);
  bool stopped() const;

  const Config& config() const { return config_; }
  const std::shared_ptr<Link>& link() const { return link_; }
  SourceStats stats() const;

 private:
  using Clock = std::chrono::steady_clock;

  void received(std::uint64_t number, MessagePtr message) override;
  void relinked() override;
  void closed() override;
  void take_in();
  void told_locked(std::uint64_t pull, const std::string& status);
  void schedule_refill_locked();
  void refill();
  void arm_timer();
  void tick();
  void look_at_consumer_locked();
  static asio::awaitable<void> look(std::shared_ptr<SourceState> self);
  void wake_locked();

  const std::shared_ptr<Link> link_;
  const Config config_;
  const Strand strand_;
  struct Renewals final : Receiver {
    explicit Renewals(SourceState& source) : state(source) {}
    void received(std::uint64_t id, MessagePtr message) override;
    SourceState& state;
  } renewals_{*this};
  const std::shared_ptr<Inbox> inbox_ = link_->make_inbox(*this);              // for messages, until stop()
  const std::shared_ptr<Inbox> renewals_inbox_ = link_->make_inbox(renewals_);  // the server's word of renewed leases
  asio::steady_timer timer_;  // on the strand

  // Apart from all else, so that the client's thread and the context's seldom meet.
  std::mutex arrived_mutex_;
  struct Arrival {
    DeliveryPtr delivery;  // null: the server tells something of a request
    std::uint64_t pull = 0;
    std::string status = {};
  };
  std::vector<Arrival> arrived_;

  mutable std::mutex mutex_;
  const SignalPtr signal_;
  std::deque<DeliveryPtr> buffer_;
  std::map<std::uint64_t, DeliveryPtr> held_;  // the buffer's among them
  Leases leases_;
  Pulls pulls_;
  SourceStats stats_;
  std::uint64_t last_ = 0;
  std::optional<std::size_t> slots_;  // set by process()
  std::function<void(std::uint64_t)> lost_;
  SignalPtr told_of_stop_;
  std::exception_ptr error_;
  bool waiting_ = false;   // a reader
  bool waking_ = false;     // it is being told
  bool refilling_ = false;  // a call of refill() is to come
  bool looking_ = false;   // at the consumer
  enum class State { reading, finished, stopped } state_ = State::reading;
};

// Throws wrong_consumer if so many messages, and those to prefetch, cannot be asked for at once.
void check_batch(const SourceState::Config& config, std::size_t slots);

}  // namespace coroexec::nats::detail
