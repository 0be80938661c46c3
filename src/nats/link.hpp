// Link: one connection of the C client, its events driven by the context; what sends and receives.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "client.hpp"
#include "coroexec/nats/connection.hpp"
#include "socket_watch.hpp"

namespace coroexec::nats::detail {

// Tells a coroutine that it may look again; several tellings before that are one.
class Signal : public std::enable_shared_from_this<Signal> {
 public:
  explicit Signal(const asio::any_io_executor& executor) : channel_(executor, 1) {}
  // From a thread of the context; not from others: a scope of Threading::single has no locks.
  void set() { channel_.try_send(boost::system::error_code()); }
  // From the client's threads.
  void set_from_outside() {
    asio::post(channel_.get_executor(), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->set();
    });
  }
  // Throws operation_aborted if cancelled; or gives false where that is not to be.
  static asio::awaitable<void> wait(std::shared_ptr<Signal> self);
  static asio::awaitable<bool> wait_unless_cancelled(std::shared_ptr<Signal> self);

 private:
  asio::experimental::concurrent_channel<void(boost::system::error_code)> channel_;
};
using SignalPtr = std::shared_ptr<Signal>;

// Something to be sent.
struct Packet {
  std::string subject;
  std::string reply = {};
  std::string data = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// As the server counts it: data and headers.
inline std::size_t size_of(const Packet& packet) {
  if (packet.headers.empty()) return packet.data.size();
  std::size_t size = packet.data.size() + 12;  // "NATS/1.0", and the end
  for (const auto& [name, value] : packet.headers) size += name.size() + value.size() + 4;
  return size;
}

// Is told of what arrives in an inbox, on a thread of the client's. It must not block.
class Receiver {
 public:
  // An answer to `number`; 0: a message of a stream, which was asked for.
  virtual void received(std::uint64_t number, MessagePtr message) = 0;
  virtual void relinked() {}  // the connection has been made again: the server has forgotten what it was asked
  virtual void closed() {}    // nothing will arrive any more

 protected:
  ~Receiver() = default;
};

// Subjects of our own to which answers come, told apart by a number.
class Inbox : public std::enable_shared_from_this<Inbox> {
 public:
  Inbox(std::string prefix, Receiver& receiver) : prefix_(std::move(prefix)), receiver_(&receiver) {}
  std::string subject(std::uint64_t number) const { return prefix_ + '.' + std::to_string(number); }

  // No call of the receiver is under way afterwards, or will come.
  void detach();
  // The same; and messages of a stream that still come are given back to it.
  void hand_back();

 private:
  friend class Link;
  template <class F>
  void tell(F&& call) {
    const std::lock_guard lock(mutex_);
    if (receiver_) call(*receiver_);
  }
  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* inbox);
  static void on_complete(void* inbox);
  void take(MessagePtr message);

  const std::string prefix_;
  std::mutex mutex_;
  Receiver* receiver_;
  bool handing_back_ = false;
  SubscriptionPtr subscription_;  // used by the link's own thread alone
  // Itself and the link, as long as the client may call.
  std::shared_ptr<Inbox> subscribed_;
  std::shared_ptr<Link> link_;
};

// Owns the client's connection, and a thread for those of its calls that may block. The thread keeps the link until the
// client is done with it; whoever abandons the link takes the context away from it first.
class Link : public std::enable_shared_from_this<Link> {
 public:
  struct Settings;
  using Executor = asio::any_io_executor;

  static asio::awaitable<std::shared_ptr<Link>> connect(Settings settings);
  Link(const Executor& executor, Settings settings);
  ~Link();
  Link(const Link&) = delete;

  // All that follows: any thread.
  asio::awaitable<void> close();
  // The connection's owner goes, or the context: it is closed by and by, and the context is not used any more.
  void abandon() noexcept;

  bool up() const;
  bool is_closed() const;
  std::uint64_t reconnects() const;
  const Settings& settings() const { return *settings_; }
  Executor executor() const;  // of the context; throws `closed` when that is out of reach
  std::exception_ptr closed_error() const;

