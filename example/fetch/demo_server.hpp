// A small HTTP server on loopback, on a thread of its own, for the demonstration: pages of many
// sizes and delays, some compressed, chunked or redirected, some that answer at the second attempt
// only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <string>
#include <thread>

namespace fetch {

namespace asio = boost::asio;

class DemoServer {
 public:
  DemoServer();   // listens on a free port of 127.0.0.1
  ~DemoServer();  // ends the thread

  std::string address() const;  // "http://127.0.0.1:PORT"
  std::string url_list(std::size_t count) const;

 private:
  asio::io_context context_{1};
  asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::thread thread_;
};

}  // namespace fetch
