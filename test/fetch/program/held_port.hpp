// A port for a server that comes and goes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace fetch::test {

// A port on loopback that nobody else gets while its server is away: taken, and never listened on
// but by that.
class HeldPort {
 public:
  HeldPort();
  unsigned short number() const { return socket_.local_endpoint().port(); }

 private:
  boost::asio::io_context context_{1};
  boost::asio::ip::tcp::socket socket_{context_};
};

}  // namespace fetch::test
