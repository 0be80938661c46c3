// A server on loopback that misbehaves as the path says, on a thread of its own.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace fetch::test {

namespace asio = boost::asio;

// Paths; what follows a second slash tells requests apart:
//   /ok              200 "fine"
//   /empty           closes without a word
//   /reset           resets the connection
//   /half-header     closes in the middle of the header
//   /half-body       announces 1000 bytes, sends 4, closes
//   /half-chunk      closes in the middle of a chunk
//   /half-gzip       a compressed body that ends early, correctly framed
//   /bad-gzip        a body that is not what Content-Encoding says
//   /brotli          an encoding nobody asked for
//   /garbage         no HTTP
//   /bad-chunk       a chunk size that is no number
//   /stall           never answers
//   /stall-body      answers, then never goes on
//   /endless-body    chunks without end
//   /endless-stream  a body without length and without end
//   /endless-header  fields without end
//   /endless-line    a field without end
//   /endless-hints   "103 Early Hints" without end
//   /bomb            20 MB of zeros in 100 KB
//   /nowhere         redirects to no URL
//   /away            redirects to /seen of the other name of this host
//   /seen            200 with the request's header as its body
//   /hints           one "103 Early Hints", then 200
//   /flaky           503 at the first request, 200 at the next
//   /flaky-reset     a reset at the first request, 200 at the next
//   /busy            503 with Retry-After: 3600
//   /once            200, and closes when the next request has arrived on the connection
//   /hold            waits for release(), then 200
class BadServer {
 public:
  BadServer();
  ~BadServer();

  std::string url(const std::string& path) const;  // http://127.0.0.1:PORT/path
  unsigned short port() const { return port_; }

  void wait_for_requests(std::size_t count);  // until so many have come in all
  void release();                             // answers every /hold, those to come too

 private:
  asio::awaitable<void> accept_all();
  asio::awaitable<void> serve(asio::ip::tcp::socket socket);
  asio::awaitable<bool> answer(asio::ip::tcp::socket& socket, const std::string& request);

  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer released_;
  unsigned short port_;
  bool is_released_ = false;
  std::map<std::string, int> seen_;  // requests by target
  std::mutex mutex_;                 // for what follows
  std::condition_variable arrived_;
  std::size_t requests_ = 0;
  std::thread thread_;
};

// A port on loopback that refuses connections: taken, so that nobody else listens there, and never listened on.
class RefusingPort {
 public:
  RefusingPort()
      : socket_(context_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}

  std::string number() const { return std::to_string(socket_.local_endpoint().port()); }

 private:
  asio::io_context context_{1};
  asio::ip::tcp::socket socket_;
};

}  // namespace fetch::test
