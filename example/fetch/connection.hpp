// One TCP or TLS connection to an origin, with what it has read and not yet used.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "url.hpp"

namespace fetch {

namespace asio = boost::asio;

// TLS 1.2 or newer; certificates are checked unless --insecure, against --cacert or what is still to be
// loaded: set_default_verify_paths().
asio::ssl::context make_tls_context(const Options& options);

class Connection {
 public:
  using Clock = std::chrono::steady_clock;

  // `count` is the number of open connections; this one is counted as long as it lives.
  Connection(asio::any_io_executor executor, std::size_t& count);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Tries the addresses in turn, each for its share of the time left, then does the TLS handshake
  // if the URL asks for one. Throws FetchError: connect, tls, timeout.
  asio::awaitable<void> open(const Url& url, const std::vector<asio::ip::address>& addresses,
                             Clock::time_point deadline, asio::ssl::context& tls);

  // Writes at once what the connection takes, and returns how much: nothing over TLS. Throws FetchError
  // (disconnected), as write() and read_more() do.
  std::size_t try_write(std::string_view data);
  asio::awaitable<void> write(std::string_view data);
  // Reads what is there into buffer(); false at the end of the stream.
  asio::awaitable<bool> read_more();

  boost::beast::flat_buffer& buffer() { return buffer_; }
  const boost::beast::flat_buffer& buffer() const { return buffer_; }
  std::uint64_t received() const { return received_; }

  // Whether an idle connection is still of use: the peer has neither closed it nor sent anything.
  bool quiet();

 private:
  asio::awaitable<void> connect(const std::vector<asio::ip::address>& addresses, const Url& url,
                                Clock::time_point deadline);
  asio::awaitable<void> handshake(const Url& url, Clock::time_point deadline,
                                  asio::ssl::context& tls);

  std::size_t& count_;
  boost::beast::tcp_stream tcp_;
  std::optional<asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
  boost::beast::flat_buffer buffer_;
  std::uint64_t received_ = 0;
};

}  // namespace fetch
