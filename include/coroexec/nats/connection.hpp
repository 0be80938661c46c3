// Connection: to a NATS server or cluster, driven by the context.
//
//   auto connection = co_await nats::connect({.servers = "nats://queue.example:4222"});
//   …
//   co_await connection.close();
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "coroexec/nats/config.hpp"

namespace coroexec::nats {

namespace detail {
class Link;
struct Access;
}  // namespace detail

// How to connect. All texts are copied.
struct NatsOptions {
  std::string_view servers = "nats://127.0.0.1:4222";  // URLs, separated by commas; user:password@ and token@ may be in
                                                        // them. Of a cluster one is enough: it tells of the others
  std::string_view credentials = {};  // file with a user's JWT and seed (.creds)
  std::string_view ca = {};           // PEM file of authorities to trust instead of the system's
  std::string_view certificate = {};  // PEM file of the client's own certificate, if servers ask for one
  std::string_view key = {};          // PEM file of its key
  bool tls = false;                   // insist on TLS: so do tls:// URLs, `ca` and `certificate`
  bool insecure = false;              // accept any certificate
  std::string_view name = "coroexec"; // by which the server lists this connection
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(5);      // for each server
  std::chrono::nanoseconds reconnect_wait = std::chrono::milliseconds(250);  // between attempts at all servers
  std::chrono::nanoseconds ping_interval = std::chrono::seconds(5);  // a server is given up that misses two
  std::chrono::nanoseconds request_timeout = std::chrono::seconds(30);  // for what JetStream is asked; again and again
};

// A connection. A lost one is made again, to any server of the cluster, until it is closed; what is to be sent
// meanwhile waits. If servers refuse the user that they had taken, the client closes it, and all that waits gets `closed`.
//
// The context of whoever called connect() reads and writes; its threads never block on the network. The client's own
// threads connect, connect again and hand over what has arrived. While it is open it is work for the context.
//
// Threads: every member from any thread.
class COROEXEC_NATS_DECL Connection {
 public:
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();  // closes without waiting: what has not been sent is lost, what waits gets `closed`

  // Sends what is left, for two seconds at most, closes, and waits until nothing of the client runs any more.
  // Further calls do nothing. A cancel does not keep it from closing.
  asio::awaitable<void> close();

  bool connected() const;            // at this moment
  std::uint64_t reconnects() const;  // how often it has been made again
  std::string servers() const;       // as given, without passwords: for messages

 private:
  friend detail::Access;
  explicit Connection(std::shared_ptr<detail::Link> link);
  std::shared_ptr<detail::Link> link_;
};

// Connects to the first server that can be reached. Throws unreachable or unauthorized, naming the servers;
// invalid-argument for what makes no sense; operation_aborted if cancelled, and then it does not wait; but
// the end of the process does, for the client to give up connecting.
COROEXEC_AWAITED COROEXEC_NATS_DECL asio::awaitable<Connection> connect(NatsOptions options = {});

}  // namespace coroexec::nats