  // Sends, or keeps it for when the connection has been made again. Never blocks.
  void send(Packet packet);
  std::size_t buffered() const;    // bytes that the socket has not taken, or that wait for one
  std::int64_t max_payload() const { return max_payload_; }
  const std::string& inbox_prefix() const { return inbox_prefix_; }  // nobody else's

  std::shared_ptr<Inbox> make_inbox(Receiver& receiver);
  void open_inbox(const std::shared_ptr<Inbox>& inbox);   // blocks: on the own thread, see off_context()
  void close_inbox(const std::shared_ptr<Inbox>& inbox);  // the same; what the server has sent already still comes
  // Runs `call` on the link's own thread, which has the link; false: it has ended. A call may come after whoever
  // asked for it has gone.
  bool off_context(std::function<void()> call);
  // The same, and waits for it; throws what it throws, or `closed`.
  asio::awaitable<void> await_off_context(std::function<void()> call);
  // Sends a request and waits for the answer. Throws no_answer.
  asio::awaitable<std::shared_ptr<natsMsg>> request(Packet packet, std::chrono::nanoseconds timeout);

 private:
  class Replies;
  class Links;
  class Orphans;
  friend class Inbox;

  bool run();  // true: we have been abandoned
  static void wait_for_orphans_at_exit();  // before what the client has begun to use goes
  void open();
  void shut();
  void attached(natsConnection* connection, natsSock socket);
  void detached();
  void flush();
  natsStatus transmit(const Packet& packet);
  void told_closed();
  void told_detached();
  struct Callbacks;
  void add_waiter_locked(const SignalPtr& signal);
  void wake_waiters_locked() noexcept;

  const std::unique_ptr<const Settings> settings_;
  std::thread thread_;
  natsConnection* connection_ = nullptr;  // from open() until we are destroyed
  std::int64_t max_payload_ = 0;
  std::string inbox_prefix_;
  std::unique_ptr<Replies> replies_;

  // Never held when the client is called, which calls us with its own lock held.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Strand> strand_;        // empty when the context is out of reach: we are closed or have been abandoned
  std::shared_ptr<SocketWatch> watch_;  // null: no connection now
  std::deque<std::function<void()>> calls_;
  std::deque<Packet> waiting_;  // to be sent when we are up again
  std::size_t waiting_bytes_ = 0;
  std::vector<std::weak_ptr<Inbox>> inboxes_;
  std::uint64_t inboxes_made_ = 0;
  std::uint64_t attachments_ = 0;
  std::size_t subscriptions_ = 0;  // of which the client may still call
  enum class State { opening, up, down, closed } state_ = State::opening;
  bool close_requested_ = false;
  std::vector<std::weak_ptr<Signal>> waiters_;  // of close() and await_off_context()
  bool told_closed_ = false;  // by the client
  bool attached_ = false;     // the client has not let go of its events
  bool thread_ended_ = false;
  bool orphan_ = false;  // the end of the process is to wait for the thread
};

// NatsOptions, kept.
struct Link::Settings {
  explicit Settings(const NatsOptions& options);
  std::vector<std::string> servers;
  std::string shown;  // the servers without what is secret
  std::string credentials, ca, certificate, key, name;
  bool tls, insecure;
  std::chrono::nanoseconds connect_timeout, reconnect_wait, ping_interval, request_timeout;
};

// The way from the public classes to what stands behind them.
struct Access {
  static Connection connection(std::shared_ptr<Link> link) { return Connection(std::move(link)); }
  static const std::shared_ptr<Link>& link(const Connection& connection);
  template <class Public, class State>
  static Public make(std::shared_ptr<State> state) {
    return Public(std::move(state));
  }
  template <class Public>
  static auto& state(Public& object) {
    if constexpr (requires { object.state_; }) return object.state_;
    else return object.delivery_;
  }
};

}  // namespace coroexec::nats::detail
