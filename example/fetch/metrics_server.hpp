// GET /metrics on loopback: what the program does, as OpenMetrics text, for Prometheus and its like.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <coroexec/coroutine_executor.hpp>
#include <coroexec/job_times.hpp>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>

namespace fetch {

namespace asio = boost::asio;

// Listens as soon as it is made, and until it is destroyed. To be made before what it counts is observed:
// it has a scope of its own.
class MetricsServer {
 public:
  using More = std::function<void(std::ostream&)>;  // writes further metrics

  // Throws std::system_error if the port cannot be had.
  MetricsServer(asio::any_io_executor executor, std::uint16_t port, std::shared_ptr<coroexec::JobTimes> times,
                More more = {});

  std::string address() const;  // http://127.0.0.1:PORT/metrics

 private:
  // Kept by the coroutines, which end a little after the server.
  struct State;
  static asio::awaitable<void> accept_all(std::shared_ptr<State> state);
  static asio::awaitable<void> answer(std::shared_ptr<State> state, asio::ip::tcp::socket socket);

  std::shared_ptr<State> state_;
  coroexec::CoroutineExecutor scope_;  // cancels them
};

}  // namespace fetch
